import type { CacheDriver, DriverCall } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import { Breaker } from './breaker.ts';
import { Deadlines, type Waiting } from './deadlines.ts';
import { Guard } from './guard.ts';

/** The failure policy for a backend that can hang and go away: a deadline for each call, and a circuit breaker. */
export class RemoteGuard extends Guard {
  readonly #deadlines: Deadlines;
  readonly #breaker: Breaker | undefined;

  constructor(
    driver: CacheDriver,
    timeoutMs: number,
    breaker: { readonly failures: number; readonly cooldownMs: number } | undefined,
  ) {
    super(driver);
    this.#deadlines = new Deadlines(timeoutMs);
    this.#breaker = breaker && new Breaker(breaker.failures, breaker.cooldownMs);
  }

  /** @throws `cache.timeout` and `cache.circuit_open`, besides those of {@link Guard} */
  override run<T>(operation: string, work: (call: DriverCall) => Promise<T>): Promise<T> {
    const breaker = this.#breaker;
    const deadlines = this.#deadlines;
    return new Promise<T>((resolve, reject) => {
      this.assertOpen(operation);
      const { name } = this.driver;
      if (breaker && !breaker.admits()) {
        const { retryAfterMs } = breaker;
        throw cacheErrors.circuit_open(`${name} failed repeatedly; ${operation} was not tried`, { retryAfterMs });
      }
      const waiting: Waiting = {
        overdueAt: performance.now() + deadlines.ms,
        expire() {
          breaker?.failed();
          reject(cacheErrors.timeout(`${name} did not answer ${operation} within ${deadlines.ms} ms`));
        },
      };
      deadlines.add(waiting);
      const failed = (error: unknown): void => {
        if (!deadlines.end(waiting)) return;
        const wrapped = this.wrap(operation, error);
        if (wrapped.code === cacheErrors.unavailable.code) breaker?.failed();
        else breaker?.succeeded();
        reject(wrapped);
      };
      const done = (value: T): void => {
        if (!deadlines.end(waiting)) return;
        breaker?.succeeded();
        resolve(value);
      };
      try {
        work({ deadlineAt: Date.now() + deadlines.ms }).then(done, failed);
      } catch (error) {
        failed(error); // client libraries throw synchronously too
      }
    });
  }
}
