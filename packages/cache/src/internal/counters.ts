import type { StoredRecord } from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import type { Count } from '../options.ts';
import type { Core } from './core.ts';
import type { BackendKey } from './keys.ts';
import { counterDraft, draft, isCounter, newSuffix } from './records/record.ts';
import type { View } from './records/view.ts';
import { expiryOf, toContract } from './ttl.ts';

/** One change of a counter. */
interface Addition {
  readonly key: BackendKey;
  readonly by: number;
  /** What an absent counter starts from. */
  readonly initial: number;
  readonly ttlMs: number;
}

/** `by` added to a counter. Other integers count too, and keep what else their record says. */
export async function increment(core: Core, view: View, { key, by, initial, ttlMs }: Addition): Promise<Count> {
  const { driver, calls, atomic } = core;
  const isPlain = core.isPlain && driver.features.stores === 'bytes';
  if (isPlain) assertCountsPlain(core);
  const expiresAt = expiryOf(ttlMs, Date.now());
  // A native counter is digits, which have no place for a generation.
  const isNative = driver.increment !== undefined && view.tags.generations.length === 0;
  if (isNative) {
    const start = { initial, expiresAt: toContract(expiresAt), suffix: isPlain ? '' : newSuffix() };
    const count = await calls.run('increment', (call) => driver.increment!(key, by, start, call), key);
    if (count === 'overflow') throw overflow();
    if (count !== undefined) return { count: count.count, ttl: count.ttlMs };
    if (isPlain) throw noCounter(); // to count by writing would lose the TTL
  }
  const tags = isNative ? undefined : await view.tags.begin([]);
  return atomic.update<Count>(key, view.visible, (record) => {
    if (record === undefined) {
      const count = sum(initial, by);
      return {
        record: isNative ? counterDraft(count, expiresAt) : { ...draft(count, expiresAt), tags },
        answer: { count, ttl: leftUntil(expiresAt) },
      };
    }
    if (!Number.isSafeInteger(record.value)) {
      throw noCounter();
    }
    const count = sum(record.value as number, by);
    const answer = { count, ttl: leftUntil(record.freshUntil) };
    const hasOnlyExpiry = record.tags === undefined && record.freshUntil === record.expiresAt && !isCounter(record);
    if (isNative && hasOnlyExpiry) return { record: counterDraft(count, record.expiresAt), answer };
    return { record: { ...record, value: count, lease: undefined }, answer };
  });
}

/** When a record stops being fresh: epoch milliseconds, null for never. */
export async function expiryOfRecord(
  { driver, calls, isPlain }: Core,
  key: BackendKey,
  record: StoredRecord,
): Promise<number | null> {
  if ((isCounter(record) || isPlain) && driver.expiry) {
    return (await calls.run('expiry', (call) => driver.expiry!(key, call), key)) ?? null;
  }
  return toContract(record.freshUntil);
}

/** @throws `cache.unsupported` where a counter would not be digits, or lose its TTL */
function assertCountsPlain({ driver, serializer, hidesExpiry }: Core): void {
  if (hidesExpiry) throw cacheErrors.unsupported(`${driver.name} cannot keep the TTL of a plain counter.`);
  if (Buffer.from(serializer.serialize(-12, '')).toString('latin1') === '-12') return;
  throw cacheErrors.unsupported('A plain counter needs a serializer that writes integers as decimal digits.');
}

function noCounter(): Error {
  return cacheErrors.not_a_counter('increment of a key whose value is not a safe integer.');
}

function leftUntil(expiresAt: number): number | null {
  return toContract(Math.max(0, expiresAt - Date.now()));
}

function sum(count: number, by: number): number {
  const total = count + by;
  if (!Number.isSafeInteger(total)) throw overflow();
  return total;
}

function overflow(): Error {
  return cacheErrors.not_a_counter('The sum would not be a safe integer.');
}
