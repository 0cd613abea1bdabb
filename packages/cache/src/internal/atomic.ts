import type { StoredRecord } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import { counterDraft, draft, isCounter, type RecordDraft } from './record.ts';
import type { View } from './view.ts';
import type { Store } from './store.ts';
import { expiryOf, toContract } from './ttl.ts';

/** What a change decides: a record to write, or undefined to leave all as it is, and what the caller gets if that succeeds. */
export interface Change<T> {
  readonly record?: RecordDraft;
  readonly answer: T;
}

// Each round somebody wins, so this many lost rounds mean a backend that refuses for another reason.
const MAX_ROUNDS = 200;

/**
 * Read-modify-write on one key, by the driver's conditional writes: right against all other writers, in any process. Writers of
 * this process wait for each other, so that they do not collide with themselves.
 */
export class Atomic {
  readonly #store: Store;
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * @param visible which records readers would see: others (stale, invalidated, only a lease) count as absent
   * @param change called with what readers see; again after each round that another writer won
   * @throws `cache.contended`
   */
  async update<T>(
    physical: string,
    visible: (record: StoredRecord) => boolean | Promise<boolean>,
    change: (record: StoredRecord | undefined, version: string | undefined) => Change<T> | Promise<Change<T>>,
  ): Promise<T> {
    const before = this.#queues.get(physical);
    const turn = (async () => {
      await before?.catch(() => {});
      return this.#rounds(physical, visible, change);
    })();
    this.#queues.set(physical, turn);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(physical) === turn) this.#queues.delete(physical);
    }
  }

  async #rounds<T>(
    physical: string,
    visible: (record: StoredRecord) => boolean | Promise<boolean>,
    change: (record: StoredRecord | undefined, version: string | undefined) => Change<T> | Promise<Change<T>>,
  ): Promise<T> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = await this.#store.readVersioned(physical);
      const seen = found !== undefined && (await visible(found.record));
      const { record, answer } = await change(seen ? found.record : undefined, seen ? found.version : undefined);
      if (record === undefined) return answer;
      const when = found === undefined ? 'absent' : { version: found.version };
      const [won] = await this.#store.write([{ key: physical, record, when }]);
      if (won) return answer;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(50, round + 1)));
    }
    throw cacheErrors.contended(`other writers changed the key ${MAX_ROUNDS} times in a row`);
  }
}

/** `by` added to a counter. Other integers count too, and keep what else their record says. */
export async function increment(
  store: Store,
  atomic: Atomic,
  view: View,
  physical: string,
  by: number,
  start: { readonly initial: number; readonly ttlMs: number },
): Promise<number> {
  const { driver } = store;
  const expiresAt = expiryOf(start.ttlMs, Date.now());
  // A native counter is bare digits, which have no place for a generation.
  const native = driver.increment !== undefined && view.tags.generations.length === 0;
  if (native) {
    const initial = { initial: start.initial, expiresAt: toContract(expiresAt) };
    const count = await store.run('increment', (call) => driver.increment!(physical, by, initial, call), physical);
    if (count === 'overflow') throw overflow();
    if (count !== undefined) return count;
  }
  const tags = native ? undefined : await view.tags.begin([]);
  return atomic.update(physical, view.visible, (record) => {
    if (record === undefined) {
      const count = sum(start.initial, by);
      return { record: native ? counterDraft(count, expiresAt) : { ...draft(count, expiresAt), tags }, answer: count };
    }
    if (!Number.isSafeInteger(record.value)) {
      throw cacheErrors.not_a_counter('increment of a key whose value is not a safe integer');
    }
    const count = sum(record.value as number, by);
    const plain = record.tags === undefined && record.freshUntil === record.expiresAt && !isCounter(record);
    if (native && plain) return { record: counterDraft(count, record.expiresAt), answer: count };
    return { record: { ...record, value: count, lease: undefined }, answer: count };
  });
}

function sum(count: number, by: number): number {
  const total = count + by;
  if (!Number.isSafeInteger(total)) throw overflow();
  return total;
}

function overflow(): Error {
  return cacheErrors.not_a_counter('the sum would not be a safe integer');
}

/** When a record stops being fresh: epoch milliseconds, null for never. */
export async function expiryOfRecord(store: Store, physical: string, record: StoredRecord): Promise<number | null> {
  const { driver } = store;
  if (isCounter(record) && driver.expiry) {
    return (await store.run('expiry', (call) => driver.expiry!(physical, call), physical)) ?? null;
  }
  return toContract(record.freshUntil);
}
