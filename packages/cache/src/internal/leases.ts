import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoredRecord, TagVersion } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import { bare, type RecordDraft, STAMP_BYTES } from './record.ts';
import type { Store } from './store.ts';
import { pollDelayMs } from './waiting.ts';

// Each round somebody wins, so this many lost rounds mean a backend that refuses for another reason.
const MAX_LOST = 100;

/** The right to load a key, for one process at a time. */
export interface Lease {
  readonly token: string;
  /** Stores the value, unless the lease was lost: to an invalidation, another write, or by not being renewed in time. */
  publish(record: RecordDraft): Promise<boolean>;
  /** Lets the next one load, and shows the stale value again as it was. */
  release(): Promise<void>;
}

/**
 * Leases: one load of a key in the whole cluster, and no value of a load that was overtaken.
 *
 * A lease stands *in* the key: in the stale record, or in one without a value. So whatever changes the key also ends the lease,
 * in one atomic step and on any backend with conditional writes; and a holder that was replaced finds another token. The holder
 * renews it while it loads; of a killed one it runs out.
 */
export class Leases {
  readonly #store: Store;
  readonly #leaseMs: number;

  constructor(store: Store, leaseMs: number) {
    this.#store = store;
    this.#leaseMs = leaseMs;
  }

  /**
   * The lease; or nothing, when the caller should look again: another process has stored the value, or the tags of the load are not the
   * current ones any more.
   *
   * @param load.found what was just read: if it was nothing, one round trip is enough
   * @param load.usable whether a record answers the load
   * @param load.valid whether the tags of a record, or of the load that leases it, are still the current ones
   */
  async acquire(
    load: {
      readonly physical: string;
      readonly found: StoredRecord | undefined;
      readonly tags: readonly TagVersion[] | undefined;
      readonly usable: (record: StoredRecord) => boolean | Promise<boolean>;
      readonly valid: (record: StoredRecord) => boolean | Promise<boolean>;
    },
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const { physical } = load;
    const token = randomBytes(STAMP_BYTES).toString('latin1'); // one byte each
    let watched: { readonly token: string; readonly until: number; readonly since: number } | undefined;
    let lost = 0;
    for (let round = 0; ; round++) {
      signal.throwIfAborted();
      const found = load.found === undefined && round === 0 ? undefined : await this.#store.readVersioned(physical);
      const record = found?.record;
      if (record !== undefined && (await load.usable(record))) return undefined;
      const valid = record !== undefined && (await load.valid(record));
      if (valid && record.lease !== undefined) {
        const { lease } = record;
        const now = performance.now();
        // Clocks of processes differ: a lease that did not change while we watched has run out, whatever its date says.
        if (watched?.token !== lease.token || watched.until !== lease.until) watched = { ...lease, since: now };
        const runOut = now - watched.since > this.#leaseMs || (record.hasValue && lease.until <= Date.now());
        if (!runOut) {
          await delay(pollDelayMs(round), undefined, { signal });
          continue;
        }
      }
      // Under tags that were invalidated while it waited, its lease would count for nobody, and its value neither.
      if (round > 0 && load.tags !== undefined && !(await load.valid({ ...bare(0, undefined, load.tags), stamp: '' })))
        return undefined;
      const when = found === undefined ? 'absent' : { version: found.version };
      const leased = this.#leased(valid && record.hasValue ? record : undefined, token, load.tags);
      const [won] = await this.#store.write([{ key: physical, record: leased, when }]);
      if (won) {
        return new HeldLease(this.#store, physical, token, this.#leaseMs, (current) =>
          this.#leased(current.hasValue ? current : undefined, token, load.tags),
        );
      }
      if (++lost > MAX_LOST) throw cacheErrors.contended(`other writers changed the key ${MAX_LOST} times in a row`);
      await delay(Math.random() * lost, undefined, { signal });
    }
  }

  /**
   * The record with our lease. A stale value keeps its own end. Without a value the record lives no longer than the lease, and has
   * the tags of the load: when they are invalidated, nobody waits for it.
   */
  #leased(stale: StoredRecord | undefined, token: string, tags: readonly TagVersion[] | undefined): RecordDraft {
    const until = Date.now() + this.#leaseMs;
    const lease = { token, until };
    if (stale) return { ...stale, lease };
    return bare(until, lease, tags);
  }
}

class HeldLease implements Lease {
  readonly token: string;
  readonly #store: Store;
  readonly #physical: string;
  readonly #renewed: (record: StoredRecord) => RecordDraft;
  readonly #timer: NodeJS.Timeout;
  #renewing: Promise<unknown> = Promise.resolve();

  constructor(
    store: Store,
    physical: string,
    token: string,
    leaseMs: number,
    renewed: (record: StoredRecord) => RecordDraft,
  ) {
    this.#store = store;
    this.#physical = physical;
    this.token = token;
    this.#renewed = renewed;
    this.#timer = setInterval(() => {
      // A renewal that fails is tried again at the next turn; a lost lease shows when publishing.
      this.#renewing = this.#replace(this.#renewed).catch(() => {});
    }, leaseMs / 3).unref();
  }

  async publish(record: RecordDraft): Promise<boolean> {
    await this.#stopRenewing();
    return this.#replace(() => record);
  }

  async release(): Promise<void> {
    await this.#stopRenewing();
    await this.#replace((record) => (record.hasValue ? { ...record, lease: undefined } : bare(Date.now() + 1))).catch(
      () => {},
    );
  }

  async #stopRenewing(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
  }

  /** Writes over the record that still has our lease, and over no other. */
  async #replace(next: (record: StoredRecord) => RecordDraft): Promise<boolean> {
    const found = await this.#store.readVersioned(this.#physical);
    if (found === undefined || found.record.lease?.token !== this.token) return false;
    const [won] = await this.#store.write([
      { key: this.#physical, record: next(found.record), when: { version: found.version } },
    ]);
    return won === true;
  }
}
