import type { Awaitable } from '../driver.ts';

/** `work`, or what `rescue` makes of its failure, whether that is thrown or rejected. */
export function orElse<T>(work: () => Awaitable<T>, rescue: (error: unknown) => Awaitable<T>): Awaitable<T> {
  try {
    const outcome = work();
    return outcome instanceof Promise ? outcome.catch(rescue) : outcome;
  } catch (error) {
    return rescue(error);
  }
}

/**
 * Does `work`, and then `end` however it came out; a failure becomes what `fail` throws. In place of an async function:
 * what is there at once is answered at once, without a promise.
 */
export function finish<T>(work: () => Awaitable<T>, fail: (error: unknown) => never, end: () => void): Awaitable<T> {
  let isPending = false;
  try {
    const outcome = work();
    if (!(outcome instanceof Promise)) return outcome;
    isPending = true;
    return finishLater(outcome, fail, end);
  } catch (error) {
    return fail(error);
  } finally {
    if (!isPending) end();
  }
}

function finishLater<T>(outcome: Promise<T>, fail: (error: unknown) => never, end: () => void): Promise<T> {
  return outcome.then(
    (result) => {
      end();
      return result;
    },
    (error: unknown) => {
      try {
        return fail(error);
      } finally {
        end();
      }
    },
  );
}
