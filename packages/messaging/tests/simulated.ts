import { itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { type Faults, memory } from '../src/drivers/memory.ts';
import { createMessaging } from '../src/index.ts';
import { mulberry32 } from '../src/internal/faults.ts';
import { manualClock } from '../src/testing.ts';
import { ordinary } from './support.ts';

interface Run {
  readonly published: string[];
  readonly handled: Map<string, number>;
  readonly dead: string[];
  /** What happened, in order. */
  readonly trace: string[];
}

/** Sixty messages through a broker where things go wrong, with two subscribers of which handlers fail too. */
export async function simulate(seed: number, faults: Omit<Faults, 'seed'>, plain = false): Promise<Run> {
  const clock = manualClock();
  const random = mulberry32(seed);
  const broker = memory({ clock, lease: '5s', faults: { seed, ...faults } });
  const driver = plain ? ordinary(broker) : broker;
  const messaging = createMessaging({ driver, clock, random, timeout: '1m' });
  const run: Run = { published: [], handled: new Map(), dead: [], trace: [] };
  const options = { group: 'g', concurrency: 3, prefetch: 5, maxAttempts: 8, backoff: { base: 100, max: 1000 } };
  for (const subscriber of ['a', 'b']) {
    await messaging.subscribe('t', options, ({ id }, { attempt }) => {
      const fails = random() < 0.2;
      run.trace.push(`${subscriber} ${id} ${attempt} ${fails}`);
      if (fails) throw new Error('no');
      run.handled.set(id, (run.handled.get(id) ?? 0) + 1);
    });
  }
  await messaging.subscribe('t.g.dead', { group: 'dead', maxAttempts: 1000 }, ({ id }) => run.dead.push(id));
  let publishing = true;
  const publisher = (async () => {
    for (let n = 0; n < 60; n++) {
      const { id } = await messaging.publish('t', n, { id: `m${n}` });
      run.published.push(id);
    }
    publishing = false;
  })();
  const finished = (): boolean =>
    !publishing && run.published.every((id) => run.handled.has(id) || run.dead.includes(id));
  for (let turn = 0; turn < 500 && !finished(); turn++) await clock.advance(1000);
  await publisher;
  // Late duplicates still arrive.
  await clock.advance(20_000);
  await messaging.close();
  return run;
}

/** How often each of it goes wrong. */
export const everything = {
  loseSend: 0.1,
  loseConfirm: 0.1,
  duplicate: 0.05,
  reorder: 0.1,
  loseSettle: 0.1,
  disconnect: 0.05,
};

/** Errors are made by the million here, and finding out where each comes from costs most about them. */
async function withoutStacks<T>(work: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** @param plain whether the broker is one for which the core keeps the retries */
export function losesNothing(plain: boolean): void {
  itInDepth('loses no message that it confirmed', { full: 50_000, ci: 2000, of: 'seeds' }, async (round) => {
    let duplicates = 0;
    for (let seed = round.seed; seed < round.seed + round.count; seed++) {
      const { published, handled, dead } = await withoutStacks(() => simulate(seed, everything, plain));
      expect(published, `seed ${seed}`).toHaveLength(60);
      const arrived = new Set([...handled.keys(), ...dead]);
      const lost = published.filter((id) => !arrived.delete(id));
      // Nothing but what was published arrives: a duplicate has the id of its message.
      expect([lost, [...arrived]], `seed ${seed}: what was lost, and what nobody published`).toEqual([[], []]);
      for (const times of handled.values()) duplicates += times - 1;
      round.tell(seed - round.seed);
    }
    // The faults did happen.
    expect(duplicates).toBeGreaterThan(round.count);
  });
}
