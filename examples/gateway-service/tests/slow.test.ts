// An instance that answers, but takes far longer than its peers.
import { describe, expect, it, onTestFinished } from 'vitest';
import { Pace } from '../src/proxy/pace.ts';
import type { ServiceDefinition } from '../src/routes.ts';
import { everythingTo, gateway, upstream } from './gateway.ts';

/** So many calls go by while the slow one has one. */
const MEANWHILE = 10;
const FOREVER = 3_600_000;

/** An instance that answers when it is told to, and one that answers at once. */
async function pool(slow: ServiceDefinition['slow']) {
  let isHeld = Promise.withResolvers<'held'>();
  const state = { slowCalls: 0, release: () => {}, isQuickBroken: false };
  const slowOne = await upstream((_, res) => {
    state.slowCalls++;
    if (state.isQuickBroken) return void res.end('slow');
    state.release = () => void res.end('slow');
    isHeld.resolve('held');
  });
  const quickOne = await upstream((_, res) => void res.writeHead(state.isQuickBroken ? 503 : 200).end('quick'));
  const targets = [slowOne.url, quickOne.url];
  const edge = await gateway({ ...everythingTo(), services: { one: { targets, slow } } });
  onTestFinished(async () => {
    state.release();
    await edge[Symbol.asyncDispose]();
    await Promise.all([slowOne, quickOne].map((service) => service[Symbol.asyncDispose]()));
  });
  const send = async (): Promise<string> => (await fetch(edge.url)).text();

  /**
   * One call. Where it comes to the slow instance, others go by before it is answered: however fast the machine is, it
   * takes many times as long as each of those.
   */
  const ask = async (): Promise<string> => {
    isHeld = Promise.withResolvers();
    const answer = send();
    if ((await Promise.race([answer, isHeld.promise])) === 'held') {
      for (let n = 0; n < MEANWHILE; n++) await send();
      state.release();
    }
    return answer;
  };
  return {
    ask,
    state,
    async untilSlowHas(calls: number) {
      while (state.slowCalls < calls) await ask();
    },
    /** Else each of the two would have its turn. */
    async untilPassedOver() {
      for (let inARow = 0; inARow < 30; ) inARow = (await ask()) === 'quick' ? inARow + 1 : 0;
    },
  };
}

describe('an instance that is slow beside its peers', () => {
  it('is passed over', async () => {
    const { untilPassedOver, state } = await pool({ minMs: 0, samples: 5, firstMs: FOREVER });
    await untilPassedOver();
    expect(state.slowCalls).toBeGreaterThanOrEqual(5);
  });

  it('comes back, and is looked at anew', async () => {
    const { untilSlowHas } = await pool({ minMs: 0, samples: 3, firstMs: 1 });
    await untilSlowHas(12);
  });

  it.each([
    ['it takes less than anybody minds', { minMs: FOREVER }],
    ['so many may not be passed over', { share: 0.3 }],
    ['the table says so', false],
  ] as const)('goes on being asked where %s', async (_why, slow) => {
    const { untilSlowHas } = await pool(slow && { minMs: 0, samples: 3, firstMs: FOREVER, ...slow });
    await untilSlowHas(12);
  });

  it('is asked when the others fail', async () => {
    const { untilPassedOver, ask, state } = await pool({ minMs: 0, samples: 3, firstMs: FOREVER });
    await untilPassedOver();
    state.isQuickBroken = true;
    expect(await ask()).toBe('slow');
  });
});

it('options that nobody reads are refused, at the start', async () => {
  const wrong = { services: { one: { targets: ['http://127.0.0.1:1'], slow: { ratio: 3 } as never } }, routes: [] };
  await expect(gateway(wrong)).rejects.toMatchObject({ code: 'gateway.invalid_table' });
  await expect(gateway(wrong)).rejects.toThrow(/"one".*ratio/s);
});

it('is passed over for twice as long each time in a row, up to thirty times as long', () => {
  const pace = new Pace();
  let now = 0;
  const lasts = (): number => {
    pace.passOver(1_000, now);
    const began = now;
    while (pace.isSlow(now)) now += 500;
    return now - began;
  };
  expect(Array.from({ length: 7 }, lasts)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  pace.keep();
  expect(lasts()).toBe(1_000);
});
