import { exponentialBackoff } from '@ent/internal';
import { cacheErrors } from '../../errors.ts';

/**
 * Milliseconds before the next look at what another process holds, by the number of looks so
 * far: soon at first, each waiter at its own time.
 */
export const pollDelayMs = exponentialBackoff({ baseMs: 8, maxMs: 150, jitter: 2 / 3 });

/** When a caller does not wait for the end, but takes a stale value. */
export interface Early {
  readonly stale: { readonly value: unknown };
  readonly softTimeoutMs: number;
  /** Told when that happens: the load goes on, and fills the cache. */
  readonly onEarly: () => void;
}

/** How a caller waits for a load. */
interface Patience {
  readonly signal: AbortSignal | undefined;
  readonly early: Early | undefined;
}

/** The load's outcome; or the caller's abort; or the stale value after the soft timeout. */
export function settleEarly<L extends { readonly value: unknown } | undefined>(
  loading: Promise<L>,
  { signal, early }: Patience,
): Promise<L | { readonly value: unknown }> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = ({ stale, onEarly }: Early): void => {
      onEarly();
      resolve(stale);
    };
    const timer = early && setTimeout(settle, early.softTimeoutMs, early);
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    loading.then(resolve, reject).finally(over);
  });
}

/** Rejects with `cache.load_timeout` when the work takes longer, and aborts it. */
export function withHardTimeout<T>(timeoutMs: number, controller: AbortController, working: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const error = cacheErrors.load_timeout(`The load did not end within ${timeoutMs} ms.`);
      reject(error);
      controller.abort(error);
    }, timeoutMs);
    // What comes after the timeout has no reader.
    working.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
