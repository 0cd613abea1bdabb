import { type Awaitable, kindOf } from '@ent/internal';
import { channels } from '../../channels.ts';
import type { StoredRecord } from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import type { EntryOptions, SetOptions, Ttl, WriteOptions } from '../../options.ts';
import { assertKnown, assertOneOf } from '../checks.ts';
import type { Core } from '../core.ts';
import type { BackendKey } from '../keys.ts';
import { planTtl } from '../loads/plan.ts';
import { expiryOf, ttlMs } from '../ttl.ts';
import { draft, type RecordDraft } from './record.ts';
import type { View } from './view.ts';

/** Those of a call that names none. */
export const NO_OPTIONS: SetOptions = {};

const WRITE_OPTIONS = { ttl: true, tags: true } as const;
const ENTRY_OPTIONS = { ttl: true } as const;
const SET_OPTIONS = { ...WRITE_OPTIONS, when: true } as const;

/** What `setMany` takes. */
export type Entry = readonly [key: string, value: unknown, options?: EntryOptions | undefined];

/** The writes of one namespace. Keys are the caller's. Loads that began earlier do not write over them. */
export class Writes {
  readonly #core: Core;
  readonly #view: View;
  /** Whether a plain write is done at once, without a promise. */
  readonly #isHere: boolean;

  constructor(core: Core, view: View) {
    this.#core = core;
    this.#view = view;
    this.#isHere = core.driver.put !== undefined && view.tags.generations.length === 0;
  }

  /** Answers whether it was stored. */
  set(key: string, value: unknown, options: SetOptions): Awaitable<boolean> {
    const physical = this.#view.keys.encode(key);
    if (options !== NO_OPTIONS) assertKnown(options, SET_OPTIONS, 'set');
    const { when } = options;
    if (when !== undefined) {
      assertOneOf('when', when, ['absent', 'present'], cacheErrors.invalid_argument);
      this.#core.requires('conditional', `set with when: '${when}'`);
    }
    const ttl = planTtl(options, this.#core.ttlMs);
    const { calls, loader, store } = this.#core;
    const isPlain = when === undefined && options.tags === undefined;
    if (this.#isHere && isPlain && loader.changes.isFree(physical)) {
      if (!channels.set.hasSubscribers) return this.#put(physical, value, ttl);
      return this.#core.traced(channels.set, 1, () => this.#put(physical, value, ttl));
    }
    return this.#core.traced(channels.set, 1, async () => {
      const change = loader.changes.run([physical], async () => {
        const drafted = this.#draft(value, ttl, options.tags);
        const record = drafted instanceof Promise ? await drafted : drafted;
        if (when !== undefined) return this.#setWhen(physical, record, when);
        const [isWritten] = await store.write([{ key: physical, record }]);
        return isWritten === true;
      });
      return calls.orElse(change, false);
    });
  }

  #put(physical: BackendKey, value: unknown, ttl: number): boolean {
    const { loader, store } = this.#core;
    const isWritten = store.put(physical, draft(value, expiryOf(ttl, Date.now())));
    void loader.cancel(physical);
    return isWritten;
  }

  async #setWhen(physical: BackendKey, record: RecordDraft, when: 'absent' | 'present'): Promise<boolean> {
    const { store, atomic } = this.#core;
    if (when === 'absent' && (await store.writeIf(physical, record, when))) return true;
    // What the driver found may be nothing to readers: stale, invalidated, or a lease alone.
    return atomic.update<boolean>(physical, this.#view.visible, (current) =>
      (current === undefined) === (when === 'absent') ? { record, answer: true } : { answer: false },
    );
  }

  async setMany(entries: Iterable<Entry>, options: WriteOptions): Promise<void> {
    assertKnown(options, WRITE_OPTIONS, 'setMany');
    if (typeof (entries as Partial<Iterable<Entry>> | undefined | null)?.[Symbol.iterator] !== 'function') {
      throw cacheErrors.invalid_argument(
        `setMany takes an array or another iterable of entries; got ${kindOf(entries)}.`,
      );
    }
    const ttl = planTtl(options, this.#core.ttlMs);
    const values = new Map<BackendKey, { readonly value: unknown; readonly ttl: number }>();
    for (const [key, value, own] of entries) {
      if (own !== undefined) assertKnown(own, ENTRY_OPTIONS, 'an entry of setMany');
      values.set(this.#view.keys.encode(key), { value, ttl: own === undefined ? ttl : planTtl(own, ttl) });
    }
    if (values.size === 0) return;
    const { calls, loader, store } = this.#core;
    await this.#core.traced(channels.set, values.size, async () => {
      const change = loader.changes.run([...values.keys()], async () => {
        const { tags } = await this.#draft(undefined, ttl, options.tags);
        const now = Date.now();
        return store.write(
          Array.from(values, ([key, one]) => ({ key, record: { ...draft(one.value, expiryOf(one.ttl, now)), tags } })),
        );
      });
      await calls.orElse<unknown>(change, undefined);
    });
  }

  /** What readers would see, which is deleted in the same step. */
  async take(key: string): Promise<StoredRecord | undefined> {
    const physical = this.#view.keys.encode(key);
    const { driver, loader, store, atomic } = this.#core;
    const isOneStep = driver.take !== undefined;
    if (!isOneStep) this.#core.requires('conditional', 'getAndDelete');
    return this.#core.traced(channels.delete, 1, async () => {
      const record = await loader.changes.run([physical], () => (isOneStep ? store : atomic).take(physical));
      return record !== undefined && (await this.#view.visible(record)) ? record : undefined;
    });
  }

  /** Answers whether the key still had the version. */
  async compareAndSet(key: string, version: string, value: unknown, options: WriteOptions): Promise<boolean> {
    const physical = this.#view.keys.encode(key);
    this.#core.requires('conditional', 'compareAndSet');
    if (typeof version !== 'string') throw cacheErrors.invalid_argument('compareAndSet needs the version of an entry.');
    assertKnown(options, WRITE_OPTIONS, 'compareAndSet');
    const ttl = planTtl(options, this.#core.ttlMs);
    const { loader, atomic } = this.#core;
    return this.#core.traced(channels.set, 1, () =>
      loader.changes.run([physical], async () => {
        const record = await this.#draft(value, ttl, options.tags);
        return atomic.update<boolean>(physical, this.#view.visible, (_, current) =>
          current === version ? { record, answer: true } : { answer: false },
        );
      }),
    );
  }

  /** Answers whether there was a value to give a new TTL. */
  async touch(key: string, ttl: Ttl): Promise<boolean> {
    const physical = this.#view.keys.encode(key);
    this.#core.requires('conditional', 'touch');
    const ms = ttlMs(ttl);
    const { loader, atomic } = this.#core;
    return loader.changes.runBeside(physical, () =>
      atomic.update<boolean>(physical, this.#view.visible, (record) => {
        if (record === undefined) return { answer: false };
        return { record: prolonged(record, ms), answer: true };
      }),
    );
  }

  /** The record to write. A plain one is made at once: what is asked for next must not come before it. */
  #draft(value: unknown, ttl: number, tags: readonly string[] | undefined): Awaitable<RecordDraft> {
    if (tags !== undefined) this.#core.requiresTags();
    const record = draft(value, expiryOf(ttl, Date.now()));
    if ((tags ?? []).length === 0 && this.#view.tags.generations.length === 0) return record;
    return this.#view.tags.begin(tags ?? []).then((versions) => ({ ...record, tags: versions }));
  }
}

/** The record with a new TTL and its grace. */
function prolonged(record: StoredRecord, ttl: number): RecordDraft {
  const now = Date.now();
  const freshUntil = expiryOf(ttl, now);
  const grace = record.expiresAt === record.freshUntil ? 0 : record.expiresAt - record.freshUntil;
  return { ...record, freshUntil, expiresAt: expiryOf(ttl + grace, now) };
}
