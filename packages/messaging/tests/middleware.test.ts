import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntError } from '@ent/errors';
import { currentContext } from '@ent/internal';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { memory } from '../src/drivers/memory.ts';
import {
  channels,
  createMessaging,
  defineTopic,
  type MessageMiddleware,
  messagingErrors,
  type MessagingOptions,
} from '../src/index.ts';
import { manualClock } from '../src/testing.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function messagingWith(middleware: readonly MessageMiddleware[], more: Partial<MessagingOptions> = {}) {
  const messaging = createMessaging({ driver: memory(), middleware, ...more });
  ends.push(() => messaging.close({ timeout: 1 }));
  return messaging;
}

describe('middleware', () => {
  it('runs in the order of the list, around each try, and tells how it ended', async () => {
    const seen: string[] = [];
    const named = (name: string): MessageMiddleware => ({
      name,
      before: ({ data }, { attempt }) => void seen.push(`${name} before ${data as string} ${attempt}`),
      context(_message, run) {
        seen.push(`${name} in`);
        run();
        seen.push(`${name} out`);
      },
      done: (_message, { error, durationMs, attempt, group }) =>
        void seen.push(`${name} done ${attempt} ${group} ${(error as Error | undefined)?.message} ${durationMs >= 0}`),
    });
    const messaging = messagingWith([named('a'), { name: 'slow', before: async () => {} }, named('b')]);
    await messaging.subscribe('t', { group: 'g', backoff: { base: 1 } }, (_message, { attempt }) => {
      seen.push(`handler ${attempt}`);
      if (attempt === 1) throw new Error('no');
    });
    await messaging.publish('t', 'x');
    await expect.poll(() => seen.at(-1)).toBe('b done 2 g undefined true');
    const first = ['a before x 1', 'a in', 'a out', 'b before x 1', 'b in', 'handler 1', 'b out'];
    const second = ['a before x 2', 'a in', 'a out', 'b before x 2', 'b in', 'handler 2', 'b out'];
    expect(seen).toEqual([
      ...first,
      'a done 1 g no true',
      'b done 1 g no true',
      ...second,
      'a done 2 g undefined true',
      'b done 2 g undefined true',
    ]);
  });

  it('ends a message that it knows, and fails one with what it throws', async () => {
    const seen: unknown[] = [];
    const messaging = messagingWith([
      {
        name: 'judge',
        before({ data }) {
          if (data === 'known') return 'done';
          if (data === 'bad') throw new TypeError('no');
          return undefined;
        },
      },
    ]);
    const subscription = await messaging.subscribe('t', { group: 'g', maxAttempts: 1 }, ({ data }) => seen.push(data));
    await messaging.publishMany('t', [{ data: 'known' }, { data: 'bad' }, { data: 'good' }]);
    await expect.poll(() => subscription.stats()).toMatchObject({ handled: 2, dead: 1 });
    expect(seen).toEqual(['good']);
    const [letter] = await messaging.deadLetters(subscription.deadLetter).list();
    expect(letter?.reason).toBe('TypeError');
  });

  it('tells done what becomes of each message, also of one that no handler got', async () => {
    const seen: unknown[] = [];
    const fields: unknown[] = [];
    const messaging = messagingWith([
      {
        name: 'log',
        done({ id, data }, { outcome, error, attempt }) {
          seen.push([id, data, outcome, attempt, (error as { code?: string } | undefined)?.code]);
          fields.push(currentContext()?.['messageId']);
        },
      },
    ]);
    const topic = defineTopic('t', z.object({ n: z.number() }));
    const options = { group: 'g', maxAttempts: 2, backoff: { base: 1 } };
    const subscription = await messaging.subscribe(topic, options, ({ data: { n } }) => {
      if (n < 0) throw messagingErrors.rejected('no');
      if (n === 0) throw messagingErrors.unprocessable('never');
    });
    const until = (count: number) => expect.poll(() => seen.length).toBe(count);
    await messaging.publish('t', { n: 1 }, { id: 'good' });
    await until(1);
    await messaging.publish('t', { n: 'x' }, { id: 'misshapen' });
    await until(2);
    await messaging.publish('t', { n: -1 }, { id: 'failing' });
    await until(4);
    await messaging.publish('t', { n: 0 }, { id: 'hopeless' });
    await until(5);
    await subscription.pause();
    await messaging.publish('t', { n: 1 }, { id: 'late', ttl: 1 });
    await new Promise((resolve) => setTimeout(resolve, 10));
    subscription.resume();
    await until(6);
    expect(seen).toEqual([
      ['good', { n: 1 }, 'done', 1, undefined],
      ['misshapen', undefined, 'dead_letter', 1, 'messaging.invalid_payload'],
      ['failing', { n: -1 }, 'retry', 1, 'messaging.rejected'],
      ['failing', { n: -1 }, 'dead_letter', 2, 'messaging.rejected'],
      ['hopeless', { n: 0 }, 'dead_letter', 1, 'messaging.unprocessable'],
      ['late', undefined, 'expired', 1, undefined],
    ]);
    expect(fields).toEqual(['good', 'misshapen', 'failing', 'failing', 'hopeless', 'late']);
  });

  it('tells done of a handler that is cut, and of one that goes back with its subscription', async () => {
    const seen: unknown[] = [];
    const messaging = messagingWith([
      { name: 'log', done: ({ id }, { outcome, error }) => void seen.push([id, outcome, (error as EntError).code]) },
    ]);
    const begun: string[] = [];
    const never = ({ id }: { readonly id: string }) => (begun.push(id), new Promise(() => {}));
    await messaging.subscribe('t', { group: 'g', timeout: 20, maxAttempts: 1 }, never);
    await messaging.publish('t', 1, { id: 'cut' });
    await expect.poll(() => seen).toEqual([['cut', 'dead_letter', 'messaging.timeout']]);
    const closing = await messaging.subscribe('u', { group: 'g' }, never);
    await messaging.publish('u', 1, { id: 'returned' });
    await expect.poll(() => begun).toEqual(['cut', 'returned']);
    await closing.close({ timeout: 1 });
    expect(seen.at(-1)).toEqual(['returned', 'released', 'messaging.closed']);
  });

  it('gives a context to the handler', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const messaging = messagingWith([{ name: 'context', context: ({ id }, run) => void storage.run(id, run) }]);
    await messaging.subscribe('t', { group: 'g' }, async () => {
      await Promise.resolve();
      seen.push(storage.getStore());
    });
    await messaging.publish('t', 1, { id: 'm1' });
    await expect.poll(() => seen).toEqual(['m1']);
  });

  it('handles a message once, however often a context hook runs what is after it', async () => {
    const seen: unknown[] = [];
    const answers: unknown[] = [];
    const messaging = messagingWith([
      {
        name: 'eager',
        context(_message, run) {
          answers.push(run(), run());
        },
      },
    ]);
    const subscription = await messaging.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data));
    await messaging.publish('t', 1);
    await expect.poll(async () => (await subscription.stats()).handled).toBe(1);
    expect(seen).toEqual([1]);
    expect(answers[1]).toBe(answers[0]);
  });

  it('harms nobody when done throws, and is told on a channel', async () => {
    const told: unknown[] = [];
    const listener = { error: (operation: object) => void told.push(operation) };
    channels.hook.subscribe(listener as never);
    ends.push(async () => {
      channels.hook.unsubscribe(listener as never);
    });
    const failure = new Error('no');
    const messaging = messagingWith([
      {
        name: 'broken',
        done() {
          throw failure;
        },
      },
    ]);
    const subscription = await messaging.subscribe('t', { group: 'g' }, () => {});
    await messaging.publish('t', 1);
    await expect.poll(async () => (await subscription.stats()).handled).toBe(1);
    expect(told).toEqual([{ middleware: 'broken', hook: 'done', error: failure }]);
  });

  it('fails the try when a context hook does not run what it was given', async () => {
    const messaging = messagingWith([{ name: 'lazy', context: () => {} }]);
    const subscription = await messaging.subscribe('t', { group: 'g', maxAttempts: 1 }, () => {});
    await messaging.publish('t', 1);
    await expect.poll(async () => (await subscription.stats()).dead).toBe(1);
    const [letter] = await messaging.deadLetters(subscription.deadLetter).list();
    expect(letter?.reason).toBe('messaging.invalid_options');
  });

  it.each([[{}], [[{ name: 'a', befor() {} }]], [[() => {}]], [[{ name: 'a', before: 1 }]], [[null]]])(
    'that cannot work is refused: %#',
    (middleware) => {
      expect(() => createMessaging({ driver: memory(), middleware: middleware as never })).toThrow(
        expect.objectContaining({ code: 'messaging.invalid_options' }),
      );
    },
  );
});

describe('what a subscription is told', () => {
  it('a signal closes it, before or while it runs', async () => {
    const messaging = messagingWith([]);
    const early = messaging.subscribe('t', { group: 'g', signal: AbortSignal.abort(new Error('early')) }, () => {});
    await expect(early).rejects.toThrow('early');
    const given = new AbortController();
    const seen: unknown[] = [];
    await messaging.subscribe('t', { group: 'g', signal: given.signal }, ({ data }) => seen.push(data));
    await messaging.publish('t', 1);
    await expect.poll(() => seen).toEqual([1]);
    given.abort();
    await messaging.publish('t', 2);
    await messaging.subscribe('t', { group: 'h' }, ({ data }) => seen.push(data));
    await messaging.publish('t', 3);
    await expect.poll(() => seen).toEqual([1, 3]);
    await expect.poll(async () => (await messaging.stats('t', 'g'))?.ready).toBe(2);
  });

  it('a batch begins when its first message has waited, and its signal aborts with its time', async () => {
    const clock = manualClock();
    const messaging = messagingWith([], { driver: memory({ clock }), clock });
    const sizes: number[] = [];
    let signal: AbortSignal | undefined;
    const options = { group: 'g', size: 10, wait: '5s', timeout: '10s', maxAttempts: 1 };
    await messaging.subscribeMany('t', options, (messages, context) => {
      sizes.push(messages.length);
      signal = context.signal;
      return new Promise(() => {});
    });
    await messaging.publishMany('t', [{ data: 1 }, { data: 2 }]);
    await clock.advance(4_990);
    expect(sizes).toEqual([]);
    await clock.advance(20);
    expect(sizes).toEqual([2]);
    expect(signal?.aborted).toBe(false);
    await clock.advance(11_000);
    expect(signal?.aborted).toBe(true);
  });

  it('more batches than asked for do not run at once', async () => {
    const messaging = messagingWith([]);
    let [running, most, handled] = [0, 0, 0];
    const two = Promise.withResolvers<void>();
    await messaging.subscribeMany('t', { group: 'g', size: 3, wait: 1, concurrency: 2 }, async (messages) => {
      most = Math.max(most, ++running);
      if (running === 2) two.resolve();
      await two.promise;
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      running--;
      handled += messages.length;
    });
    for (let n = 0; n < 60; n++) await messaging.publish('t', n);
    await expect.poll(() => handled).toBe(60);
    expect(most).toBe(2);
  });

  it('a key, a delay and a time to live that cannot be are refused', async () => {
    const messaging = messagingWith([]);
    for (const bad of [{ key: '' }, { key: 'a\n' }, { key: 1 as never }, { delay: 'soon' }, { ttl: -1 }]) {
      await expect(messaging.publish('t', 1, bad)).rejects.toMatchObject({ code: 'messaging.invalid_options' });
    }
    for (const bad of [
      { group: 'g', size: 0 },
      { group: 'g', wait: 'soon' },
      { group: 'g', sice: 1 },
    ]) {
      await expect(messaging.subscribeMany('t', bad, () => {})).rejects.toMatchObject({
        code: 'messaging.invalid_options',
      });
    }
  });

  it('a message of a key goes on when the one before it is lost or withdrawn', async () => {
    const driver = memory();
    const messaging = messagingWith([], { driver });
    const seen: number[] = [];
    const held = Promise.withResolvers<void>();
    await messaging.subscribe('t', { group: 'g', concurrency: 2, prefetch: 10 }, async ({ data }) => {
      seen.push(data as number);
      if (seen.length === 1) await held.promise;
    });
    await messaging.publishMany(
      't',
      [1, 2, 3].map((data) => ({ data, key: 'k' })),
    );
    await expect.poll(() => seen).toEqual([1]);
    driver.client.disconnect();
    // The handler that holds the key runs on, and its message is handled again with the others.
    await expect.poll(() => seen.length).toBeGreaterThan(1);
    held.resolve();
    await expect.poll(() => new Set(seen).size).toBe(3);
  });
});
