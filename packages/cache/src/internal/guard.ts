import { EntError } from '@ent/errors';
import type { CacheDriver, DriverCall } from '../driver.ts';
import { cacheErrors } from '../errors.ts';

const NO_DEADLINE: DriverCall = { deadlineAt: Number.POSITIVE_INFINITY };

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

  /** @throws `cache.unavailable`, `cache.value_too_large`, `cache.driver_failed`, `cache.closed` */
  async run<T>(operation: string, work: (call: DriverCall) => Promise<T>): Promise<T> {
    this.assertOpen(operation);
    try {
      return await work(NO_DEADLINE);
    } catch (error) {
      throw this.wrap(operation, error);
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
