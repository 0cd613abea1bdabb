import assert from 'node:assert/strict';
import type { Message } from '../message.ts';
import type { Messaging } from '../messaging.ts';
import { type Kit, type MessagingCase, numbers, passing, untilAsync } from './kit.ts';

const POISON = { group: 'g', maxAttempts: 1 };

/** Messages that died in the group `g`, in their order, and where they lie. Their subscriber is gone. */
async function died(kit: Kit, messaging: Messaging, ...all: string[]): Promise<string> {
  const subscription = await messaging.subscribe(kit.topic, POISON, () => {
    throw new TypeError('no');
  });
  const letters = messaging.deadLetters(subscription.deadLetter);
  for (const data of all) await messaging.publish(kit.topic, { data }, { id: data, headers: { n: data } });
  await untilAsync(kit, 'they are dead', async () => (await letters.count()) === all.length);
  await subscription.close();
  return subscription.deadLetter;
}

/** Dead letters, on every driver. */
export const deadLetterCases: readonly MessagingCase[] = [
  {
    name: 'dead letters are counted, listed and shown, and stay where they are, in their order',
    async run(kit) {
      const messaging = await kit.messaging();
      const topic = await died(kit, messaging, ...numbers(20));
      const letters = messaging.deadLetters(topic);
      for (let turn = 0; turn < 3; turn++) {
        assert.deepEqual(
          (await letters.list()).map(({ id }) => id),
          numbers(20),
        );
      }
      assert.deepEqual(
        (await letters.list({ limit: 5 })).map(({ id }) => id),
        numbers(5),
      );
      const letter = await letters.show('7');
      const { time, body, diedAt, ...rest } = letter!;
      assert.deepEqual(rest, {
        id: '7',
        type: kit.topic,
        source: 'suite',
        subject: undefined,
        topic: kit.topic,
        group: 'g',
        pattern: undefined,
        attempts: 1,
        reason: 'TypeError',
        fields: undefined,
        contentType: 'application/json',
        headers: { n: '7', 'correlation-id': '7' },
      });
      assert.ok(time instanceof Date && time.getTime() > 0);
      assert.ok(diedAt instanceof Date && diedAt >= time, `it died at ${String(diedAt)}`);
      assert.equal(Buffer.from(body).toString(), '{"data":"7"}');
      assert.equal(await letters.show('nobody'), undefined);
      await untilAsync(kit, 'all are there', async () => (await letters.count()) === 20);
      assert.equal(await messaging.deadLetters(`${topic}.none`).count(), 0);
      assert.deepEqual(await messaging.deadLetters(`${topic}.none`).list(), []);
    },
  },

  {
    name: 'dead letters are replayed to the group that they died in alone, as they were published',
    async run(kit) {
      const messaging = await kit.messaging();
      const first: Message[] = [];
      await messaging.subscribe(kit.topic, { group: 'other', prefetch: 100 }, (message) => void first.push(message));
      const topic = await died(kit, messaging, ...numbers(150));
      const again: [number, Message][] = [];
      await messaging.subscribe(kit.topic, { group: 'g', prefetch: 200 }, (message, { attempt }) => {
        again.push([attempt, message]);
      });
      await kit.until('the other group has them', () => first.length === 150);
      const steps: [number, number][] = [];
      const onProgress = (done: number, total: number): void => void steps.push([done, total]);
      const result = await messaging.deadLetters(topic).replay({ onProgress });
      assert.deepEqual([result.done, result.missing], [150, []]);
      assert.deepEqual(steps.at(-1), [150, 150]);
      await kit.until('they are handled', () => again.length === 150);
      const plain = (message: Message): object => ({ ...message, headers: { ...message.headers } });
      assert.deepEqual(
        again.map(([, message]) => plain(message)),
        first.map(plain),
      );
      assert.deepEqual(new Set(again.map(([attempt]) => attempt)), new Set([1]));
      await messaging.publish(kit.topic, 'last');
      await kit.until('the last one is handled', () => first.length > 150 && again.length > 150);
      // The other group has got none of them a second time.
      assert.deepEqual([first.length, again.length], [151, 151]);
      await untilAsync(kit, 'none is left', async () => (await messaging.deadLetters(topic).count()) === 0);
    },
  },

  {
    name: 'replaying some leaves the others, in their order, and tells which were not there',
    async run(kit) {
      const messaging = await kit.messaging();
      const topic = await died(kit, messaging, ...numbers(10));
      const letters = messaging.deadLetters(topic);
      const { done, missing } = await letters.replay({ ids: ['8', '3', 'nobody'] });
      assert.deepEqual([done, missing], [2, ['nobody']]);
      const seen: string[] = [];
      await messaging.subscribe(kit.topic, { group: 'g' }, ({ id }) => void seen.push(id));
      await kit.until('both are handled', () => seen.length === 2);
      assert.deepEqual(seen, ['3', '8']);
      assert.deepEqual(
        (await letters.list()).map(({ id }) => id),
        numbers(10).filter((id) => id !== '3' && id !== '8'),
      );
    },
  },

  {
    name: 'letters that die again are replayed once by one call, and are the same as before but for the time',
    async run(kit) {
      const messaging = await kit.messaging();
      const topic = await died(kit, messaging, ...numbers(5));
      const letters = messaging.deadLetters(topic);
      const before = await letters.list();
      let calls = 0;
      await messaging.subscribe(kit.topic, POISON, () => {
        calls++;
        throw new TypeError('no');
      });
      assert.equal((await passing(kit, letters.replay({ rate: 10 }))).done, 5);
      await kit.until('they have died again', () => calls === 5);
      await untilAsync(kit, 'they are buried again', async () => (await letters.list()).length === 5);
      const text = (list: typeof before): unknown =>
        list.map(({ body, ...rest }) => ({
          ...rest,
          diedAt: undefined,
          headers: { ...rest.headers },
          body: Buffer.from(body).toString(),
        }));
      const after = await letters.list();
      assert.deepEqual(text(after), text(before));
      for (const [at, { diedAt }] of after.entries()) assert.ok(diedAt! > before[at]!.diedAt!, 'the time is the first');
      assert.equal(calls, 5);
    },
  },

  {
    name: 'a replay has a rate, ends at a signal, and goes on with the next call',
    async run(kit) {
      const messaging = await kit.messaging();
      const topic = await died(kit, messaging, ...numbers(6));
      const letters = messaging.deadLetters(topic);
      const stop = new AbortController();
      // One in an hour: the second never comes, however fast time passes here.
      const steps: number[] = [];
      const replaying = letters.replay({
        rate: 1 / 3600,
        signal: stop.signal,
        onProgress: (done) => void steps.push(done),
      });
      await kit.until('the first is replayed', () => steps.length === 1);
      await kit.pass(100);
      stop.abort();
      assert.equal((await replaying).done, 1);
      assert.deepEqual(steps, [1]);
      assert.deepEqual(
        (await letters.list()).map(({ id }) => id),
        numbers(6).slice(1),
      );
      assert.equal((await letters.replay({ signal: AbortSignal.abort() })).done, 0);
      assert.equal((await letters.replay()).done, 5);
    },
  },

  {
    name: 'a purge removes some dead letters, or all',
    async run(kit) {
      const messaging = await kit.messaging();
      const letters = messaging.deadLetters(await died(kit, messaging, ...numbers(150)));
      const { done, missing } = await letters.purge({ ids: ['1', '149', 'nobody'] });
      assert.deepEqual([done, missing], [2, ['nobody']]);
      assert.deepEqual(
        (await letters.list({ limit: 200 })).map(({ id }) => id),
        numbers(149).filter((id) => id !== '1'),
      );
      assert.equal((await letters.purge()).done, 148);
      assert.deepEqual(await letters.list(), []);
      assert.equal((await letters.purge()).done, 0);
    },
  },

  {
    name: 'what somebody else has put among the dead letters stays there',
    async run(kit) {
      const messaging = await kit.messaging();
      const topic = await died(kit, messaging, '0');
      await messaging.publish(topic, 'foreign', { id: 'foreign' });
      const letters = messaging.deadLetters(topic);
      await untilAsync(kit, 'both are there', async () => (await letters.count()) === 2);
      assert.equal((await letters.replay()).done, 1);
      const [left, ...more] = await letters.list();
      assert.deepEqual([left?.id, left?.group, more.length], ['foreign', undefined, 0]);
    },
  },
];
