import { Semaphore, withDeadline } from '@ent/internal';
import type { Awaitable, DriverCall, DriverSessions } from '../../driver.ts';

/** Where sessions come from: the pool of a library, or what opens connections. */
export interface SessionSource<Session> {
  /** How many may be in use at a time. */
  readonly max: number;
  /** A connection that nobody uses. */
  take(call: DriverCall): Promise<Session>;
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

/**
 * Sessions from a pool: in first-come order, with a deadline for the wait, which the pools of most libraries lack; who
 * gives up is out of the queue.
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
  const permits = new Semaphore(source.max);
  const inUse = new Set<Session>();
  const ending = new Set<Promise<void>>();

  function end(session: Session): void {
    inUse.delete(session);
    const ended = (async () => source.end(session))().catch(() => {});
    ending.add(ended);
    void ended.then(() => ending.delete(ended));
  }

  return {
    async acquire(_use, _forTransaction, call) {
      if (!permits.tryTake()) {
        call.waitingFor = 'a connection of the pool';
        await permits.take(call.signal);
        call.waitingFor = undefined;
      }
      try {
        const session = await source.take(call);
        inUse.add(session);
        return session;
      } catch (error) {
        permits.give();
        throw error;
      }
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
