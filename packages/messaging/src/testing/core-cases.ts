import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DEAD_LETTER_HEADERS } from '../internal/dead-letter.ts';
import type { Message } from '../message.ts';
import { keepsWaiting, type MessagingCase, numbers, passing, untilAsync } from './kit.ts';

/** What the portable API promises on every driver. */
export const coreCases: readonly MessagingCase[] = [
  {
    name: '5000 messages to 50 subscribers of a group are handled once each',
    async run(kit) {
      const messaging = await kit.messaging();
      const seen = new Map<string, number>();
      for (let n = 0; n < 50; n++) {
        await messaging.subscribe(kit.topic, { group: 'g', concurrency: 4 }, async ({ data }) => {
          await nextTurn();
          seen.set(data as string, (seen.get(data as string) ?? 0) + 1);
        });
      }
      const all = numbers(5000);
      for (let at = 0; at < all.length; at += 100) {
        await messaging.publishMany(
          kit.topic,
          all.slice(at, at + 100).map((data) => ({ data })),
        );
      }
      await kit.until('5000 messages are handled', () => seen.size === 5000);
      await messaging.close();
      assert.deepEqual(
        [...seen.values()].filter((times) => times !== 1),
        [],
      );
    },
  },

  {
    name: 'one subscriber that handles one message at a time keeps the order',
    when: ({ features }) => features.ordered,
    async run(kit) {
      const messaging = await kit.messaging();
      const seen: unknown[] = [];
      await messaging.subscribe(kit.topic, { group: 'g', prefetch: 10 }, async ({ data }) => {
        await nextTurn();
        seen.push(data);
      });
      for (const data of numbers(200)) await messaging.publish(kit.topic, data);
      await kit.until('200 messages are handled', () => seen.length === 200);
      assert.deepEqual(seen, numbers(200));
    },
  },

  {
    name: 'a handler is never called inside the call that publishes',
    async run(kit) {
      const messaging = await kit.messaging();
      let inside = true;
      const seen: boolean[] = [];
      await messaging.subscribe(kit.topic, { group: 'g' }, () => {
        seen.push(inside);
      });
      const publishing = messaging.publish(kit.topic, 1);
      inside = false;
      await publishing;
      await kit.until('the message is handled', () => seen.length === 1);
      assert.deepEqual(seen, [false]);
    },
  },

  {
    name: 'a handler that fails gets the message again, until it succeeds',
    async run(kit) {
      const messaging = await kit.messaging();
      const attempts: number[] = [];
      await messaging.subscribe(kit.topic, { group: 'g', backoff: { base: 10 } }, (_message, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 4) throw new Error('not yet');
      });
      await messaging.publish(kit.topic, 1);
      await kit.until('the fourth attempt', () => attempts.length === 4);
      await kit.pass(500);
      assert.deepEqual(attempts, [1, 2, 3, 4]);
    },
  },

  {
    name: 'poison goes to the dead letters after its attempts, intact, and holds up nothing',
    async run(kit) {
      const messaging = await kit.messaging();
      const done: unknown[] = [];
      let tries = 0;
      const options = { group: 'g', maxAttempts: 3, backoff: { base: 10 } };
      const { deadLetter } = await messaging.subscribe(kit.topic, options, ({ data }) => {
        if (data === 'poison') {
          tries++;
          throw new TypeError('cannot read properties of undefined');
        }
        done.push(data);
      });
      await messaging.publish(kit.topic, 'poison', { id: 'p1', headers: { tenant: 't1' } });
      await messaging.publish(kit.topic, 'good');
      await kit.until('the good one is handled', () => done.length === 1);
      const dead: Message[] = [];
      await messaging.subscribe(deadLetter, { group: 'dead' }, (message) => {
        dead.push(message);
      });
      await kit.until('the poison is buried', () => dead.length === 1);
      assert.equal(tries, 3);
      const [letter] = dead;
      assert.equal(letter?.id, 'p1');
      assert.equal(letter.data, 'poison');
      assert.equal(letter.headers.tenant, 't1');
      assert.equal(letter.headers[DEAD_LETTER_HEADERS.topic], kit.topic);
      assert.equal(letter.headers[DEAD_LETTER_HEADERS.group], 'g');
      assert.equal(letter.headers[DEAD_LETTER_HEADERS.attempts], '3');
      assert.equal(letter.headers[DEAD_LETTER_HEADERS.reason], 'TypeError');
    },
  },

  {
    name: 'only the group that failed gets the message again, as it was published',
    async run(kit) {
      const messaging = await kit.messaging();
      const seen: Record<'failing' | 'well', [number, Message][]> = { failing: [], well: [] };
      for (const group of ['failing', 'well'] as const) {
        await messaging.subscribe(kit.topic, { group, backoff: { base: 10 } }, (message, { attempt }) => {
          seen[group].push([attempt, message]);
          if (group === 'failing' && attempt < 3) throw new Error('not yet');
        });
      }
      await messaging.publish(kit.topic, { n: 1 }, { id: 'm1', subject: 's', headers: { tenant: 't1' } });
      await kit.until('the third attempt', () => seen.failing.length === 3 && seen.well.length > 0);
      await kit.pass(500);
      assert.deepEqual(
        [seen.failing.map(([attempt]) => attempt), seen.well.map(([attempt]) => attempt)],
        [[1, 2, 3], [1]],
      );
      const [, published] = seen.well[0]!;
      for (const [, message] of seen.failing) {
        assert.deepEqual(
          { ...message, headers: { ...message.headers } },
          { ...published, headers: { ...published.headers } },
        );
      }
    },
  },

  {
    name: 'messages that wait long for their next try hold up neither others nor their retries',
    async run(kit) {
      // More than a subscriber holds that keeps them for a broker which does not.
      const many = 250;
      const messaging = await kit.messaging();
      const seen: string[] = [];
      const slow = { group: 'g', concurrency: 50, backoff: { base: '1h', max: '1h', jitter: 0 } };
      const quick = { group: 'g', backoff: { base: 10 } };
      const handler = ({ data }: Message, { attempt }: { attempt: number }): void => {
        seen.push(`${data as string} ${attempt}`);
        if (attempt === 1 && data !== 'good') throw new Error('not yet');
      };
      const subscription = await messaging.subscribe(kit.topic, slow, handler);
      await messaging.publishMany(
        kit.topic,
        numbers(many).map((n) => ({ data: `slow${n}` })),
      );
      await kit.until('the slow ones have failed', () => seen.length === many);
      await passing(kit, subscription.close());
      const { stats } = await messaging.subscribe(kit.topic, quick, handler);
      const begun = kit.now();
      await messaging.publishMany(kit.topic, [{ data: 'bad' }, { data: 'good' }]);
      await kit.until('the others are handled', () => seen.includes('bad 2') && seen.includes('good 1'));
      assert.equal(seen.length, many + 3, seen.slice(many).join());
      if (!keepsWaiting(kit.harness)) return;
      // By a clock that is moved by hand it is known how long they were held up.
      assert.ok(kit.harness.pass === undefined || kit.now() - begun < 5_000, `it took ${kit.now() - begun} ms`);
      // Who holds some of them holds up what comes behind.
      await untilAsync(kit, 'all that wait do so in the broker', async () => (await stats()).delayed === many);
    },
  },

  {
    name: 'no more handlers run at once than were asked for',
    async run(kit) {
      const messaging = await kit.messaging();
      let running = 0;
      let most = 0;
      let done = 0;
      await messaging.subscribe(kit.topic, { group: 'g', concurrency: 3, prefetch: 20 }, async () => {
        most = Math.max(most, ++running);
        for (let turn = 0; turn < 3; turn++) await nextTurn();
        running--;
        done++;
      });
      await messaging.publishMany(
        kit.topic,
        numbers(60).map((data) => ({ data })),
      );
      await kit.until('60 messages are handled', () => done === 60);
      assert.equal(most, 3);
    },
  },

  {
    name: 'closing waits for what runs, gives back the rest, and another subscriber goes on without a loss',
    async run(kit) {
      const [first, second] = [await kit.messaging(), await kit.messaging()];
      const seen: string[] = [];
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const options = { group: 'g', concurrency: 2, prefetch: 10 };
      let begun = 0;
      const subscription = await first.subscribe(kit.topic, options, async ({ data }) => {
        begun++;
        await held;
        seen.push(data as string);
      });
      await first.publishMany(
        kit.topic,
        numbers(20).map((data) => ({ data })),
      );
      await kit.until('two handlers run', () => begun === 2);
      const closing = Promise.all(numbers(10).map(() => subscription.close()));
      await nextTurn();
      release();
      await closing;
      assert.equal(begun, 2);
      assert.equal(seen.length, 2);
      await second.subscribe(kit.topic, { group: 'g' }, ({ data }, { attempt }) => {
        assert.equal(attempt, 1);
        seen.push(data as string);
      });
      await kit.until('all 20 are handled', () => seen.length >= 20);
      assert.deepEqual(seen.sort(), numbers(20).sort());
    },
  },

  {
    name: 'handlers that do not end in time are aborted at closing, and their messages go back',
    async run(kit) {
      const [first, second] = [await kit.messaging(), await kit.messaging()];
      let [begun, aborted] = [false, false];
      const subscription = await first.subscribe(kit.topic, { group: 'g' }, async (_message, { signal }) => {
        begun = true;
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        aborted = true;
        // It goes on as if nothing had happened: nobody waits for it.
        await new Promise(() => {});
      });
      await first.publish(kit.topic, 'x');
      await kit.until('the handler runs', () => begun);
      const closing = subscription.close({ timeout: 100 });
      await kit.until('the handler is aborted', () => aborted);
      await closing;
      const seen: number[] = [];
      await second.subscribe(kit.topic, { group: 'g' }, (_message, { attempt }) => {
        seen.push(attempt);
      });
      await kit.until('the message is handled elsewhere', () => seen.length === 1);
      // It was interrupted, which is not its fault.
      assert.deepEqual(seen, [1]);
    },
  },

  {
    name: 'a handler keeps its message however long it takes, as long as it lives',
    when: ({ features }) => features.leases,
    async run(kit) {
      const [first, second] = [await kit.messaging(), await kit.messaging()];
      const leaseMs = (await kit.subscribe('witness')).leaseMs as number;
      let finish = (): void => {};
      const long = new Promise<void>((resolve) => {
        finish = resolve;
      });
      let [mine, theirs] = [0, 0];
      await first.subscribe(kit.topic, { group: 'g', timeout: leaseMs * 10 }, async () => {
        mine++;
        await long;
      });
      await first.publish(kit.topic, 'x');
      await kit.until('the handler runs', () => mine === 1);
      await second.subscribe(kit.topic, { group: 'g' }, () => {
        theirs++;
      });
      await kit.pass(leaseMs * 1.5);
      finish();
      await first.close();
      await kit.pass(50);
      assert.deepEqual([mine, theirs], [1, 0]);
    },
  },

  {
    name: 'a subscription survives broken connections, and no message is lost',
    when: ({ disconnect }) => disconnect !== undefined,
    async run(kit) {
      const [publisher, subscriber] = [await kit.messaging(), await kit.messaging()];
      const seen = new Set<unknown>();
      await subscriber.subscribe(kit.topic, { group: 'g', concurrency: 5, maxAttempts: 50 }, async ({ data }) => {
        await nextTurn();
        seen.add(data);
      });
      for (const data of numbers(100)) {
        await publisher.publish(kit.topic, data);
        if (Number(data) % 20 === 10) await kit.harness.disconnect?.(subscriber.driver);
      }
      await kit.until('100 messages are handled', () => seen.size === 100);
    },
  },

  {
    name: 'a handler is told that its message was lost with the connection, and another has it',
    // Where deliveries have leases, a message is not lost before its lease ends.
    when: ({ disconnect, features }) => disconnect !== undefined && !features.leases,
    async run(kit) {
      const [publisher, subscriber] = [await kit.messaging(), await kit.messaging()];
      const reasons: unknown[] = [];
      let tries = 0;
      await subscriber.subscribe(kit.topic, { group: 'g' }, async (_message, { signal }) => {
        if (++tries > 1) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reasons.push((signal.reason as { code?: unknown }).code);
      });
      await publisher.publish(kit.topic, 1);
      await kit.until('a handler has it', () => tries === 1);
      await kit.harness.disconnect?.(subscriber.driver);
      await kit.until('another has it', () => tries === 2);
      assert.deepEqual(reasons, ['messaging.lease_lost']);
    },
  },

  {
    name: 'after closing nothing is published or subscribed; closing again is the same',
    async run(kit) {
      const messaging = await kit.messaging();
      await messaging.subscribe(kit.topic, { group: 'g' }, () => {});
      await Promise.all(numbers(10).map(() => messaging.close()));
      await messaging.close();
      const closed = { code: 'messaging.closed' };
      await assert.rejects(messaging.publish(kit.topic, 1), closed);
      await assert.rejects(messaging.publishMany(kit.topic, [{ data: 1 }]), closed);
      await assert.rejects(
        messaging.subscribe(kit.topic, { group: 'g' }, () => {}),
        closed,
      );
    },
  },
];
