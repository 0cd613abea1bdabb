import { Semaphore, withDeadline } from '@ent/internal';
import type { Awaitable, DriverCall, DriverSessions } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { demandMembers } from './demand.ts';
import { chain, orElse } from '../awaitable.ts';
import { LeakWatch } from './leaks.ts';

/** Where sessions come from: the pool of a library, or what opens connections. */
export interface SessionSource<Session> {
  /** How many may be in use at a time. */
  readonly max: number;
  /** How long a call waits for one that is free, in milliseconds. Default: as long as the call may take. */
  readonly acquireTimeoutMs?: number | undefined;
  /** One that is in use for longer is told as a warning of the process, in milliseconds. Default: never. */
  readonly leakAfterMs?: number | undefined;
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
  demandMembers(source, SOURCE, 'pooledSessions');
  const permits = new Semaphore(source.max);
  const inUse = new Set<Session>();
  const leaks = source.leakAfterMs === undefined ? undefined : new LeakWatch<Session>(source.leakAfterMs);
  const ending = new Set<Promise<void>>();

  function end(session: Session): void {
    inUse.delete(session);
    const ended = (async () => source.end(session))().catch(() => {});
    ending.add(ended);
    void ended.then(() => ending.delete(ended));
  }

  async function permit(call: DriverCall): Promise<void> {
    const { max, acquireTimeoutMs = Infinity } = source;
    call.waitingFor = 'a connection of the pool';
    if (acquireTimeoutMs === Infinity) {
      await permits.take(call.signal);
    } else {
      const late = (): Error =>
        databaseErrors.pool_timeout(
          `No connection was free within ${acquireTimeoutMs} ms (in use: ${inUse.size} of ${max}, waiting: ${permits.waiting}).`,
        );
      await withDeadline((signal) => permits.take(signal), acquireTimeoutMs, late, call.signal);
    }
    call.waitingFor = undefined;
  }

  /** With a permit. What is there at once is answered at once: a promise would cost a timer too. */
  function take(call: DriverCall, place: Error | undefined): Awaitable<Session> {
    const taken = (session: Session): Session => {
      inUse.add(session);
      leaks?.taken(session, place);
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
      const place = leaks?.place();
      return permits.tryTake() ? take(call, place) : permit(call).then(() => take(call, place));
    },
    release(session, broken) {
      leaks?.back(session);
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
