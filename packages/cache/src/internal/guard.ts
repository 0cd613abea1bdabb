import { EntError } from '@ent/errors';
import type { CacheDriver, DriverCall } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import type { Breaker } from './breaker.ts';

const NO_DEADLINE: DriverCall = { deadlineAt: Number.POSITIVE_INFINITY };

/** The failure policy: each call of a driver goes through here, for its deadline, the circuit breaker, and the wrapping of errors. */
export class Guard {
  readonly #driver: CacheDriver;
  readonly #timeoutMs: number | undefined;
  readonly #breaker: Breaker | undefined;
  #closed = false;

  constructor(driver: CacheDriver, timeoutMs: number | undefined, breaker: Breaker | undefined) {
    this.#driver = driver;
    this.#timeoutMs = timeoutMs;
    this.#breaker = breaker;
  }

  close(): void {
    this.#closed = true;
  }

  /**
   * @throws `cache.timeout`, `cache.unavailable`, `cache.circuit_open`, `cache.value_too_large`, `cache.driver_failed`, `cache.closed`
   */
  run<T>(operation: string, work: (call: DriverCall) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(cacheErrors.closed(`${operation} on a cache that was closed`));
    const timeoutMs = this.#timeoutMs;
    if (timeoutMs === undefined) return this.#local(operation, work);
    const breaker = this.#breaker;
    if (breaker && !breaker.admits()) {
      return Promise.reject(
        cacheErrors.circuit_open(`${this.#driver.name} failed repeatedly; ${operation} was not tried`, {
          retryAfterMs: breaker.retryAfterMs,
        }),
      );
    }
    return new Promise<T>((resolve, reject) => {
      let pending = true;
      const timer = setTimeout(() => {
        // After a pause of this process the timer is due before the reply that already lies in the socket has been read.
        setImmediate(() => {
          if (!pending) return;
          pending = false;
          breaker?.failed();
          reject(cacheErrors.timeout(`${this.#driver.name} did not answer ${operation} within ${timeoutMs} ms`));
        });
      }, timeoutMs);
      const failed = (error: unknown): void => {
        if (!pending) return;
        pending = false;
        clearTimeout(timer);
        const wrapped = this.#wrap(operation, error);
        if (wrapped.code === cacheErrors.unavailable.code) breaker?.failed();
        else breaker?.succeeded();
        reject(wrapped);
      };
      const done = (value: T): void => {
        if (!pending) return;
        pending = false;
        clearTimeout(timer);
        breaker?.succeeded();
        resolve(value);
      };
      try {
        work({ deadlineAt: Date.now() + timeoutMs }).then(done, failed);
      } catch (error) {
        failed(error); // client libraries throw synchronously too
      }
    });
  }

  async #local<T>(operation: string, work: (call: DriverCall) => Promise<T>): Promise<T> {
    try {
      return await work(NO_DEADLINE);
    } catch (error) {
      throw this.#wrap(operation, error);
    }
  }

  #wrap(operation: string, cause: unknown): EntError {
    if (EntError.is(cause)) return cause;
    const name = this.#driver.name;
    switch (this.#driver.classify(cause)) {
      case 'unavailable':
        return cacheErrors.unavailable(`${name} could not be reached for ${operation}`, { cause });
      case 'too_large':
        return cacheErrors.value_too_large(`${name} refused ${operation}: the value is too large`, { cause });
      case 'other':
        return cacheErrors.driver_failed(`${name} failed ${operation}`, { cause });
    }
  }
}
