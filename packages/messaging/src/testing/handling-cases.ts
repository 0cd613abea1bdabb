import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messagingErrors } from '../errors.ts';
import type { Message } from '../message.ts';
import { CLOCK_MS, firstTextsOf, type MessagingCase, numbers, passing, receiveDelayed, untilAsync } from './kit.ts';

/** What the portable API does with messages beside handing them out, on every driver. */
export const handlingCases: readonly MessagingCase[] = [
  {
    name: 'messages of one key are handled one at a time and in their order, and those of others beside them',
    when: ({ features }) => features.ordered,
    async run(kit) {
      const messaging = await kit.messaging();
      const running = new Map<string, number>();
      const seen = new Map<string, number[]>();
      let [most, together, all] = [0, 0, 0];
      await messaging.subscribe(
        kit.topic,
        { group: 'g', concurrency: 5, prefetch: 100 },
        async ({ key = '', data }) => {
          running.set(key, (running.get(key) ?? 0) + 1);
          most = Math.max(most, running.get(key) as number);
          together = Math.max(together, [...running.values()].filter((count) => count > 0).length);
          for (let turn = 0; turn < 3; turn++) await nextTurn();
          running.set(key, (running.get(key) as number) - 1);
          seen.set(key, [...(seen.get(key) ?? []), data as number]);
          all++;
        },
      );
      for (let n = 0; n < 100; n += 20) {
        await messaging.publishMany(
          kit.topic,
          Array.from({ length: 20 }, (_, at) => ({ data: n + at, key: `k${(n + at) % 4}` })),
        );
      }
      await kit.until('100 messages are handled', () => all === 100);
      assert.equal(most, 1, 'one at a time for each key');
      assert.ok(together > 1, 'several keys at once');
      for (const [key, order] of seen) {
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
          `the order of ${key}`,
        );
      }
    },
  },

  {
    name: 'what is postponed comes back after its delay, with the same attempt',
    when: ({ features }) => features.delayedRetry && features.countsAttempts,
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('x');
      let [delivery] = await kit.receive(source, 1);
      for (let turn = 0; turn < 2; turn++) {
        delivery = await receiveDelayed(kit, source, [{ token: delivery!.token, action: 'postpone', delayMs: 300 }]);
        kit.assertAttempts([delivery], 1);
      }
      assert.deepEqual(firstTextsOf([delivery!]), ['x']);
    },
  },

  {
    name: 'a delayed message is handled after its delay, at its first attempt, and holds up nothing',
    async run(kit) {
      const messaging = await kit.messaging();
      const seen: string[] = [];
      let begun = 0;
      let soonestMs = Infinity;
      for (const group of ['a', 'b']) {
        await messaging.subscribe(kit.topic, { group, backoff: { base: 10 } }, ({ data }, { attempt }) => {
          seen.push(`${data as string} ${group} ${attempt}`);
          if (data === 'delayed') soonestMs = Math.min(soonestMs, kit.now() - begun);
          if (data === 'delayed' && attempt === 1) throw new Error('not yet');
        });
      }
      await messaging.publish(kit.topic, 'never', { delay: '1h' });
      begun = kit.now();
      await messaging.publish(kit.topic, 'delayed', { delay: 1500 });
      await messaging.publish(kit.topic, 'now');
      await kit.until('the others are handled', () => seen.filter((text) => text.startsWith('now')).length === 2);
      await kit.until('the delayed one is handled', () => seen.filter((text) => text.endsWith('2')).length === 2);
      assert.deepEqual(seen.toSorted(), [
        'delayed a 1',
        'delayed a 2',
        'delayed b 1',
        'delayed b 2',
        'now a 1',
        'now b 1',
      ]);
      assert.ok(soonestMs >= 1500 - CLOCK_MS, `it was handled after ${soonestMs} ms`);
    },
  },

  {
    name: 'a message whose time is over is not handled, and is no dead letter',
    async run(kit) {
      const messaging = await kit.messaging();
      const seen: unknown[] = [];
      const first = await messaging.subscribe(kit.topic, { group: 'g' }, () => {});
      await first.close();
      await messaging.publish(kit.topic, 'short', { ttl: 1 });
      await messaging.publish(kit.topic, 'long', { ttl: '1h' });
      await kit.pass(20);
      const second = await messaging.subscribe(kit.topic, { group: 'g' }, ({ data }) => void seen.push(data));
      await kit.until('the other one is handled', () => seen.length > 0);
      assert.deepEqual(seen, ['long']);
      let told = await second.stats();
      await untilAsync(kit, 'both are told', async () => {
        told = await second.stats();
        return told.handled + told.expired === 2;
      });
      const { handled, expired, failed, dead } = told;
      assert.deepEqual({ handled, expired, failed, dead }, { handled: 1, expired: 1, failed: 0, dead: 0 });
    },
  },

  {
    name: 'a handler that is too busy gets its message again, and no attempt is counted',
    async run(kit) {
      const messaging = await kit.messaging();
      const seen: number[] = [];
      const options = { group: 'g', maxAttempts: 2, backoff: { base: 1 } };
      const subscription = await messaging.subscribe(kit.topic, options, (_message, { attempt }) => {
        seen.push(attempt);
        if (seen.length === 1) throw new Error('no');
        if (seen.length < 5) throw messagingErrors.busy('Not now.');
      });
      await messaging.publish(kit.topic, 'x');
      let told = await subscription.stats();
      await untilAsync(kit, 'it is handled', async () => {
        told = await subscription.stats();
        return told.handled === 1;
      });
      assert.deepEqual(seen, [1, 2, 2, 2, 2]);
      const { failed, postponed, deadLettered } = told;
      assert.deepEqual({ failed, postponed, deadLettered }, { failed: 1, postponed: 3, deadLettered: 0 });
    },
  },

  {
    name: 'a paused subscription ends what runs, gives back the rest, and goes on when it is resumed',
    async run(kit) {
      const [messaging, other] = [await kit.messaging(), await kit.messaging()];
      const seen: unknown[] = [];
      const begun = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      const options = { group: 'g', prefetch: 10 };
      const subscription = await messaging.subscribe(kit.topic, options, async ({ data }) => {
        begun.resolve();
        await held.promise;
        seen.push(data);
      });
      await messaging.publishMany(
        kit.topic,
        numbers(5).map((data) => ({ data })),
      );
      await passing(kit, begun.promise);
      let rests = false;
      const pausing = subscription.pause().then(() => (rests = true));
      await nextTurn();
      assert.equal(rests, false, 'its handler runs');
      held.resolve();
      await passing(kit, pausing);
      assert.deepEqual(seen, ['0']);
      await subscription.pause();
      // What it had not begun is there for others, as if it had not been delivered.
      const theirs: string[] = [];
      const brief = await other.subscribe(kit.topic, { group: 'g' }, ({ data }, { attempt }) => {
        theirs.push(`${data as string} ${attempt}`);
      });
      await kit.until('the other one has them', () => theirs.length === 4);
      assert.deepEqual(
        theirs.toSorted(),
        numbers(5)
          .slice(1)
          .map((data) => `${data} 1`),
      );
      await brief.close();
      await messaging.publish(kit.topic, 'later');
      await kit.pass(100);
      assert.deepEqual(seen, ['0']);
      subscription.resume();
      await kit.until('it goes on', () => seen.length === 2);
      assert.deepEqual(seen, ['0', 'later']);
      await subscription.pause();
      await passing(kit, subscription.close());
    },
  },

  {
    name: 'a batch handler gets several messages, and each of a batch that failed again',
    async run(kit) {
      const messaging = await kit.messaging();
      const batches: [data: unknown, attempt: number][][] = [];
      const done = new Set<unknown>();
      const options = { group: 'g', size: 10, wait: 500, backoff: { base: 10 } };
      await messaging.subscribeMany(kit.topic, options, async (messages, { attempts }) => {
        batches.push(messages.map(({ data }, at) => [data, attempts[at] as number]));
        await nextTurn();
        if (batches.length === 1) throw new Error('not yet');
        for (const { data } of messages) done.add(data);
      });
      await messaging.publishMany(
        kit.topic,
        numbers(25).map((data) => ({ data })),
      );
      await kit.until('all are done', () => done.size === 25);
      assert.ok(
        batches.every(({ length }) => length <= 10),
        'no batch is larger',
      );
      assert.ok(batches.length < 25, 'they are batches');
      const failed = new Set(batches[0]!.map(([data]) => data));
      const again = batches.slice(1).flat();
      assert.deepEqual(new Set(again.filter(([, attempt]) => attempt === 2).map(([data]) => data)), failed);
      assert.equal(again.length, 25);
    },
  },

  {
    name: 'a request gets the reply of a handler, its error, or none in time',
    async run(kit) {
      const [asking, answering] = [await kit.messaging(), await kit.messaging()];
      const seen: Message[] = [];
      const held = Promise.withResolvers<void>();
      await answering.respond(kit.topic, { group: 'g', concurrency: 10, prefetch: 20 }, async (message) => {
        seen.push(message);
        const n = message.data as number;
        await nextTurn();
        if (n < 0) throw new RangeError('negative');
        if (n === 0) await held.promise;
        return { twice: 2 * n };
      });
      const asked = Array.from({ length: 20 }, (_, n) => asking.request(kit.topic, n + 1));
      assert.deepEqual(
        await passing(kit, Promise.all(asked)),
        asked.map((_, n) => ({ twice: 2 * (n + 1) })),
      );
      await assert.rejects(passing(kit, asking.request(kit.topic, -1)), (error: { code: string; details: unknown }) => {
        assert.deepEqual([error.code, error.details], ['messaging.request_failed', { code: 'RangeError' }]);
        return true;
      });
      await assert.rejects(passing(kit, asking.request(kit.topic, 0, { timeout: 500 })), { code: 'messaging.timeout' });
      await assert.rejects(passing(kit, asking.request(`${kit.topic}.nobody`, 1)), { code: 'messaging.unroutable' });
      const given = new AbortController();
      const giving = asking.request(kit.topic, 0, { signal: given.signal });
      given.abort(new Error('given up'));
      await assert.rejects(passing(kit, giving), { message: 'given up' });
      // A message of anybody is handled too.
      await asking.publish(kit.topic, 99);
      await kit.until('it is handled', () => seen.some(({ data }) => data === 99));
      held.resolve();
    },
  },

  {
    name: 'a subscription tells what it did, and how far its group is',
    async run(kit) {
      const messaging = await kit.messaging();
      assert.equal(await messaging.stats(kit.topic, 'g'), undefined);
      const options = { group: 'g', maxAttempts: 2, backoff: { base: 1 } };
      const subscription = await messaging.subscribe(kit.topic, options, ({ data }) => {
        if (data === 'bad') throw new Error('no');
      });
      await messaging.publishMany(kit.topic, [{ data: 'good' }, { data: 'bad' }, { data: 'good' }]);
      let told = await subscription.stats();
      await untilAsync(kit, 'all are settled', async () => {
        told = await subscription.stats();
        return told.deadLettered === 1 && told.dead === 1 && told.handled === 2 && told.ready === 0;
      });
      const { running, handled, failed, redelivered, deadLettered, ready, delayed, dead } = told;
      assert.deepEqual(
        { running, handled, failed, redelivered, deadLettered, ready, delayed, dead },
        { running: 0, handled: 2, failed: 2, redelivered: 1, deadLettered: 1, ready: 0, delayed: 0, dead: 1 },
      );
      await subscription.close();
      await messaging.publish(kit.topic, 'waits');
      await untilAsync(kit, 'it is counted', async () => (await messaging.stats(kit.topic, 'g'))?.ready === 1);
    },
  },
];
