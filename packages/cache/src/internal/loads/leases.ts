import { randomBytes } from 'node:crypto';
import { pause } from '@ent/internal';
import type { StoredRecord, TagVersion } from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import type { BackendKey } from '../keys.ts';
import { bare, type RecordDraft, STAMP_BYTES } from '../records/record.ts';
import type { Store } from '../records/store.ts';
import { pollDelayMs } from './waiting.ts';

// Each round somebody wins, so this many lost rounds mean a backend that refuses for another reason.
const MAX_LOST = 100;

/** The right to load a key, for one process at a time. */
export interface Lease {
  readonly token: string;
  /**
   * Stores the value, unless the lease was lost: to an invalidation, another write, or by not being renewed in time.
   */
  publish(record: RecordDraft): Promise<boolean>;
  /** Lets the next one load, and shows the stale value again as it was. */
  release(): Promise<void>;
}

/** A key that somebody wants to load. */
export interface LeaseRequest {
  readonly physical: BackendKey;
  /** What was just read: if it was nothing, one round trip is enough. */
  readonly found: StoredRecord | undefined;
  readonly tags: readonly TagVersion[] | undefined;
  /** Whether a record answers the load. */
  readonly isUsable: (record: StoredRecord) => boolean | Promise<boolean>;
  /** Whether the tags of a record, or of the load that leases it, are still the current ones. */
  readonly isValid: (record: StoredRecord) => boolean | Promise<boolean>;
}

/**
 * Leases: one load of a key in the whole cluster, and no value of a load that was overtaken.
 *
 * A lease stands *in* the key: in the stale record, or in one without a value. So whatever changes the key also ends
 * the lease, in one atomic step and on any backend with conditional writes; and a holder that was replaced finds
 * another token. The holder renews it while it loads; of a killed one it runs out.
 */
export class Leases {
  readonly #store: Store;
  readonly #leaseMs: number;

  constructor(store: Store, leaseMs: number) {
    this.#store = store;
    this.#leaseMs = leaseMs;
  }

  /**
   * The lease; or nothing, when the caller should look again: another process has stored the value, or the tags
   * of the load are not the current ones any more.
   */
  async acquire(load: LeaseRequest, signal: AbortSignal): Promise<Lease | undefined> {
    const { physical } = load;
    const token = randomBytes(STAMP_BYTES).toString('latin1'); // one byte each
    let watched: { readonly token: string; readonly until: number; readonly since: number } | undefined;
    let lost = 0;
    for (let round = 0; ; round++) {
      signal.throwIfAborted();
      const found = load.found === undefined && round === 0 ? undefined : await this.#store.versioned(physical);
      const record = found?.record;
      if (record !== undefined && (await load.isUsable(record))) return undefined;
      const valid = record !== undefined && (await load.isValid(record));
      if (valid && record.lease !== undefined) {
        const { lease } = record;
        const now = performance.now();
        // Clocks of processes differ: a lease that did not change while we watched has run out, whatever its date says.
        if (watched?.token !== lease.token || watched.until !== lease.until) watched = { ...lease, since: now };
        const runOut = now - watched.since > this.#leaseMs || (record.hasValue && lease.until <= Date.now());
        if (!runOut) {
          await pause(pollDelayMs(round + 1), signal);
          continue;
        }
      }
      // Under tags that were invalidated while it waited, its lease would count for nobody, and its value neither.
      if (
        round > 0 &&
        load.tags !== undefined &&
        !(await load.isValid({ ...bare(0, undefined, load.tags), stamp: '' }))
      )
        return undefined;
      const when = found === undefined ? 'absent' : { version: found.version };
      const leased = this.#leased(valid && record.hasValue ? record : undefined, token, load.tags);
      if (await this.#store.writeIf(physical, leased, when)) {
        return new HeldLease({
          store: this.#store,
          physical,
          token,
          leaseMs: this.#leaseMs,
          renewed: (current) => this.#leased(current.hasValue ? current : undefined, token, load.tags),
        });
      }
      if (++lost > MAX_LOST) throw cacheErrors.contended(`Other writers changed the key ${MAX_LOST} times in a row.`);
      await pause(Math.random() * lost, signal);
    }
  }

  /**
   * The record with our lease. A stale value keeps its own end. Without a value the record lives no longer than the
   * lease, and has the tags of the load: when they are invalidated, nobody waits for it.
   */
  #leased(stale: StoredRecord | undefined, token: string, tags: readonly TagVersion[] | undefined): RecordDraft {
    const until = Date.now() + this.#leaseMs;
    const lease = { token, until };
    if (stale) return { ...stale, lease };
    return bare(until, lease, tags);
  }
}

/** What a held lease is made of. */
interface Holding {
  readonly store: Store;
  readonly physical: BackendKey;
  readonly token: string;
  readonly leaseMs: number;
  /** The record with the lease for another while. */
  readonly renewed: (record: StoredRecord) => RecordDraft;
}

class HeldLease implements Lease {
  readonly token: string;
  readonly #holding: Holding;
  readonly #timer: NodeJS.Timeout;
  #renewing: Promise<unknown> = Promise.resolve();

  constructor(holding: Holding) {
    this.token = holding.token;
    this.#holding = holding;
    this.#timer = setInterval(() => {
      // A renewal that fails is tried again at the next turn; a lost lease shows when publishing.
      this.#renewing = this.#replace(holding.renewed).catch(() => {});
    }, holding.leaseMs / 3).unref();
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
    const { store, physical } = this.#holding;
    const found = await store.versioned(physical);
    if (found === undefined || found.record.lease?.token !== this.token) return false;
    return store.writeIf(physical, next(found.record), { version: found.version });
  }
}
