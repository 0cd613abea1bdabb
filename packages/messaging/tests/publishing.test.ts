import { setImmediate as nextTurn } from 'node:timers/promises';
import { runWithContext } from '@ent/internal';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { memory } from '../src/drivers/memory.ts';
import {
  createMessaging,
  defineTopic,
  type Message,
  type MessagingDriver,
  type PublishOperation,
  type SendResult,
  channels,
  messagingErrors,
} from '../src/index.ts';
import { manualClock } from '../src/testing.ts';

/** Messaging with one group that keeps what arrives. */
async function setUp(topic = 't') {
  const driver = memory();
  const messaging = createMessaging({ driver, source: 'suite' });
  const received: Message[] = [];
  await messaging.subscribe(topic, { group: 'g' }, (message) => received.push(message));
  const arrived = async (count: number): Promise<Message[]> => {
    await expect.poll(() => received.length).toBe(count);
    return received;
  };
  return { driver, messaging, received, arrived };
}

/** A driver whose `send` answers by the script, one entry a call; the last one stays. */
function scripted(...script: ((count: number) => Promise<SendResult[]> | SendResult[])[]) {
  const sent: string[][] = [];
  const inner = memory();
  const driver: MessagingDriver = {
    ...inner,
    name: 'scripted',
    classify: (error) => (error as { kind?: 'lost' | 'refused' | 'unavailable' } | undefined)?.kind ?? 'other',
    async send(batch) {
      const step = script[Math.min(sent.length, script.length - 1)];
      sent.push(batch.map(({ id }) => id));
      return step!(batch.length);
    },
  };
  return { driver, sent };
}

const lost = Object.assign(new Error('connection lost'), { kind: 'lost' });
const refused = Object.assign(new Error('queue full'), { kind: 'refused' });
const all =
  (result: SendResult) =>
  (count: number): SendResult[] =>
    Array.from({ length: count }, () => result);

describe('a published message', () => {
  it('arrives with the attributes of CloudEvents', async () => {
    const { messaging, arrived } = await setUp('order.placed');
    const before = Date.now();
    const options = { id: 'e1', subject: 'order 42', headers: { tenant: 't1' } };
    expect(await messaging.publish('order.placed', { n: 1 }, options)).toEqual({ id: 'e1', status: 'stored' });
    const [message] = await arrived(1);
    expect(message).toEqual({
      id: 'e1',
      topic: 'order.placed',
      type: 'order.placed',
      source: 'suite',
      subject: 'order 42',
      time: expect.any(Date),
      data: { n: 1 },
      headers: { tenant: 't1', 'correlation-id': 'e1' },
      correlationId: 'e1',
      causationId: undefined,
    });
    expect(message!.time.getTime()).toBeGreaterThanOrEqual(before);
    expect(message!.time.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('is handled in a later turn of the event loop, not in that of its publisher', async () => {
    const { messaging, received, arrived } = await setUp();
    await messaging.publish('t', 1);
    expect(received).toEqual([]);
    await arrived(1);
  });

  it('is written at once: what its publisher changes afterwards stays behind', async () => {
    const { messaging, arrived } = await setUp();
    const data = { list: [1, 2, 3] };
    const publishing = messaging.publish('t', data);
    data.list.push(4);
    await publishing;
    expect((await arrived(1))[0]?.data).toEqual({ list: [1, 2, 3] });
  });

  it.each([null, 0, '', false, [], {}, 'ünïcödé 🔑 \u2028', { a: { b: [null, 1.5, -0.1] } }])(
    'may be %j',
    async (data) => {
      const { messaging, arrived } = await setUp();
      await messaging.publish('t', data);
      expect((await arrived(1))[0]?.data).toEqual(data);
    },
  );

  it('is refused before anything is sent when it cannot be written', async () => {
    const { messaging, driver } = await setUp();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const data of [
      undefined,
      () => {},
      Symbol('x'),
      1n,
      cycle,
      {
        toJSON: () => {
          throw new Error('secret 4711');
        },
      },
    ]) {
      const error = await messaging.publish('t', data).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'messaging.not_serializable' });
      expect((error as Error).message).not.toContain('4711');
    }
    expect(driver.client.count('t', 'g')).toEqual({ ready: 0, delayed: 0, leased: 0 });
  });

  it('is refused when its names or headers are none', async () => {
    const { messaging } = await setUp();
    for (const [topic, options] of [
      ['', {}],
      ['a b', {}],
      ['-a', {}],
      ['a/b', {}],
      ['x'.repeat(201), {}],
      [7, {}],
      ['t', { id: '' }],
      ['t', { id: 'a\nb' }],
      ['t', { type: '' }],
      ['t', { subject: '' }],
      ['t', { subject: 'a\nb' }],
      ['t', { subject: '\ud800' }],
      ['t', { subject: 'x'.repeat(1025) }],
      ['t', { headers: { 'Upper-Case': 'x' } }],
      ['t', { headers: { 'a b': 'x' } }],
      ['t', { headers: { a: 'x\r\nb: y' } }],
      ['t', { headers: { a: 'é' } }],
      ['t', { headers: { a: 7 } }],
      ['t', { headers: { 'ent-retry-attempts': '7' } }],
      ['t', { headers: { a: 'x'.repeat(4097) } }],
      ['t', { correlationId: 'a\nb' }],
    ] as [string, object][]) {
      await expect(messaging.publish(topic, 1, options), `${topic} ${JSON.stringify(options)}`).rejects.toMatchObject({
        code: 'messaging.invalid_options',
      });
    }
  });

  it('is refused when it is longer than the broker takes', async () => {
    const inner = memory();
    const features = { ...inner.features, maxMessageBytes: 10 };
    const messaging = createMessaging({ driver: { ...inner, features } });
    await messaging.publish('t', '12345678');
    await expect(messaging.publish('t', '123456789')).rejects.toMatchObject({ code: 'messaging.too_large' });
  });

  it('nobody listens for is not an error, unless somebody was to', async () => {
    const messaging = createMessaging({ driver: memory() });
    expect(await messaging.publish('nowhere', 1)).toMatchObject({ status: 'unroutable' });
    await expect(messaging.publish('nowhere', 1, { mandatory: true })).rejects.toMatchObject({
      code: 'messaging.unroutable',
    });
  });
});

describe('the schema of a topic', () => {
  const placed = defineTopic('t', z.strictObject({ n: z.int(), at: z.coerce.date<string>() }));

  it('refuses what does not fit, and says where, without the value', async () => {
    const { messaging } = await setUp();
    const error = await messaging.publish(placed, { n: 'secret' as never, at: 'x' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'messaging.invalid_payload' });
    expect((error as { issues: { pointer: string }[] }).issues.map(({ pointer }) => pointer)).toEqual(['#/n', '#/at']);
    expect(JSON.stringify((error as { issues: unknown }).issues)).not.toContain('secret');
  });

  it('says where for any name of a member', async () => {
    const { messaging } = await setUp();
    const counts = defineTopic('t', z.record(z.string(), z.int()));
    const error = await messaging.publish(counts, { 'a/b#': 0.5, '\ud800': 0.5 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'messaging.invalid_payload',
      issues: [{ pointer: '#/a~1b%23' }, { pointer: '#/%EF%BF%BD' }],
    });
  });

  it('is asked about what consumers will read, not about what was handed in', async () => {
    const { messaging } = await setUp();
    const strict = defineTopic('t', z.object({ at: z.date() }));
    await expect(messaging.publish(strict, { at: new Date() })).rejects.toMatchObject({
      code: 'messaging.invalid_payload',
    });
  });

  it('gives the handler its output', async () => {
    const messaging = createMessaging({ driver: memory() });
    const received: { n: number; at: Date }[] = [];
    await messaging.subscribe(placed, { group: 'g' }, ({ data }) => received.push(data));
    await messaging.publish(placed, { n: 1, at: '2030-01-01T00:00:00Z' });
    await expect.poll(() => received).toEqual([{ n: 1, at: new Date(Date.UTC(2030, 0, 1)) }]);
  });

  it('sends what others published and does not fit to the dead letters at once', async () => {
    const messaging = createMessaging({ driver: memory() });
    let calls = 0;
    const { deadLetter } = await messaging.subscribe(placed, { group: 'g' }, () => calls++);
    const dead: Message[] = [];
    await messaging.subscribe(deadLetter, { group: 'dead' }, (message) => dead.push(message));
    await messaging.publish('t', { n: 'x' });
    await expect.poll(() => dead.length).toBe(1);
    expect(calls).toBe(0);
    expect(dead[0]?.headers).toMatchObject({
      'dead-letter-reason': 'messaging.invalid_payload',
      'dead-letter-attempts': '1',
    });
    await messaging.close();
  });

  it('tells in a dead letter which fields do not fit, and no value of them', async () => {
    const messaging = createMessaging({ driver: memory() });
    const schema = z.object({ 'a b': z.object({ 'c/\u00e9': z.number() }), n: z.number() });
    const { deadLetter } = await messaging.subscribe(defineTopic('fields', schema), { group: 'g' }, () => {});
    const letters = messaging.deadLetters(deadLetter);
    const before = Date.now();
    await messaging.publish('fields', { 'a b': { 'c/\u00e9': 'secret-4711' }, n: 'secret-4711' });
    await expect.poll(() => letters.count()).toBe(1);
    const [letter] = await letters.list();
    expect(letter?.fields).toEqual(['#/a%20b/c~1%C3%A9', '#/n']);
    expect(letter?.diedAt?.getTime()).toBeGreaterThanOrEqual(before);
    expect(JSON.stringify({ ...letter, body: undefined })).not.toContain('4711');
    await messaging.close();
  });

  it('tells the code of an error in a dead letter, where it has one', async () => {
    const messaging = createMessaging({ driver: memory() });
    const thrown: unknown[] = [Object.assign(new Error('away'), { code: 'ECONNREFUSED' }), new RangeError('no')];
    const { deadLetter } = await messaging.subscribe('coded', { group: 'g', maxAttempts: 1 }, () => {
      throw thrown.shift();
    });
    await messaging.publishMany('coded', [{ data: 1 }, { data: 2 }]);
    const letters = messaging.deadLetters(deadLetter);
    await expect.poll(() => letters.count()).toBe(2);
    expect((await letters.list()).map(({ reason, fields }) => [reason, fields])).toEqual([
      ['ECONNREFUSED', undefined],
      ['RangeError', undefined],
    ]);
    await messaging.close();
  });
});

describe('a priority', () => {
  it('brings what waits forward', async () => {
    const messaging = createMessaging({ driver: memory() });
    const seen: string[] = [];
    await (await messaging.subscribe('t', { group: 'g' }, () => {})).close();
    await messaging.publishMany('t', [{ data: 'low' }, { data: 'high', priority: 9 }, { data: 'mid', priority: 4 }]);
    await messaging.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data as string));
    await expect.poll(() => seen.length).toBe(3);
    expect(seen).toEqual(['high', 'mid', 'low']);
    await messaging.close();
  });

  it.each([-1, 10, 1.5, Number.NaN, '1'])('%s is refused', async (priority) => {
    const messaging = createMessaging({ driver: memory() });
    const publishing = messaging.publish('t', 1, { priority: priority as number });
    await expect(publishing).rejects.toMatchObject({ code: 'messaging.invalid_options' });
    await messaging.close();
  });

  it.each(['10', '-1', '1.5', '', 'high'])('the header of it is refused as %j', async (text) => {
    const messaging = createMessaging({ driver: memory() });
    const publishing = messaging.publish('t', 1, { headers: { 'delivery-priority': text } });
    await expect(publishing).rejects.toMatchObject({ code: 'messaging.invalid_options' });
    await messaging.close();
  });

  it.each([{ priority: 1 }, { headers: { 'delivery-priority': '1' } }])(
    'is refused as %j where the driver delivers in one order alone',
    async (about) => {
      const driver = memory();
      const features = { ...driver.features, priority: false };
      const messaging = createMessaging({ driver: { ...driver, features } });
      await expect(messaging.publish('t', 1, about)).rejects.toMatchObject({ code: 'messaging.unsupported' });
      await messaging.close();
    },
  );
});

describe('a batch', () => {
  it('is sent in one call and in order, and checked as a whole before', async () => {
    const { driver, sent } = scripted(all({ status: 'stored' }));
    const messaging = createMessaging({ driver });
    const items = Array.from({ length: 100 }, (_, n) => ({ data: n, id: `m${n}` }));
    const published = await messaging.publishMany('t', items);
    expect(published.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
    expect(sent).toEqual([items.map(({ id }) => id)]);
    await expect(messaging.publishMany('t', [{ data: 1 }, { data: undefined }])).rejects.toThrow();
    expect(await messaging.publishMany('t', [])).toEqual([]);
    expect(sent).toHaveLength(1);
  });

  it('of which a part failed says which', async () => {
    const { driver } = scripted(() => [
      { status: 'stored' },
      { status: 'rejected', error: refused },
      { status: 'unroutable' },
      { status: 'rejected', error: refused },
    ]);
    const messaging = createMessaging({ driver });
    const items = ['a', 'b', 'c', 'd'].map((id) => ({ id, data: 1 }));
    await expect(messaging.publishMany('t', items)).rejects.toMatchObject({
      code: 'messaging.rejected',
      message: expect.stringMatching(/refused: queue full\.$/),
      cause: refused,
      details: { failedIds: ['b', 'd'] },
    });
    await expect(messaging.publishMany('t', items, { mandatory: true })).rejects.toMatchObject({
      details: { failedIds: ['b', 'c', 'd'] },
    });
  });
});

describe('a broker that fails', () => {
  it('gets what may be lost again, under the same id, and only that', async () => {
    const { driver, sent } = scripted(
      () => [{ status: 'stored' }, { status: 'indeterminate', error: lost }, { status: 'rejected', error: lost }],
      () => Promise.reject(lost),
      all({ status: 'stored' }),
    );
    const messaging = createMessaging({ driver });
    await messaging.publishMany(
      't',
      ['a', 'b', 'c'].map((id) => ({ id, data: 1 })),
    );
    expect(sent).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c'],
      ['b', 'c'],
    ]);
  });

  it('that never answers costs the deadline and no more', async () => {
    const { driver } = scripted(() => new Promise(() => {}));
    const messaging = createMessaging({ driver, timeout: 50 });
    await expect(messaging.publish('t', 1)).rejects.toMatchObject({
      code: 'messaging.timeout',
      retryable: 'idempotent',
    });
    const controller = new AbortController();
    const publishing = messaging.publish('t', 1, { signal: controller.signal });
    controller.abort(new Error('client went away'));
    await expect(publishing).rejects.toThrow('client went away');
  });

  it('that refused until the deadline has not stored it, and that is told', async () => {
    const { driver } = scripted(all({ status: 'rejected', error: lost }));
    const clock = manualClock();
    const messaging = createMessaging({ driver, clock, random: () => 0, timeout: 1500 });
    const failure = messaging.publish('t', 1).catch((error: unknown) => error);
    // The deadline is one of the real time, which the waits between the tries do not take here.
    await clock.advance(2000);
    expect(await failure).toMatchObject({
      code: 'messaging.unavailable',
      message: expect.stringMatching(/were not stored: scripted is not available: /),
      cause: lost,
    });
  });

  it('that may have stored it at an earlier try is not said to have refused it', async () => {
    const { driver, sent } = scripted(
      all({ status: 'indeterminate', error: lost }),
      all({ status: 'rejected', error: lost }),
    );
    const clock = manualClock();
    const publishing = createMessaging({ driver, clock, timeout: 1000 }).publish('t', 1);
    const failure = publishing.catch((error: unknown) => error);
    await clock.advance(1000);
    expect(await failure).toMatchObject({ code: 'messaging.timeout' });
    expect(sent.length).toBeGreaterThan(1);
    const refusing = scripted(
      all({ status: 'indeterminate', error: lost }),
      all({ status: 'rejected', error: refused }),
    );
    await expect(createMessaging({ driver: refusing.driver }).publish('t', 1)).rejects.toMatchObject({
      message: expect.stringMatching(/and may have been stored: scripted refused: queue full\.$/),
    });
  });

  it('is not closed under what is being published', async () => {
    const events: string[] = [];
    let confirm = (): void => {};
    const confirmed = new Promise<void>((resolve) => {
      confirm = resolve;
    });
    const { driver } = scripted(async () => {
      await confirmed;
      events.push('confirmed');
      return [{ status: 'stored' }];
    });
    const messaging = createMessaging({ driver: { ...driver, close: async () => void events.push('closed') } });
    const publishing = messaging.publish('t', 1);
    await nextTurn();
    const closing = messaging.close();
    await nextTurn();
    confirm();
    await Promise.all([publishing, closing]);
    expect(events).toEqual(['confirmed', 'closed']);
  });

  it('that refuses is not asked again', async () => {
    const { driver, sent } = scripted(all({ status: 'rejected', error: refused }));
    const messaging = createMessaging({ driver });
    await expect(messaging.publish('t', 1)).rejects.toMatchObject({ code: 'messaging.rejected', retryable: 'always' });
    expect(sent).toHaveLength(1);
  });

  it('in a way that nobody knows is told as it is', async () => {
    const strange = new Error('strange');
    const { driver } = scripted(() => Promise.reject(strange));
    await expect(createMessaging({ driver }).publish('t', 1)).rejects.toMatchObject({
      code: 'messaging.driver_failed',
      cause: strange,
    });
  });

  it('whose group is full refuses, and takes again once there is room', async () => {
    const messaging = createMessaging({ driver: memory({ maxQueued: 2 }) });
    let open = (): void => {};
    const held = new Promise<void>((resolve) => {
      open = resolve;
    });
    let done = 0;
    await messaging.subscribe('t', { group: 'g' }, async () => {
      await held;
      done++;
    });
    await messaging.publish('t', 1);
    // The first one is being handled; two may wait.
    await expect.poll(() => messaging.driver.client.count('t', 'g')?.leased).toBe(1);
    await messaging.publish('t', 2);
    await messaging.publish('t', 3);
    await expect(messaging.publish('t', 4)).rejects.toMatchObject({ code: 'messaging.rejected' });
    open();
    await expect.poll(() => done).toBe(3);
    await messaging.publish('t', 4);
    await messaging.close();
  });
});

describe('the chain of work', () => {
  it('is named by the request, and goes on through handlers', async () => {
    const messaging = createMessaging({ driver: memory() });
    const seen: Message[] = [];
    await messaging.subscribe('first', { group: 'g' }, async (message) => {
      seen.push(message);
      await messaging.publish('second', 2, { id: 'b' });
    });
    await messaging.subscribe('second', { group: 'g' }, (message) => seen.push(message));
    await runWithContext({ requestId: 'req-1' }, () => messaging.publish('first', 1, { id: 'a' }));
    await expect.poll(() => seen.length).toBe(2);
    expect(seen.map(({ id, correlationId, causationId }) => [id, correlationId, causationId])).toEqual([
      ['a', 'req-1', undefined],
      ['b', 'req-1', 'a'],
    ]);
  });

  it('is that of the context before the id of its request', async () => {
    const { messaging, arrived } = await setUp();
    await runWithContext({ requestId: 'req-1', correlationId: 'chain-1' }, () => messaging.publish('t', 1));
    expect((await arrived(1))[0]?.correlationId).toBe('chain-1');
  });

  it('can be named by the publisher, and a strange request id is not one', async () => {
    const { messaging, arrived } = await setUp();
    await messaging.publish('t', 1, { correlationId: 'mine' });
    await runWithContext({ requestId: 'é\n' }, () => messaging.publish('t', 2, { id: 'x' }));
    const messages = await arrived(2);
    expect(messages.map(({ correlationId }) => correlationId)).toEqual(['mine', 'x']);
  });
});

describe('the channel of publishing', () => {
  it('does not delay what the broker in memory takes at once', async () => {
    const { messaging } = await setUp();
    await messaging.publish('t', 1);
    let ended = 0;
    const onEnd = (): void => void ended++;
    channels.publish.asyncEnd.subscribe(onEnd);
    const publishing = messaging.publish('t', 2);
    const told = ended;
    channels.publish.asyncEnd.unsubscribe(onEnd);
    await publishing;
    expect(told).toBe(1);
  });

  it('tells the outcome and no data, and lets a listener add headers', async () => {
    const { messaging, arrived } = await setUp();
    const seen: PublishOperation[] = [];
    const listener = {
      start(payload: PublishOperation) {
        for (const { headers } of payload.messages) headers.traceparent = '00-trace-01';
      },
      asyncEnd: (payload: PublishOperation) => void seen.push(payload),
    };
    channels.publish.subscribe(listener as never);
    await messaging.publish('t', { secret: 4711 });
    await messaging.publish('nowhere', 1);
    const [message] = await arrived(1);
    await messaging.close();
    await messaging.publish('t', 1).catch(() => {});
    channels.publish.unsubscribe(listener as never);
    expect(seen.map(({ topic, outcome, driver }) => [topic, outcome, driver])).toEqual([
      ['t', 'stored', 'memory'],
      ['nowhere', 'unroutable', 'memory'],
    ]);
    expect(JSON.stringify(seen)).not.toContain('4711');
    expect(message?.headers.traceparent).toBe('00-trace-01');
  });
});

describe('errors', () => {
  it('have codes that say what they are', () => {
    expect(messagingErrors.unprocessable('x')).toMatchObject({ code: 'messaging.unprocessable', status: 422 });
  });
});
