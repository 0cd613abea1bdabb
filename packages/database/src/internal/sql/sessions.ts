import { chain, Semaphore, startTimer, withDeadline } from '@ent/internal';
import type { Awaitable, DriverCall, DriverSessions } from '../../driver.ts';
import { orElse } from '../awaitable.ts';
import { demandMembers } from './demand.ts';

/** Where sessions come from: the pool of a library, or what opens connections. */
export interface SessionSource<Session> {
  /** How many may be in use at a time. */
  readonly max: number;
  /** A connection that nobody uses; best at once, where there is one. */
  take(call: DriverCall): Awaitable<Session>;
  /** Takes it back, whole. Never throws. */
  give(session: Session): void;
  /**
   * Ends one in an unknown state: here at once, so that its pool forgets it; on the server, what it still runs, in
   * time. Its place is free when this is done, or after a while.
   */
  end(session: Session): Awaitable<void>;
  /** How many connections are open, without those that are ending. */
  total(): number;
}

/** What {@link pooledSessions} gives. */
export interface PooledSessions<Session> extends DriverSessions<Session> {
  /** Ends what is still in use, and waits for all that are ending, though not for a server that is dead. */
  close(): Promise<void>;
}

const ENDING_MS = 5_000;
/** How long the place of a session that is ending is kept for it. */
const GRACE_MS = 250;
const SOURCE = { max: 'number', take: 'function', give: 'function', end: 'function', total: 'function' } as const;

/**
 * Sessions from a pool: in first-come order, with a wait that ends with the call, which the pools of most libraries
 * lack; who gives up is out of the queue. One that is ending keeps its place for a moment, so that the server has no
 * more of them than `max`. What takes longer, as on a server that is dead, is replaced meanwhile, up to `max` of them;
 * twice as many are the most.
 *
 * ```ts no-run
 * import { pooledSessions } from '@ent/database/sql';
 * import { Pool } from 'pg';
 *
 * const pool = new Pool({ max: 10 });
 * const sessions = pooledSessions({
 *   max: 10,
 *   take: () => pool.connect(),
 *   give: (client) => client.release(),
 *   end: (client) => client.release(true),
 *   total: () => pool.totalCount,
 * });
 * ```
 */
export function pooledSessions<Session>(source: SessionSource<Session>): PooledSessions<Session> {
  demandMembers(source, SOURCE, 'pooledSessions');
  const permits = new Semaphore(source.max);
  const inUse = new Set<Session>();
  const ending = new Set<Promise<void>>();
  /** Of those that are ending, how many have a successor already. */
  let replaced = 0;

  /** @param freed called once, when another may take its place */
  function end(session: Session, freed = (): void => {}): void {
    inUse.delete(session);
    const ended = withDeadline(async () => source.end(session), ENDING_MS, dead).catch(() => {});
    ending.add(ended);
    let isReplaced = false;
    const timer = startTimer(GRACE_MS, () => {
      if (replaced >= source.max) return;
      isReplaced = true;
      replaced += 1;
      freed();
    });
    void ended.then(() => {
      timer.cancel();
      ending.delete(ended);
      if (isReplaced) replaced -= 1;
      else freed();
    });
  }

  async function permit(call: DriverCall): Promise<void> {
    call.waitingFor = 'a connection of the pool';
    await permits.take(call.signal);
    call.waitingFor = undefined;
  }

  /** With a permit. What is there at once is answered at once: a promise would cost a timer too. */
  function take(call: DriverCall): Awaitable<Session> {
    const taken = (session: Session): Session => {
      inUse.add(session);
      return session;
    };
    const fail = (error: unknown): never => {
      permits.give();
      throw error;
    };
    return orElse(() => chain(source.take(call), taken), fail);
  }

  return {
    acquire(_use, _forTransaction, call) {
      return permits.tryTake() ? take(call) : permit(call).then(() => take(call));
    },
    release(session, broken) {
      // One that `close` has ended is not there any more.
      if (inUse.has(session)) {
        if (broken) return end(session, () => permits.give());
        inUse.delete(session);
        source.give(session);
      }
      permits.give();
    },
    stats() {
      // The server is busy with those that are ending.
      const busy = inUse.size + ending.size;
      const total = Math.max(source.total(), inUse.size) + ending.size;
      return { total, idle: total - busy, inUse: busy, waiting: permits.waiting };
    },
    async close() {
      for (const session of inUse) end(session);
      await Promise.all(ending);
    },
  };
}

function dead(): Error {
  return new Error('The server is dead.');
}
