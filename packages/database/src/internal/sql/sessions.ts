import { chain, Semaphore, withDeadline } from '@ent/internal';
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
   * time.
   */
  end(session: Session): Awaitable<void>;
  /** How many connections are open. */
  total(): number;
}

/** What {@link pooledSessions} gives. */
export interface PooledSessions<Session> extends DriverSessions<Session> {
  /** Ends what is still in use, and waits for all that are ending, though not for a server that is dead. */
  close(): Promise<void>;
}

const ENDING_MS = 5_000;
const SOURCE = { max: 'number', take: 'function', give: 'function', end: 'function', total: 'function' } as const;

/**
 * Sessions from a pool: in first-come order, with a wait that ends with the call, which the pools of most libraries
 * lack; who gives up is out of the queue.
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

  function end(session: Session): void {
    inUse.delete(session);
    const ended = (async () => source.end(session))().catch(() => {});
    ending.add(ended);
    void ended.then(() => ending.delete(ended));
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
        if (broken) end(session);
        else source.give(session);
        inUse.delete(session);
      }
      permits.give();
    },
    stats() {
      const total = Math.max(source.total(), inUse.size);
      return { total, idle: total - inUse.size, inUse: inUse.size, waiting: permits.waiting };
    },
    async close() {
      for (const session of inUse) end(session);
      const late = (): Error => new Error('The server is dead.');
      await withDeadline(() => Promise.all(ending), ENDING_MS, late).catch(() => {});
    },
  };
}
