import { withDeadline } from '@ent/internal';
import type { Awaitable, DriverCall, DriverSessions, PoolStats } from '../../../driver.ts';
import { pooledSessions, type PooledSessions } from '../../../internal/sql/sessions.ts';
import { expectRoom, MAX_READERS } from '../opening.ts';
import { ThreadSession } from './session.ts';

/** A thread that is in the middle of a statement by then is left to itself. */
const ENDING_MS = 5_000;

/** The threads of a file: one whose connection writes, and on demand a few that read, as in the main thread. */
export class ThreadPool implements DriverSessions<ThreadSession> {
  readonly max = 1 + MAX_READERS;
  readonly #file: string;
  readonly #writers: Threads;
  readonly #readers: Threads;

  constructor(file: string, synchronous: 'normal' | 'full') {
    this.#file = file;
    this.#writers = new Threads(1, () => new ThreadSession(file, synchronous, false));
    this.#readers = new Threads(MAX_READERS, () => new ThreadSession(file, synchronous, true));
  }

  /** The writer makes the file, which those that read expect to be there. */
  connect(call: DriverCall): Promise<void> {
    return this.#writers.open(call);
  }

  acquire(use: 'read' | 'write', forTransaction: boolean, call: DriverCall): Awaitable<ThreadSession> {
    const threads = use === 'read' ? this.#readers : this.#writers;
    return threads.sessions.acquire(use, forTransaction, call);
  }

  release(session: ThreadSession, broken: boolean): void {
    const threads = session.isReader ? this.#readers : this.#writers;
    threads.sessions.release(session, broken || !session.isAlive);
  }

  stats(): PoolStats {
    const [one, other] = [this.#writers.sessions.stats(), this.#readers.sessions.stats()];
    return {
      total: one.total + other.total,
      idle: one.idle + other.idle,
      inUse: one.inUse + other.inUse,
      waiting: one.waiting + other.waiting,
    };
  }

  expectRoom(): void {
    expectRoom(this.#file);
  }

  async close(): Promise<void> {
    // Those that read first: the last connection of all empties the log into the file.
    await this.#readers.close();
    await this.#writers.close();
  }
}

/** Threads of one kind. */
class Threads {
  readonly sessions: PooledSessions<ThreadSession>;
  readonly #all = new Set<ThreadSession>();
  readonly #idle: ThreadSession[] = [];
  readonly #max: number;
  readonly #make: () => ThreadSession;

  constructor(max: number, make: () => ThreadSession) {
    this.#max = max;
    this.#make = make;
    this.sessions = pooledSessions({
      max,
      take: (call) => this.#take(call),
      give: (session) => this.#give(session),
      end: (session) => this.#end(session),
      total: () => this.#all.size,
    });
  }

  async open(call: DriverCall): Promise<void> {
    if (!this.#idle.some(({ isAlive }) => isAlive)) this.#give(await this.#made(call));
  }

  async close(): Promise<void> {
    await this.sessions.close();
    const late = (): Error => new Error('A statement is still running.');
    const closed = Array.from(this.#all, (session) => session.close());
    await withDeadline(() => Promise.all(closed), ENDING_MS, late).catch(() => {});
    for (const session of this.#all) session.kill();
    this.#all.clear();
    this.#idle.length = 0;
  }

  #take(call: DriverCall): Awaitable<ThreadSession> {
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (session.isAlive) return session;
      this.#all.delete(session);
    }
    return this.#made(call);
  }

  async #made(call: DriverCall): Promise<ThreadSession> {
    const session = this.#make();
    const kill = (): void => session.kill();
    this.#all.add(session);
    call.signal.addEventListener('abort', kill, { once: true });
    try {
      await session.ask({ op: 'open' }, call);
      return session;
    } catch (error) {
      this.#all.delete(session);
      void session.close();
      throw error;
    } finally {
      call.signal.removeEventListener('abort', kill);
    }
  }

  #give(session: ThreadSession): void {
    // In order: who asks next is after it.
    if (session.isUsed) session.ask({ op: 'reset' }).catch(() => {});
    session.isUsed = false;
    this.#idle.push(session);
  }

  /** Comes back when what it runs is over, unless another one has taken its place. */
  async #end(session: ThreadSession): Promise<void> {
    if (session.isAlive) await session.abandon().catch(() => {});
    session.isUsed = false;
    if (session.isAlive && this.#all.size <= this.#max) {
      this.#idle.push(session);
      return;
    }
    this.#all.delete(session);
    await session.close();
  }
}
