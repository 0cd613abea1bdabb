import { EntError } from '@ent/errors';
import type { CacheDriver, DriverCall } from '../driver.ts';
import { cacheErrors } from '../errors.ts';

const NO_DEADLINE: DriverCall = { deadlineAt: Number.POSITIVE_INFINITY };

/** A key, or what is written under one. */
export type Item = string | { readonly key: string };

/** What each call of a driver goes through: refused once the cache is closed, and its errors wrapped. */
export class Guard {
  readonly driver: CacheDriver;
  #closed = false;

  constructor(driver: CacheDriver) {
    this.driver = driver;
  }

  close(): void {
    this.#closed = true;
  }

  /**
   * @param _key one that the call is about, if it is about keys of one server
   * @throws `cache.unavailable`, `cache.value_too_large`, `cache.driver_failed`, `cache.closed`
   */
  async run<T>(operation: string, work: (call: DriverCall) => Promise<T>, _key?: string): Promise<T> {
    this.assertOpen(operation);
    try {
      return await work(NO_DEADLINE);
    } catch (error) {
      throw this.wrap(operation, error);
    }
  }

  /** {@link run} for several items, and what it answers for each; nothing where it failed with an error that is forgiven. */
  async runEach<I extends Item, R>(
    operation: string,
    items: readonly I[],
    work: (items: readonly I[], call: DriverCall) => Promise<R[]>,
    forgives?: (error: unknown) => boolean,
  ): Promise<(R | undefined)[]> {
    const [first] = items;
    if (first === undefined) return [];
    try {
      return await this.run(operation, (call) => work(items, call), keyOf(first));
    } catch (error) {
      if (forgives?.(error)) return [];
      throw error;
    }
  }

  /** @throws `cache.closed` */
  assertOpen(operation: string): void {
    if (this.#closed) throw cacheErrors.closed(`${operation} on a cache that was closed`);
  }

  protected wrap(operation: string, cause: unknown): EntError {
    if (EntError.is(cause)) return cause;
    const { name } = this.driver;
    switch (this.driver.classify(cause)) {
      case 'unavailable':
        return cacheErrors.unavailable(`${name} could not be reached for ${operation}`, { cause });
      case 'too_large':
        return cacheErrors.value_too_large(`${name} refused ${operation}: the value is too large`, { cause });
      default:
        return cacheErrors.driver_failed(`${name} failed ${operation}`, { cause });
    }
  }
}

export function keyOf(item: Item): string {
  return typeof item === 'string' ? item : item.key;
}
