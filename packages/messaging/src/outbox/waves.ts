import type { StoredMessage } from './tables.ts';

/** Messages that wait for an earlier one of their key, which is due later. */
export interface Blocked {
  readonly orderKey: string;
  readonly until: Date;
}

/**
 * What can be sent of these rows: wave after wave, of which each has one message of a key at the most. Several of one
 * key at once could change places, since any of them may fail alone.
 *
 * @param rows of each key that occurs, all that stand before its last one here
 */
export function wavesOf(rows: readonly StoredMessage[], now: Date): { waves: StoredMessage[][]; blocked: Blocked[] } {
  const waves: StoredMessage[][] = [];
  const blocked: Blocked[] = [];
  const keys = new Map<string, StoredMessage[]>();
  for (const row of rows) {
    if (row.orderKey === null) add(waves, 0, row);
    else keys.set(row.orderKey, [...(keys.get(row.orderKey) ?? []), row]);
  }
  for (const [orderKey, ofKey] of keys) {
    ofKey.sort((a, b) => a.position - b.position);
    const late = ofKey.findIndex(({ dueAt }) => dueAt > now);
    const due = late < 0 ? ofKey : ofKey.slice(0, late);
    for (const [place, row] of due.entries()) add(waves, place, row);
    if (due.length < ofKey.length) blocked.push({ orderKey, until: ofKey[late]!.dueAt });
  }
  return { waves, blocked };
}

function add(waves: StoredMessage[][], place: number, row: StoredMessage): void {
  const wave = waves[place];
  if (wave) wave.push(row);
  else waves[place] = [row];
}
