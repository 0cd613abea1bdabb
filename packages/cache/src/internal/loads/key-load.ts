import type { StoredRecord, TagVersion } from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import type { Factory, LoadOptions } from '../../options.ts';
import type { Core } from '../core.ts';
import type { BackendKey } from '../keys.ts';
import { type Found, isFresh, isHit, type View } from '../records/view.ts';
import { fits } from '../schema.ts';
import type { LoadRequest } from './loader.ts';
import { type LoadPlan, planLoad, ttlOf } from './plan.ts';

/** What all keys of a call of `getOrSet` or `getOrSetMany` share. */
export interface LoadCall<T> {
  readonly core: Core;
  readonly view: View;
  readonly options: LoadOptions<T>;
}

/** {@link LoadCall}, its options checked. */
export interface CheckedLoadCall<T> extends LoadCall<T> {
  readonly plan: LoadPlan;
}

/** @throws `cache.invalid_argument`, `cache.invalid_ttl` */
export function checked<T>(call: LoadCall<T>, factory: unknown): CheckedLoadCall<T> {
  if (call.options.grace !== undefined) call.core.refusePlain('grace');
  if (call.options.eagerRefresh !== undefined) call.core.refusePlain('what eagerRefresh goes by');
  const plan = planLoad(call.options, call.core.ttlMs);
  if (typeof factory !== 'function') {
    throw cacheErrors.invalid_argument(`The factory must be a function; got ${typeof factory}.`);
  }
  return { ...call, plan };
}

/** One key that a caller asks for: what a read found, and what a load of it takes. */
export class KeyLoad<T> {
  readonly key: string;
  readonly physical: BackendKey;
  readonly #call: CheckedLoadCall<T>;
  /** The lease under which the key was being loaded here, from before it was read. */
  #leaseBefore: string | undefined;
  #found: Found | undefined;
  #deadlineAt: number | undefined;

  constructor(call: CheckedLoadCall<T>, key: string) {
    this.key = key;
    this.physical = call.view.keys.encode(key);
    this.#call = call;
    this.#leaseBefore = call.core.loader.leaseOf(this.physical);
  }

  /** Reads the key; answers the value that the caller may have. */
  async look(): Promise<{ readonly value: T } | undefined> {
    const { core, view } = this.#call;
    this.#leaseBefore = core.loader.leaseOf(this.physical);
    return this.see(await view.find(this.key));
  }

  /** {@link look}, for what was read together with other keys since this was made. */
  async see(found: Found | undefined): Promise<{ readonly value: T } | undefined> {
    this.#found = found;
    if (!isHit(found)) return undefined;
    const { schema } = this.#call.options;
    return schema === undefined ? { value: found.record.value as T } : fits(schema, found.record.value);
  }

  /** Whether what was found is old enough to be loaded again, and nobody is at it. */
  get isRefreshDue(): boolean {
    const { plan } = this.#call;
    if (this.#found === undefined || plan.eagerRefresh === undefined) return false;
    const { freshUntil, lease, value } = this.#found.record;
    const now = Date.now();
    if (freshUntil - now >= ttlOf(value, plan) * (1 - plan.eagerRefresh)) return false;
    return lease === undefined || lease.until <= now;
  }

  /**
   * What the loader needs to load the key.
   *
   * @param isRefresh whether the caller has a value already, so that this very one does not answer the load
   */
  async request(factory: Factory<T>, { isRefresh = false } = {}): Promise<LoadRequest<T>> {
    this.#abandonIfLost();
    const { core, view, options, plan } = this.#call;
    const { schema, tags: names } = options;
    if (names !== undefined) core.requiresTags();
    let tags: readonly TagVersion[] | undefined;
    let refusal: unknown;
    if (names?.length || view.tags.generations.length > 0) {
      try {
        tags = await view.tags.begin(names ?? []);
      } catch (error) {
        if (!core.calls.forgives(error)) throw error;
        refusal = error;
      }
    }
    const record = this.#found?.record;
    const isStale = record?.hasValue && this.#found?.valid && plan.graceMs > 0 && !isFresh(record);
    if (plan.hardTimeoutMs !== undefined) this.#deadlineAt ??= performance.now() + plan.hardTimeoutMs;
    const isUsable = async (current: StoredRecord): Promise<boolean> => {
      if (isRefresh && current.stamp === record?.stamp) return false;
      if (!(await view.visible(current))) return false;
      return (await fits(schema, current.value)) !== undefined;
    };
    return {
      key: this.key,
      physical: this.physical,
      factory,
      plan,
      deadlineAt: this.#deadlineAt,
      found: record,
      stale: isStale ? await fits(schema, record.value) : undefined,
      tags,
      refusal,
      isUsable,
      isValid: view.valid,
    };
  }

  /**
   * A load in flight here whose lease is gone was overtaken by a change of another
   * process: callers from now on must not join it.
   */
  #abandonIfLost(): void {
    const { loader } = this.#call.core;
    const before = this.#leaseBefore;
    if (before === undefined || this.#found?.record.lease?.token === before) return;
    if (loader.leaseOf(this.physical) === before) void loader.cancel(this.physical);
  }
}
