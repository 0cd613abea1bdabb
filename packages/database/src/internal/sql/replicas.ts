import { EntError } from '@ent/errors';
import { chain } from '@ent/internal';
import type { Awaitable, DriverCall } from '../../driver.ts';
import { orElse } from '../awaitable.ts';
import { type Replica, ReplicaWatch, type Replication } from './replica-watch.ts';
import { type PooledSessions, pooledSessions } from './sessions.ts';

/** What {@link replicatedSessions} gives. */
export interface ReplicatedSessions<Session> extends PooledSessions<Session> {
  isReplica(session: Session): boolean;
}

/**
 * Sessions of a primary and of its replicas. Reads outside of transactions go to the replica with the fewest calls
 * among those that are fresh enough, and to the primary where there is none; all else goes to the primary.
 */
export function replicatedSessions<Session extends object, Position>(
  parts: Replication<Session, Position>,
): ReplicatedSessions<Session> {
  const primary = pooledSessions(parts.primary);
  const pools = new Map(parts.replicas.map((replica) => [replica, pooledSessions(replica.source)]));
  const all = [primary, ...pools.values()];
  const watch = new ReplicaWatch(parts);
  /** Where a session came from, if not from the primary. */
  const origins = new WeakMap<Session, PooledSessions<Session>>();
  let turn = 0;

  function choose(asOf: number): Replica<Session> | undefined {
    const fresh = watch.fresh(asOf);
    const busy = (replica: Replica<Session>): number => {
      const { inUse = 0, waiting = 0 } = pools.get(replica)?.stats() ?? {};
      return inUse + waiting;
    };
    // Those that have as many calls take turns.
    turn += 1;
    const inTurn = fresh.map((_, index) => fresh[(index + turn) % fresh.length] as Replica<Session>);
    return inTurn.sort((a, b) => busy(a) - busy(b))[0];
  }

  function read(call: DriverCall): Awaitable<Session> {
    const replica = choose(call.asOf ?? -Infinity);
    if (replica === undefined) return primary.acquire('read', false, call);
    const pool = pools.get(replica) as PooledSessions<Session>;
    return orElse(
      () =>
        chain(pool.acquire('read', false, call), (session) => {
          origins.set(session, pool);
          return session;
        }),
      (error) => {
        // No time, or no connection was free.
        if (EntError.is(error) || call.signal.aborted) throw error;
        watch.failed(replica, error);
        return read(call);
      },
    );
  }

  return {
    acquire(use, forTransaction, call) {
      if (use === 'write' || forTransaction || call.asOf === Infinity)
        return primary.acquire(use, forTransaction, call);
      return read(call);
    },
    release: (session, broken) => (origins.get(session) ?? primary).release(session, broken),
    isReplica: (session) => origins.has(session),
    stats() {
      const each = all.map((sessions) => sessions.stats());
      const sum = (of: keyof (typeof each)[0]): number => each.reduce((total, stats) => total + stats[of], 0);
      return { total: sum('total'), idle: sum('idle'), inUse: sum('inUse'), waiting: sum('waiting') };
    },
    async close() {
      await Promise.all([watch.close(), ...all.map((sessions) => sessions.close())]);
    },
  };
}
