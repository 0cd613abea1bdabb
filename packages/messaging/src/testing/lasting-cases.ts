import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { firstTextsOf, type MessagingCase, numbers, passing, textsOf, untilAsync } from './kit.ts';

/** What shows only when subscribers, groups and publishers come and go, or fail for long. */
export const lastingCases: readonly MessagingCase[] = [
  {
    name: 'ten topics that are sent to at once are apart',
    async run(kit) {
      const topics = numbers(10).map((n) => `${kit.topic}-${n}`);
      const sources = await Promise.all(topics.map((topic) => kit.subscribe('g', { topic })));
      await Promise.all(topics.map((topic) => kit.sendTo(topic, ...numbers(20).map((n) => `${topic} ${n}`))));
      for (const [at, topic] of topics.entries()) {
        const texts = firstTextsOf(await kit.receive(sources[at]!, 20));
        assert.deepEqual(
          texts.toSorted(),
          numbers(20)
            .map((n) => `${topic} ${n}`)
            .toSorted(),
        );
      }
    },
  },

  {
    name: 'a group that is new gets nothing of what was sent before it',
    async run(kit) {
      const old = await kit.subscribe('old');
      await kit.send('before');
      const fresh = await kit.subscribe('fresh');
      await kit.receiveNothing(fresh);
      await kit.send('after');
      assert.deepEqual(firstTextsOf(await kit.receive(fresh, 1)), ['after']);
      assert.deepEqual(textsOf(await kit.receive(old, 2)).toSorted(), ['after', 'before']);
    },
  },

  {
    name: 'a receive ends when its source is closed, or its driver, and takes nothing along',
    async run(kit) {
      const spec = { topic: kit.topic, group: 'g' };
      const [owner, other] = [await kit.another(), await kit.another()];
      await owner.ensure(spec, kit.call);
      for (const close of ['source', 'driver'] as const) {
        const driver = close === 'source' ? other : owner;
        const source = await driver.subscribe({ ...spec, prefetch: 10 }, kit.call);
        const waiting = source.receive(1, kit.signal).catch(() => []);
        await nextTurn();
        await (close === 'source' ? source : driver).close();
        assert.deepEqual(await kit.soon(waiting), []);
        assert.deepEqual(await kit.soon(source.receive(1, kit.signal).catch(() => [])), []);
      }
      await kit.send('x');
      assert.deepEqual(firstTextsOf(await kit.receive(await kit.subscribe('g'), 1)), ['x']);
    },
  },

  {
    name: 'a subscriber holds no more than its prefetch: others get the rest meanwhile',
    async run(kit) {
      const [first, second] = [await kit.messaging(), await kit.messaging()];
      const begun = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      const [mine, theirs]: [string[], string[]] = [[], []];
      await first.subscribe(kit.topic, { group: 'g', prefetch: 4 }, async ({ data }) => {
        begun.resolve();
        await held.promise;
        mine.push(data as string);
      });
      await first.publishMany(
        kit.topic,
        numbers(20).map((data) => ({ data })),
      );
      await passing(kit, begun.promise);
      await second.subscribe(kit.topic, { group: 'g' }, ({ data }) => void theirs.push(data as string));
      await kit.until('the other one has all but those', () => theirs.length >= 16);
      held.resolve();
      await kit.until('all are handled', () => mine.length + theirs.length >= 20);
      assert.deepEqual([...mine, ...theirs].toSorted(), numbers(20).toSorted());
      assert.ok(mine.length > 0, 'what it holds is its own');
    },
  },

  {
    name: 'three hundred failures end nothing, and each message is handled in the end',
    async run(kit) {
      const messaging = await kit.messaging();
      const options = { group: 'g', concurrency: 10, backoff: { base: 1, max: 1 } };
      const attempts = new Map<unknown, number[]>();
      let failures = 0;
      await messaging.subscribe(kit.topic, options, ({ data }, { attempt }) => {
        attempts.set(data, [...(attempts.get(data) ?? []), attempt]);
        if (attempt === 4) return;
        failures++;
        throw new Error('not yet');
      });
      await messaging.publishMany(
        kit.topic,
        numbers(100).map((data) => ({ data })),
      );
      await kit.until('all are handled', () => [...attempts.values()].filter((all) => all.includes(4)).length === 100);
      assert.equal(failures, 300);
      for (const all of attempts.values()) assert.deepEqual(all, [1, 2, 3, 4]);
    },
  },

  {
    name: 'subscriptions that begin and end again and again lose nothing, and do nothing twice',
    async run(kit) {
      const messaging = await kit.messaging();
      const seen: string[] = [];
      const options = { group: 'g', concurrency: 3, prefetch: 10 };
      let published = 0;
      for (let round = 0; round < 8; round++) {
        const [ending, before] = [new AbortController(), seen.length];
        // By its signal, or by a call.
        const signal = round % 2 === 0 ? ending.signal : undefined;
        const subscription = await messaging.subscribe(kit.topic, { ...options, signal }, async ({ data }) => {
          await nextTurn();
          seen.push(data as string);
        });
        await messaging.publishMany(
          kit.topic,
          Array.from({ length: 20 }, () => ({ data: String(published++) })),
        );
        await kit.until('some are handled', () => seen.length > before + 5);
        ending.abort();
        await passing(kit, subscription.close());
      }
      await messaging.subscribe(kit.topic, options, ({ data }) => void seen.push(data as string));
      await kit.until('all are handled', () => seen.length >= published);
      await passing(kit, messaging.close());
      assert.deepEqual(seen.toSorted(), numbers(published).toSorted());
    },
  },

  {
    name: 'what is published while its messaging closes is stored, or is refused',
    async run(kit) {
      const [messaging, other] = [await kit.messaging(), await kit.messaging()];
      const seen = new Set<unknown>();
      await other.subscribe(kit.topic, { group: 'g' }, ({ data }) => void seen.add(data));
      const publishing = numbers(200).map(async (data) => {
        // One after the other, so that the end comes in the midst of them.
        for (let turn = 0; turn < Number(data); turn += 10) await nextTurn();
        return messaging.publish(kit.topic, data);
      });
      const settled = Promise.allSettled(publishing);
      await publishing[0];
      await passing(kit, messaging.close());
      const results = await passing(kit, settled);
      const stored = numbers(200).filter((_, at) => results[at]?.status === 'fulfilled');
      for (const result of results) {
        if (result.status === 'rejected') assert.equal((result.reason as { code: string }).code, 'messaging.closed');
        else assert.equal(result.value.status, 'stored');
      }
      await kit.until('what was stored is handled', () => stored.every((data) => seen.has(data)));
    },
  },

  {
    name: 'a subscription whose group is removed makes it again, and gets what is stored from then on',
    async run(kit) {
      const messaging = await kit.messaging();
      const seen: unknown[] = [];
      await messaging.subscribe(kit.topic, { group: 'g' }, ({ data }) => void seen.push(data));
      await messaging.publish(kit.topic, 'before');
      await kit.until('the first one is handled', () => seen.length === 1);
      await messaging.removeGroup(kit.topic, 'g');
      await untilAsync(kit, 'the group is there again', async () => {
        return (await messaging.publish(kit.topic, 'after')).status === 'stored';
      });
      await kit.until('it is handled', () => seen.includes('after'));
    },
  },
];
