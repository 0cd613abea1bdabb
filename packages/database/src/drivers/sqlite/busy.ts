import { exponentialBackoff, pause } from '@ent/internal';
import type { Awaitable, DriverCall } from '../../driver.ts';

const backoff = exponentialBackoff({ baseMs: 1, maxMs: 25 });

/**
 * Runs `attempt`, and again until no other process holds the lock it needs, or the call is given up.
 *
 * SQLite's own waiting (`busy_timeout`) blocks the JavaScript thread, so it is off and the wait is here.
 * SQLITE_BUSY_SNAPSHOT is let through: it does not go away by waiting.
 */
export function whenFree<T>(call: DriverCall, attempt: () => T): Awaitable<T> {
  try {
    return attempt();
  } catch (error) {
    if (!isBusy(error)) throw error;
    return waitFor(call, attempt);
  }
}

async function waitFor<T>(call: DriverCall, attempt: () => T): Promise<T> {
  call.waitingFor = 'a lock that another process holds';
  for (let round = 1; ; round += 1) {
    await pause(backoff(round), call.signal);
    call.signal.throwIfAborted();
    try {
      const result = attempt();
      call.waitingFor = undefined;
      return result;
    } catch (error) {
      if (!isBusy(error)) throw error;
    }
  }
}

function isBusy(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY') && code !== 'SQLITE_BUSY_SNAPSHOT';
}
