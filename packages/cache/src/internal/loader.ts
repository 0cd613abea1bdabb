import type { StoredRecord } from '../driver.ts';
import { cacheChannels, type CacheLoadEvent } from '../channels.ts';
import { cacheErrors } from '../errors.ts';
import type { Factory, Ttl } from '../options.ts';
import type { RecordDraft } from './record.ts';
import type { Store } from './store.ts';
import { expiryOf, ttlMs } from './ttl.ts';

/** `LoadOptions` with every duration in milliseconds. */
export interface LoadPlan {
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly softTimeoutMs: number | undefined;
  readonly hardTimeoutMs: number | undefined;
  readonly negativeTtlMs: number | undefined;
  readonly jitter: number;
}

/** One key to load. */
export interface LoadRequest<T> {
  /** The backend's key. */
  readonly physical: string;
  /** The application's key. */
  readonly key: string;
  readonly factory: Factory<T>;
  readonly plan: LoadPlan;
  /** What may be served when the factory fails or is slow. */
  readonly stale: StoredRecord | undefined;
}

interface Load {
  readonly promise: Promise<StoredValue>;
  readonly controller: AbortController;
  /** Callers that wait; a load that was left to the background counts as one. */
  waiting: number;
  served: number;
  /** Set when the key was changed meanwhile: the result must not be stored. */
  cancelled: boolean;
  /** Set when it is over, so that its signal never aborts after the fact. */
  settled: boolean;
  /** Settles when a write that had begun before the cancellation is over. */
  publishing: Promise<unknown> | undefined;
}

interface StoredValue {
  readonly value: unknown;
}

/**
 * Runs factories: one at a time for a key, in this process.
 *
 * The rule that makes invalidation safe: a change of a key cancels the load in flight *before* the change is sent, and waits for
 * a write that the load has already begun. So nothing that was read earlier is written later.
 */
export class Loader {
  readonly #store: Store;
  readonly #loads = new Map<string, Load>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** The value of the load in flight or of a new one; or the stale value, by the plan's rules. */
  async load<T>(request: LoadRequest<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const load = this.#loads.get(request.physical) ?? this.#start(request);
    load.waiting++;
    let background = false;
    try {
      const { value } = await settleEarly(load.promise, request, signal, () => {
        background = true;
      });
      // Each caller gets a value of its own, as from a read.
      return (load.served++ === 0 ? value : this.#store.copy(value)) as T;
    } finally {
      if (!background && --load.waiting === 0 && !load.settled) load.controller.abort();
    }
  }

  /** Loads without a caller that waits. Errors are on the channel. */
  refresh(request: LoadRequest<unknown>): void {
    if (this.#loads.has(request.physical)) return;
    this.#start(request).waiting++;
  }

  /** Call before the key is changed: loads that began earlier will not store their value. */
  async cancel(physical: string): Promise<void> {
    const load = this.#loads.get(physical);
    if (load) await this.#cancel(physical, load);
  }

  /** {@link cancel} for all keys that fit. */
  async cancelWhere(fits: (physical: string) => boolean): Promise<void> {
    const found = [...this.#loads].filter(([physical]) => fits(physical));
    await Promise.all(found.map(([physical, load]) => this.#cancel(physical, load)));
  }

  async #cancel(physical: string, load: Load): Promise<void> {
    load.cancelled = true;
    this.#loads.delete(physical); // later callers start anew
    await load.publishing;
  }

  #start<T>(request: LoadRequest<T>): Load {
    const controller = new AbortController();
    const load: Load = {
      controller,
      waiting: 0,
      served: 0,
      cancelled: false,
      settled: false,
      publishing: undefined,
      promise: Promise.resolve()
        .then(() => this.#run(request, load))
        .finally(() => {
          load.settled = true;
          if (this.#loads.get(request.physical) === load) this.#loads.delete(request.physical);
        }),
    };
    load.promise.catch(() => {}); // every caller may have left
    controller.signal.addEventListener('abort', () => {
      // Nobody waits: a caller that comes now must not join a load that was told to stop.
      if (this.#loads.get(request.physical) === load) this.#loads.delete(request.physical);
    });
    this.#loads.set(request.physical, load);
    return load;
  }

  #run<T>(request: LoadRequest<T>, load: Load): Promise<StoredValue> {
    const event: CacheLoadEvent = { driver: this.#store.driver.name };
    const work = (): Promise<StoredValue> => this.#loadAndStore(request, load, event);
    return cacheChannels.load.hasSubscribers ? cacheChannels.load.tracePromise(work, event) : work();
  }

  async #loadAndStore<T>(request: LoadRequest<T>, load: Load, event: CacheLoadEvent): Promise<StoredValue> {
    const { plan } = request;
    let chosen: { readonly ttl: Ttl } | undefined;
    const stale = request.stale && { value: request.stale.value as T };
    let value: T;
    try {
      value = await withHardTimeout(
        () =>
          request.factory({
            key: request.key,
            signal: load.controller.signal,
            stale,
            setTtl: (ttl) => {
              ttlMs(ttl); // a wrong one fails where it was written
              chosen = { ttl };
            },
          }),
        plan.hardTimeoutMs,
        load.controller,
      );
    } catch (error) {
      if (stale === undefined) throw error;
      event.error = error;
      event.outcome = 'stale';
      return stale;
    }
    const ttl = chosen ? ttlMs(chosen.ttl) : value == null ? (plan.negativeTtlMs ?? plan.ttlMs) : plan.ttlMs;
    event.outcome = (await this.#publish(request, load, recordFor(value, ttl, plan))) ? 'stored' : 'discarded';
    return { value };
  }

  async #publish<T>(request: LoadRequest<T>, load: Load, record: RecordDraft): Promise<boolean> {
    if (load.cancelled || load.controller.signal.aborted) return false;
    const writing = this.#store.fill([{ key: request.physical, record }]);
    load.publishing = writing.catch(() => {});
    const [stored] = await writing;
    return stored === true;
  }
}

/** The record of a loaded value. */
function recordFor(value: unknown, ttl: number, plan: LoadPlan): RecordDraft {
  const now = Date.now();
  const lifetime =
    ttl === Number.POSITIVE_INFINITY ? ttl : Math.max(1, Math.round(ttl * (1 - plan.jitter * Math.random())));
  const freshUntil = expiryOf(lifetime, now);
  return {
    value,
    freshUntil,
    expiresAt: expiryOf(lifetime + plan.graceMs, now),
    tags: undefined,
    lease: undefined,
    hasValue: true,
  };
}

/** The load's outcome, unless the caller aborts, or the soft timeout passes and there is a stale value. */
function settleEarly<T>(
  loading: Promise<StoredValue>,
  request: LoadRequest<T>,
  signal: AbortSignal | undefined,
  leave: () => void,
): Promise<StoredValue> {
  const { stale } = request;
  const softTimeoutMs = stale === undefined ? undefined : request.plan.softTimeoutMs;
  if (softTimeoutMs === undefined && signal === undefined) return loading;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      stale === undefined || softTimeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            leave(); // it goes on, and fills the cache
            resolve({ value: stale.value });
          }, softTimeoutMs);
    loading.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    });
  });
}

async function withHardTimeout<T>(
  work: () => T | Promise<T>,
  timeoutMs: number | undefined,
  controller: AbortController,
): Promise<T> {
  if (timeoutMs === undefined) return work();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = cacheErrors.load_timeout(`the factory did not answer within ${timeoutMs} ms`);
      reject(error);
      controller.abort(error);
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
