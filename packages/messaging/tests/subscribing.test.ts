import { setImmediate as nextTurn } from 'node:timers/promises';
import { currentContext } from '@ent/internal';
import { describe, expect, it } from 'vitest';
import { type MemoryOptions, memory } from '../src/drivers/memory.ts';
import { rabbitmq } from '../src/drivers/rabbitmq/index.ts';
import { redisStreams } from '../src/drivers/redis-streams/index.ts';
import {
  channels,
  createMessaging,
  type DriverFailure,
  type GroupReport,
  groupsChannel,
  type GroupsQuestion,
  type Handler,
  type Message,
  type MessagingDriver,
  messagingErrors,
  type ProcessOperation,
  type ReceiveOperation,
  type Source,
  type SubscribeOptions,
} from '../src/index.ts';
import { manualClock } from '../src/testing.ts';
import { onSource, ordinary, patientCall } from './support.ts';

function setUp(options: MemoryOptions = {}) {
  const clock = manualClock();
  const driver = memory({ clock, ...options });
  const messaging = createMessaging({ driver, clock });
  const dead: Message[] = [];
  const subscribe = async (handler: Handler, more: Partial<SubscribeOptions> = {}) => {
    const subscription = await messaging.subscribe('t', { group: 'g', backoff: { jitter: 0 }, ...more }, handler);
    await messaging.subscribe(subscription.deadLetter, { group: 'dead' }, (message) => dead.push(message));
    return subscription;
  };
  const until = async (condition: () => boolean): Promise<void> => {
    for (let turn = 0; turn < 2000 && !condition(); turn++) await clock.advance(10);
    expect(condition()).toBe(true);
  };
  const counts = () => driver.client.count('t', 'g');
  return { clock, driver, messaging, subscribe, dead, until, counts };
}

describe('retries', () => {
  it('come after 500 ms, then twice as long each time, at most a minute', async () => {
    const { messaging, subscribe, clock, until } = setUp();
    const times: number[] = [];
    await subscribe(
      () => {
        times.push(clock.now());
        throw new Error('no');
      },
      { maxAttempts: 10 },
    );
    await messaging.publish('t', 1);
    await until(() => times.length === 1);
    for (let hop = 0; hop < 400; hop++) await clock.advance(1000);
    const waits = times.slice(1).map((time, at) => time - (times[at] as number));
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('are spread by chance unless told otherwise', async () => {
    const { messaging, clock } = setUp();
    const times: number[] = [];
    await messaging.subscribe('t', { group: 'g', maxAttempts: 2, concurrency: 100 }, (_message, { attempt }) => {
      if (attempt > 1) times.push(clock.now());
      throw new Error('no');
    });
    await messaging.publishMany(
      't',
      Array.from({ length: 100 }, (_, data) => ({ data })),
    );
    await clock.advance(10);
    await clock.advance(1000);
    await clock.advance(1000);
    expect(times).toHaveLength(100);
    expect(new Set(times).size).toBeGreaterThan(20);
  });

  it('are not made where the handler says that they are no use', async () => {
    const { messaging, subscribe, dead, until } = setUp();
    let tries = 0;
    await subscribe(() => {
      tries++;
      throw messagingErrors.unprocessable('the user is gone');
    });
    await messaging.publish('t', { secret: 4711 });
    await until(() => dead.length === 1);
    expect(tries).toBe(1);
    expect(dead[0]?.headers['dead-letter-reason']).toBe('messaging.unprocessable');
    expect(dead[0]?.data).toEqual({ secret: 4711 });
  });

  it('end for a message that kills its process: the handler does not get it for ever', async () => {
    const { messaging, driver, subscribe, dead, until, clock } = setUp({ lease: '10s' });
    let calls = 0;
    // As a process that dies: it takes the message and answers nothing.
    await driver.ensure({ topic: 't', group: 'g' }, patientCall());
    await messaging.publish('t', 'poison');
    for (let death = 0; death < 3; death++) {
      const source = await driver.subscribe({ topic: 't', group: 'g', prefetch: 1 }, patientCall());
      const [delivery] = await source.receive(1, new AbortController().signal);
      expect(delivery?.attempt).toBe(death + 1);
      await clock.advance(10_000);
    }
    await subscribe(() => calls++, { maxAttempts: 3 });
    await until(() => dead.length === 1);
    expect(calls).toBe(0);
    expect(dead[0]?.headers['dead-letter-attempts']).toBe('3');
  });

  it('of anything that can be thrown', async () => {
    const { messaging, subscribe, dead, until } = setUp();
    const trap = () => {
      throw new Error('trap');
    };
    const thrown = [
      undefined,
      null,
      'text',
      7,
      {},
      Object.create(null),
      new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap }),
    ];
    await subscribe(
      ({ data }) => {
        throw thrown[data as number];
      },
      { maxAttempts: 1, concurrency: 10 },
    );
    for (const [at] of thrown.entries()) await messaging.publish('t', at);
    await until(() => dead.length === thrown.length);
    for (const { headers } of dead) expect(headers['dead-letter-reason']).toMatch(/^\w+$/);
  });
});

describe('dead letters', () => {
  it('that cannot be stored keep their message alive', async () => {
    const clock = manualClock();
    const inner = memory({ clock });
    let full = true;
    const refused = new Error('full');
    const driver: MessagingDriver = {
      ...inner,
      send: async (batch, call) =>
        full && batch[0]?.topic.endsWith('.dead') ? [{ status: 'rejected', error: refused }] : inner.send(batch, call),
    };
    const messaging = createMessaging({ driver, clock });
    let calls = 0;
    const dead: Message[] = [];
    const { deadLetter } = await messaging.subscribe('t', { group: 'g', maxAttempts: 2 }, () => {
      calls++;
      throw new Error('no');
    });
    await messaging.subscribe(deadLetter, { group: 'dead' }, (message) => dead.push(message));
    await messaging.publish('t', 1);
    for (let turn = 0; turn < 20; turn++) await clock.advance(10_000);
    expect(dead).toHaveLength(0);
    expect(calls).toBe(2);
    full = false;
    for (let turn = 0; turn < 20; turn++) await clock.advance(10_000);
    expect(dead).toHaveLength(1);
    // Trying to bury it again is no reason to hand it to the handler again.
    expect(calls).toBe(2);
    expect(dead[0]?.headers).toMatchObject({ 'dead-letter-attempts': '2', 'dead-letter-reason': 'Error' });
  });

  it.each([
    ['retrying', 5],
    ['plain', 5],
    ['plain', 1],
  ])('that are stored late tell the first error (%s broker, maxAttempts %i)', async (kind, maxAttempts) => {
    const clock = manualClock();
    const inner = kind === 'plain' ? ordinary(memory({ clock })) : memory({ clock });
    let full = true;
    const rejected = { status: 'rejected', error: new Error('full') } as const;
    const driver: MessagingDriver = {
      ...inner,
      send: (batch, call) => (full && batch[0]?.topic.endsWith('.dead') ? [rejected] : inner.send(batch, call)),
    };
    const messaging = createMessaging({ driver, clock });
    let calls = 0;
    const dead: Message[] = [];
    const { deadLetter } = await messaging.subscribe('t', { group: 'g', maxAttempts }, () => {
      calls++;
      if (calls === 1) throw Object.assign(new TypeError('first'), { unrelated: true });
      if (calls === maxAttempts) throw new RangeError('last');
      throw messagingErrors.unprocessable('no use');
    });
    await messaging.subscribe(deadLetter, { group: 'dead' }, (message) => dead.push(message));
    await messaging.publish('t', 1);
    for (let turn = 0; turn < 30; turn++) await clock.advance(10_000);
    full = false;
    for (let turn = 0; turn < 30; turn++) await clock.advance(10_000);
    // With five tries the second says that more are no use, and the message is not tried again.
    const expected = maxAttempts === 1 ? [1, '1', 'TypeError'] : [2, '2', 'messaging.unprocessable'];
    const [letter] = dead;
    expect([calls, letter?.headers['dead-letter-attempts'], letter?.headers['dead-letter-reason']]).toEqual(expected);
    expect(Object.keys(letter?.headers ?? {}).filter((name) => name.startsWith('ent-'))).toEqual([]);
  });

  it('are what is no JSON, or no UTF-8, or says so', async () => {
    const { driver, subscribe, dead, until } = setUp();
    let calls = 0;
    await subscribe(() => calls++, { concurrency: 5 });
    const message = { topic: 't', type: 't', source: 's', subject: undefined, time: 0, headers: {} };
    const bodies = ['{"a":', '', 'undefined', '"\xff"'].map((text) => Buffer.from(text, 'latin1'));
    const batch = bodies.map((body, n) => ({ ...message, id: `m${n}`, contentType: 'application/json', body }));
    await driver.send(
      [...batch, { ...message, id: 'm4', contentType: 'text/plain', body: Buffer.from('1') }],
      patientCall(),
    );
    // The dead letters themselves cannot be read either, and are where they end.
    await until(() => driver.client.count('t.g.dead.dead.dead', 'dead')?.ready === 5);
    expect([calls, dead.length]).toEqual([0, 0]);
  });

  it('go where they are told', async () => {
    const { messaging, subscribe, dead, until } = setUp();
    const subscription = await subscribe(
      () => {
        throw new Error('no');
      },
      { maxAttempts: 1, deadLetter: 'graveyard' },
    );
    expect(subscription.deadLetter).toBe('graveyard');
    await messaging.publish('t', 1);
    await until(() => dead.length === 1);
    expect(dead[0]?.topic).toBe('graveyard');
  });

  it('wait for somebody to look at them', async () => {
    const { messaging, driver } = setUp();
    await messaging.subscribe('t', { group: 'g', maxAttempts: 1 }, () => {
      throw new Error('no');
    });
    await messaging.publish('t', 1);
    await expect.poll(() => driver.client.count('t.g.dead', 'dead')?.ready).toBe(1);
  });
});

describe('a handler', () => {
  it('whose time is up is aborted, has failed, and holds no place', async () => {
    const { messaging, subscribe, until, clock } = setUp();
    const signals: AbortSignal[] = [];
    let second = 0;
    await subscribe(
      async ({ data }, { signal, attempt }) => {
        if (data === 'next') return void second++;
        signals.push(signal);
        // Deaf to its signal.
        if (attempt === 1) await new Promise(() => {});
      },
      { timeout: '5s' },
    );
    await messaging.publish('t', 'slow');
    await messaging.publish('t', 'next');
    await until(() => signals.length === 1);
    await clock.advance(4000);
    expect([signals[0]?.aborted, second]).toEqual([false, 0]);
    await until(() => second === 1);
    expect(signals[0]?.reason).toMatchObject({ code: 'messaging.timeout' });
    await until(() => signals.length === 2);
  });

  it('that lost its message to another is told, and its answer does not count', async () => {
    const clock = manualClock();
    const inner = memory({ clock, lease: '10s' });
    let deaf = true;
    // The first subscriber's renewals do not get through.
    const driver = onSource(inner, () => {
      const change = deaf ? { renew: () => Promise.reject(new Error('blackhole')) } : {};
      deaf = false;
      return change;
    });
    const messaging = createMessaging({ driver, clock });
    const first: AbortSignal[] = [];
    await messaging.subscribe('t', { group: 'g' }, async (_message, { signal }) => {
      first.push(signal);
      await new Promise(() => {});
    });
    await messaging.publish('t', 1);
    for (let turn = 0; turn < 5; turn++) await clock.advance(1);
    expect(first).toHaveLength(1);
    const second: number[] = [];
    await messaging.subscribe('t', { group: 'g' }, (_message, { attempt }) => second.push(attempt));
    await clock.advance(10_001);
    expect(second).toEqual([2]);
  });

  it('whose lease is gone is aborted, and nothing is settled for it', async () => {
    const clock = manualClock();
    const inner = memory({ clock, lease: '9s' });
    let settled = 0;
    const driver = onSource(inner, (source) => ({
      renew: async (tokens) => tokens.map(() => 'stale'),
      settle: (batch) => {
        settled += batch.length;
        return source.settle(batch);
      },
    }));
    const messaging = createMessaging({ driver, clock });
    let signal: AbortSignal | undefined;
    await messaging.subscribe('t', { group: 'g' }, async (_message, context) => {
      signal ??= context.signal;
      await new Promise(() => {});
    });
    await messaging.publish('t', 1);
    await clock.advance(2900);
    expect(signal?.aborted).toBe(false);
    await clock.advance(200);
    expect(signal?.reason).toMatchObject({ code: 'messaging.lease_lost' });
    expect(settled).toBe(0);
  });

  it('leaves no timer behind', async () => {
    const { messaging, subscribe, clock, until } = setUp();
    let done = 0;
    await subscribe(() => done++, { concurrency: 5 });
    const before = clock.pending;
    for (let n = 0; n < 50; n++) await messaging.publish('t', n);
    await until(() => done === 50);
    // At most the one of the queue that looks after leases.
    expect(clock.pending).toBeLessThanOrEqual(before + 1);
  });

  it('does not begin with what a driver hands out while closing', async () => {
    const clock = manualClock();
    const inner = memory({ clock });
    // Deaf to being given up, as a client library may be.
    const driver = onSource(inner, (source) => ({
      receive: (max) => source.receive(max, new AbortController().signal),
    }));
    const messaging = createMessaging({ driver, clock });
    let calls = 0;
    const subscription = await messaging.subscribe('t', { group: 'g' }, () => calls++);
    const closing = subscription.close();
    await messaging.publish('t', 1);
    await closing;
    expect(calls).toBe(0);
    expect(inner.client.count('t', 'g')).toEqual({ ready: 1, delayed: 0, leased: 0 });
  });

  it('does not begin after closing has, however long the driver takes to stop receiving', async () => {
    const clock = manualClock();
    const inner = memory({ clock });
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    const driver = onSource(inner, (source) => ({
      async receive(max, signal) {
        const deliveries = await source.receive(max, signal);
        // As a consumer that the broker is asked to cancel.
        if (signal.aborted) await stopped;
        return deliveries;
      },
    }));
    const messaging = createMessaging({ driver, clock });
    const { promise: held, resolve: finish } = Promise.withResolvers<void>();
    let begun = 0;
    const subscription = await messaging.subscribe('t', { group: 'g', prefetch: 10 }, async () => {
      begun++;
      await held;
    });
    for (let n = 0; n < 5; n++) await messaging.publish('t', n);
    while (inner.client.count('t', 'g')?.leased !== 5) await clock.advance(1);
    const closing = subscription.close();
    finish();
    await clock.advance(10);
    stop();
    await closing;
    expect(begun).toBe(1);
    expect(inner.client.count('t', 'g')).toEqual({ ready: 4, delayed: 0, leased: 0 });
  });

  it('has the message and the chain of work as its context', async () => {
    const { messaging, subscribe, until } = setUp();
    const contexts: unknown[] = [];
    await subscribe(async () => {
      await nextTurn();
      contexts.push(currentContext());
    });
    await messaging.publish('t', 1, { id: 'm1', correlationId: 'c1' });
    await until(() => contexts.length === 1);
    expect(contexts).toEqual([{ messageId: 'm1', correlationId: 'c1' }]);
  });

  it('may publish while everything is closing', async () => {
    const { messaging, driver, subscribe, until } = setUp();
    let begun = false;
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    await driver.ensure({ topic: 'follow-up', group: 'g' }, patientCall());
    await subscribe(async () => {
      begun = true;
      await held;
      await messaging.publish('follow-up', 1);
    });
    await messaging.publish('t', 1);
    await until(() => begun);
    const closing = messaging.close();
    await expect(messaging.subscribe('t', { group: 'g' }, () => {})).rejects.toMatchObject({
      code: 'messaging.closed',
    });
    go();
    await closing;
    expect(driver.client.count('follow-up', 'g')?.ready).toBe(1);
  });
});

describe('holding messages', () => {
  it('is bounded by prefetch, and what is held is not handled before its turn', async () => {
    const { messaging, subscribe, until, counts } = setUp();
    let begun = 0;
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    await subscribe(
      async () => {
        begun++;
        await held;
      },
      { concurrency: 2, prefetch: 5 },
    );
    await messaging.publishMany(
      't',
      Array.from({ length: 20 }, (_, data) => ({ data })),
    );
    await until(() => counts()?.leased === 5);
    expect([begun, counts()?.ready]).toEqual([2, 15]);
    go();
    await until(() => begun === 20);
  });
});

describe('closing', () => {
  it('tells a source that was not asked for more, as all is held, before it gives back what was not begun', async () => {
    const told: string[] = [];
    const driver = onSource(memory(), (source) => ({
      async receive(max, signal) {
        const deliveries = await source.receive(max, signal);
        told.push(signal.aborted ? 'takes no more' : `received ${deliveries.length}`);
        return deliveries;
      },
      async settle(batch) {
        told.push(...batch.map(({ action }) => action));
        return source.settle(batch);
      },
    }));
    const messaging = createMessaging({ driver });
    const handling = Promise.withResolvers<void>();
    const subscription = await messaging.subscribe('t', { group: 'g', prefetch: 2 }, () => handling.promise);
    await messaging.publishMany('t', [{ data: 1 }, { data: 2 }]);
    await expect.poll(() => told).toEqual(['received 2']);
    const closed = subscription.close();
    await expect.poll(() => told).toEqual(['received 2', 'takes no more', 'release']);
    handling.resolve();
    await closed;
    expect(told).toEqual(['received 2', 'takes no more', 'release', 'ack']);
    await messaging.close();
  });
});

describe('a broker that is away', () => {
  it('is told to who subscribes', async () => {
    const inner = memory();
    const unreachable = new Error('ECONNREFUSED', { cause: new AggregateError([new Error('no route')], 'all failed') });
    const driver: MessagingDriver = {
      ...inner,
      subscribe: () => Promise.reject(unreachable),
      classify: () => 'unavailable',
    };
    const messaging = createMessaging({ driver: { ...driver, address: 'broker.test:4711' }, timeout: 200 });
    const told: unknown[] = [];
    const listen = (operation: unknown): void => void told.push((operation as ReceiveOperation).error);
    channels.receive.error.subscribe(listen);
    await expect(messaging.subscribe('t', { group: 'g' }, () => {})).rejects.toMatchObject({
      code: 'messaging.unavailable',
      message: expect.stringContaining(
        'memory at broker.test:4711 is not available: ECONNREFUSED: all failed: no route.',
      ),
      cause: unreachable,
    });
    channels.receive.error.unsubscribe(listen);
    expect(told[0]).toMatchObject({ code: 'messaging.unavailable' });
    const hanging = createMessaging({ driver: { ...inner, subscribe: () => new Promise(() => {}) }, timeout: 50 });
    await expect(hanging.subscribe('t', { group: 'g' }, () => {})).rejects.toMatchObject({ code: 'messaging.timeout' });
    await expect(
      createMessaging({ driver: { ...inner, ping: () => new Promise(() => {}) }, timeout: 50 }).ping(),
    ).rejects.toMatchObject({ code: 'messaging.timeout' });
  });

  it('is tried until the time is up, and what it refuses is told at once', async () => {
    const inner = memory();
    let calls = 0;
    let failure: DriverFailure = 'unavailable';
    const driver: MessagingDriver = {
      ...inner,
      subscribe: (spec, call) => (++calls < 4 ? Promise.reject(new Error('away')) : inner.subscribe(spec, call)),
      classify: () => failure,
    };
    const messaging = createMessaging({ driver });
    const seen: unknown[] = [];
    const subscription = await messaging.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data));
    expect([calls, subscription.failure]).toEqual([4, undefined]);
    await messaging.publish('t', 1);
    await expect.poll(() => seen).toEqual([1]);
    [calls, failure] = [0, 'refused'];
    const refused = { code: 'messaging.rejected' };
    await expect(messaging.subscribe('t', { group: 'h' }, () => {})).rejects.toMatchObject(refused);
    expect(calls).toBe(1);
    // And once more, by who has mended it.
    [calls, failure] = [3, 'other'];
    await messaging.subscribe('t', { group: 'h' }, () => {});
    await messaging.close();
  });

  it.each([
    ['redis-streams', () => redisStreams({ url: 'redis://ada:secret-4711@127.0.0.1:1' }), '127.0.0.1:1'],
    ['redis-streams', () => redisStreams({ socket: { port: 1 } }), 'localhost:1'],
    ['redis-streams', () => redisStreams({ socket: { host: '::1', port: 1 } }), '[::1]:1'],
    ['redis-streams', () => redisStreams({ url: 'redis://[::1]:1' }), '[::1]:1'],
    [
      'redis-streams',
      () => redisStreams({ sentinel: { name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] } }),
      '127.0.0.1:1',
    ],
    [
      'redis-streams',
      () => redisStreams({ cluster: { rootNodes: [{ url: 'redis://ada:secret-4711@127.0.0.1:1' }] } }),
      '127.0.0.1:1',
    ],
    ['rabbitmq', () => rabbitmq({ url: 'amqp://ada:secret-4711@127.0.0.1:1,127.0.0.2:1' }), '127.0.0.1:1, 127.0.0.2:1'],
  ])('is named by host and port, without its password: %s %#', async (name, make, address) => {
    const messaging = createMessaging({ driver: make(), timeout: 500 });
    const error: unknown = await messaging.subscribe('t', { group: 'g' }, () => {}).catch((thrown: unknown) => thrown);
    // Sentinels that are away take their time.
    await messaging.close().catch(() => {});
    expect(error).toMatchObject({ message: expect.stringContaining(`${name} at ${address} `) });
    expect(String(error)).not.toContain('4711');
  });

  it('is not tried any more when messaging closes', async () => {
    const away = { ...memory(), subscribe: () => Promise.reject(new Error('away')), classify: () => 'lost' as const };
    const messaging = createMessaging({ driver: away, timeout: '1m' });
    const subscribing = messaging.subscribe('t', { group: 'g' }, () => {});
    subscribing.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    await messaging.close();
    await expect(subscribing).rejects.toMatchObject({ code: 'messaging.unavailable' });
  });

  it('and answers after the caller was told so, leaves no subscriber behind', async () => {
    const inner = memory();
    let answer = (): void => {};
    const late = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let opened: Source | undefined;
    const driver: MessagingDriver = {
      ...inner,
      async subscribe(spec, call) {
        await late;
        opened = await inner.subscribe(spec, call);
        return opened;
      },
    };
    const messaging = createMessaging({ driver, timeout: 50 });
    let calls = 0;
    await expect(messaging.subscribe('t', { group: 'g' }, () => calls++)).rejects.toMatchObject({
      code: 'messaging.timeout',
    });
    answer();
    await expect
      .poll(async () =>
        opened?.receive(1, AbortSignal.abort()).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    await messaging.publish('t', 1);
    await nextTurn();
    expect(calls).toBe(0);
    expect(inner.client.count('t', 'g')?.ready).toBe(1);
  });

  it('is tried again and again, gently, and found when it is back', async () => {
    const clock = manualClock();
    const inner = memory({ clock });
    let away = false;
    let tries = 0;
    const driver: MessagingDriver = {
      ...inner,
      async ensure(spec, call) {
        if (away) {
          tries++;
          throw new Error('ECONNREFUSED');
        }
        return inner.ensure(spec, call);
      },
    };
    const messaging = createMessaging({ driver, clock });
    let done = 0;
    await messaging.subscribe('t', { group: 'g' }, () => done++);
    away = true;
    inner.client.disconnect();
    for (let turn = 0; turn < 60; turn++) await clock.advance(1000);
    // About one each 2.5 s in the end; a hot loop would make thousands.
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(200);
    away = false;
    await messaging.publish('t', 1);
    for (let turn = 0; turn < 10; turn++) await clock.advance(1000);
    expect(done).toBe(1);
    await messaging.close();
  });

  it('does not keep closing from ending', async () => {
    const clock = manualClock();
    const inner = memory({ clock });
    let away = false;
    const driver: MessagingDriver = {
      ...inner,
      subscribe: async (spec, call) => {
        if (away) throw new Error('ECONNREFUSED');
        return inner.subscribe(spec, call);
      },
    };
    const messaging = createMessaging({ driver, clock });
    await messaging.subscribe('t', { group: 'g' }, () => {});
    away = true;
    inner.client.disconnect();
    await clock.advance(5000);
    await messaging.close();
  });
});

describe('the channel of processing', () => {
  it('does not delay a handler that answers at once', async () => {
    const { messaging, subscribe, until } = setUp();
    const order: string[] = [];
    const onStart = (): void => {
      order.push('start');
      queueMicrotask(() => order.push('turn'));
    };
    const onEnd = (): void => void order.push('end');
    channels.process.start.subscribe(onStart);
    channels.process.asyncEnd.subscribe(onEnd);
    await subscribe(() => {});
    await messaging.publish('t', 1);
    await until(() => order.includes('end'));
    channels.process.start.unsubscribe(onStart);
    channels.process.asyncEnd.unsubscribe(onEnd);
    expect(order.slice(0, 2)).toEqual(['start', 'end']);
  });

  it('tells outcome and attempt, and no data', async () => {
    const { messaging, subscribe, dead, until } = setUp();
    const ended: ProcessOperation[] = [];
    const failed: unknown[] = [];
    const listener = {
      asyncEnd: (payload: ProcessOperation) => void ended.push(payload),
      error: (payload: ProcessOperation & { error: unknown }) => void failed.push(payload.error),
    };
    channels.process.subscribe(listener as never);
    const failure = new Error('no');
    await subscribe(
      ({ data }, { attempt }) => {
        if (data === 'bad' || attempt === 1) throw failure;
      },
      { maxAttempts: 2 },
    );
    await messaging.publish('t', 'good', { id: 'a', headers: { tenant: 't1' } });
    await until(() => ended.length === 2);
    await messaging.publish('t', 'bad', { id: 'b' });
    await until(() => dead.length === 1);
    channels.process.unsubscribe(listener as never);
    const own = ended.filter(({ topic }) => topic === 't');
    expect(own.map(({ messageId, attempt, outcome }) => [messageId, attempt, outcome])).toEqual([
      ['a', 1, 'retry'],
      ['a', 2, 'done'],
      ['b', 1, 'retry'],
      ['b', 2, 'dead_letter'],
    ]);
    expect(own[0]).toMatchObject({ driver: 'memory', group: 'g', headers: { tenant: 't1' } });
    expect(failed).toEqual([failure, failure, failure]);
    expect(JSON.stringify(ended)).not.toContain('good');
  });
});

describe('the channel of groups', () => {
  it('tells each running subscription, and how far its group is', async () => {
    const ask = (): GroupReport[] => {
      const found: GroupReport[] = [];
      groupsChannel.publish({ add: (report) => found.push(report) } satisfies GroupsQuestion);
      return found.filter(({ group }) => group === 'asked');
    };
    const messaging = createMessaging({ driver: memory() });
    const first = await messaging.subscribe('a', { group: 'asked' }, () => {});
    await messaging.subscribe('b', { group: 'asked' }, () => {});
    expect(ask()).toMatchObject([
      { driver: 'memory', topic: 'a', group: 'asked' },
      { driver: 'memory', topic: 'b', group: 'asked' },
    ]);
    expect(await ask()[0]?.stats()).toEqual(await messaging.stats('a', 'asked'));
    await first.close();
    expect(ask()).toMatchObject([{ topic: 'b' }]);
    await messaging.close();
    expect(ask()).toEqual([]);
  });
});

describe('options', () => {
  it('that cannot work are refused at once', async () => {
    const { messaging } = setUp();
    for (const bad of [
      { group: '' },
      { group: 'a b' },
      { group: undefined },
      { group: 'a\n' },
      { group: 1n },
      { concurrency: 0 },
      { concurrency: 1.5 },
      { concurrency: 5, prefetch: 4 },
      { maxAttempts: 0 },
      { timeout: 0 },
      { timeout: 'soon' },
      { timeout: Infinity },
      { backoff: { base: -1 } },
      { backoff: { jitter: 2 } },
      { backoff: { min: 5 } },
      { backoff: '5s' },
      { deadLetter: '' },
      { deadLetter: 'a\u0000b' },
      { maxAttemps: 3 },
    ]) {
      await expect(
        messaging.subscribe('t', { group: 'g', ...(bad as object) }, () => {}),
        Object.keys(bad).join(),
      ).rejects.toMatchObject({ code: 'messaging.invalid_options' });
    }
    for (const bad of [
      { source: '' },
      { source: 'a\u0000' },
      { timeout: 0 },
      { timeout: 'x' },
      { timout: 5 },
      { driver: undefined },
    ]) {
      expect(() => createMessaging({ driver: memory(), ...(bad as object) })).toThrow(
        expect.objectContaining({ code: 'messaging.invalid_options' }),
      );
    }
    for (const bad of [{ lease: 0 }, { maxQueued: 0 }, { max: 5 }, { faults: { seed: 1, loseSends: 1 } }]) {
      expect(() => memory(bad as object)).toThrow(expect.objectContaining({ code: 'messaging.invalid_options' }));
    }
  });

  it('of JavaScript are anything, and refused by a code all the same', async () => {
    const { messaging } = setUp();
    const loose = messaging as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
    const refused = { code: 'messaging.invalid_options' };
    for (const given of [
      ['t', 1, { mandatry: true }],
      ['t', 1, { data: 2 }],
      ['t', 1, 'id'],
      ['t', 1, null],
      [undefined, 1],
      [null, 1],
      [1n, 1],
      ['a\u0000b', 1],
    ]) {
      await expect(loose['publish']!(...given)).rejects.toMatchObject(refused);
    }
    for (const given of [
      ['t', [{ data: 1, mandatory: true }]],
      ['t', [1]],
      ['t', 'text'],
      ['t', undefined],
      ['t', [{ data: 1 }], { id: 'x' }],
    ]) {
      await expect(loose['publishMany']!(...given)).rejects.toMatchObject(refused);
    }
    for (const given of [['t'], ['t', { group: 'g' }], ['t', { group: 'g' }, 'handler'], [undefined, { group: 'g' }]]) {
      await expect(loose['subscribe']!(...given)).rejects.toMatchObject(refused);
    }
    await expect(loose['close']!({ timout: 1 })).rejects.toMatchObject(refused);
    const create = createMessaging as unknown as (...given: unknown[]) => unknown;
    for (const given of [[], [null], [{}], ['memory:']]) {
      expect(() => create(...given)).toThrow(expect.objectContaining(refused));
    }
  });
});
