import type { CacheDriver, DriverCall } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import { Breaker } from './breaker.ts';
import { Guard } from './guard.ts';

/** The failure policy for a backend that can hang and go away: a deadline for each call, and a circuit breaker. */
export class RemoteGuard extends Guard {
  readonly #timeoutMs: number;
  readonly #breaker: Breaker | undefined;

  constructor(
    driver: CacheDriver,
    timeoutMs: number,
    breaker: { readonly failures: number; readonly cooldownMs: number } | undefined,
  ) {
    super(driver);
    this.#timeoutMs = timeoutMs;
    this.#breaker = breaker && new Breaker(breaker.failures, breaker.cooldownMs);
  }

  /** @throws `cache.timeout` and `cache.circuit_open`, besides those of {@link Guard} */
  override run<T>(operation: string, work: (call: DriverCall) => Promise<T>): Promise<T> {
    const breaker = this.#breaker;
    return new Promise<T>((resolve, reject) => {
      this.assertOpen(operation);
      const { name } = this.driver;
      if (breaker && !breaker.admits()) {
        const { retryAfterMs } = breaker;
        throw cacheErrors.circuit_open(`${name} failed repeatedly; ${operation} was not tried`, { retryAfterMs });
      }
      const timeoutMs = this.#timeoutMs;
      let pending = true;
      const timer = setTimeout(() => {
        // After a pause of this process the timer is due before the reply that already lies in the socket has been read.
        setImmediate(() => {
          if (!pending) return;
          pending = false;
          breaker?.failed();
          reject(cacheErrors.timeout(`${name} did not answer ${operation} within ${timeoutMs} ms`));
        });
      }, timeoutMs);
      const failed = (error: unknown): void => {
        if (!pending) return;
        pending = false;
        clearTimeout(timer);
        const wrapped = this.wrap(operation, error);
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
}
