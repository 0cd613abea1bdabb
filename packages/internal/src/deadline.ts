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
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const stopped = new Promise<never>((_resolve, reject) => {
    const stop = (reason: unknown): void => {
      reject(reason);
      controller.abort(reason);
    };
    timer = setTimeout(() => stop(onTimeout()), timeoutMs);
    onAbort = () => stop(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  const running = work(controller.signal);
  running.catch(() => {});
  try {
    return await Promise.race([running, stopped]);
  } finally {
    clearTimeout(timer);
    if (onAbort) signal?.removeEventListener('abort', onAbort);
  }
}
