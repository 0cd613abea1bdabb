import type { CacheDriver, DriverCall } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import { MAX_BATCH } from './batch.ts';
import { Breaker } from './breaker.ts';
import { Deadlines, type Waiting } from './deadlines.ts';
import { Guard, type Item, keyOf } from './guard.ts';

// What calls belong to that are not about keys of one server.
const WHOLE = -1;

/** The failure policy for a backend that can hang and go away: a deadline for each call, and a circuit breaker for each server. */
export class RemoteGuard extends Guard {
  readonly #deadlines: Deadlines;
  readonly #makeBreaker: (() => Breaker) | undefined;
  /** By {@link CacheDriver.shardOf}. */
  readonly #breakers = new Map<number, Breaker>();

  constructor(
    driver: CacheDriver,
    timeoutMs: number,
    breaker: { readonly failures: number; readonly cooldownMs: number } | undefined,
  ) {
    super(driver);
    this.#deadlines = new Deadlines(timeoutMs);
    this.#makeBreaker = breaker && (() => new Breaker(breaker.failures, breaker.cooldownMs));
  }

  /** @throws `cache.timeout` and `cache.circuit_open`, besides those of {@link Guard} */
  override run<T>(operation: string, work: (call: DriverCall) => Promise<T>, key?: string): Promise<T> {
    const breaker = this.#breakerOf(key);
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

  /** In as many calls as there are servers; and no call is for more than {@link MAX_BATCH}. A server that fails leaves the others alone. */
  override async runEach<I extends Item, R>(
    operation: string,
    items: readonly I[],
    work: (items: readonly I[], call: DriverCall) => Promise<R[]>,
    forgives?: (error: unknown) => boolean,
  ): Promise<(R | undefined)[]> {
    const call = (some: readonly I[]): Promise<(R | undefined)[]> => super.runEach(operation, some, work, forgives);
    const isOne = items.length < 2 || this.driver.shardOf === undefined;
    if (isOne && items.length <= MAX_BATCH) return call(items);
    const answers: (R | undefined)[] = Array.from({ length: items.length });
    const shards = Map.groupBy(items.keys(), (i) => this.#shardOf(keyOf(items[i]!)));
    const outcomes = await Promise.allSettled(
      Array.from(shards.values(), async (places) => {
        for (let from = 0; from < places.length; from += MAX_BATCH) {
          const some = places.slice(from, from + MAX_BATCH);
          const found = await call(some.map((i) => items[i]!));
          for (let n = 0; n < some.length; n++) answers[some[n]!] = found[n];
        }
      }),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    return answers;
  }

  #shardOf(key: string): number {
    return this.driver.shardOf?.(key) ?? WHOLE;
  }

  #breakerOf(key: string | undefined): Breaker | undefined {
    if (this.#makeBreaker === undefined) return undefined;
    const shard = key === undefined ? WHOLE : this.#shardOf(key);
    let breaker = this.#breakers.get(shard);
    if (breaker === undefined) this.#breakers.set(shard, (breaker = this.#makeBreaker()));
    return breaker;
  }
}
