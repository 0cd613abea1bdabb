import { type Awaitable, Call } from '@ent/internal';
import type { DriverCall } from '../driver.ts';

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
  if (!(result instanceof Promise)) {
    call.dispose();
    return result;
  }
  return result.then(
    (value) => {
      call.dispose();
      return value;
    },
    (error: unknown) => {
      call.dispose();
      throw error;
    },
  );
}

/** Throws if the call is over: without its signal where that can be told without, since to make one is dear. */
export function demandTime(call: DriverCall): void {
  if (call instanceof Call) call.check();
  else call.signal.throwIfAborted();
}
