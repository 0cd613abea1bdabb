/** How the wait between tries grows. */
export interface BackoffPlan {
  /** After the first try, in milliseconds. It doubles with each that follows. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** Which part of the wait is left to chance, 0 to 1, so that rivals do not meet again. Default 1. */
  readonly jitter?: number;
  /** Default `Math.random`. */
  readonly random?: () => number;
}

/** How long to wait after the try with this number (from 1) has failed, in milliseconds. */
export type Backoff = (attempt: number) => number;

/** Exponential backoff with a cap and jitter. */
export function exponentialBackoff({ baseMs, maxMs, jitter = 1, random = Math.random }: BackoffPlan): Backoff {
  return (attempt) => {
    // Beyond 2^40 any base is over any cap.
    const full = Math.min(maxMs, baseMs * 2 ** Math.min(attempt - 1, 40));
    return full * (1 - jitter * random());
  };
}
