import { type CacheLoadEvent, channels, traceQuietly } from '../channels.ts';
import type { StoredRecord, TagVersion } from '../driver.ts';
import type { Factory, Ttl } from '../options.ts';
import type { Lease, Leases } from './leases.ts';
import { NotMade } from './many.ts';
import { ttlOf } from './plan.ts';
import type { RecordDraft } from './record.ts';
import type { Store } from './store.ts';
import { expiryOf, ttlMs } from './ttl.ts';
import { settleEarly, withHardTimeout } from './waiting.ts';

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
  /** What the read found. */
  readonly found: StoredRecord | undefined;
  /** What may be served when the factory fails or is slow. */
  readonly stale: { readonly value: T } | undefined;
  /** The versions of the value's tags from before the load. */
  readonly tags: readonly TagVersion[] | undefined;
  /** False while the backend is out: the value is made for the caller alone. */
  readonly storable: boolean;
  /** Whether a record that another process has stored meanwhile answers the load. */
  readonly usable: (record: StoredRecord) => boolean | Promise<boolean>;
  /** Whether the tags of a record are still the current ones. */
  readonly valid: (record: StoredRecord) => boolean | Promise<boolean>;
}

/** What a load gives; nothing when its callers should look again. */
export type Loaded = { readonly value: unknown } | undefined;

/** Thrown to a caller that should look again: another process has stored the value. Never reaches an application. */
export class AskAgain extends Error {}

type Barrier = (physical: string, tags: readonly TagVersion[] | undefined) => boolean;

interface Load {
  readonly request: unknown;
  readonly promise: Promise<Loaded>;
  readonly controller: AbortController;
  readonly tags: readonly TagVersion[] | undefined;
  /** Callers that wait; a load that was left to the background counts as one. */
  waiting: number;
  served: number;
  /** Set when the key was changed meanwhile: the result must not be stored. */
  cancelled: boolean;
  /** Set when there was nothing to store: the factory failed, or took too long. */
  failed: boolean;
  /** Set when it is over, so that its signal never aborts after the fact. */
  settled: boolean;
  /** Set while it holds the key's lease. */
  leased: Lease | undefined;
  /** The token of that lease, also while the value is being written. */
  token: string | undefined;
  /** Settles when a write that had begun before the cancellation is over. */
  publishing: Promise<unknown> | undefined;
}

/**
 * Runs factories: one at a time for a key, in this process; with leases, in all processes.
 *
 * The rule that makes invalidation safe: a change of a key cancels the load in flight *before* it is sent, waits for a write that the load has
 * already begun, and cancels what begins until it is over. So nothing that was read earlier is written later. Changes by other
 * processes end the lease.
 */
export class Loader {
  readonly #store: Store;
  readonly #leases: Leases | undefined;
  readonly #loads = new Map<string, Load>();
  /** Changes that are under way. */
  readonly #barriers = new Set<Barrier>();

  constructor(store: Store, leases: Leases | undefined) {
    this.#store = store;
    this.#leases = leases;
  }

  /** The value of the load in flight or of a new one; or the stale value, by the plan's rules. */
  async load<T>(request: LoadRequest<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const load = this.#join(request) ?? this.#start(request);
    load.waiting++;
    let background = false;
    try {
      const loaded = await settleEarly(load.promise, request.stale, request.plan.softTimeoutMs, signal, () => {
        background = true;
      });
      if (loaded === undefined) throw new AskAgain();
      // Each caller gets a value of its own, as from a read.
      return (load.served++ === 0 ? loaded.value : this.#store.copy(loaded.value)) as T;
    } catch (error) {
      // Whether a stale value will do is up to each caller, also of those that joined.
      if (request.stale === undefined || !load.failed || signal?.aborted) throw error;
      return request.stale.value;
    } finally {
      if (!background && --load.waiting === 0 && !load.settled) load.controller.abort();
    }
  }

  /** Loads without a caller that waits. Errors are on the channel. */
  refresh(request: LoadRequest<unknown>): void {
    if (this.#join(request) === undefined) this.#start(request).waiting++;
  }

  /** The lease under which a key is being loaded here. Whoever reads the key afterwards and does not find it knows that it was lost. */
  leaseOf(physical: string): string | undefined {
    return this.#loads.get(physical)?.token;
  }

  /** Whether the load in flight is the one that this request began. */
  isOf<T>(physical: string, request: LoadRequest<T>): boolean {
    return this.#loads.get(physical)?.request === request;
  }

  /** Runs a change of keys. Loads that began before it is over do not store their value, and callers from then on do not join them. */
  async change<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const changing = new Set(keys);
    return this.#exclude(
      (physical) => changing.has(physical),
      () => keys,
      work,
    );
  }

  /** {@link change} of all keys that fit. */
  changeWhere<T>(
    fits: (physical: string, tags: readonly TagVersion[] | undefined) => boolean,
    work: () => Promise<T>,
  ): Promise<T> {
    const fitting = (): string[] =>
      [...this.#loads].filter(([physical, { tags }]) => fits(physical, tags)).map(([physical]) => physical);
    return this.#exclude(fits, fitting, work);
  }

  /** Drops a load that another process has overtaken. */
  abandon(physical: string): void {
    void this.#cancel(physical);
  }

  async #exclude<T>(fits: Barrier, keys: () => readonly string[], work: () => Promise<T>): Promise<T> {
    this.#barriers.add(fits);
    try {
      const publishing = keys()
        .map((physical) => this.#cancel(physical))
        .filter((writing) => writing !== undefined);
      if (publishing.length > 0) await Promise.all(publishing);
      return await work();
    } finally {
      this.#barriers.delete(fits);
      for (const physical of keys()) void this.#cancel(physical); // those that began meanwhile
    }
  }

  /** Answers the write that the load has already begun, if any. */
  #cancel(physical: string): Promise<unknown> | undefined {
    const load = this.#loads.get(physical);
    if (load === undefined) return undefined;
    load.cancelled = true;
    this.#loads.delete(physical); // later callers start anew
    void load.leased?.release();
    return load.publishing;
  }

  /** The load in flight, unless one of its tags was invalidated since it began. */
  #join<T>(request: LoadRequest<T>): Load | undefined {
    const load = this.#loads.get(request.physical);
    if (load === undefined || !load.tags || !request.tags) return load;
    const current = new Map(request.tags);
    if (load.tags.every(([name, version]) => (current.get(name) ?? version) === version)) return load;
    load.cancelled = true;
    this.#loads.delete(request.physical);
    return undefined;
  }

  #start<T>(request: LoadRequest<T>): Load {
    const controller = new AbortController();
    const forget = (): void => {
      if (this.#loads.get(request.physical) === load) this.#loads.delete(request.physical);
    };
    const load: Load = {
      request,
      controller,
      tags: request.tags,
      waiting: 0,
      served: 0,
      cancelled: this.#isChanging(request),
      failed: false,
      settled: false,
      leased: undefined,
      token: undefined,
      publishing: undefined,
      promise: Promise.resolve()
        .then(() => this.#run(request, load))
        .finally(() => {
          load.settled = true;
          forget();
        }),
    };
    load.promise.catch(() => {}); // every caller may have left
    controller.signal.addEventListener('abort', () => {
      forget(); // a caller that comes now must not join a load that was told to stop
      void load.leased?.release(); // nor must others wait for a factory that may never end
    });
    this.#loads.set(request.physical, load);
    return load;
  }

  #isChanging<T>({ physical, tags }: LoadRequest<T>): boolean {
    for (const fits of this.#barriers) if (fits(physical, tags)) return true;
    return false;
  }

  #run<T>(request: LoadRequest<T>, load: Load): Promise<Loaded> {
    const event: CacheLoadEvent = { driver: this.#store.driver.name };
    const work = (): Promise<Loaded> => this.#loadAndStore(request, load, event);
    return channels.load.hasSubscribers ? traceQuietly(channels.load, event, work) : work();
  }

  async #loadAndStore<T>(request: LoadRequest<T>, load: Load, event: CacheLoadEvent): Promise<Loaded> {
    const { plan } = request;
    let chosen: { readonly ttl: Ttl } | undefined;
    const { stale } = request;
    let made: Loaded;
    try {
      made = await withHardTimeout(plan.hardTimeoutMs, load.controller, async () => {
        if (!(await this.#lease(request, load))) return undefined;
        const value = await request.factory({
          key: request.key,
          signal: load.controller.signal,
          stale,
          setTtl: (ttl) => {
            ttlMs(ttl); // a wrong one fails where it was written
            chosen = { ttl };
          },
        });
        return { value };
      });
    } catch (error) {
      void load.leased?.release(); // the backend may be what it waits for
      load.leased = undefined;
      load.failed = !(error instanceof NotMade);
      if (stale !== undefined && load.failed) event.outcome = 'stale';
      throw error;
    }
    if (made === undefined) {
      event.outcome = 'elsewhere';
      return undefined;
    }
    const { value } = made;
    const ttl = chosen ? ttlMs(chosen.ttl) : ttlOf(value, plan);
    event.outcome = (await this.#publish(request, load, recordFor(value, ttl, request))) ? 'stored' : 'discarded';
    return { value };
  }

  /** Takes the lease; answers false when another process has stored the value meanwhile. */
  async #lease<T>(request: LoadRequest<T>, load: Load): Promise<boolean> {
    if (!request.storable) return true;
    if (!this.#leases) {
      // The key may have been set since the caller read it.
      const current = await this.#store.readOne(request.physical);
      return current === undefined || !(await request.usable(current));
    }
    try {
      const lease = await this.#leases.acquire(request, load.controller.signal);
      if (lease === undefined) return false;
      if (load.controller.signal.aborted) {
        void lease.release();
        load.controller.signal.throwIfAborted();
      }
      load.leased = lease;
      load.token = lease.token;
    } catch (error) {
      if (!this.#store.forgives(error)) throw error;
      load.cancelled = true; // without a lease nothing tells whether the value is still right when it is there
    }
    return true;
  }

  async #publish<T>(request: LoadRequest<T>, load: Load, record: RecordDraft): Promise<boolean> {
    const { leased } = load;
    load.leased = undefined;
    if (!request.storable) return false;
    if (load.cancelled || load.controller.signal.aborted) {
      await leased?.release();
      return false;
    }
    const writing = leased
      ? leased.publish(record)
      : this.#store.fill([{ key: request.physical, record }]).then(([stored]) => stored === true);
    // What cannot be stored must not keep others from trying for as long as the lease lasts.
    load.publishing = writing.catch(() => leased?.release());
    return this.#store.orElse(writing, false);
  }
}

/** The record of a loaded value. */
function recordFor<T>(value: unknown, ttl: number, { plan, tags }: LoadRequest<T>): RecordDraft {
  const now = Date.now();
  const lifetime =
    ttl === Number.POSITIVE_INFINITY ? ttl : Math.max(1, Math.round(ttl * (1 - plan.jitter * Math.random())));
  return {
    value,
    freshUntil: expiryOf(lifetime, now),
    expiresAt: expiryOf(lifetime + plan.graceMs, now),
    tags,
    lease: undefined,
    hasValue: true,
  };
}
