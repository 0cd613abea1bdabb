import { pause } from '@ent/internal';
import type { StoredRecord } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import type { BackendKey } from './keys.ts';
import { bare, type RecordDraft } from './records/record.ts';
import type { Store, Versioned } from './records/store.ts';

/**
 * What a change decides: a record to write, or undefined to leave all as it
 * is, and what the caller gets if that succeeds.
 */
export interface Change<T> {
  readonly record?: RecordDraft;
  readonly answer: T;
}

// What a conditional write leaves that stands for a deletion: it is expired when it arrives.
const GONE = bare(1);

// Each round somebody wins, so this many lost rounds mean a backend that refuses for another reason.
const MAX_ROUNDS = 200;

/**
 * Read-modify-write on one key, by the driver's conditional writes: right against all other writers, in any process.
 * Writers of this process wait for each other, so that they do not collide with themselves.
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
  update<T>(
    physical: BackendKey,
    visible: (record: StoredRecord) => boolean | Promise<boolean>,
    change: (record: StoredRecord | undefined, version: string | undefined) => Change<T> | Promise<Change<T>>,
  ): Promise<T> {
    return this.#inTurn(physical, async (found) => {
      const seen = found !== undefined && (await visible(found.record));
      return change(seen ? found.record : undefined, seen ? found.version : undefined);
    });
  }

  /**
   * Deletes what a key holds, whether readers see it or not, and answers it.
   *
   * @throws `cache.contended`
   */
  take(physical: BackendKey): Promise<StoredRecord | undefined> {
    return this.#inTurn<StoredRecord | undefined>(physical, async (found) =>
      found === undefined ? { answer: undefined } : { record: GONE, answer: found.record },
    );
  }

  async #inTurn<T>(physical: BackendKey, change: (found: Versioned | undefined) => Promise<Change<T>>): Promise<T> {
    const before = this.#queues.get(physical);
    const turn = (async () => {
      await before?.catch(() => {});
      return this.#rounds(physical, change);
    })();
    this.#queues.set(physical, turn);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(physical) === turn) this.#queues.delete(physical);
    }
  }

  async #rounds<T>(physical: BackendKey, change: (found: Versioned | undefined) => Promise<Change<T>>): Promise<T> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = await this.#store.versioned(physical);
      const { record, answer } = await change(found);
      if (record === undefined) return answer;
      const when = found === undefined ? 'absent' : { version: found.version };
      if (await this.#store.writeIf(physical, record, when)) return answer;
      await pause(Math.random() * Math.min(50, round + 1));
    }
    throw cacheErrors.contended(`Other writers changed the key ${MAX_ROUNDS} times in a row.`);
  }
}
