import { EntError } from '@ent/errors';
import { outsideContext, traced } from '@ent/internal';
import { type CacheLoadOperation, channels } from '../../channels.ts';
import { cacheErrors } from '../../errors.ts';
import type { Factory, Ttl } from '../../options.ts';
import type { Calls } from '../backend/calls.ts';
import { type Barrier, type Cancellable, Changes } from '../changes.ts';
import type { BackendKey } from '../keys.ts';
import type { RecordDraft } from '../records/record.ts';
import type { Store } from '../records/store.ts';
import { ttlMs } from '../ttl.ts';
import { NotMade } from './batch-factory.ts';
import type { Lease, LeaseRequest, Leases } from './leases.ts';
import { type LoadPlan, type Made, recordOf } from './plan.ts';
import { EARLY, inTime, LATE } from './waiting.ts';

/** One key to load. */
export interface LoadRequest<T> extends LeaseRequest {
  /** The application's key. */
  readonly key: string;
  readonly factory: Factory<T>;
  readonly plan: LoadPlan;
  /** When the caller's hard timeout is over, by the monotonic clock. */
  readonly deadlineAt: number | undefined;
  /** What may be served when the factory fails or is slow. */
  readonly stale: { readonly value: T } | undefined;
  /** Set while the backend is out: the value is made for the callers alone. */
  readonly refusal: unknown;
}

/** What a load gives; nothing when its callers should look again. */
export type Loaded = { readonly value: unknown } | undefined;

/** Thrown to a caller that should look again: another process has stored the value. Never reaches an application. */
export class AskAgain extends Error {}

// How long a load goes on that no caller waits for, where its caller named no hard timeout.
const BACKGROUND_MS = 60_000;

/** A load in flight. */
class Load {
  readonly request: LoadRequest<unknown>;
  readonly controller = new AbortController();
  /** Ends the wait for its factory, whether that listens to the signal or not. Set while it runs. */
  stop: ((reason: unknown) => void) | undefined;
  promise!: Promise<Loaded>;
  /** Callers that wait. */
  waiting = 0;
  /** Ends it. Set when it goes on also without a caller. */
  background: NodeJS.Timeout | undefined;
  /** Set when that end came: those who had joined it have factories of their own. */
  isGivenUp = false;
  served = 0;
  /** Set when the key was changed meanwhile: the result must not be stored. */
  isCancelled: boolean;
  /** Set when there was nothing to store: the factory failed, or took too long. */
  hasFailed = false;
  /** Why its value is not stored, when that is not the fault of a change. */
  refusal: unknown;
  /** Set when the value cannot be copied either. */
  isOneOfAKind = false;
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
    this.refusal = request.refusal;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Gives the lease back, if it holds one. */
  release(): void {
    // The backend may be what others wait for: not awaited.
    void this.lease?.release();
    this.lease = undefined;
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
 * Runs factories: one at a time for a key, in this process; with leases, in all processes. See {@link Changes} for what
 * ends them.
 */
export class Loader implements Cancellable {
  readonly #calls: Calls;
  readonly #store: Store;
  readonly #leases: Leases | undefined;
  readonly #loads = new Map<BackendKey, Load>();
  readonly changes: Changes;

  constructor({ calls, store, leases }: LoaderParts) {
    this.#calls = calls;
    this.#store = store;
    this.#leases = leases;
    this.changes = new Changes(this, calls.timeoutMs);
  }

  /** The value of the load in flight or of a new one; or the stale value, by the plan's rules. */
  async load<T>(request: LoadRequest<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const { stale, deadlineAt } = request;
    const load = this.#join(request) ?? this.#start(request);
    load.waiting++;
    let why: unknown;
    try {
      const softMs = stale && request.plan.softTimeoutMs;
      const waitsToTheEnd = signal === undefined && softMs === undefined && deadlineAt === undefined;
      const hardMs = deadlineAt && deadlineAt - performance.now();
      const outcome = await (waitsToTheEnd ? load.promise : inTime(load.promise, { signal, softMs, hardMs }));
      if (outcome === undefined) throw new AskAgain();
      if (outcome === EARLY) this.#leave(load, deadlineAt);
      if (outcome === LATE) why = tooLate(request.plan.hardTimeoutMs);
      if (outcome === EARLY || outcome === LATE) {
        if (stale === undefined) throw why;
        return stale.value;
      }
      // Each caller gets a value of its own, as from a read.
      return (load.served++ === 0 || load.isOneOfAKind ? outcome.value : this.#store.copy(outcome.value)) as T;
    } catch (error) {
      why = error;
      if (signal?.aborted) throw error;
      if (load.isGivenUp) throw new AskAgain();
      // Whether a stale value will do is up to each caller, also of those that joined.
      if (stale === undefined || !load.hasFailed) throw error;
      return stale.value;
    } finally {
      if (--load.waiting === 0 && load.background === undefined && !load.isSettled) load.controller.abort(why);
    }
  }

  /**
   * Loads without a caller that waits. Errors are on the channel. The request or transaction of who
   * began it will have ended: its factory runs outside of it.
   */
  refresh(request: LoadRequest<unknown>): void {
    if (this.#join(request) !== undefined) return;
    const load = outsideContext(() => this.#start(request));
    this.#leave(load, request.deadlineAt);
  }

  /** Ends the loads that nobody waits for: their factories must not keep the process. */
  close(): void {
    for (const load of this.#loads.values()) {
      if (load.waiting === 0) load.controller.abort(cacheErrors.closed('The cache was closed during a load.'));
    }
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

  /** The keys of the loads in flight that fit. */
  keysWhere(fits: Barrier): BackendKey[] {
    return [...this.#loads].filter(([key, { request }]) => fits(key, request.tags)).map(([key]) => key);
  }

  /** Drops a load that a change has overtaken. Answers the write that it has already begun, if any. */
  cancel(physical: BackendKey): Promise<unknown> | undefined {
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
      load.stop?.(load.signal.reason);
    });
    this.#loads.set(request.physical, load);
    load.promise = this.#run(load);
    load.promise.catch(() => {}); // every caller may have left
    return load;
  }

  /** Lets a load go on without a caller, but not for ever: a factory that hangs would keep the key from all others. */
  #leave(load: Load, deadlineAt: number | undefined): void {
    if (load.isSettled) return;
    const ms = deadlineAt === undefined ? BACKGROUND_MS : Math.max(0, Math.ceil(deadlineAt - performance.now()));
    load.background ??= setTimeout(() => {
      load.isGivenUp = true;
      load.controller.abort(tooLate(ms));
    }, ms).unref();
  }

  #isChanging<T>({ physical, tags }: LoadRequest<T>): boolean {
    for (const fits of this.changes.barriers) if (fits(physical, tags)) return true;
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
      clearTimeout(load.background);
      this.#forget(load);
    }
  }

  async #loadAndStore(load: Load, event: CacheLoadOperation): Promise<Loaded> {
    let made: Made | undefined;
    try {
      const { promise, resolve, reject } = Promise.withResolvers<Made | undefined>();
      load.stop = reject;
      this.#make(load).then(resolve, reject);
      made = await promise;
    } catch (error) {
      load.release();
      load.hasFailed = !(error instanceof NotMade);
      if (load.request.stale !== undefined && load.hasFailed) event.outcome = 'stale';
      throw error;
    }
    if (made === undefined) {
      event.outcome = 'elsewhere';
      return undefined;
    }
    const isStored = await this.#publish(load, recordOf(made, load.request.plan, load.request.tags));
    event.outcome = isStored ? 'stored' : load.refusal === undefined ? 'discarded' : 'refused';
    if (load.refusal !== undefined) event.reason = load.refusal;
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
    if (load.refusal !== undefined) return true;
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
      load.refusal = error;
      load.isCancelled = true; // without a lease nothing tells whether the value is still right when it is there
    }
    return true;
  }

  async #publish(load: Load, record: RecordDraft): Promise<boolean> {
    const { request, lease } = load;
    load.lease = undefined;
    if (load.refusal !== undefined) return false;
    if (load.isCancelled || load.signal.aborted) {
      await lease?.release();
      return false;
    }
    const writing = lease ? lease.publish(record) : this.#storeAlone(request.physical, record);
    // What cannot be stored must not keep others from trying for as long as the lease lasts.
    load.publishing = writing.catch(() => lease?.release());
    try {
      return await writing;
    } catch (error) {
      // The value is there: whoever waits for it has it. Only an outage is for the application to judge.
      if (!EntError.is(error) || !(UNSTORABLE.has(error.code) || this.#calls.forgives(error))) throw error;
      load.refusal = error;
      load.isOneOfAKind = error.code === cacheErrors.not_serializable.code;
      return false;
    }
  }

  async #storeAlone(key: BackendKey, record: RecordDraft): Promise<boolean> {
    const [isStored] = await this.#store.write([{ key, record }]);
    return isStored === true;
  }
}

/** The fault of the value, or of a cache that was closed meanwhile. */
const UNSTORABLE: ReadonlySet<string> = new Set([
  cacheErrors.not_serializable.code,
  cacheErrors.value_too_large.code,
  cacheErrors.closed.code,
]);

function tooLate(ms: number | undefined): EntError {
  return cacheErrors.load_timeout(`The load did not end within ${ms} ms.`);
}
