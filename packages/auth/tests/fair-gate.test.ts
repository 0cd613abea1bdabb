import { describe, expect, it } from 'vitest';
import { FairGate } from '../src/internal/fair-gate.ts';

const fail = (reason: string): Error => new Error(reason);
const turn = (): Promise<void> => new Promise(setImmediate);

/** A gate of one place that is taken, and a note of who came in. */
function busy(room = 100, maxWaitMs = 60_000) {
  const gate = new FairGate(1, room, maxWaitMs);
  const order: string[] = [];
  const refused: string[] = [];
  const enter = (who: string, name = who, signal?: AbortSignal): Promise<void> =>
    gate.enter(who, fail, signal).then(
      () => void order.push(name),
      (error: unknown) => void refused.push(`${name} ${(error as Error).message}`),
    );
  return { gate, order, refused, enter };
}

describe('a fair gate', () => {
  it('lets each in turn, however many of one wait', async () => {
    const { gate, order, enter } = busy();
    await enter('first');
    for (let i = 0; i < 50; i++) void enter('flood');
    for (const who of ['a', 'b']) void enter(who);
    void enter('a', 'a2');
    for (let i = 0; i < 6; i++) {
      gate.leave();
      await turn();
    }
    expect(order).toEqual(['first', 'flood', 'a', 'b', 'flood', 'a2', 'flood']);
  });

  it('makes room for who has less waiting than the one who has the most', async () => {
    const { gate, order, refused, enter } = busy(3);
    await enter('first');
    for (let i = 0; i < 3; i++) void enter('flood', `flood${i}`);
    void enter('a');
    void enter('flood', 'flood3');
    await turn();
    expect(refused.sort()).toEqual(['flood2 full', 'flood3 full']);
    for (let i = 0; i < 3; i++) {
      gate.leave();
      await turn();
    }
    expect(order).toEqual(['first', 'flood0', 'a', 'flood1']);
  });

  it('refuses who has waited too long, and gives the place to the next', async () => {
    const { gate, order, refused, enter } = busy(10, 20);
    await enter('first');
    await enter('late');
    expect(refused).toEqual(['late late']);
    void enter('next');
    gate.leave();
    await turn();
    expect(order).toEqual(['first', 'next']);
  });

  it('lets a caller go who gives up, and has its places free again in the end', async () => {
    const { gate, order, refused, enter } = busy(1);
    await enter('first');
    const controller = new AbortController();
    const gone = enter('gone', 'gone', controller.signal);
    controller.abort(new Error('left'));
    await gone;
    expect(refused).toEqual(['gone left']);
    const next = enter('next');
    gate.leave();
    await next;
    gate.leave();
    await enter('last');
    expect(order).toEqual(['first', 'next', 'last']);
  });
});
