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

/** The reads of one namespace: what is there, and whether readers may see it. Keys are the backend's. */
export class View {
  readonly keys: KeySpace;
  readonly tags: Tags;
  readonly #core: Core;
  readonly #peek: ((key: string) => StoredRecord | undefined) | undefined;

  constructor(core: Core, keys: KeySpace) {
    this.keys = keys;
    this.tags = new Tags(core.store, keys, core.generations);
    this.#core = core;
    this.#peek = this.tags.generations.length === 0 ? core.driver.peek?.bind(core.driver) : undefined;
  }

  /** Whether {@link read} answers at once, untraced. */
  answersAtOnce(): boolean {
    return this.#peek !== undefined && !channels.get.hasSubscribers;
  }

  /** The record that readers may see. At once, where the data lives in this process and nobody listens. */
  read(physical: string): StoredRecord | undefined | Promise<StoredRecord | undefined> {
    if (this.#peek !== undefined && !channels.get.hasSubscribers) {
      this.#core.assertOpen('get');
      const record = this.#peek(physical);
      if (record === undefined || !isFresh(record)) return undefined;
      if (record.tags === undefined) return record;
      return this.tags.valid([record]).then(([valid]) => (valid ? record : undefined));
    }
    return this.find(physical).then((found) => (found?.valid && isFresh(found.record) ? found.record : undefined));
  }

  /** Whatever is stored, and whether it still counts. */
  find(physical: string): Promise<Found | undefined> {
    if (!channels.get.hasSubscribers) return this.#find(physical);
    return this.#traced(1, async (event) => {
      const found = await this.#find(physical);
      event.hits = found?.valid && isFresh(found.record) ? 1 : 0;
      return found;
    });
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
  readMany(physical: readonly string[]): Promise<(StoredRecord | undefined)[]> {
    if (physical.length === 0) return Promise.resolve([]);
    if (!channels.get.hasSubscribers) return this.#visibleOf(physical);
    return this.#traced(physical.length, async (event) => {
      const records = await this.#visibleOf(physical);
      event.hits = records.reduce((hits, record) => (record === undefined ? hits : hits + 1), 0);
      return records;
    });
  }

  async #traced<T>(keys: number, work: (event: CacheGetEvent) => Promise<T>): Promise<T> {
    const event: CacheGetEvent = { driver: this.#core.driver.name, keys };
    return traceQuietly(channels.get, event, () => work(event));
  }

  async #visibleOf(physical: readonly string[]): Promise<(StoredRecord | undefined)[]> {
    const found = await this.findMany(physical);
    return found.map((one) => (one?.valid && isFresh(one.record) ? one.record : undefined));
  }

  /** {@link find} for several keys, in two round trips at most. */
  async findMany(physical: readonly string[]): Promise<(Found | undefined)[]> {
    const records = await this.#core.store.read(physical);
    const plain = this.tags.generations.length === 0 && records.every((record) => record?.tags === undefined);
    const valid = plain ? undefined : await this.tags.valid(records);
    return records.map((record, i) => record && { record, valid: valid === undefined || valid[i]! });
  }

  /** Whether readers may see a record that was read apart. */
  readonly visible = (record: StoredRecord): boolean | Promise<boolean> => isFresh(record) && this.valid(record);

  /** Whether its tags are still the current ones. */
  readonly valid = (record: StoredRecord): boolean | Promise<boolean> => {
    if (record.tags === undefined && this.tags.generations.length === 0) return true;
    return this.tags.valid([record]).then(([valid]) => valid === true);
  };
}
