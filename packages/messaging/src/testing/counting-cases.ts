import assert from 'node:assert/strict';
import type { GroupCount } from '../driver.ts';
import { CLOCK_MS, type Kit, type MessagingCase, numbers, textsOf, wireMessage, untilAsync } from './kit.ts';

/** Counts until it is as expected: a broker may need a moment to know what it was told. */
export async function countUntil(kit: Kit, group: string, expected: Partial<GroupCount>): Promise<void> {
  let last: GroupCount | undefined;
  const matches = (): boolean =>
    Object.entries(expected).every(([name, value]) => {
      const told = last?.[name as keyof GroupCount];
      // What a broker does not tell is not wrong.
      return told === value || (last !== undefined && told === undefined && name !== 'ready');
    });
  const look = async (): Promise<boolean> => {
    last = await kit.driver.count({ topic: kit.topic, group }, kit.call);
    return matches();
  };
  await untilAsync(kit, `counting ${JSON.stringify(expected)} in the group ${group}`, look);
}

/** What a driver tells of a group: how much there is, and what. */
export const countingCases: readonly MessagingCase[] = [
  {
    name: 'a group is counted: what is ready, what is with somebody, and no group that is not there',
    async run(kit) {
      const nobody = { topic: kit.topic, group: 'nobody' };
      assert.equal(await kit.driver.count(nobody, kit.call), undefined);
      const source = await kit.subscribe('g', { prefetch: 3 });
      await kit.subscribe('other');
      assert.equal(await kit.driver.count(nobody, kit.call), undefined);
      await countUntil(kit, 'g', { ready: 0, delayed: 0, leased: 0 });
      await kit.send(...numbers(10));
      await countUntil(kit, 'other', { ready: 10, leased: 0 });
      const deliveries = await kit.receive(source, 3);
      await countUntil(kit, 'g', { ready: 7, delayed: 0, leased: 3 });
      await source.settle(deliveries.slice(0, 2).map(({ token }) => ({ token, action: 'ack' })));
      await source.close();
      await countUntil(kit, 'g', { ready: 8, delayed: 0, leased: 0 });
      await countUntil(kit, 'other', { ready: 10 });
    },
  },
  {
    name: 'groups are listed',
    when: ({ features }) => features.lists,
    async run(kit) {
      const listed = async (): Promise<string[]> =>
        (await kit.driver.list!(kit.call))
          .filter(({ topic }) => topic.startsWith(kit.topic))
          .map(({ topic, group }) => `${topic.slice(kit.topic.length)} ${group}`)
          .toSorted();
      assert.deepEqual(await listed(), []);
      for (const [topic, group] of [
        ['', 'a'],
        ['', 'b'],
        ['.other', 'a'],
      ]) {
        await kit.driver.ensure({ topic: `${kit.topic}${topic}`, group: group! }, kit.call);
      }
      assert.deepEqual(await listed(), [' a', ' b', '.other a']);
    },
  },
  {
    name: 'a group that is removed has nothing any more, and the others have what they had',
    async run(kit) {
      const spec = { topic: kit.topic, group: 'a' };
      await kit.driver.ensure(spec, kit.call);
      await kit.subscribe('b');
      await kit.send(...numbers(5));
      await kit.driver.remove(spec, kit.call);
      await kit.driver.remove(spec, kit.call);
      assert.equal(await kit.driver.count(spec, kit.call), undefined);
      await countUntil(kit, 'b', { ready: 5 });
      await kit.driver.ensure(spec, kit.call);
      await countUntil(kit, 'a', { ready: 0 });
      await kit.driver.remove(spec, kit.call);
      await kit.driver.remove({ topic: kit.topic, group: 'b' }, kit.call);
      const [result] = await kit.driver.send([wireMessage(kit.topic, 'x')], kit.call);
      assert.equal(result?.status, 'unroutable', 'a topic without a group');
    },
  },
  {
    name: 'what waits for its next try is counted as delayed',
    when: ({ features }) => features.delayedRetry && features.countsAttempts,
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('x', 'y');
      const [first] = await kit.receive(source, 2);
      await source.settle([{ token: first!.token, action: 'retry', delayMs: 60_000 }]);
      await countUntil(kit, 'g', { ready: 0, delayed: 1, leased: 1 });
    },
  },
  {
    name: 'what is sent with a delay comes after a part of it, tells what is left, and is counted and removed',
    when: ({ features }) => features.delays,
    async run(kit) {
      // As the core names it.
      const spec = { topic: kit.topic, group: 'retry' };
      const source = await kit.subscribe('retry');
      const send = async (text: string, delayMs?: number): Promise<void> => {
        const message = wireMessage(kit.topic, text, { group: 'retry', isInternal: true, delayMs });
        assert.deepEqual(await kit.driver.send([message], kit.call), [{ status: 'stored' }]);
      };
      for (const delayMs of [3_600_000, 30 * 86_400_000, 60_000]) await send('late', delayMs);
      await send('now');
      const [now] = await kit.receive(source, 1);
      assert.deepEqual([...textsOf([now!]), now!.leftMs], ['now', undefined]);
      await countUntil(kit, 'retry', { ready: 0, delayed: 3 });
      const [begun, delayMs] = [kit.now(), 3_000];
      await send('soon', delayMs);
      const [soon] = await kit.receive(source, 1);
      const passedMs = kit.now() - begun;
      assert.deepEqual(textsOf([soon!]), ['soon']);
      kit.assertAttempts([soon!], 1);
      assert.deepEqual(soon!.message.headers, {});
      const leftMs = soon!.leftMs ?? 0;
      assert.ok(leftMs <= (delayMs * 3) / 4, `${leftMs} ms are left`);
      assert.ok(passedMs >= delayMs - leftMs - CLOCK_MS, `${passedMs} ms have passed, and ${leftMs} are left`);
      await source.close();
      await kit.driver.remove(spec, kit.call);
      assert.equal(await kit.driver.count(spec, kit.call), undefined);
      await kit.driver.ensure(spec, kit.call);
      await countUntil(kit, 'retry', { ready: 0, delayed: 0 });
    },
  },
  {
    name: 'browsing shows the first messages in their order, and takes none',
    when: ({ features }) => features.browses,
    async run(kit) {
      const spec = { topic: kit.topic, group: 'g' };
      assert.deepEqual(await kit.driver.browse!(spec, 10, kit.call), []);
      const source = await kit.subscribe('g');
      await kit.send(...numbers(20));
      const shown = async (max: number): Promise<string[]> =>
        textsOf((await kit.driver.browse!(spec, max, kit.call)).map((message) => ({ token: 0, message, attempt: 1 })));
      assert.deepEqual(await shown(5), numbers(5));
      assert.deepEqual(await shown(100), numbers(20));
      const [first, second] = await kit.receive(source, 2);
      await source.settle([
        { token: first!.token, action: 'ack' },
        { token: second!.token, action: 'release' },
      ]);
      assert.deepEqual(await shown(100), numbers(20).slice(1));
      const rest = await kit.receive(source, 19);
      kit.assertAttempts(rest, 1);
      assert.deepEqual(textsOf(rest).sort(), numbers(20).slice(1).sort());
    },
  },
];
