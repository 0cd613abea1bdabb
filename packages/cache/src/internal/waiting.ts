import { cacheErrors } from '../errors.ts';

/** Milliseconds before the next look at what another process holds: soon at first, then up to 100 ms, each waiter at its own time. */
export function pollDelayMs(round: number): number {
  return Math.min(100, 5 * 1.4 ** round) * (0.5 + Math.random());
}

/** The load's outcome; or the caller's abort; or, after the soft timeout, the stale value, when there is one. */
export function settleEarly<L extends { readonly value: unknown } | undefined>(
  loading: Promise<L>,
  stale: { readonly value: unknown } | undefined,
  softTimeoutMs: number | undefined,
  signal: AbortSignal | undefined,
  leave: () => void,
): Promise<L | { readonly value: unknown }> {
  const early = stale === undefined ? undefined : softTimeoutMs;
  if (early === undefined && signal === undefined) return loading;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      early === undefined
        ? undefined
        : setTimeout(() => {
            leave(); // it goes on, and fills the cache
            resolve({ value: stale?.value });
          }, early);
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    loading.then(resolve, reject).finally(over);
  });
}

/** Rejects with `cache.load_timeout` when the work takes longer, and aborts it. */
export async function withHardTimeout<T>(
  timeoutMs: number | undefined,
  controller: AbortController,
  work: () => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return work();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = cacheErrors.load_timeout(`the load did not end within ${timeoutMs} ms`);
      reject(error);
      controller.abort(error);
    }, timeoutMs);
  });
  const working = work();
  working.catch(() => {}); // what comes after the timeout has no reader
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}
