/** A value or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** `use` of a value, now if it is there: what needs no promise gets none. */
export function chain<T, R>(value: Awaitable<T>, use: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(use) : use(value);
}
