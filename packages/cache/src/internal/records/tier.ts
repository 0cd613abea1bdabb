import { EntError } from '@ent/errors';
import type { CacheDriver, StoredRecord } from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import { type Calls, UNLIMITED } from '../backend/calls.ts';
import type { BackendKey } from '../keys.ts';
import { toContract } from '../ttl.ts';
import { isCounter } from './record.ts';

// For how long what is here is served on the word of the last proof that
// changes still arrive, and when to ask for the next.
const TRUSTED_MS = 2_000;
const PROBE_AFTER_MS = 1_000;

/**
 * @param pingKey as for {@link CacheDriver.ping}
 * @throws `cache.invalid_options` for a driver that cannot be the near one
 */
export function openTier(local: CacheDriver, calls: Calls, pingKey: BackendKey): Tier {
  if (local.peek === undefined || local.drop === undefined || local.features.shared) {
    throw cacheErrors.invalid_options(
      "local must be a driver that keeps values in this process, such as memory(); not with values: 'serialized'.",
    );
  }
  const verify = calls.driver.track!((keys) => tier.changed(keys));
  const tier = new Tier(local, () => calls.run('ping', (call) => verify(call, pingKey)));
  return tier;
}

/** Reads of one key that are under way. */
interface Reading {
  readonly key: BackendKey;
  count: number;
  /** Set when the key was changed meanwhile: what they answer may be from before. */
  spoiled: boolean;
}

/**
 * The local tier: what was read from the backend, until the backend tells that it was changed.
 *
 * It holds only what a read has answered, so that the backend knows to tell this process of the key; a write only
 * removes. Two things make it forget all: a connection that was lost, and (since a dead one can look alive) a time
 * without proof that it is alive. The proof is asked for by the reads that need it; without reads there is no traffic.
 */
export class Tier {
  readonly #near: CacheDriver;
  readonly #peek: (key: string) => StoredRecord | undefined;
  readonly #verify: () => Promise<void>;
  /** By the backend's key. */
  readonly #readings = new Map<string, Reading>();
  #provenAt = Number.NEGATIVE_INFINITY;
  #probing = false;
  #hasWarned = false;

  /** @param verify resolves when everything that was changed before its call has been told to {@link changed} */
  constructor(near: CacheDriver, verify: () => Promise<void>) {
    this.#near = near;
    this.#peek = near.peek!.bind(near);
    this.#verify = verify;
  }

  get(key: BackendKey): StoredRecord | undefined {
    const record = this.#peek(key);
    return record !== undefined && this.#isTrusted() ? record : undefined;
  }

  /** What is here, or else what the backend answers. */
  async one(
    key: BackendKey,
    readFar: (key: BackendKey) => Promise<StoredRecord | undefined>,
  ): Promise<StoredRecord | undefined> {
    const here = this.get(key);
    if (here !== undefined) return here;
    const reading = this.#begin(key);
    let found: StoredRecord | undefined;
    try {
      found = await readFar(key);
    } finally {
      this.#end(reading, found);
    }
    return found;
  }

  /** {@link one} for several keys. */
  async many(
    keys: readonly BackendKey[],
    readFar: (keys: readonly BackendKey[]) => Promise<(StoredRecord | undefined)[]>,
  ): Promise<(StoredRecord | undefined)[]> {
    const records = keys.map((key) => this.get(key));
    const far = keys.filter((_, i) => records[i] === undefined);
    if (far.length === 0) return records;
    const readings = far.map((key) => this.#begin(key));
    let found: (StoredRecord | undefined)[] = [];
    try {
      found = await readFar(far);
    } finally {
      for (const [i, reading] of readings.entries()) this.#end(reading, found[i]);
    }
    let next = 0;
    return records.map((record) => record ?? found[next++]);
  }

  /** Before the backend is asked for a key. Each is followed by {@link #end}. */
  #begin(key: BackendKey): Reading {
    let reading = this.#readings.get(key);
    if (reading === undefined) {
      reading = { key, count: 0, spoiled: false };
      this.#readings.set(key, reading);
    }
    reading.count++;
    return reading;
  }

  /** What the backend has answered; kept if it is a fresh value, and still the current one. */
  #end(reading: Reading, record?: StoredRecord): void {
    const { key } = reading;
    if (--reading.count === 0 && this.#readings.get(key) === reading) this.#readings.delete(key);
    if (reading.spoiled || record === undefined) return;
    // A lease will change soon, and of a counter only the backend knows the expiry.
    if (!record.hasValue || record.lease !== undefined || isCounter(record) || record.freshUntil <= Date.now()) return;
    const { value, freshUntil, tags } = record;
    const kept = {
      value,
      freshUntil,
      tags,
      expiresAt: freshUntil,
      lease: undefined,
      hasValue: true,
      stamp: record.stamp,
    };
    this.#near.set([{ key, value: kept, expiresAt: toContract(freshUntil) }], UNLIMITED).catch(() => {
      // Too large for here. The backend has it.
    });
  }

  /** Forgets keys, or everything, also what is being read. */
  readonly changed = (keys: readonly string[] | null): void => {
    if (keys === null) {
      this.#near.drop!();
      for (const reading of this.#readings.values()) reading.spoiled = true;
      this.#readings.clear();
      return;
    }
    for (const key of keys) {
      const reading = this.#readings.get(key);
      if (reading === undefined) continue;
      reading.spoiled = true;
      this.#readings.delete(key);
    }
    this.#near.delete(keys, UNLIMITED).catch(() => {});
  };

  #isTrusted(): boolean {
    const now = performance.now();
    const silent = now - this.#provenAt;
    if (silent > PROBE_AFTER_MS && !this.#probing) void this.#probe(now);
    return silent < TRUSTED_MS;
  }

  async #probe(now: number): Promise<void> {
    this.#probing = true;
    try {
      await this.#verify();
      this.#provenAt = now;
    } catch (error) {
      // The next read tries again; until one succeeds, the backend is asked for everything.
      this.#warn(error);
    } finally {
      this.#probing = false;
    }
  }

  /** An outage passes, but what the backend refuses for good would show in nothing but its load. */
  #warn(error: unknown): void {
    if (this.#hasWarned || !EntError.is(error) || error.code !== cacheErrors.driver_failed.code) return;
    this.#hasWarned = true;
    const detail = error.cause instanceof Error ? error.cause.message : undefined;
    process.emitWarning(
      `The local tier serves nothing, since no proof of its connection is to be had: ${error.message}`,
      {
        code: error.code,
        ...(detail !== undefined && { detail }),
      },
    );
  }
}
