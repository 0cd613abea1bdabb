import { EntError } from '@ent/errors';
import { Deadlines, placeOf, TimedCall } from '@ent/internal';
import { channels } from '../../channels.ts';
import type { CacheDriver, DriverCall, DriverWrite } from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import { Breaker, type BreakerPlan } from './breaker.ts';

/** How many keys go into one call. More keep the backend busy for too long at a time. */
export const MAX_BATCH = 500;

/** For a backend that can hang and go away. */
export interface CallPolicy {
  /** The deadline of each call. */
  readonly timeoutMs: number;
  readonly breaker: BreakerPlan | undefined;
}

/** A key, or what is written under one. */
export type Item = string | { readonly key: string };

/**
 * The calls of a driver. Each is refused once the cache is closed, and its errors are wrapped; with a policy it has a
 * deadline, and a circuit breaker for the server that it goes to.
 */
export class Calls {
  readonly driver: CacheDriver;
  readonly #isLenient: boolean;
  readonly #deadlines: Deadlines | undefined;
  readonly #breaker: BreakerPlan | undefined;
  /** By the number of the server. One that answered last has none: most calls have nothing to do here. */
  readonly #breakers = new Map<number, Breaker>();
  #isClosed = false;

  /**
   * @param isLenient whether an outage may be passed over where its effect is only that nothing was cached
   * @param policy none for what lives in this process: it neither hangs nor goes away, and needs no timer
   */
  constructor(driver: CacheDriver, isLenient: boolean, policy: CallPolicy | undefined) {
    this.driver = driver;
    this.#isLenient = isLenient;
    this.#deadlines = policy && new Deadlines(policy.timeoutMs);
    this.#breaker = policy?.breaker;
  }

  /** The deadline of each call; none for what lives in this process. */
  get timeoutMs(): number | undefined {
    return this.#deadlines?.ms;
  }

  close(): void {
    this.#isClosed = true;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** @throws `cache.closed` */
  assertOpen(operation: string): void {
    if (this.#isClosed) throw cacheErrors.closed(`${operation} on a cache that was closed.`);
  }

  /**
   * @param key one that the call is about, if it is about keys of one server
   * @throws `cache.timeout`, `cache.circuit_open`, `cache.unavailable`,
   *   `cache.value_too_large`, `cache.driver_failed`, `cache.closed`
   */
  run<T>(operation: string, work: (call: DriverCall) => Promise<T>, key?: string): Promise<T> {
    const deadlines = this.#deadlines;
    if (deadlines === undefined) return this.#runHere(operation, work);
    const server = this.serverOf(key);
    return new Promise<T>((resolve, reject) => {
      this.assertOpen(operation);
      if (this.#breakers.size > 0) this.#admit(operation, server);
      const call = deadlines.begin(() => {
        this.#hasFailed(server);
        const error = cacheErrors.timeout(`${this.driver.name} did not answer ${operation} within ${deadlines.ms} ms.`);
        reject(error);
        return error;
      });
      const failed = (cause: unknown): void => {
        if (!deadlines.end(call)) return;
        // Who answers, with whatever, is there.
        if (isUnavailable(cause, this.driver)) this.#hasFailed(server);
        else this.#breakers.delete(server);
        reject(this.#wrapped(operation, cause));
      };
      const done = (value: T): void => {
        if (!deadlines.end(call)) return;
        if (this.#breakers.size > 0) this.#breakers.delete(server);
        resolve(value);
      };
      try {
        work(call).then(done, failed);
      } catch (error) {
        failed(error); // client libraries throw synchronously too
      }
    });
  }

  async #runHere<T>(operation: string, work: (call: DriverCall) => Promise<T>): Promise<T> {
    this.assertOpen(operation);
    try {
      return await work(UNLIMITED);
    } catch (error) {
      throw this.#wrapped(operation, error);
    }
  }

  /** One write, at once, where the driver keeps its data in this process. */
  put(write: DriverWrite): boolean {
    this.assertOpen('set');
    try {
      return this.driver.put!(write);
    } catch (error) {
      throw this.#wrapped('set', error);
    }
  }

  /**
   * {@link run} for several items: in as many calls as there are servers, and no call is for more than
   * {@link MAX_BATCH}. A server that fails leaves the others alone.
   *
   * @param forgiving whether what an outage keeps from being answered is undefined, where the cache {@link forgives} it
   */
  async each<I extends Item, R>(
    operation: string,
    items: readonly I[],
    work: (items: readonly I[], call: DriverCall) => Promise<R[]>,
    { forgiving = false }: { readonly forgiving?: boolean } = {},
  ): Promise<(R | undefined)[]> {
    if (items.length === 0) return [];
    const send = async (some: readonly I[]): Promise<(R | undefined)[]> => {
      const sent = this.run(operation, (call) => work(some, call), keyOf(some[0]!));
      return forgiving ? this.orElse<(R | undefined)[]>(sent, []) : sent;
    };
    const isOneServer = items.length === 1 || this.driver.shardOf === undefined;
    if (isOneServer && (this.#deadlines === undefined || items.length <= MAX_BATCH)) return send(items);
    const answers: (R | undefined)[] = Array.from({ length: items.length });
    const servers = Map.groupBy(items.keys(), (i) => this.serverOf(keyOf(items[i]!)));
    const outcomes = await Promise.allSettled(
      Array.from(servers.values(), async (places) => {
        for (let from = 0; from < places.length; from += MAX_BATCH) {
          const some = places.slice(from, from + MAX_BATCH);
          const found = await send(some.map((i) => items[i]!));
          for (let n = 0; n < some.length; n++) answers[some[n]!] = found[n];
        }
      }),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    return answers;
  }

  /** The number of the server that a key belongs to. */
  serverOf(key: string | undefined): number {
    return key === undefined || this.driver.shardOf === undefined ? WHOLE : this.driver.shardOf(key);
  }

  /**
   * Whether an error is passed over: the backend is out, and the application said that it would rather miss. It is told
   * on a channel of its own, since the operation succeeds.
   */
  forgives(error: unknown): boolean {
    const isForgiven = this.#isLenient && EntError.is(error) && OUTAGES.has(error.code);
    if (isForgiven && channels.forgive.hasSubscribers) {
      channels.forgive.error.publish({ driver: this.driver.name, error });
    }
    return isForgiven;
  }

  /** What the work gives, or something else where the cache {@link forgives} its error. */
  async orElse<T>(work: Promise<T>, instead: T): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (this.forgives(error)) return instead;
      throw error;
    }
  }

  #admit(operation: string, server: number): void {
    const breaker = this.#breakers.get(server);
    if (breaker === undefined || breaker.admits()) return;
    const { retryAfterMs } = breaker;
    throw cacheErrors.circuit_open(`${this.driver.name} failed repeatedly; ${operation} was not tried.`, {
      retryAfterMs,
    });
  }

  #hasFailed(server: number): void {
    if (this.#breaker === undefined) return;
    let breaker = this.#breakers.get(server);
    if (breaker === undefined) this.#breakers.set(server, (breaker = new Breaker(this.#breaker)));
    breaker.failed();
  }

  #wrapped(operation: string, cause: unknown): EntError {
    if (EntError.is(cause)) return cause;
    const { name } = this.driver;
    switch (this.driver.classify(cause)) {
      case 'unavailable':
        return cacheErrors.unavailable(`${name} could not be reached for ${operation}${placed(cause)}.`, { cause });
      case 'unwritable': {
        const reason = (cause as Error).message.replace(/\.?$/, '.');
        return cacheErrors.unavailable(`${name} takes no writes now, refused ${operation}: ${reason}`, { cause });
      }
      case 'too_large':
        return cacheErrors.value_too_large(`${name} refused ${operation}: the value is too large.`, { cause });
      default:
        return cacheErrors.driver_failed(`${name} failed ${operation}.`, { cause });
    }
  }
}

// What calls belong to that are not about keys of one server.
const WHOLE = -1;

/** For drivers whose data lives in this process. */
export const UNLIMITED: DriverCall = new TimedCall(
  Number.POSITIVE_INFINITY,
  () => new Error('A call without an end ended.'),
);

const OUTAGES: ReadonlySet<string> = new Set([
  cacheErrors.timeout.code,
  cacheErrors.unavailable.code,
  cacheErrors.circuit_open.code,
]);

function isUnavailable(error: unknown, driver: CacheDriver): boolean {
  return EntError.is(error) ? error.code === cacheErrors.unavailable.code : driver.classify(error) === 'unavailable';
}

function keyOf(item: Item): string {
  return typeof item === 'string' ? item : item.key;
}

/** Where it was looked for, if the client tells. */
function placed(cause: unknown): string {
  const place = placeOf(cause);
  return place === undefined ? '' : `: ${place}`;
}
