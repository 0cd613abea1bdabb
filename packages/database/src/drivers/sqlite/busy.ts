import type { Awaitable, CallContext } from '../../driver.ts';

const LONGEST_WAIT_MS = 25;

/**
 * Runs `attempt`, and again until no other process holds the lock it needs, or the call is given up.
 *
 * SQLite's own waiting (`busy_timeout`) blocks the JavaScript thread, so it is off and the wait is here.
 * SQLITE_BUSY_SNAPSHOT is let through: it does not go away by waiting.
 */
export function whenFree<T>(context: CallContext, attempt: () => T): Awaitable<T> {
  try {
    return attempt();
  } catch (error) {
    if (!isBusy(error)) throw error;
    return waitFor(context, attempt);
  }
}

async function waitFor<T>(context: CallContext, attempt: () => T): Promise<T> {
  context.waitingFor = 'a lock that another process holds';
  for (let round = 0; ; round += 1) {
    await pause(context.signal, Math.random() * Math.min(LONGEST_WAIT_MS, 2 ** round));
    try {
      const result = attempt();
      context.waitingFor = undefined;
      return result;
    } catch (error) {
      if (!isBusy(error)) throw error;
    }
  }
}

function pause(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}

function isBusy(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY') && code !== 'SQLITE_BUSY_SNAPSHOT';
}
