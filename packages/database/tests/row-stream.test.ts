import { expect, it } from 'vitest';
import { RowStream } from '../src/internal/row-stream.ts';

/** Batches, and what was done to them. */
function batches(...lists: readonly (readonly number[])[]) {
  const told: string[] = [];
  async function* source(): AsyncGenerator<readonly number[], void, undefined> {
    try {
      for (const list of lists) {
        told.push(`reads ${list.length}`);
        await Promise.resolve();
        yield list;
      }
    } finally {
      told.push('ended');
    }
  }
  return { told, stream: new RowStream(source()) };
}

it('gives all items in order, also after a batch that is empty, and reads when one is used up', async () => {
  const { told, stream } = batches([1, 2], [], [3]);
  const seen: number[] = [];
  for await (const item of stream) {
    seen.push(item);
    if (item === 2) expect(told).toEqual(['reads 2']);
  }
  expect([seen, told]).toEqual([
    [1, 2, 3],
    ['reads 2', 'reads 0', 'reads 1', 'ended'],
  ]);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

it('answers many that ask at once in their order', async () => {
  const { stream } = batches([1, 2], [3]);
  const answers = await Promise.all(Array.from({ length: 5 }, () => stream.next()));
  expect(answers.map(({ done, value }) => (done === true ? 'done' : value))).toEqual([1, 2, 3, 'done', 'done']);
});

it('ends the batches when the loop is left, and gives nothing more', async () => {
  const { told, stream } = batches([1, 2, 3], [4]);
  for await (const item of stream) if (item === 2) break;
  expect(told).toEqual(['reads 3', 'ended']);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

it('a read that fails is told to who waits, and then it is over', async () => {
  async function* failing(): AsyncGenerator<readonly number[], void, undefined> {
    yield [1];
    throw new Error('mine');
  }
  const stream = new RowStream(failing());
  expect(await stream.next()).toEqual({ done: false, value: 1 });
  await expect(stream.next()).rejects.toThrow('mine');
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

it('can be thrown into, and disposed of', async () => {
  const { told, stream } = batches([1, 2]);
  await stream.next();
  await expect(stream.throw(new Error('mine'))).rejects.toThrow('mine');
  expect(told).toEqual(['reads 2', 'ended']);
  await stream[Symbol.asyncDispose]();
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});
