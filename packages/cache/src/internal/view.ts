import { type CacheGetEvent, channels, traceQuietly } from '../channels.ts';
import type { StoredRecord } from '../driver.ts';
import type { Core } from './core.ts';
import type { KeySpace } from './keys.ts';
import { isFresh } from './store.ts';
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

/** The reads of one namespace: what is there, and whether readers may see it. Keys are the backend's. */
export class View {
  readonly keys: KeySpace;
  readonly tags: Tags;
  readonly #core: Core;
  readonly #peek: ((key: string) => StoredRecord | undefined) | undefined;
  /** Whether what {@link #peek} does not find is a miss. */
  readonly #complete: boolean = false;

  constructor(core: Core, keys: KeySpace) {
    this.keys = keys;
    this.tags = new Tags(core.store, keys, core.generations);
    this.#core = core;
    const { driver, store } = core;
    if (this.tags.generations.length === 0) {
      this.#complete = driver.peek !== undefined;
      this.#peek = driver.peek?.bind(driver) ?? (core.tiered ? (key) => store.near(key) : undefined);
    }
  }

  /** The record that readers may see, if that takes no waiting: it is in this process, has no tags, and nobody listens. */
  atHand(key: string): StoredRecord | undefined {
    if (this.#peek === undefined || channels.get.hasSubscribers) return undefined;
    this.#core.assertOpen('get');
    const record = this.#peek(this.keys.lookup(key));
    return record !== undefined && record.tags === undefined && isFresh(record) ? record : undefined;
  }

  /** The record that readers may see. Asked after {@link atHand}, which is much faster. */
  read(physical: string): StoredRecord | undefined | Promise<StoredRecord | undefined> {
    if (this.#isNear) return this.#shown(this.#peek!(physical));
    if (this.tags.generations.length === 0 && !channels.get.hasSubscribers) {
      return this.#core.store.readOne(physical).then(this.#shown);
    }
    return this.find(physical).then((found) => (isHit(found) ? found.record : undefined));
  }

  /** {@link read}, where that asks nobody outside this process. */
  readNear(physical: string): StoredRecord | undefined | Promise<StoredRecord | undefined> {
    return this.#isNear ? this.read(physical) : undefined;
  }

  /** Whether everything is in this process, and nobody listens. */
  get #isNear(): boolean {
    return this.#complete && !channels.get.hasSubscribers;
  }

  /** A record without generations, if readers may see it. */
  readonly #shown = (
    record: StoredRecord | undefined,
  ): StoredRecord | undefined | Promise<StoredRecord | undefined> => {
    if (record === undefined || !isFresh(record)) return undefined;
    if (record.tags === undefined) return record;
    return this.tags.valid([record]).then(([valid]) => (valid ? record : undefined));
  };

  /** Whatever is stored, and whether it still counts. */
  find(physical: string): Promise<Found | undefined> {
    if (!channels.get.hasSubscribers) return this.#find(physical);
    return this.#traced([physical], async () => [await this.#find(physical)]).then(([found]) => found);
  }

  async #find(physical: string): Promise<Found | undefined> {
    const { tags } = this;
    if (tags.generations.length === 0) {
      const record = await this.#core.store.readOne(physical);
      if (record === undefined) return undefined;
      if (record.tags === undefined) return { record, valid: true };
      return { record, valid: (await tags.valid([record]))[0]! };
    }
    const [record, generations] = await Promise.all([this.#core.store.readOne(physical), tags.readGenerations()]);
    if (record === undefined) return undefined;
    return { record, valid: tags.counts(record, generations) ?? (await tags.valid([record]))[0]! };
  }

  /** {@link read} for several keys. */
  async readMany(physical: readonly string[]): Promise<(StoredRecord | undefined)[]> {
    if (physical.length > 0 && !channels.get.hasSubscribers) {
      const records = await this.#core.store.read(physical);
      let isPlain = this.tags.generations.length === 0;
      for (let i = 0; i < records.length; i++) {
        const record = records[i];
        if (record === undefined) continue;
        if (!isFresh(record)) records[i] = undefined;
        else if (record.tags !== undefined) isPlain = false;
      }
      if (isPlain) return records;
      const valid = await this.tags.valid(records);
      return records.map((record, i) => (valid[i] ? record : undefined));
    }
    const found = await this.findMany(physical);
    return found.map((one) => (isHit(one) ? one.record : undefined));
  }

  /** {@link find} for several keys, in two round trips at most. */
  async findMany(physical: readonly string[]): Promise<(Found | undefined)[]> {
    if (physical.length === 0) return [];
    if (!channels.get.hasSubscribers) return this.#findMany(physical);
    return this.#traced(physical, () => this.#findMany(physical));
  }

  async #findMany(physical: readonly string[]): Promise<(Found | undefined)[]> {
    const records = await this.#core.store.read(physical);
    const valid = await this.tags.valid(records);
    return records.map((record, i) => record && { record, valid: valid[i]! });
  }

  /** {@link find} with the version that a conditional write needs, where the driver has one. */
  async findVersioned(physical: string): Promise<VersionedFound | undefined> {
    const find = async (): Promise<(VersionedFound | undefined)[]> => {
      const { store, driver } = this.#core;
      const read = driver.features.conditional
        ? await store.readVersionedLeniently(physical)
        : { record: await store.readOne(physical), version: undefined };
      if (read?.record === undefined) return [undefined];
      return [{ record: read.record, version: read.version, valid: await this.valid(read.record) }];
    };
    return (await (channels.get.hasSubscribers ? this.#traced([physical], find) : find()))[0];
  }

  /** Publishes a read on its channel. */
  #traced<F extends Found>(
    physical: readonly string[],
    work: () => Promise<(F | undefined)[]>,
  ): Promise<(F | undefined)[]> {
    const { store, driver } = this.#core;
    const near = physical.map((key) => store.near(key) !== undefined);
    const event: CacheGetEvent = { driver: driver.name, keys: physical.length };
    return traceQuietly(channels.get, event, async () => {
      const found = await work();
      event.hits = found.filter(isHit).length;
      event.stale = found.filter((one) => one?.valid && one.record.hasValue && !isHit(one)).length;
      event.local = found.filter((one, i) => near[i] && isHit(one)).length;
      return found;
    });
  }

  /** Whether readers may see a record that was read apart. */
  readonly visible = (record: StoredRecord): boolean | Promise<boolean> => isFresh(record) && this.valid(record);

  /** Whether its tags are still the current ones. */
  readonly valid = (record: StoredRecord): boolean | Promise<boolean> => {
    if (record.tags === undefined && this.tags.generations.length === 0) return true;
    return this.tags.valid([record]).then(([valid]) => valid === true);
  };
}

/** Whether readers may see what was found. */
export function isHit<F extends Found>(found: F | undefined): found is F {
  return found !== undefined && found.valid && isFresh(found.record);
}
