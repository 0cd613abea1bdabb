import { Call } from './call.ts';

/**
 * Runs `work` and settles by `timeoutMs` at the latest, whatever `work` does with the signal it is given.
 *
 * The signal aborts when the time is up or when the caller's `signal` aborts, so that `work` can stop early. A late
 * rejection of `work` is swallowed: its caller has already been told.
 *
 * @param onTimeout makes the error for a deadline that passed
 * @throws the caller's `signal.reason` when the caller aborted; what `onTimeout` made when the time was up
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
  onTimeout: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const call = new Call(timeoutMs, onTimeout, signal);
  try {
    return await call.guard(work(call.signal));
  } finally {
    call.dispose();
  }
}
