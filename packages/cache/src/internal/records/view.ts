import { type Awaitable, chain, traced } from '@ent/internal';
import { type CacheGetOperation, channels } from '../../channels.ts';
import type { StoredRecord } from '../../driver.ts';
import type { Core } from '../core.ts';
import type { BackendKey, KeySpace } from '../keys.ts';
import { Tags } from './tags.ts';

/** What one read found. */
export interface Found {
  /** As it is stored, whether readers may see it or not. */
  readonly record: StoredRecord;
  /** False when one of its tags was invalidated, or its namespace cleared. */
  readonly valid: boolean;
}

/** {@link Found}, and its version. */
interface VersionedFound extends Found {
  readonly version: string | undefined;
}

/**
 * The reads of one namespace: what is there, and whether readers may see it. Keys are the caller's. What is in this
 * process is answered at once, and not by a promise.
 */
export class View {
  readonly keys: KeySpace;
  readonly tags: Tags;
  readonly #core: Core;
  /** What this process has for a key of the backend; none where it has nothing, or that is not all that is read. */
  readonly #peek: ((key: BackendKey) => StoredRecord | undefined) | undefined;
  /** Whether some of what is stored is in this process, to be looked at without a call. */
  readonly isNear: boolean = false;
  /** Whether all of it is: what is not there is a miss. */
  readonly #isComplete: boolean = false;

  constructor(core: Core, keys: KeySpace) {
    this.keys = keys;
    this.tags = new Tags(core, keys);
    this.#core = core;
    if (this.tags.generations.length > 0) return; // they are read with each entry
    this.#isComplete = core.driver.peek !== undefined;
    this.isNear = this.#isComplete || core.isTiered;
    const { driver, store } = core;
    if (this.#isComplete) this.#peek = driver.peek!.bind(driver);
    else if (core.isTiered) this.#peek = (key) => store.near(key);
  }

  /**
   * The record that readers may see, if it is in this process and has no tags. Else {@link read} tells, also what is
   * wrong with the key. Kept short: the engine makes one piece of code of it only up to a length.
   */
  atHand(key: string): StoredRecord | undefined {
    const peek = this.#peek;
    if (peek === undefined) return undefined;
    const record = peek(this.keys.lookup(key));
    return record !== undefined && record.tags === undefined && isFresh(record) && this.#core.calls.isOpen
      ? this.#told(record)
      : undefined;
  }

  /** The record that readers may see. */
  read(key: string): Awaitable<StoredRecord | undefined> {
    if (channels.get.hasSubscribers) return chain(this.find(key), hitOf);
    const here = this.#look(key);
    if (here !== ELSEWHERE) return this.#shown(here);
    if (this.tags.generations.length > 0) return this.#findFar(this.keys.encode(key)).then(hitOf);
    return this.#core.store.one(this.keys.encode(key)).then(this.#shown);
  }

  /** {@link read} for several keys, in two round trips at most. */
  readMany(keys: readonly string[]): Awaitable<(StoredRecord | undefined)[]> {
    if (channels.get.hasSubscribers) return chain(this.findMany(keys), (found) => found.map(hitOf));
    if (keys.length === 0) return [];
    if (this.#isComplete) return this.#shownMany(keys.map((key) => this.#look(key) as StoredRecord | undefined));
    return this.#core.store.many(keys.map((key) => this.keys.encode(key))).then(this.#shownMany);
  }

  /** Whatever is stored, and whether it still counts; for loads. */
  find(key: string): Awaitable<Found | undefined> {
    if (!channels.get.hasSubscribers) return this.#find(key);
    return chain(
      this.#traced([this.keys.encode(key)], () => chain(this.#find(key), (found) => [found])),
      first,
    );
  }

  /** {@link find} for several keys, in two round trips at most. */
  findMany(keys: readonly string[]): Awaitable<(Found | undefined)[]> {
    if (keys.length === 0) return [];
    const physical = keys.map((key) => this.keys.encode(key));
    return this.#traced(physical, () => {
      const { calls, driver, store } = this.#core;
      if (!this.#isComplete) return store.many(physical).then((records) => this.#judgedMany(records));
      calls.assertOpen('get');
      return this.#judgedMany(physical.map((key) => driver.peek!(key)));
    });
  }

  /**
   * {@link find} with the version that a conditional write needs, where the driver has one. It always asks the backend.
   */
  async findVersioned(key: string): Promise<VersionedFound | undefined> {
    const physical = this.keys.encode(key);
    const { calls, driver, store } = this.#core;
    const [found] = await this.#traced([physical], async () => {
      const read = driver.features.conditional
        ? await calls.orElse(store.versioned(physical), undefined)
        : { record: await store.one(physical), version: undefined };
      if (read?.record === undefined) return [undefined];
      return [{ record: read.record, version: read.version, valid: await this.valid(read.record) }];
    });
    return found;
  }

  /** Whether readers may see a record that was read apart. */
  readonly visible = (record: StoredRecord): Awaitable<boolean> => isFresh(record) && this.valid(record);

  /** Whether the tags of a record are still the current ones. */
  readonly valid = (record: StoredRecord): Awaitable<boolean> => {
    if (record.tags === undefined && this.tags.generations.length === 0) return true;
    return this.tags.valid([record]).then(([valid]) => valid === true);
  };

  /** What this process has for a key: a record, nothing, or {@link ELSEWHERE} where that is the backend's to say. */
  #look(key: string): StoredRecord | undefined | typeof ELSEWHERE {
    if (!this.isNear) return ELSEWHERE;
    const { calls, driver, store } = this.#core;
    calls.assertOpen('get');
    const physical = this.keys.lookup(key);
    const record = this.#isComplete ? driver.peek!(physical) : store.near(physical);
    if (record !== undefined && (this.#isComplete || isFresh(record))) return record;
    if (!this.#isComplete) return ELSEWHERE;
    this.keys.encode(key); // refuses what is no key
    return undefined;
  }

  /** A record without generations, if readers may see it. */
  readonly #shown = (record: StoredRecord | undefined): Awaitable<StoredRecord | undefined> => {
    if (record === undefined || !isFresh(record)) return undefined;
    if (record.tags === undefined) return record;
    return this.tags.valid([record]).then(([valid]) => (valid ? record : undefined));
  };

  readonly #shownMany = (records: (StoredRecord | undefined)[]): Awaitable<(StoredRecord | undefined)[]> => {
    let hasNoTags = this.tags.generations.length === 0;
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      if (record === undefined) continue;
      if (!isFresh(record)) records[i] = undefined;
      else if (record.tags !== undefined) hasNoTags = false;
    }
    if (hasNoTags) return records;
    return this.tags.valid(records).then((valid) => records.map((record, i) => (valid[i] ? record : undefined)));
  };

  #judged(record: StoredRecord): Awaitable<Found> {
    if (record.tags === undefined) return { record, valid: true };
    return this.tags.valid([record]).then(([valid]) => ({ record, valid: valid! }));
  }

  #judgedMany(records: readonly (StoredRecord | undefined)[]): Awaitable<(Found | undefined)[]> {
    const judged = (valid?: readonly boolean[]): (Found | undefined)[] =>
      records.map((record, i) => record && { record, valid: valid === undefined || valid[i]! });
    const hasNoTags = this.tags.generations.length === 0 && records.every((record) => record?.tags === undefined);
    return hasNoTags ? judged() : this.tags.valid(records).then(judged);
  }

  #find(key: string): Awaitable<Found | undefined> {
    const here = this.#look(key);
    if (here === ELSEWHERE) return this.#findFar(this.keys.encode(key));
    return here && this.#judged(here);
  }

  /** {@link find} in the backend. */
  async #findFar(physical: BackendKey): Promise<Found | undefined> {
    const { store } = this.#core;
    const { tags } = this;
    if (tags.generations.length === 0) {
      const record = await store.one(physical);
      return record && this.#judged(record);
    }
    const [record, generations] = await Promise.all([store.one(physical), tags.readGenerations()]);
    if (record === undefined) return undefined;
    return { record, valid: tags.counts(record, generations) ?? (await tags.valid([record]))[0]! };
  }

  /** Publishes a read on its channel, when somebody listens. */
  #traced<F extends Found>(
    physical: readonly BackendKey[],
    work: () => Awaitable<(F | undefined)[]>,
  ): Awaitable<(F | undefined)[]> {
    if (!channels.get.hasSubscribers) return work();
    const { store, driver } = this.#core;
    const near = physical.map((key) => store.near(key) !== undefined);
    return traced(channels.get, { driver: driver.name, keys: physical.length }, (event: CacheGetOperation) =>
      chain(work(), (found) => {
        event.hits = found.filter(isHit).length;
        event.stale = found.filter((one) => one?.valid && one.record.hasValue && !isHit(one)).length;
        event.local = found.filter((one, i) => near[i] && isHit(one)).length;
        return found;
      }),
    );
  }

  /** Publishes a hit that was at hand, when somebody listens: what is that quick is told of when it is done. */
  #told(record: StoredRecord): StoredRecord {
    if (!channels.get.hasSubscribers) return record;
    const { driver, isTiered } = this.#core;
    traced(channels.get, { driver: driver.name, keys: 1, hits: 1, stale: 0, local: isTiered ? 1 : 0 }, nothing);
    return record;
  }
}

const ELSEWHERE = Symbol('elsewhere');

/** Whether readers may see what was found. */
export function isHit<F extends Found>(found: F | undefined): found is F {
  return found !== undefined && found.valid && isFresh(found.record);
}

/** Whether a record has a value, and that is fresh. Its expiry is the driver's business. */
export function isFresh(record: StoredRecord): boolean {
  return record.hasValue && (record.freshUntil === record.expiresAt || Date.now() < record.freshUntil);
}

function hitOf(found: Found | undefined): StoredRecord | undefined {
  return isHit(found) ? found.record : undefined;
}

function first<T>([one]: readonly (T | undefined)[]): T | undefined {
  return one;
}

function nothing(): void {}
