import { expect, it } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import type { SettleResult, Source } from '../src/index.ts';
import { renewing } from '../src/internal/renewal.ts';
import { manualClock } from '../src/testing.ts';
import { patientCall, sourceWith } from './support.ts';

/** A source with a lease of 30 ms, whose renewals are answered by hand. */
async function leasing() {
  const clock = manualClock();
  const spec = { topic: 't', group: 'g', prefetch: 1 };
  const plain = await memory({ clock, lease: 30 }).subscribe(spec, patientCall());
  const asked: { readonly tokens: readonly unknown[]; readonly answer: (results: SettleResult[]) => void }[] = [];
  const renew: Source['renew'] = (tokens) => new Promise((answer) => asked.push({ tokens, answer }));
  return { clock, source: sourceWith(plain, { renew }), asked };
}

it('renews what is held, three times in a lease, and tells what somebody else has', async () => {
  const { clock, source, asked } = await leasing();
  const told: unknown[] = [];
  const end = renewing(
    source,
    clock,
    () => ['a', 'b'],
    (stale) => told.push(...stale),
  );
  await clock.advance(9);
  expect(asked).toEqual([]);
  await clock.advance(1);
  expect(asked.map(({ tokens }) => tokens)).toEqual([['a', 'b']]);
  asked[0]!.answer(['ok', 'stale']);
  await expect.poll(() => told).toEqual(['b']);
  await clock.advance(10);
  expect(asked.length).toBe(2);
  end();
});

it('ends for good, also while a renewal is under way', async () => {
  const { clock, source, asked } = await leasing();
  const told: unknown[] = [];
  const end = renewing(
    source,
    clock,
    () => ['a'],
    (stale) => told.push(...stale),
  );
  await clock.advance(10);
  expect(asked.length).toBe(1);
  end();
  asked[0]!.answer(['stale']);
  await clock.advance(100);
  expect([asked.length, told]).toEqual([1, []]);
});
