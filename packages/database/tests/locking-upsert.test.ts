// An upsert in two steps, between which others insert and delete the row.
import { defineEntity, stored } from '@ent/database';
import { expect, it } from 'vitest';
import { type LockingSteps, lockingUpsert } from '../src/internal/sql/locking-upsert.ts';

const tags = defineEntity({
  name: 'tags',
  fields: { id: 'string', label: stored('string', { column: 'the_label' }), owner: 'string' },
  unique: [['label'], ['owner']],
});
const row = { id: '1', label: 'x', owner: 'ann' };

/** How often it tried, and what came of it, where the key of these columns is taken so many times. */
async function tries(columns: readonly string[], times: number, signal = new AbortController().signal) {
  let inserts = 0;
  const back = {
    change: async () => undefined,
    stored: async () => undefined,
    together: (_s: unknown, _c: unknown, work: () => unknown) => work(),
  };
  const steps = {
    back,
    takenBy: (error: Error) => (error.message === 'taken' ? columns : undefined),
    async insert() {
      inserts += 1;
      if (inserts <= times) throw new Error('taken');
      return row;
    },
  } as unknown as LockingSteps<object>;
  const call = { deadlineAt: Infinity, signal };
  const outcome = await lockingUpsert(steps, {}, tags, ['label'], row, { set: row, add: {} }, call).then(
    () => 'stored',
    (error: unknown) => (error as Error).message,
  );
  return [outcome, inserts];
}

it('goes on as long as it is its own key that others take and give back', async () => {
  expect(await tries(['the_label'], 30)).toEqual(['stored', 31]);
});

it('ends where the key never gets free, and soon where it is another one', async () => {
  expect(await tries(['the_label'], Infinity)).toEqual(['taken', 100]);
  expect(await tries(['owner'], Infinity)).toEqual(['taken', 3]);
  expect(await tries([], Infinity)).toEqual(['taken', 3]);
});

it('ends with its call', async () => {
  expect(await tries(['the_label'], Infinity, AbortSignal.abort(new Error('late')))).toEqual(['late', 1]);
});
