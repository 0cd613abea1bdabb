import { startTimer } from './timer.ts';

/** Calls `work` after `ms` milliseconds, and answers what cancels it. */
type After = (ms: number, work: () => void) => () => void;

/**
 * Waits; returns early, without an error, when the signal aborts. It holds the process: somebody waits.
 *
 * @param after for a clock of one's own; default: the system's
 */
export function pause(ms: number, signal?: AbortSignal, after: After = systemAfter): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = after(ms, end);
    signal?.addEventListener('abort', end, { once: true });
  });
}

const systemAfter: After = (ms, work) => {
  const timer = startTimer(ms, work);
  return () => timer.cancel();
};
