/** A value or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** `use` of a value, now if it is there: what needs no promise gets none. */
export function chain<T, R>(value: Awaitable<T>, use: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/** Whether `await` would wait for it: promises of other makes too. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const { then } = (value ?? {}) as { then?: unknown };
  return typeof then === 'function' && (typeof value === 'object' || typeof value === 'function');
}
