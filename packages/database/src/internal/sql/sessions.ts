import { Semaphore } from '@ent/internal';
import type { DriverCall, DriverSessions } from '../../driver.ts';

/** Where sessions come from: the pool of a library, or what opens connections. */
export interface SessionSource<Session> {
  /** How many may be in use at a time. */
  readonly max: number;
  /** A connection that nobody uses. */
  take(call: DriverCall): Promise<Session>;
  /** Takes it back; a broken one is ended. Never throws. */
  give(session: Session, broken: boolean): void;
  /** How many connections are open. */
  total(): number;
}

/**
 * Sessions from a pool: in first-come order, with a deadline for the wait, which the pools of most
 * libraries lack; who gives up is out of the queue.
 */
export function pooledSessions<Session>(source: SessionSource<Session>): DriverSessions<Session> {
  const permits = new Semaphore(source.max);
  let inUse = 0;
  return {
    async acquire(_use, _forTransaction, call) {
      if (!permits.tryTake()) {
        call.waitingFor = 'a connection of the pool';
        await permits.take(call.signal);
        call.waitingFor = undefined;
      }
      try {
        const session = await source.take(call);
        inUse += 1;
        return session;
      } catch (error) {
        permits.give();
        throw error;
      }
    },
    release(session, broken) {
      inUse -= 1;
      source.give(session, broken);
      permits.give();
    },
    stats() {
      const open = Math.max(source.total(), inUse);
      return { total: open, idle: open - inUse, inUse, waiting: permits.waiting };
    },
  };
}
