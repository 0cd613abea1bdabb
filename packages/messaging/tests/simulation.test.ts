import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
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
async function simulate(seed: number, faults: Omit<Faults, 'seed'>, plain = false): Promise<Run> {
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
  for (let turn = 0; turn < 5000 && !finished(); turn++) await clock.advance(100);
  await publisher;
  // Late duplicates still arrive.
  await clock.advance(20_000);
  await messaging.close();
  return run;
}

const everything = {
  loseSend: 0.1,
  loseConfirm: 0.1,
  duplicate: 0.05,
  reorder: 0.1,
  loseSettle: 0.1,
  disconnect: 0.05,
};

describe('a broker where everything goes wrong now and then', () => {
  for (const plain of [false, true]) {
    itInDepth(
      `loses no message that it confirmed${plain ? ', where the core keeps the retries' : ''}`,
      { full: 5000, ci: 100, of: 'seeds' },
      async (round) => {
        let duplicates = 0;
        for (let seed = round.seed; seed < round.seed + round.count; seed++) {
          const { published, handled, dead } = await simulate(seed, everything, plain);
          expect(published).toHaveLength(60);
          for (const id of published) {
            expect(handled.has(id) || dead.includes(id), `seed ${seed}: ${id} was lost`).toBe(true);
          }
          // Nothing but what was published arrives: a duplicate has the id of its message.
          for (const id of [...handled.keys(), ...dead]) expect(published).toContain(id);
          for (const times of handled.values()) duplicates += times - 1;
        }
        // The faults did happen.
        expect(duplicates).toBeGreaterThan(round.count);
      },
    );
  }

  it('goes wrong in the same way for the same seed', async () => {
    const [one, again, other] = [
      await simulate(7, everything),
      await simulate(7, everything),
      await simulate(8, everything),
    ];
    expect(again.trace).toEqual(one.trace);
    expect(other.trace).not.toEqual(one.trace);
  });

  it('without faults of its own delivers each message once', async () => {
    const { handled, dead } = await simulate(3, {});
    const all = [...handled.values()];
    expect(all.every((times) => times === 1)).toBe(true);
    expect(all.length + dead.length).toBe(60);
  });
});
