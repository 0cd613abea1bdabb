import { exponentialBackoff } from '@ent/internal';

/**
 * Milliseconds before the next look at what another process holds, by the number of looks so
 * far: soon at first, each waiter at its own time.
 */
export const pollDelayMs = exponentialBackoff({ baseMs: 8, maxMs: 150, jitter: 2 / 3 });

/** A caller did not wait for the end: until its soft timeout, or until its hard one. */
export const EARLY = Symbol('early');
export const LATE = Symbol('late');

/** How long a caller waits for a load. */
export interface Patience {
  readonly signal: AbortSignal | undefined;
  /** Milliseconds until it takes a stale value instead. */
  readonly softMs: number | undefined;
  /** Milliseconds until it gives up. */
  readonly hardMs: number | undefined;
}

/** The outcome of a load, if it comes in time. Rejects with the reason of the caller's abort too. */
export async function inTime<L>(
  loading: Promise<L>,
  { signal, softMs, hardMs }: Patience,
): Promise<L | typeof EARLY | typeof LATE> {
  const { promise, resolve, reject } = Promise.withResolvers<L | typeof EARLY | typeof LATE>();
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const soft = softMs === undefined ? undefined : setTimeout(resolve, softMs, EARLY);
  const hard = hardMs === undefined ? undefined : setTimeout(resolve, hardMs, LATE);
  loading.then(resolve, reject);
  try {
    return await promise;
  } finally {
    clearTimeout(soft);
    clearTimeout(hard);
    signal?.removeEventListener('abort', onAbort);
  }
}
