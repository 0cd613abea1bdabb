import type { TracingChannel } from 'node:diagnostics_channel';
import { refuseUnknown, traced } from '@ent/internal';
import type { CacheOperation } from '../channels.ts';
import type { CacheDriver, CacheFeatures } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import type { BreakerOptions, CacheOptions, CacheSerializer } from '../options.ts';
import { Atomic } from './atomic.ts';
import type { BreakerPlan } from './backend/breaker.ts';
import { Calls } from './backend/calls.ts';
import { assertCount, assertOneOf } from './checks.ts';
import { type BackendKey, KeySpace } from './keys.ts';
import { Leases } from './loads/leases.ts';
import { Loader } from './loads/loader.ts';
import { Codec } from './records/codec.ts';
import { Store } from './records/store.ts';
import { openTier } from './records/tier.ts';
import { taggedJson } from './records/tagged-json.ts';
import { durationMs, ttlMs } from './ttl.ts';

/** What a cache and its namespaces share: the driver and everything between it and them. */
export class Core<D extends CacheDriver = CacheDriver> {
  readonly driver: D;
  readonly calls: Calls;
  readonly store: Store;
  readonly loader: Loader;
  readonly atomic: Atomic;
  /** Whether entries carry the generations of their namespaces. */
  readonly generations: boolean;
  readonly root: KeySpace;
  /** The default TTL. */
  readonly ttlMs: number;
  readonly serializer: CacheSerializer;
  /** Whether entries are the bytes of their values, so that the backend alone knows their expiry. */
  readonly isPlain: boolean;
  readonly #local: CacheDriver | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: CacheOptions<D>) {
    refuseUnknown(options, CACHE_OPTIONS, 'createCache', cacheErrors.invalid_options);
    const { driver, onError = 'throw', timeout = '1s', breaker = {}, clear = 'scan', lease = '5s' } = options;
    if (typeof driver?.get !== 'function') {
      throw cacheErrors.invalid_options('createCache needs a driver, such as memory() of @ent/cache/memory.');
    }
    assertOneOf('onError', onError, ['throw', 'miss'], cacheErrors.invalid_options);
    assertOneOf('clear', clear, ['scan', 'generation'], cacheErrors.invalid_options);
    this.driver = driver;
    this.generations = clear === 'generation';
    if (this.generations) this.requires('conditional', "clear: 'generation'");
    this.serializer = options.serializer ?? taggedJson;
    this.isPlain = this.serializer.plain === true;
    if (this.generations) this.refusePlain("clear: 'generation'");
    if (options.local !== undefined) this.refusePlain('a local tier');
    this.root = KeySpace.root(options.prefix);
    this.ttlMs = ttlMs(options.ttl ?? null);
    const timeoutMs = durationMs(timeout, 'timeout');
    const leaseMs = durationMs(lease, 'lease');
    const breaking = breaker === false ? undefined : breakerPlan(breaker);
    const { shared, conditional } = driver.features;
    // What lives in this process neither hangs nor goes away: no timer for each call.
    this.calls = new Calls(driver, onError === 'miss', shared ? { timeoutMs, breaker: breaking } : undefined);
    this.#local = options.local;
    if (options.local !== undefined) this.requires('tracks', 'a local tier');
    const tier = options.local && openTier(options.local, this.calls, this.#pingKey);
    this.store = new Store(this.calls, new Codec(driver, this.serializer), tier);
    this.atomic = new Atomic(this.store);
    const leases = shared && conditional && !this.isPlain ? new Leases(this.store, leaseMs) : undefined;
    this.loader = new Loader({ calls: this.calls, store: this.store, leases });
  }

  async connect(): Promise<void> {
    await this.calls.run('connect', (call) => this.driver.connect(call));
  }

  async ping(): Promise<void> {
    await this.calls.run('ping', (call) => this.driver.ping(call, this.#pingKey));
  }

  get #pingKey(): BackendKey {
    return this.root.reserved('ping', '');
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.loader.close();
    this.calls.close();
    await this.driver.close();
    await this.#local?.close();
  }

  /** @throws `cache.unsupported`, before any I/O */
  requires(feature: keyof CacheFeatures, what: string): void {
    if (this.driver.features[feature] !== true) {
      throw cacheErrors.unsupported(`${this.driver.name} does not support ${what}.`);
    }
  }

  /** @throws `cache.unsupported`, before any I/O, where entries have no header to keep something in */
  refusePlain(what: string): void {
    if (this.isPlain) throw cacheErrors.unsupported(`Plain entries have no place for ${what}.`);
  }

  /** @throws `cache.unsupported` */
  requiresTags(): void {
    this.requires('conditional', 'tags');
    this.refusePlain('tags');
  }

  /** Whether nobody can tell when an entry expires. */
  get hidesExpiry(): boolean {
    return this.isPlain && this.driver.features.stores === 'bytes' && this.driver.expiry === undefined;
  }

  /** Whether a tier in this process stands in front of the driver. */
  get isTiered(): boolean {
    return this.#local !== undefined;
  }

  /** Publishes an operation on its channel, when somebody listens. */
  traced<E extends CacheOperation & { readonly keys: number }, R>(
    channel: TracingChannel<E, E>,
    keys: number,
    work: () => R,
  ): R {
    if (!channel.hasSubscribers) return work();
    return traced(channel, { driver: this.driver.name, keys } as E, work);
  }
}

const CACHE_OPTIONS = {
  driver: true,
  local: true,
  prefix: true,
  ttl: true,
  serializer: true,
  timeout: true,
  breaker: true,
  onError: true,
  clear: true,
  lease: true,
} as const;

function breakerPlan(options: BreakerOptions): BreakerPlan {
  const known = { failures: true, cooldown: true } as const;
  refuseUnknown(options, known, 'createCache: breaker', cacheErrors.invalid_options);
  const { failures = 3, cooldown = '2s' } = options;
  assertCount('breaker.failures', failures);
  return { failures, cooldownMs: durationMs(cooldown, 'breaker.cooldown') };
}
