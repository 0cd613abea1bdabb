import { randomUUID } from 'node:crypto';
import type { StoredRecord, TagVersion } from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import type { Core } from '../core.ts';
import type { BackendKey, KeySpace } from '../keys.ts';
import { draft } from './record.ts';
import type { Store } from './store.ts';

/**
 * Tags: each has a version in the backend, a random token; an entry keeps the versions of its tags from
 * before its value was made, and counts only while they are the current ones. Invalidating is writing a new
 * token. So it holds for entries of any age, needs no clock, and errs on the safe side when the backend
 * loses a version: then its entries are misses.
 *
 * Generations, for clearing a namespace at once, are tags that the cache puts
 * on every entry: one for each level of the path.
 */
export class Tags {
  readonly #store: Store;
  readonly #keys: KeySpace;
  readonly #joinsReads: boolean;
  /** Names of the generations of this namespace and those above it; empty when they are not used. */
  readonly generations: readonly string[];

  constructor({ store, driver, generations }: Core, keys: KeySpace) {
    this.#store = store;
    this.#keys = keys;
    this.#joinsReads = driver.features.joinsReads;
    this.generations = generations ? keys.levels.map((_, level) => `${GENERATION}${level}`) : [];
  }

  /** The versions that a value made from now on depends on. Tags without a version get one. */
  async begin(tags: readonly string[]): Promise<TagVersion[] | undefined> {
    const names = [...new Set([...this.generations, ...namesOf(tags)])];
    if (names.length === 0) return undefined;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const versions = await this.#current(names);
      const missing = names.filter((_, i) => versions[i] === undefined);
      if (missing.length === 0) return names.map((name, i) => [name, versions[i]!]);
      // Whoever is first decides; the next round reads what was decided.
      await this.#store.write(
        missing.map((name) => ({
          key: this.#physical(name),
          record: draft(randomUUID(), Number.POSITIVE_INFINITY),
          ...(round < 3 && { when: 'absent' as const }), // bytes that nobody can read are in the way of `absent`
        })),
      );
    }
    throw cacheErrors.contended('The versions of the tags do not stay in the backend.');
  }

  /** Makes every entry with one of the tags a miss. */
  async invalidate(tags: readonly string[]): Promise<void> {
    await this.#renew(namesOf(tags));
  }

  /** Whether a load of this namespace depends on one of the tags. */
  concern(physical: string, versions: readonly TagVersion[] | undefined, tags: readonly string[]): boolean {
    if (!versions || this.#keys.decode(physical) === undefined) return false;
    return versions.some(([name]) => name.startsWith(NAME) && tags.includes(name.slice(NAME.length)));
  }

  /** Makes every entry of this namespace, and of those below it, a miss. */
  async nextGeneration(): Promise<void> {
    await this.#renew([this.generations.at(-1)!]);
  }

  /** Which of the records still count, in one read for all of them. */
  async valid(records: readonly (StoredRecord | undefined)[]): Promise<boolean[]> {
    const names = new Set<string>();
    for (const record of records) for (const [name] of record?.tags ?? []) names.add(name);
    if (names.size === 0) return records.map((record) => this.#counts(record, EMPTY));
    const asked = [...names];
    const versions = await this.#current(asked);
    const current = new Map(asked.map((name, i) => [name, versions[i]]));
    return records.map((record) => this.#counts(record, current));
  }

  /** {@link valid} for a record that was read together with the generations. */
  counts(record: StoredRecord, generations: readonly (string | undefined)[]): boolean | undefined {
    if (record.tags !== undefined && record.tags.length > this.generations.length) return undefined;
    return this.#counts(record, new Map(this.generations.map((name, i) => [name, generations[i]])));
  }

  /** Starts reading the generations, in the same tick as the entry that they belong to. */
  readGenerations(): Promise<(string | undefined)[]> {
    return Promise.all(this.generations.map(async (name) => version(await this.#store.one(this.#physical(name)))));
  }

  #counts(record: StoredRecord | undefined, current: ReadonlyMap<string, string | undefined>): boolean {
    if (record === undefined) return false;
    const tags = record.tags ?? [];
    // An entry from before generations were switched on has none, and would survive every clear.
    for (const name of this.generations) if (!tags.some(([tagged]) => tagged === name)) return !record.hasValue;
    return tags.every(([name, then]) => current.get(name) === then);
  }

  async #current(names: readonly string[]): Promise<(string | undefined)[]> {
    const keys = names.map((name) => this.#physical(name));
    const records = this.#joinsReads
      ? await Promise.all(keys.map((key) => this.#store.one(key)))
      : await this.#store.many(keys);
    return records.map(version);
  }

  async #renew(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await this.#store.write(
      [...new Set(names)].map((name) => ({
        key: this.#physical(name),
        record: draft(randomUUID(), Number.POSITIVE_INFINITY),
      })),
    );
  }

  #physical(name: string): BackendKey {
    if (name.startsWith(GENERATION))
      return this.#keys.levels[Number(name.slice(GENERATION.length))]!.reserved('generation', '');
    return this.#keys.reserved('tag', name.slice(NAME.length));
  }
}

// One to find a version missing and one to read what was decided are usual.
const MAX_ROUNDS = 10;

// How the names stand in entries: apart, whatever a tag is called.
const NAME = 't';
const GENERATION = 'g';
const EMPTY: ReadonlyMap<string, string | undefined> = new Map();

/** @throws `cache.invalid_argument` */
function namesOf(tags: readonly string[]): string[] {
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string' && tag !== '' && tag.isWellFormed())) {
    throw cacheErrors.invalid_argument('tags must be an array of non-empty well-formed strings.');
  }
  return tags.map((tag) => NAME + tag);
}

function version(record: StoredRecord | undefined): string | undefined {
  return typeof record?.value === 'string' ? record.value : undefined;
}
