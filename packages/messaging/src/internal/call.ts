import { Call } from '@ent/internal';

/**
 * Runs `work` with the time that it may take, and settles by its end at the latest, whatever `work` does.
 *
 * @param signal gives it up early
 */
export async function withCall<T>(
  timeoutMs: number,
  onTimeout: () => Error,
  signal: AbortSignal | undefined,
  work: (call: Call) => Promise<T>,
): Promise<T> {
  const call = new Call(timeoutMs, onTimeout, signal);
  try {
    call.check();
    return await call.guard(work(call));
  } finally {
    call.dispose();
  }
}
