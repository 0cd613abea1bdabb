import type { Awaitable } from '../driver.ts';

/** `use` of a value, now if it is there. */
export function chain<T, R>(value: Awaitable<T>, use: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/** `work`, or what `rescue` makes of its failure, whether that is thrown or rejected. */
export function orElse<T>(work: () => Awaitable<T>, rescue: (error: unknown) => Awaitable<T>): Awaitable<T> {
  try {
    const outcome = work();
    return outcome instanceof Promise ? outcome.catch(rescue) : outcome;
  } catch (error) {
    return rescue(error);
  }
}
