import assert from 'node:assert/strict';
import { memory, type MemoryOptions } from '../src/drivers/memory.ts';
import type {
  Clock,
  createMessaging,
  Handler,
  Message,
  MessagingDriver,
  SendResult,
  SubscribeOptions,
  WireMessage,
} from '../src/index.ts';
import { manualClock } from '../src/testing.ts';
import { connectTo, keepingBack, onSource, ordinary, patientCall } from './support.ts';

/** The core that is tested: the real one, or one with a bug. */
export interface Core {
  readonly createMessaging: typeof createMessaging;
}

interface Setting extends MemoryOptions {
  readonly countsAttempts?: boolean;
  /** It keeps back what is sent with a delay. */
  readonly delays?: boolean;
  /** What the broker does otherwise, seen by all processes. */
  readonly change?: (driver: MessagingDriver) => MessagingDriver;
}

/** Processes on a broker that keeps no retries. */
function setUp(
  core: Core,
  { countsAttempts = false, delays = false, change = (driver) => driver, ...options }: Setting = {},
) {
  const clock = manualClock();
  const broker = memory({ clock, ...options });
  const plain = ordinary(broker, { countsAttempts });
  const driver = change(delays ? keepingBack(plain, clock) : plain);
  const join = (own: Clock = clock) => core.createMessaging({ driver: connectTo(driver), clock: own });
  const until = async (what: string, condition: () => boolean, stepMs = 10): Promise<void> => {
    for (let turn = 0; turn < 5000 && !condition(); turn++) await clock.advance(stepMs);
    assert.ok(condition(), `it did not happen: ${what}`);
  };
  return { clock, broker, driver, join, until };
}

/** Jitter would hide when a try is made. */
const options = (more: Partial<SubscribeOptions> = {}): SubscribeOptions => ({
  group: 'g',
  backoff: { jitter: 0 },
  ...more,
});

const isRetry = (topic: string | undefined): boolean => topic !== undefined && /\.retry(-\d+)?$/.test(topic);

/** A driver that sends to topics for retries in another way. */
const onRetry =
  (send: (driver: MessagingDriver, ...call: Parameters<MessagingDriver['send']>) => Promise<SendResult[]>) =>
  (driver: MessagingDriver): MessagingDriver => ({
    ...driver,
    send: (batch, call) => (isRetry(batch[0]?.topic) ? send(driver, batch, call) : driver.send(batch, call)),
  });

/** A driver whose broker counts how often it took a message back, and not why. */
function countingReturns(driver: MessagingDriver): MessagingDriver {
  const deliveries = new Map<string, number>();
  const keyOf = ({ topic, id }: WireMessage): string => `${topic} ${id}`;
  const counting = onSource(driver, (source) => ({
    receive: async (max, signal) =>
      (await source.receive(max, signal)).map((delivery) => {
        const key = keyOf(delivery.message);
        const returns = deliveries.get(key) ?? 0;
        deliveries.set(key, returns + 1);
        return { ...delivery, returns };
      }),
  }));
  return {
    ...counting,
    send(batch, call) {
      for (const message of batch) deliveries.delete(keyOf(message));
      return driver.send(batch, call);
    },
  };
}

/** Fails until the attempt with this number, and keeps what it was told. */
function failing(until: number) {
  const attempts: number[] = [];
  const messages: Message[] = [];
  const handler: Handler = (message, { attempt }) => {
    attempts.push(attempt);
    messages.push(message);
    if (attempt < until) throw new Error('not yet');
  };
  return { attempts, messages, handler };
}

/** Ten tries, and how long it took from each to the next. */
async function waitsOf(core: Core, setting: Setting): Promise<number[]> {
  const { clock, join, until } = setUp(core, setting);
  const messaging = join();
  const times: number[] = [];
  await messaging.subscribe('t', options({ maxAttempts: 10 }), () => {
    times.push(clock.now());
    throw new Error('no');
  });
  await messaging.publish('t', 1);
  await until('ten tries', () => times.length === 10, 1000);
  return times.slice(1).map((time, at) => time - (times[at] as number));
}

const PLANNED = [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000];

/** How long it takes where one process has a clock that is an hour ahead, and the next one has not. */
async function waitOfOneBehind(core: Core, setting: Setting): Promise<number> {
  const { clock, join, until } = setUp(core, setting);
  const ahead = join({ now: () => clock.now() + 3_600_000, after: (ms, work) => clock.after(ms, work) });
  const { attempts, handler } = failing(3);
  const slow = options({ backoff: { base: '30s', jitter: 0 } });
  await ahead.subscribe('t', slow, handler);
  await ahead.publish('t', 1);
  await until('the first try', () => attempts.length === 1);
  await clock.advance(100);
  await ahead.close();
  const [begun] = [clock.now()];
  await join().subscribe('t', slow, handler);
  await until('the second try', () => attempts.length === 2, 1000);
  return clock.now() - begun;
}

/** 300 messages wait for so long, on a broker that keeps them back; then one for a second. What is done for that. */
async function behindMany(core: Core, waitMs: number): Promise<{ waitedMs: number; stores: number }> {
  let stores = 0;
  const { clock, join, until } = setUp(core, {
    delays: true,
    change: onRetry(async (driver, ...call) => {
      stores++;
      return driver.send(...call);
    }),
  });
  const [slowly, quickly] = [join(), join()];
  const attempts: Record<string, number> = {};
  const handler: Handler = ({ data }, { attempt }) => {
    attempts[data as string] = attempt;
    if (attempt === 1) throw new Error('not yet');
  };
  const backoff = { base: waitMs, max: waitMs, jitter: 0 };
  const many = await slowly.subscribe('t', options({ concurrency: 300, backoff }), handler);
  await slowly.publishMany(
    't',
    Array.from({ length: 300 }, (_, n) => ({ data: `slow ${n}` })),
  );
  await until('all slow ones have failed', () => Object.keys(attempts).length === 300);
  await many.close();
  await quickly.subscribe('t', options({ backoff: { base: '1s', jitter: 0 } }), handler);
  await clock.advance(100);
  stores = 0;
  const begun = clock.now();
  await quickly.publish('t', 'quick');
  await until('the quick one is tried again', () => attempts['quick'] === 2);
  return { waitedMs: clock.now() - begun, stores };
}

/** A promise to be kept later. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** What holds for retries of the core, case by case. */
export const retryCases: Readonly<Record<string, (core: Core) => Promise<void>>> = {
  'are stored before the message is acknowledged': async (core) => {
    const { opened, open } = gate();
    const { broker, join, until } = setUp(core, {
      change: onRetry(async (driver, ...call) => {
        await opened;
        return driver.send(...call);
      }),
    });
    const messaging = join();
    const { attempts, handler } = failing(2);
    // With room for another message it is still receiving, and so learns of the broken connection.
    await messaging.subscribe('t', options({ prefetch: 2 }), handler);
    await messaging.publish('t', 1);
    await until('the first try', () => attempts.length === 1);
    assert.deepEqual(broker.client.count('t', 'g'), { ready: 0, delayed: 0, leased: 1 });
    // The process dies here, as far as the broker knows: the message is not lost.
    broker.client.disconnect();
    await until('the same try again', () => attempts.length === 2);
    open();
    await until('the second try', () => attempts.includes(2));
    assert.deepEqual([...new Set(attempts)], [1, 2]);
  },

  'that are stored and not acknowledged make a duplicate under the same id': async (core) => {
    let lost = 0;
    const { join, until, broker } = setUp(core, {
      change: (driver) =>
        onSource(driver, (source) => ({
          settle: async (batch) => {
            if (lost === 0 && batch.some(({ action }) => action === 'ack')) {
              lost++;
              throw new Error('connection lost');
            }
            return source.settle(batch);
          },
        })),
    });
    const messaging = join();
    const { attempts, messages, handler } = failing(2);
    await messaging.subscribe('t', options(), handler);
    await messaging.publish('t', 1, { id: 'm1' });
    await until('both copies are done', () => attempts.filter((attempt) => attempt === 2).length === 2, 1000);
    assert.deepEqual(attempts, [1, 2, 1, 2]);
    assert.deepEqual([...new Set(messages.map(({ id }) => id))], ['m1']);
    assert.deepEqual(broker.client.count('t', 'g'), { ready: 0, delayed: 0, leased: 0 });
  },

  'that cannot be stored leave the message where it is, and call no handler in a hot loop': async (core) => {
    let full = true;
    const refused: SendResult = { status: 'rejected', error: new Error('full') };
    const { clock, join, until } = setUp(core, {
      change: onRetry(async (driver, ...call) => (full ? [refused] : driver.send(...call))),
    });
    const messaging = join();
    const { attempts, handler } = failing(2);
    await messaging.subscribe('t', options(), handler);
    await messaging.publish('t', 1);
    for (let second = 0; second < 10; second++) await clock.advance(1000);
    assert.ok(attempts.length > 5 && attempts.length < 25, `${attempts.length} tries in ten seconds`);
    assert.deepEqual([...new Set(attempts)], [1]);
    full = false;
    await until('the second try', () => attempts.includes(2));
  },

  'come when their time has come, however long that is': async (core) => {
    assert.deepEqual(await waitsOf(core, {}), PLANNED);
  },

  'come when their time has come, through a broker that keeps them back for parts of it': async (core) => {
    assert.deepEqual(await waitsOf(core, { delays: true }), PLANNED);
  },

  'are counted across processes, and dead letters have them all': async (core) => {
    const { join, until } = setUp(core);
    const attempts: number[] = [];
    for (let process = 1; process <= 3; process++) {
      const messaging = join();
      await messaging.subscribe('t', options({ maxAttempts: 3 }), (_message, { attempt }) => {
        attempts.push(attempt);
        throw new TypeError('no');
      });
      if (process === 1) await messaging.publish('t', 1, { id: 'm1' });
      await until(`try ${process}`, () => attempts.length === process);
      await messaging.close();
    }
    const dead: Message[] = [];
    await join().subscribe('t.g.dead', { group: 'dead' }, (message) => dead.push(message));
    await until('the dead letter', () => dead.length === 1);
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.equal(dead[0]?.id, 'm1');
    assert.equal(dead[0]?.headers['dead-letter-attempts'], '3');
    assert.equal(dead[0]?.headers['dead-letter-reason'], 'TypeError');
  },

  'are for the group that failed alone, also where dots make names alike': async (core) => {
    const { clock, join, until } = setUp(core);
    const messaging = join();
    const seen: Record<string, number[]> = {};
    const subscriptions = [
      ['a', 'fails'],
      ['a', 'other'],
      ['a.b', 'c'],
      ['a', 'b.c'],
      ['a', 'b_c'],
    ] as const;
    for (const [topic, group] of subscriptions) {
      await messaging.subscribe(topic, options({ group }), ({ data }, { attempt }) => {
        (seen[`${topic} ${group} ${data as string}`] ??= []).push(attempt);
        if (data === group && attempt < 3) throw new Error('not yet');
      });
    }
    for (const data of ['fails', 'b.c', 'c']) {
      await messaging.publish('a', data);
      await messaging.publish('a.b', data);
    }
    await until('the third try', () => seen['a b.c b.c']?.length === 3 && seen['a.b c c']?.length === 3);
    for (let second = 0; second < 5; second++) await clock.advance(1000);
    for (const [name, attempts] of Object.entries(seen)) {
      const [, group, data] = name.split(' ');
      assert.deepEqual(attempts, group === data ? [1, 2, 3] : [1], name);
    }
  },

  'bring the message as it was published, and show nothing of theirs': async (core) => {
    const { join, until } = setUp(core);
    const messaging = join();
    const { messages, handler } = failing(3);
    await messaging.subscribe('t', options({ maxAttempts: 2 }), handler);
    const dead: Message[] = [];
    await messaging.subscribe('t.g.dead', { group: 'dead' }, (message) => dead.push(message));
    await messaging.publish('t', { n: 1 }, { id: 'm1', type: 'x', subject: 's', headers: { tenant: 't1' } });
    await until('the dead letter', () => dead.length === 1);
    const [first, second] = messages.map((message) => ({ ...message, headers: { ...message.headers } }));
    assert.deepEqual(second, first);
    const [letter] = dead;
    assert.deepEqual(Object.keys(letter?.headers ?? {}).sort(), [
      'correlation-id',
      'dead-letter-at',
      'dead-letter-attempts',
      'dead-letter-group',
      'dead-letter-reason',
      'dead-letter-topic',
      'tenant',
    ]);
    assert.deepEqual({ ...letter }, { ...first, topic: 't.g.dead', headers: letter?.headers });
  },

  'wait no longer than planned for a process whose clock is behind': async (core) => {
    const waited = await waitOfOneBehind(core, {});
    assert.ok(waited > 25_000 && waited < 35_000, `it waited for ${waited} ms`);
  },

  'kept back by the broker wait no longer than planned for a process whose clock is behind': async (core) => {
    const waited = await waitOfOneBehind(core, { delays: true });
    assert.ok(waited > 25_000 && waited < 35_000, `it waited for ${waited} ms`);
  },

  'kept back by the broker hold up none that waits for less, and nobody has them meanwhile': async (core) => {
    assert.deepEqual(await behindMany(core, 7_200_000), { waitedMs: 1000, stores: 1 });
  },

  'that fill all places go to a broker that keeps them back, and hold up none that waits for less': async (core) => {
    const { waitedMs, stores } = await behindMany(core, 9_000);
    assert.ok(waitedMs <= 1_100, `it waited for ${waitedMs} ms`);
    assert.ok(stores < 400, `${stores} stores`);
  },

  'that the broker refuses to keep back wait as on any other, and are counted': async (core) => {
    let stores = 0;
    const refused: SendResult = { status: 'rejected', error: new Error('no right to it') };
    const { clock, join, until } = setUp(core, {
      delays: true,
      change: onRetry(async (driver, batch, call) => {
        stores++;
        return batch[0]?.delayMs === undefined ? driver.send(batch, call) : [refused];
      }),
    });
    const times: number[] = [];
    const messaging = join();
    await messaging.subscribe('t', options({ maxAttempts: 3, backoff: { base: '30s', jitter: 0 } }), () => {
      times.push(clock.now());
      throw new Error('no');
    });
    await messaging.publish('t', 1);
    await until('all tries', () => times.length === 3, 500);
    assert.deepEqual([times[1]! - times[0]!, times[2]! - times[1]!], [30_000, 60_000]);
    assert.ok(stores < 40, `${stores} stores`);
  },

  'of one message wait behind none that waits for long': async (core) => {
    const { clock, join, until } = setUp(core);
    const [slowly, quickly] = [join(), join()];
    const attempts: Record<string, number> = {};
    const handler: Handler = ({ data }, { attempt }) => {
      attempts[data as string] = attempt;
      if (attempt === 1) throw new Error('not yet');
    };
    const hours = await slowly.subscribe(
      't',
      options({ concurrency: 50, backoff: { base: '2h', max: '2h' } }),
      handler,
    );
    for (let n = 0; n < 250; n++) await slowly.publish('t', `slow ${n}`);
    await until('all slow ones have failed', () => Object.keys(attempts).length === 250);
    await hours.close();
    await quickly.subscribe('t', options({ backoff: { base: '1s', jitter: 0 } }), handler);
    await quickly.publish('t', 'quick');
    const begun = clock.now();
    await until('the quick one is tried again', () => attempts['quick'] === 2, 100);
    assert.ok(clock.now() - begun < 40_000, `it waited for ${clock.now() - begun} ms`);
  },

  'that wait hold no lease for long, and are not forgotten': async (core) => {
    let stored = 0;
    const { clock, join, until, broker } = setUp(core, {
      lease: '3s',
      change: onRetry(async (driver, ...call) => {
        stored++;
        return driver.send(...call);
      }),
    });
    const messaging = join();
    const { attempts, handler } = failing(2);
    await messaging.subscribe('t', options({ backoff: { base: '5m', max: '5m', jitter: 0 } }), handler);
    await messaging.publish('t', 1);
    await until('the first try', () => attempts.length === 1);
    for (let second = 0; second < 100; second++) await clock.advance(1000);
    assert.ok(stored >= 9 && stored <= 12, `stored ${stored} times in 100 seconds`);
    assert.deepEqual(broker.client.count('t.g.retry', 'retry'), { ready: 0, delayed: 0, leased: 1 });
    await until('the second try', () => attempts.length === 2, 1000);
    assert.deepEqual(attempts, [1, 2]);
  },

  'that are due go to a process with a free hand': async (core) => {
    const { join, until } = setUp(core);
    const [busy, idle] = [join(), join()];
    const seen: string[] = [];
    const begin =
      (name: string) =>
      ({ data }: Message, { attempt }: { attempt: number }): unknown => {
        seen.push(`${name} ${data as string} ${attempt}`);
        if (data === 'hog') return new Promise(() => {});
        if (attempt === 1) throw new Error('not yet');
        return undefined;
      };
    await busy.subscribe('t', options({ timeout: '10m' }), begin('busy'));
    await busy.publish('t', 'bad');
    await busy.publish('t', 'hog');
    await until('both have begun', () => seen.length === 2);
    await idle.subscribe('t', options(), begin('idle'));
    await until('the idle one has it', () => seen.includes('idle bad 2'), 1000);
  },

  'share the hands of their subscription': async (core) => {
    const { join, until, clock } = setUp(core);
    const messaging = join();
    let [running, most, done] = [0, 0, 0];
    const more = { concurrency: 3, prefetch: 20, backoff: { base: 50 }, maxAttempts: 50 };
    await messaging.subscribe('t', options(more), async ({ data }, { attempt }) => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => clock.after(5, resolve));
      running--;
      if (attempt <= Number(data) % 3) throw new Error('not yet');
      done++;
    });
    for (let n = 0; n < 60; n++) await messaging.publish('t', n);
    await until('all are done', () => done === 60);
    assert.equal(most, 3);
  },

  'that wait go back when their process closes': async (core) => {
    const { clock, broker, join, until } = setUp(core);
    const [first, second] = [join(), join()];
    const { attempts, handler } = failing(2);
    await first.subscribe('t', options(), handler);
    await first.publish('t', 1);
    await until('the first try', () => attempts.length === 1);
    await clock.advance(100);
    await first.close();
    assert.deepEqual(broker.client.count('t.g.retry', 'retry'), { ready: 1, delayed: 0, leased: 0 });
    const begun = clock.now();
    await second.subscribe('t', options(), handler);
    await until('the second try', () => attempts.length === 2);
    assert.ok(clock.now() - begun >= 390, 'it waits for the rest of its time');
  },

  'that are being stored are waited for by a process that closes, for its time': async (core) => {
    for (const answers of [true, false]) {
      const { opened, open } = gate();
      const { clock, broker, join, until } = setUp(core, {
        change: onRetry(async (driver, ...call) => {
          await opened;
          return driver.send(...call);
        }),
      });
      const messaging = join();
      const { attempts, handler } = failing(2);
      await messaging.subscribe('t', options(), handler);
      await messaging.publish('t', 1);
      await until('the first try', () => attempts.length === 1);
      let closed = false;
      const closing = messaging.close({ timeout: '5s' }).then(() => {
        closed = true;
      });
      await clock.advance(4000);
      assert.equal(closed, false);
      if (answers) open();
      await clock.advance(2000);
      await closing;
      const [left, moved] = [broker.client.count('t', 'g')?.ready, broker.client.count('t.g.retry', 'retry')?.ready];
      assert.deepEqual([left, moved], answers ? [0, 1] : [1, 0]);
      open();
    }
  },

  'that could not be stored do not keep a process from closing': async (core) => {
    const refused: SendResult = { status: 'rejected', error: new Error('full') };
    const { clock, broker, join, until } = setUp(core, { change: onRetry(async () => [refused]) });
    const messaging = join();
    const { attempts, handler } = failing(2);
    await messaging.subscribe('t', options({ backoff: { base: '1m', jitter: 0 } }), handler);
    await messaging.publish('t', 1);
    await until('the first try', () => attempts.length === 1);
    const begun = clock.now();
    const closing = messaging.close();
    await clock.advance(1);
    await closing;
    assert.ok(clock.now() - begun < 100);
    assert.equal(broker.client.count('t', 'g')?.ready, 1);
  },

  'make their topic again when it is gone': async (core) => {
    let gone = false;
    const { join, until } = setUp(core, {
      change: (driver) => ({
        ...onRetry(async (inner, ...call) => (gone ? [{ status: 'unroutable' }] : inner.send(...call)))(driver),
        ensure: async (spec, call) => {
          if (isRetry(spec.topic)) gone = false;
          return driver.ensure(spec, call);
        },
      }),
    });
    const messaging = join();
    const { attempts, handler } = failing(2);
    await messaging.subscribe('t', options(), handler);
    gone = true;
    await messaging.publish('t', 1);
    await until('the second try', () => attempts.length === 2);
    assert.deepEqual(attempts, [1, 2]);
  },

  'add to the deaths that the broker has counted': async (core) => {
    const { driver, broker, join, until } = setUp(core, { countsAttempts: true });
    const messaging = join();
    await driver.ensure({ topic: 't', group: 'g' }, patientCall());
    await messaging.publish('t', 1);
    const source = await driver.subscribe({ topic: 't', group: 'g', prefetch: 1 }, patientCall());
    assert.equal((await source.receive(1, patientCall().signal))[0]?.attempt, 1);
    broker.client.disconnect();
    const { attempts, handler } = failing(9);
    await messaging.subscribe('t', options({ maxAttempts: 3 }), handler);
    const dead: Message[] = [];
    await messaging.subscribe('t.g.dead', { group: 'dead' }, (message) => dead.push(message));
    await until('the dead letter', () => dead.length === 1);
    assert.deepEqual(attempts, [2, 3]);
    assert.equal(dead[0]?.headers['dead-letter-attempts'], '3');
  },

  'that wait are not to blame for the death of their process': async (core) => {
    const { clock, broker, join, until } = setUp(core, { countsAttempts: true });
    const messaging = join();
    const { attempts, handler } = failing(2);
    await messaging.subscribe('t', options({ maxAttempts: 3, backoff: { base: '1m', jitter: 0 } }), handler);
    await messaging.publish('t', 1);
    await until('the first try', () => attempts.length === 1);
    for (let death = 0; death < 5; death++) {
      await clock.advance(1000);
      broker.client.disconnect();
      await clock.advance(1000);
    }
    await until('the second try', () => attempts.length === 2, 1000);
    assert.deepEqual(attempts, [1, 2]);
  },

  'end for a message that its subscribers die of, and for none that waited with it': async (core) => {
    const { clock, broker, join, until } = setUp(core, { change: countingReturns });
    const messaging = join();
    const [handled, dead]: [Set<string>, Message[]] = [new Set(), []];
    let deaths = 0;
    const handler: Handler = async ({ id }, { signal }) => {
      if (id !== 'killer') return void handled.add(id);
      deaths++;
      broker.client.disconnect();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    await messaging.subscribe('t.g.dead', { group: 'dead' }, (message) => dead.push(message));
    await messaging.subscribe('t', options({ prefetch: 20 }), handler);
    await messaging.publishMany(
      't',
      ['late1', 'late2'].map((id) => ({ id, data: 1, delay: '2h' as const })),
    );
    await clock.advance(100);
    const beside = Array.from({ length: 10 }, (_, n) => `m${n}`);
    await messaging.publishMany(
      't',
      ['killer', ...beside].map((id) => ({ id, data: 1 })),
    );
    await until('it is dead', () => dead.length > 0, 100);
    await until('all others are handled', () => handled.size === beside.length + 2, 60_000);
    assert.deepEqual([dead.map(({ id }) => id), deaths], [['killer'], 20]);
    // The last ten of them are certain.
    assert.equal(dead[0]?.headers['dead-letter-attempts'], '10');
  },

  'do not end for what was only given back, however often': async (core) => {
    const { clock, join, until } = setUp(core, { change: countingReturns });
    const messaging = join();
    const [handled, dead]: [Set<string>, Message[]] = [new Set(), []];
    await messaging.subscribe('t.g.dead', { group: 'dead' }, (message) => dead.push(message));
    const handler: Handler = async ({ id }, { attempt, signal }) => {
      assert.equal(attempt, 1);
      if (await Promise.race([opened.then(() => true), new Promise((end) => signal.addEventListener('abort', end))]))
        handled.add(id);
    };
    const { opened, open } = gate();
    const ids = Array.from({ length: 20 }, (_, n) => `m${n}`);
    for (let stop = 0; stop < 60; stop++) {
      const passing = join();
      await passing.subscribe('t', options({ prefetch: 30, concurrency: 2 }), handler);
      if (stop === 0)
        await messaging.publishMany(
          't',
          ids.map((id) => ({ id, data: 1 })),
        );
      await clock.advance(1000);
      // The handlers that run are stopped.
      const closed = passing.close({ timeout: '1s' });
      await clock.advance(2000);
      await closed;
    }
    open();
    await messaging.subscribe('t', options({ prefetch: 30 }), handler);
    await until('all are handled', () => handled.size === ids.length, 100);
    assert.deepEqual(dead, []);
  },

  'do not end for what came back without the knowledge of any subscriber': async (core) => {
    const { join, until } = setUp(core, {
      change: (driver) =>
        onSource(driver, (source) => ({
          receive: async (max, signal) =>
            (await source.receive(max, signal)).map((delivery) => ({
              ...delivery,
              returns: delivery.message.headers['ent-retry-suspect'] === undefined ? 1000 : 0,
            })),
        })),
    });
    const messaging = join();
    const { attempts, handler } = failing(2);
    await messaging.subscribe('t', options(), handler);
    await messaging.publish('t', 1);
    await until('the second try', () => attempts.length === 2);
    assert.deepEqual(attempts, [1, 2]);
  },

  'are made of what somebody else put into their topic': async (core) => {
    const { driver, join, until } = setUp(core);
    const { attempts, handler } = failing(0);
    await join().subscribe('t', options(), handler);
    const message = {
      topic: 't.g.retry',
      type: 't',
      source: 's',
      subject: undefined,
      time: 0,
      contentType: 'application/json',
      body: Buffer.from('1'),
    };
    const strange: Record<string, string>[] = [
      {},
      { 'ent-retry-attempts': '-7', 'ent-retry-not-before': 'soon', 'ent-retry-wait': '1e99' },
      { 'ent-retry-attempts': '3', 'ent-retry-not-before': '9007199254740991', 'ent-retry-wait': '-1' },
    ];
    await driver.send(
      strange.map((headers, n) => ({ ...message, id: `m${n}`, headers })),
      patientCall(),
    );
    await until('all are handled', () => attempts.length === 3);
    assert.deepEqual(attempts.sort(), [2, 2, 4]);
  },
};
