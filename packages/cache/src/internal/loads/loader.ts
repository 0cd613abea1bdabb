import { outsideContext, traced } from '@ent/internal';
import { type CacheLoadOperation, channels } from '../../channels.ts';
import type { TagVersion } from '../../driver.ts';
import type { Factory, Ttl } from '../../options.ts';
import type { Calls } from '../backend/calls.ts';
import type { BackendKey } from '../keys.ts';
import type { RecordDraft } from '../records/record.ts';
import type { Store } from '../records/store.ts';
import { expiryOf, ttlMs } from '../ttl.ts';
import { NotMade } from './batch-factory.ts';
import type { Lease, LeaseRequest, Leases } from './leases.ts';
import { type LoadPlan, ttlOf } from './plan.ts';
import { settleEarly, withHardTimeout } from './waiting.ts';

/** One key to load. */
export interface LoadRequest<T> extends LeaseRequest {
  /** The application's key. */
  readonly key: string;
  readonly factory: Factory<T>;
  readonly plan: LoadPlan;
  /** What may be served when the factory fails or is slow. */
  readonly stale: { readonly value: T } | undefined;
  /** False while the backend is out: the value is made for the caller alone. */
  readonly isStorable: boolean;
}

/** What a load gives; nothing when its callers should look again. */
export type Loaded = { readonly value: unknown } | undefined;

/** Thrown to a caller that should look again: another process has stored the value. Never reaches an application. */
export class AskAgain extends Error {}

/** Which keys are being changed, also by the tags that a load of them has. */
type Barrier = (physical: BackendKey, tags: readonly TagVersion[] | undefined) => boolean;

/** A load in flight. */
class Load {
  readonly request: LoadRequest<unknown>;
  readonly controller = new AbortController();
  promise!: Promise<Loaded>;
  /** Callers that wait; a load that was left to the background counts as one. */
  waiting = 0;
  served = 0;
  /** Set when the key was changed meanwhile: the result must not be stored. */
  isCancelled: boolean;
  /** Set when there was nothing to store: the factory failed, or took too long. */
  hasFailed = false;
  /** Set when it is over, so that its signal never aborts after the fact. */
  isSettled = false;
  /** Set while it holds the key's lease. */
  lease: Lease | undefined;
  /** The token of that lease, also while the value is being written. */
  token: string | undefined;
  /** Settles when a write that had begun before the cancellation is over. */
  publishing: Promise<unknown> | undefined;

  constructor(request: LoadRequest<unknown>, isCancelled: boolean) {
    this.request = request;
    this.isCancelled = isCancelled;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Gives the lease back, if it holds one. */
  release(): void {
    // The backend may be what others wait for: not awaited.
    void this.lease?.release();
  }
}

/** What a loader is made of. */
interface LoaderParts {
  readonly calls: Calls;
  readonly store: Store;
  /** For a backend that is shared with other processes. */
  readonly leases: Leases | undefined;
}

/**
 * Runs factories: one at a time for a key, in this process; with leases, in all processes.
 *
 * The rule that makes invalidation safe: a change of a key cancels the load in flight *before* it is sent, waits for a
 * write that the load has already begun, and cancels what begins until it is over. So nothing that was read earlier is
 * written later. Changes by other processes end the lease.
 */
export class Loader {
  readonly #calls: Calls;
  readonly #store: Store;
  readonly #leases: Leases | undefined;
  readonly #loads = new Map<BackendKey, Load>();
  /** Changes that are under way. */
  readonly #barriers = new Set<Barrier>();

  constructor({ calls, store, leases }: LoaderParts) {
    this.#calls = calls;
    this.#store = store;
    this.#leases = leases;
  }

  /** The value of the load in flight or of a new one; or the stale value, by the plan's rules. */
  async load<T>(request: LoadRequest<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const { stale } = request;
    const { softTimeoutMs } = request.plan;
    const load = this.#join(request) ?? this.#start(request);
    load.waiting++;
    let isInBackground = false;
    const onEarly = (): void => {
      isInBackground = true;
    };
    const early = stale && softTimeoutMs !== undefined ? { stale, softTimeoutMs, onEarly } : undefined;
    try {
      const waitsToTheEnd = signal === undefined && early === undefined;
      const loaded = await (waitsToTheEnd ? load.promise : settleEarly(load.promise, { signal, early }));
      if (loaded === undefined) throw new AskAgain();
      // Each caller gets a value of its own, as from a read.
      return (load.served++ === 0 ? loaded.value : this.#store.copy(loaded.value)) as T;
    } catch (error) {
      // Whether a stale value will do is up to each caller, also of those that joined.
      if (stale === undefined || !load.hasFailed || signal?.aborted) throw error;
      return stale.value;
    } finally {
      if (!isInBackground && --load.waiting === 0 && !load.isSettled) load.controller.abort();
    }
  }

  /**
   * Loads without a caller that waits. Errors are on the channel. The request or transaction of who
   * began it will have ended: its factory runs outside of it.
   */
  refresh(request: LoadRequest<unknown>): void {
    if (this.#join(request) === undefined) outsideContext(() => this.#start(request)).waiting++;
  }

  /**
   * The lease under which a key is being loaded here. Whoever reads the key
   * afterwards and does not find it knows that it was lost.
   */
  leaseOf(physical: BackendKey): string | undefined {
    return this.#loads.get(physical)?.token;
  }

  /** Whether the load in flight is the one that this request began. */
  isOf<T>(request: LoadRequest<T>): boolean {
    return this.#loads.get(request.physical)?.request === request;
  }

  /**
   * Runs a change of keys. Loads that began before it is over do not store their
   * value, and callers from then on do not join them.
   */
  async change<T>(keys: readonly BackendKey[], work: () => Promise<T>): Promise<T> {
    const changing = new Set(keys);
    return this.#exclude(
      (physical) => changing.has(physical),
      () => keys,
      work,
    );
  }

  /** {@link change} of a key that was made at once, so that no load has begun or written meanwhile. */
  changed(key: BackendKey): void {
    if (this.#loads.size > 0) void this.#cancel(key);
  }

  /** {@link change} of all keys that fit. */
  changeWhere<T>(fits: Barrier, work: () => Promise<T>): Promise<T> {
    const fitting = (): BackendKey[] =>
      [...this.#loads].filter(([physical, { request }]) => fits(physical, request.tags)).map(([physical]) => physical);
    return this.#exclude(fits, fitting, work);
  }

  /** Drops a load that another process has overtaken. */
  abandon(physical: BackendKey): void {
    void this.#cancel(physical);
  }

  async #exclude<T>(fits: Barrier, keys: () => readonly BackendKey[], work: () => Promise<T>): Promise<T> {
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
  #cancel(physical: BackendKey): Promise<unknown> | undefined {
    const load = this.#loads.get(physical);
    if (load === undefined) return undefined;
    load.isCancelled = true;
    this.#loads.delete(physical); // later callers start anew
    load.release();
    return load.publishing;
  }

  /** The load in flight, unless one of its tags was invalidated since it began. */
  #join<T>({ physical, tags }: LoadRequest<T>): Load | undefined {
    const load = this.#loads.get(physical);
    if (load === undefined || !load.request.tags || !tags) return load;
    const current = new Map(tags);
    if (load.request.tags.every(([name, version]) => (current.get(name) ?? version) === version)) return load;
    load.isCancelled = true;
    this.#loads.delete(physical);
    return undefined;
  }

  #start<T>(request: LoadRequest<T>): Load {
    const load = new Load(request as LoadRequest<unknown>, this.#isChanging(request));
    load.signal.addEventListener('abort', () => {
      this.#forget(load); // a caller that comes now must not join a load that was told to stop
      load.release(); // nor must others wait for a factory that may never end
    });
    this.#loads.set(request.physical, load);
    load.promise = this.#run(load);
    load.promise.catch(() => {}); // every caller may have left
    return load;
  }

  #isChanging<T>({ physical, tags }: LoadRequest<T>): boolean {
    for (const fits of this.#barriers) if (fits(physical, tags)) return true;
    return false;
  }

  #forget(load: Load): void {
    const { physical } = load.request;
    if (this.#loads.get(physical) === load) this.#loads.delete(physical);
  }

  async #run(load: Load): Promise<Loaded> {
    const event: CacheLoadOperation = { driver: this.#calls.driver.name };
    try {
      if (!channels.load.hasSubscribers) return await this.#loadAndStore(load, event);
      return await traced(channels.load, event, () => this.#loadAndStore(load, event));
    } finally {
      load.isSettled = true;
      this.#forget(load);
    }
  }

  async #loadAndStore(load: Load, event: CacheLoadOperation): Promise<Loaded> {
    const { plan, stale } = load.request;
    let made: Made | undefined;
    try {
      const making = this.#make(load);
      made = await (plan.hardTimeoutMs === undefined
        ? making
        : withHardTimeout(plan.hardTimeoutMs, load.controller, making));
    } catch (error) {
      load.release();
      load.lease = undefined;
      load.hasFailed = !(error instanceof NotMade);
      if (stale !== undefined && load.hasFailed) event.outcome = 'stale';
      throw error;
    }
    if (made === undefined) {
      event.outcome = 'elsewhere';
      return undefined;
    }
    event.outcome = (await this.#publish(load, recordOf(made, load.request))) ? 'stored' : 'discarded';
    return made;
  }

  /** Runs the factory; nothing when another process has stored the value meanwhile. */
  async #make(load: Load): Promise<Made | undefined> {
    const { key, factory, stale } = load.request;
    if (!(await this.#lease(load))) return undefined;
    let ttl: number | undefined;
    const setTtl = (chosen: Ttl): void => {
      ttl = ttlMs(chosen);
    };
    const value = await factory({ key, signal: load.signal, stale, setTtl });
    return { value, ttlMs: ttl };
  }

  /** Takes the lease; answers false when another process has stored the value meanwhile. */
  async #lease(load: Load): Promise<boolean> {
    const { request, signal } = load;
    if (!request.isStorable) return true;
    if (!this.#leases) {
      // The key may have been set since the caller read it.
      const current = await this.#store.one(request.physical);
      return current === undefined || !(await request.isUsable(current));
    }
    try {
      const lease = await this.#leases.acquire(request, signal);
      if (lease === undefined) return false;
      if (signal.aborted) {
        void lease.release();
        signal.throwIfAborted();
      }
      load.lease = lease;
      load.token = lease.token;
    } catch (error) {
      if (!this.#calls.forgives(error)) throw error;
      load.isCancelled = true; // without a lease nothing tells whether the value is still right when it is there
    }
    return true;
  }

  async #publish(load: Load, record: RecordDraft): Promise<boolean> {
    const { request, lease } = load;
    load.lease = undefined;
    if (!request.isStorable) return false;
    if (load.isCancelled || load.signal.aborted) {
      await lease?.release();
      return false;
    }
    const writing = lease
      ? lease.publish(record)
      : this.#store.fill([{ key: request.physical, record }]).then(([stored]) => stored === true);
    // What cannot be stored must not keep others from trying for as long as the lease lasts.
    load.publishing = writing.catch(() => lease?.release());
    return this.#calls.orElse(writing, false);
  }
}

/** What a factory gave, and the TTL if it chose one. */
interface Made {
  readonly value: unknown;
  readonly ttlMs: number | undefined;
}

/** The record of a loaded value. */
function recordOf<T>({ value, ttlMs: chosen }: Made, { plan, tags }: LoadRequest<T>): RecordDraft {
  const now = Date.now();
  const ttl = chosen ?? ttlOf(value, plan);
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
