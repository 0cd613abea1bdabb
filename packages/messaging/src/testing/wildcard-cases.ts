import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Message } from '../message.ts';
import { type Kit, type MessagingCase, numbers, passing, textsOf, untilAsync, wireMessage } from './kit.ts';

/** Patterns of topics, or their refusal. */
export const wildcardCases: readonly MessagingCase[] = [
  {
    name: 'a pattern gets what is published to the topics that fit, and each message tells its own',
    when: ({ features }) => features.wildcards,
    async run(kit) {
      const { topic } = kit;
      const one = await kit.subscribe('g', { topic: `${topic}.*` });
      const rest = await kit.subscribe('g', { topic: `${topic}.#` });
      const inside = await kit.subscribe('g', { topic: `${topic}.*.b` });
      const name = await kit.subscribe('g', { topic: `${topic}.a` });
      const topics = [topic, `${topic}.a`, `${topic}.a.b`, `${topic}.c`, `${topic}-other.a`];
      assert.deepEqual(await statusesOf(kit, topics), ['stored', 'stored', 'stored', 'stored', 'unroutable']);
      for (const [source, expected] of [
        [one, [`${topic}.a`, `${topic}.c`]],
        [rest, topics.slice(0, 4)],
        [inside, [`${topic}.a.b`]],
        [name, [`${topic}.a`]],
      ] as const) {
        const received = await kit.receive(source, expected.length);
        assert.deepEqual(textsOf(received).sort(), [...expected].sort());
        for (const { message } of received) assert.equal(message.topic, new TextDecoder().decode(message.body));
        await kit.receiveNothing(source);
      }
    },
  },
  {
    name: 'no pattern gets what is kept for those who know its topic',
    when: ({ features }) => features.wildcards,
    async run(kit) {
      const topic = `${kit.topic}.a`;
      const all = await kit.subscribe('g', { topic: `${kit.topic}.#` });
      const hidden = wireMessage(topic, 'hidden', { isInternal: true });
      const [nowhere] = await kit.driver.send([hidden], kit.call);
      assert.equal(nowhere?.status, 'unroutable');
      const own = await kit.subscribe('g', { topic });
      const results = await kit.driver.send([hidden, wireMessage(topic, 'open')], kit.call);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['stored', 'stored'],
      );
      assert.deepEqual(textsOf(await kit.receive(own, 2)).sort(), ['hidden', 'open']);
      assert.deepEqual(textsOf(await kit.receive(all, 1)), ['open']);
      await kit.receiveNothing(all);
    },
  },
  {
    name: 'what is for one group of a pattern reaches it alone, and tells its topic',
    when: ({ features }) => features.wildcards,
    async run(kit) {
      const pattern = `${kit.topic}.*`;
      const topic = `${kit.topic}.a`;
      const source = await kit.subscribe('g', { topic: pattern });
      const others = [await kit.subscribe('h', { topic: pattern }), await kit.subscribe('g', { topic })];
      await kit.driver.send([wireMessage(topic, 'x', { group: 'g', pattern })], kit.call);
      const [delivery] = await kit.receive(source, 1);
      assert.equal(delivery?.message.topic, topic);
      assert.deepEqual(Object.keys(delivery.message.headers), []);
      for (const other of others) await kit.receiveNothing(other);
    },
  },
  {
    name: 'a group of a pattern has retries, dead letters and a replay, each message with its topic',
    when: ({ features }) => features.wildcards,
    async run(kit) {
      const messaging = await kit.messaging();
      const pattern = `${kit.topic}.*`;
      const topic = `${kit.topic}.a`;
      const tries: (readonly [string, number])[] = [];
      let isBroken = true;
      const options = { group: 'g', maxAttempts: 2, backoff: { base: 10 } };
      const { deadLetter } = await messaging.subscribe(pattern, options, (message, { attempt }) => {
        tries.push([message.topic, attempt]);
        if (isBroken) throw new TypeError('not yet');
      });
      await messaging.publish(topic, 1, { id: 'm1', mandatory: true });
      const letters = messaging.deadLetters(deadLetter);
      await untilAsync(kit, 'it is buried', async () => (await letters.count()) === 1);
      const [letter] = await passing(kit, letters.list());
      assert.deepEqual([letter?.id, letter?.topic, letter?.pattern, letter?.group], ['m1', topic, pattern, 'g']);
      assert.equal((await passing(kit, messaging.stats(pattern, 'g')))?.dead, 1);
      isBroken = false;
      assert.equal((await passing(kit, letters.replay())).done, 1);
      await kit.until('it is handled', () => tries.length === 3);
      assert.deepEqual(tries, [
        [topic, 1],
        [topic, 2],
        [topic, 1],
      ]);
    },
  },
  {
    name: 'a group of a pattern keeps the order of each key, answers requests, and is removed',
    when: ({ features }) => features.wildcards && features.ordered,
    async run(kit) {
      const messaging = await kit.messaging();
      const pattern = `${kit.topic}.#`;
      const seen: Message[] = [];
      const options = { group: 'g', concurrency: 4, prefetch: 40 };
      await messaging.respond(pattern, options, async (message) => {
        await nextTurn();
        seen.push(message);
        return message.topic;
      });
      for (const data of numbers(60)) {
        await messaging.publish(`${kit.topic}.${Number(data) % 2}`, Number(data), { key: `k${Number(data) % 3}` });
      }
      await kit.until('all are handled', () => seen.length === 60);
      for (const key of ['k0', 'k1', 'k2']) {
        const own = seen.filter((message) => message.key === key).map(({ data }) => data as number);
        assert.deepEqual(
          own,
          own.toSorted((a, b) => a - b),
        );
      }
      const asked = `${kit.topic}.asked`;
      assert.equal(await passing(kit, messaging.request(asked, 1)), asked);
      await messaging.close();
      const left = await kit.messaging();
      await left.removeGroup(pattern, 'g');
      assert.equal((await left.publish(asked, 1)).status, 'unroutable');
    },
  },
  {
    name: 'a pattern is refused, since the driver takes none',
    when: ({ features }) => !features.wildcards,
    async run(kit) {
      const messaging = await kit.messaging();
      const subscribing = messaging.subscribe(`${kit.topic}.*`, { group: 'g' }, () => {});
      await assert.rejects(subscribing, { code: 'messaging.unsupported' });
    },
  },
];

async function statusesOf(kit: Kit, topics: readonly string[]): Promise<string[]> {
  const results = await kit.driver.send(
    topics.map((topic) => wireMessage(topic, topic)),
    kit.call,
  );
  return results.map(({ status }) => status);
}
