import type { TracingChannel } from 'node:diagnostics_channel';
import { type CacheEvent, traceQuietly } from '../channels.ts';
import type { CacheDriver, CacheFeatures } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import type { BreakerOptions, CacheOptions, CacheSerializer } from '../options.ts';
import { Atomic } from './atomic.ts';
import { assertCount, assertOneOf } from './checks.ts';
import { Guard } from './guard.ts';
import { strictJson } from './json.ts';
import { KeySpace } from './keys.ts';
import { Loader } from './loader.ts';
import { Store } from './store.ts';
import { durationMs, ttlMs } from './ttl.ts';

/** What a cache and its namespaces share: the driver and everything between it and them. */
export class Core<D extends CacheDriver = CacheDriver> {
  readonly driver: D;
  readonly store: Store;
  readonly loader: Loader;
  readonly atomic: Atomic;
  /** Whether entries carry the generations of their namespaces. */
  readonly generations: boolean;
  readonly root: KeySpace;
  /** The default TTL. */
  readonly ttlMs: number;
  readonly serializer: CacheSerializer;
  readonly #guard: Guard;
  readonly #local: CacheDriver | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: CacheOptions<D>) {
    const { driver, onError = 'throw', timeout = '1s', breaker = {}, clear = 'scan', lease = '5s' } = options;
    if (typeof driver?.get !== 'function') {
      throw cacheErrors.invalid_options('createCache needs a driver, such as memory() of @ent/cache/memory');
    }
    assertOneOf('onError', onError, ['throw', 'miss'], cacheErrors.invalid_options);
    assertOneOf('clear', clear, ['scan', 'generation'], cacheErrors.invalid_options);
    this.driver = driver;
    this.generations = clear === 'generation';
    if (this.generations) this.requires('conditional', "clear: 'generation'");
    this.root = KeySpace.root(options.prefix);
    this.ttlMs = ttlMs(options.ttl ?? null);
    const timeoutMs = durationMs(timeout, 'timeout');
    const leaseMs = durationMs(lease, 'lease');
    const breaking = breaker === false ? undefined : breakerPlan(breaker);
    const { remote } = driver;
    const { shared, stores, conditional, joinsReads, tracks } = driver.features;
    if (remote === undefined && (shared || stores === 'bytes' || joinsReads || tracks)) {
      throw cacheErrors.invalid_options(`the driver ${driver.name} lacks "remote", which @ent/cache/remote exports`);
    }
    // What lives in this process neither hangs nor goes away: no timer for each call.
    this.#guard = shared ? new remote!.RemoteGuard(driver, timeoutMs, breaking) : new Guard(driver);
    this.serializer = options.serializer ?? strictJson;
    this.#local = options.local;
    if (options.local !== undefined) this.requires('tracks', 'a local tier');
    const tier = options.local && remote!.openTier(options.local, this.#guard);
    this.store = new Store(this.#guard, this.serializer, onError === 'miss', tier);
    this.atomic = new Atomic(this.store);
    this.loader = new Loader(this.store, shared && conditional ? new remote!.Leases(this.store, leaseMs) : undefined);
  }

  async connect(): Promise<void> {
    await this.#guard.run('connect', (call) => this.driver.connect(call));
  }

  async ping(): Promise<void> {
    await this.#guard.run('ping', (call) => this.driver.ping(call));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#guard.close();
    await this.driver.close();
    await this.#local?.close();
  }

  /** @throws `cache.closed` */
  assertOpen(operation: string): void {
    this.#guard.assertOpen(operation);
  }

  /** @throws `cache.unsupported`, before any I/O */
  requires(feature: keyof CacheFeatures, what: string): void {
    if (this.driver.features[feature] !== true) {
      throw cacheErrors.unsupported(`${this.driver.name} does not support ${what}`);
    }
  }

  /** Whether a tier in this process stands in front of the driver. */
  get tiered(): boolean {
    return this.#local !== undefined;
  }

  /** Publishes an operation on its channel, when somebody listens. */
  traced<E extends CacheEvent & { readonly keys: number }, T>(
    channel: TracingChannel<E, E>,
    keys: number,
    work: () => Promise<T>,
  ): Promise<T> {
    if (!channel.hasSubscribers) return work();
    return traceQuietly(channel, { driver: this.driver.name, keys } as E, work);
  }
}

function breakerPlan({ failures = 3, cooldown = '2s' }: BreakerOptions): { failures: number; cooldownMs: number } {
  assertCount('breaker.failures', failures);
  return { failures, cooldownMs: durationMs(cooldown, 'breaker.cooldown') };
}
