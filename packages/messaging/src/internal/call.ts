import { type Awaitable, Call } from '@ent/internal';

/**
 * Runs `work` with the time that it may take, and settles by its end at the latest, whatever `work` does. What `work`
 * answers without a promise is answered so.
 *
 * @param signal gives it up early
 */
export function withCall<T>(
  timeoutMs: number,
  onTimeout: () => Error,
  signal: AbortSignal | undefined,
  work: (call: Call) => Awaitable<T>,
): Awaitable<T> {
  const call = new Call(timeoutMs, onTimeout, signal);
  call.check();
  let result: Awaitable<T>;
  try {
    result = call.guard(work(call));
  } catch (error) {
    call.dispose();
    throw error;
  }
  if (result instanceof Promise) return result.finally(() => call.dispose());
  call.dispose();
  return result;
}
