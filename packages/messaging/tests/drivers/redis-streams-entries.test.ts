import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { describe, expect, it, vi } from 'vitest';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging, type Message } from '../../src/index.ts';
import { textsOf } from '../../src/testing/kit.ts';
import { onStreams, receive } from './redis-streams-support.ts';

describeWithServer('redis', (server) => {
  const setUp = onStreams(() => server.url);

  it('connects a client of the application, and leaves it open', async () => {
    const client = createClient({ url: server.url });
    const { topic } = await setUp();
    const messaging = createMessaging({ driver: redisStreams({ client }) });
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await messaging.publish(topic, 1);
    await expect.poll(() => seen).toEqual([1]);
    await messaging.close();
    expect([messaging.driver.client === client, client.isReady]).toEqual([true, true]);
    client.destroy();
  });

  it('topics under another prefix are others', async () => {
    const { topic, call, send, driver } = await setUp();
    await driver.ensure({ topic, group: 'g' }, call);
    const other = await setUp({ prefix: 'other:' });
    const elsewhere = await other.driver.send([{ ...(await send('x')), topic }], call);
    expect(elsewhere).toEqual([{ status: 'unroutable' }]);
  });

  it('keeps all of its keys under the prefix, so that a user may be limited to it', async () => {
    const { topic, native } = await setUp();
    await native.sendCommand(['ACL', 'SETUSER', 'shop', 'on', '>pw', '~shop:*', '+@all']);
    const url = server.url.replace('://', '://shop:pw@');
    const messaging = createMessaging({ driver: redisStreams({ url, prefix: 'shop:' }) });
    await messaging.ping();
    const seen: unknown[] = [];
    const options = { group: 'g', maxAttempts: 2, backoff: { base: 1 } };
    const { deadLetter } = await messaging.subscribe(topic, options, ({ data }, { attempt }) => {
      seen.push([data, attempt]);
      throw new Error('no');
    });
    await messaging.subscribe(deadLetter, { group: 'dead' }, ({ data }) => void seen.push(data));
    await messaging.publish(topic, 1);
    await expect.poll(() => seen).toEqual([[1, 1], [1, 2], 1]);
    await messaging.driver.durability(topic);
    await messaging.close();
  });

  describe('where Redis does not know the lag of a group', () => {
    /** A group that began behind the second of these entries. */
    async function inTheMidst(entries: number, body = 'x') {
      const place = await setUp();
      const { native, stream, topic, call, driver } = place;
      const add = `for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], i .. '-1', 'body', ARGV[2]) end`;
      await native.eval(add, { keys: [stream], arguments: [String(entries), body] });
      await native.xGroupCreate(stream, 'g', '2-1');
      const [group] = await native.xInfoGroups(stream);
      expect(group).toMatchObject({ name: 'g', lag: null });
      return { ...place, count: () => driver.count({ topic, group: 'g' }, call) };
    }

    it('counts its entries, a part at a time, long ones too', async () => {
      const { count, native, stream } = await inTheMidst(2502);
      expect(await count()).toEqual({ ready: 2500, delayed: 0, leased: 0 });
      await native.xDel(stream, '7-1');
      expect(await count()).toEqual({ ready: 2499, delayed: 0, leased: 0 });
      const long = await inTheMidst(102, 'x'.repeat(100_000));
      expect(await long.count()).toEqual({ ready: 100, delayed: 0, leased: 0 });
    });

    it('tells at least how much there is of what would keep the server busy', async () => {
      const { count, native } = await inTheMidst(150_000);
      const calls = async (): Promise<number> =>
        Number(/cmdstat_xrange:calls=(\d+)/.exec(await native.info('commandstats'))?.[1] ?? 0);
      const before = await calls();
      expect(await count()).toEqual({ ready: 100_000, isAtLeast: true, delayed: 0, leased: 0 });
      // Ten entries by each.
      expect((await calls()) - before).toBe(10_000);
    });
  });

  it('knows the lag of a group that began with what was new then', async () => {
    const { topic, native, stream, driver, call, send } = await setUp();
    await driver.ensure({ topic, group: 'first' }, call);
    await send('1', '2', '3');
    await driver.ensure({ topic, group: 'g' }, call);
    await send('4', '5');
    const lags = (await native.xInfoGroups(stream)).map(({ name, lag }) => `${name} ${lag}`);
    expect(lags).toEqual(['first 5', 'g 2']);
    expect(await driver.count({ topic, group: 'g' }, call)).toEqual({ ready: 2, delayed: 0, leased: 0 });
  });

  it('takes what others add to its stream for a message', async () => {
    const { topic, messaging, native, stream } = await setUp();
    const seen: Message[] = [];
    await messaging.subscribe(topic, { group: 'g' }, (message) => seen.push(message));
    await native.xAdd(stream, '*', { body: '{"a":1}' });
    await native.xAdd(stream, '*', { a: '1' });
    await native.xAdd(stream, '*', { meta: '{}', body: '2' });
    await expect.poll(() => seen.map(({ data }) => data)).toEqual([{ a: 1 }, { a: '1' }, 2]);
    expect(seen[0]).toMatchObject({ type: topic, source: 'unknown', headers: {} });
  });

  it('keeps the order of short and long messages that are published together', async () => {
    const { topic } = await setUp();
    const messaging = createMessaging({ driver: redisStreams({ url: server.url }) });
    const seen: number[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push((data as { n: number }).n));
    const lengths = [10, 1900, 2100, 10, 20, 70_000, 3000, 3000, 1, 300_000, 5];
    const items = Array.from({ length: 300 }, (_, n) => ({
      data: { n, text: 'x'.repeat(lengths[n % lengths.length]!) },
    }));
    const published = await messaging.publishMany(topic, items);
    expect(new Set(published.map(({ status }) => status))).toEqual(new Set(['stored']));
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(items.length);
    expect(seen).toEqual(items.map(({ data }) => data.n));
    await messaging.close();
  });

  it('an entry that is deleted while it is worked on, or waits, holds up nothing', async () => {
    const { subscribe, send, native, stream, later } = await setUp();
    const source = await subscribe();
    await send('worked on', 'waiting', 'intact');
    const [x, y, z] = await receive(source, 3);
    await source.settle([{ token: y!.token, action: 'retry', delayMs: 0 }]);
    const ids = (await native.xRange(stream, '-', '+'))!.map(({ id }) => id);
    await native.xDel(stream, ids.slice(0, 2));
    const results = await source.settle([
      { token: x!.token, action: 'retry', delayMs: 0 },
      { token: z!.token, action: 'ack' },
    ]);
    expect(results).toEqual(['stale', 'ok']);
    await send('next');
    expect(textsOf(await receive(source, 1))).toEqual(['next']);
    await expect.poll(() => native.zCard(later)).toBe(0);
    expect((await native.xPending(stream, 'g')).pending).toBe(1);
  });

  it('tells what a message survives from the settings of the server', async () => {
    const { driver, native, topic } = await setUp();
    for (const [settings, expected] of [
      [['appendonly', 'yes', 'appendfsync', 'always'], { survives: 'disk', appendfsync: 'always' }],
      [['appendfsync', 'no'], { survives: 'disk', appendfsync: 'no' }],
      [['appendonly', 'no'], { survives: 'memory', appendfsync: 'off' }],
    ] as const) {
      await native.sendCommand(['CONFIG', 'SET', ...settings]);
      expect(await driver.durability(topic)).toEqual({ ...expected, replicas: 0 });
    }
    await native.sendCommand(['CONFIG', 'SET', 'appendonly', 'yes']);
  });

  it('what waits comes back although its sorted set is lost', async () => {
    const { subscribe, send, native, later } = await setUp();
    const source = await subscribe();
    await send('x');
    const [x] = await receive(source, 1);
    await source.settle([{ token: x!.token, action: 'retry', delayMs: 60_000 }]);
    await native.del(later);
    const [again] = await receive(source, 1);
    expect(again?.attempt).toBe(2);
  });

  it('the clock of this process does not matter', async () => {
    const { subscribe, send } = await setUp();
    const source = await subscribe();
    for (const now of [0, Date.UTC(2200, 0)]) {
      vi.useFakeTimers({ toFake: ['Date'], now });
      await send('x');
      const [x] = await receive(source, 1);
      await source.settle([{ token: x!.token, action: 'retry', delayMs: 100 }]);
      expect((await receive(source, 1))[0]?.attempt).toBe(2);
      vi.useRealTimers();
    }
  });

  it('a subscriber that died leaves its messages to others, and then no consumer', async () => {
    const { topic, messaging, send, native, stream, subscribe } = await setUp({ lease: 1000 });
    await (await subscribe()).close();
    await send('"a"', '"b"', '"c"');
    await native.xReadGroup('g', 'dead', { key: stream, id: '>' });
    const seen: string[] = [];
    for (let n = 0; n < 2; n++) {
      await messaging.subscribe(topic, { group: 'g' }, ({ data }, { attempt }) => {
        seen.push(`${data as string}${attempt}`);
      });
    }
    await expect.poll(() => seen.toSorted()).toEqual(['a2', 'b2', 'c2']);
    const names = async () => (await native.xInfoConsumers(stream, 'g')).map(({ name }) => name);
    // After twenty leases.
    await expect.poll(names, { timeout: 100_000 }).not.toContain('dead');
    // One that lives, but had nothing to do, is not disturbed by that.
    await send(...Array.from({ length: 20 }, (_, at) => String(at)));
    await expect.poll(() => seen.length).toBe(23);
    await messaging.close();
    expect((await names()).filter((name) => name !== 'ent:waiting')).toEqual([]);
  });

  it('a message that kills its subscribers goes to the dead letters by the count of its deliveries', async () => {
    const { topic, messaging, send, native, stream, subscribe } = await setUp();
    await (await subscribe()).close();
    await send('1');
    await native.xReadGroup('g', 'dead', { key: stream, id: '>' });
    const [entry] = (await native.xRange(stream, '-', '+'))!;
    await native.sendCommand(['XCLAIM', stream, 'g', 'dead', '0', entry!.id, 'IDLE', '60000', 'RETRYCOUNT', '5']);
    let calls = 0;
    const { deadLetter } = await messaging.subscribe(topic, { group: 'g', maxAttempts: 5 }, () => calls++);
    const dead: Message[] = [];
    await messaging.subscribe(deadLetter, { group: 'dead' }, (message) => dead.push(message));
    await expect.poll(() => dead.length).toBe(1);
    expect(calls).toBe(0);
  });

  it('trims what all groups have done, and nothing else', async () => {
    const { topic, messaging, native, stream, driver, call } = await setUp();
    await driver.ensure({ topic, group: 'slow' }, call);
    const done = { quick: 0, slow: 0 };
    const subscribe = (group: 'quick' | 'slow') =>
      messaging.subscribe(topic, { group, concurrency: 200 }, () => void done[group]++);
    await subscribe('quick');
    for (let at = 0; at < 4500; at += 500) {
      await messaging.publishMany(
        topic,
        Array.from({ length: 500 }, () => ({ data: at })),
      );
    }
    await expect.poll(() => done.quick, { timeout: 100_000 }).toBe(4500);
    expect(await native.xLen(stream)).toBe(4500);
    // One that is destroyed may be made again: what it has not done stays too.
    await native.xGroupDestroy(stream, 'slow');
    await subscribe('slow');
    await expect.poll(() => done.slow, { timeout: 100_000 }).toBe(4500);
    await expect.poll(() => native.xLen(stream)).toBeLessThan(1000);
  });

  it.each(['DEL', 'FLUSHALL'])('a stream that is gone by %s is made again with its groups', async (command) => {
    const { topic, messaging, native, stream } = await setUp();
    const seen = { a: new Set<unknown>(), b: new Set<unknown>() };
    for (const group of ['a', 'b'] as const) {
      await messaging.subscribe(topic, { group }, ({ data }) => void seen[group].add(data));
    }
    await messaging.publish(topic, 'before');
    await expect.poll(() => [seen.a.size, seen.b.size]).toEqual([1, 1]);
    await native.sendCommand(command === 'DEL' ? ['DEL', stream] : ['FLUSHALL']);
    const publish = async () => (await messaging.publish(topic, 'after')).status;
    await expect.poll(publish).toBe('stored');
    await expect.poll(() => [seen.a.size, seen.b.size]).toEqual([2, 2]);
  });

  it('a group that is destroyed under its subscriber is made again, and misses nothing', async () => {
    const { topic, messaging, native, stream } = await setUp();
    const seen = new Set<unknown>();
    await messaging.subscribe(topic, { group: 'g', concurrency: 5 }, ({ data }) => void seen.add(data));
    for (let n = 0; n < 100; n++) {
      await messaging.publish(topic, n);
      if (n % 30 === 15) await native.xGroupDestroy(stream, 'g');
    }
    await expect.poll(() => seen.size).toBe(100);
  });
});

describeWithServer('redis', { args: ['--maxmemory', '6mb'] }, (server) => {
  const setUp = onStreams(() => server.url);

  it('a server that is full refuses messages, until enough are handled', async () => {
    const { topic, messaging } = await setUp();
    const full = Promise.withResolvers<void>();
    let handled = 0;
    await messaging.subscribe(topic, { group: 'g', concurrency: 100 }, async () => {
      await full.promise;
      handled++;
    });
    const publish = () => messaging.publish(topic, 'x'.repeat(1000));
    let published = 0;
    const filling = async (): Promise<void> => {
      for (;;) published += (await publish()).status === 'stored' ? 1 : 0;
    };
    await expect(filling()).rejects.toMatchObject({ code: 'messaging.rejected' });
    expect(published).toBeGreaterThan(2000);
    full.resolve();
    await expect.poll(() => handled).toBe(published);
    await expect.poll(() => publish().catch(() => {})).toMatchObject({ status: 'stored' });
  });
});

// A snapshot never takes the place of a folder: each one fails, for root too.
describeWithServer('redis', { args: ['--dbfilename', 'appendonlydir'] }, (server) => {
  const setUp = onStreams(() => server.url);

  it('a server that cannot save refuses messages, says why, and has none of them', async () => {
    const { topic, messaging, native, stream } = await setUp();
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await messaging.publish(topic, 'before');
    await native.configSet('save', '3600 1');
    await native.bgSave();
    await expect.poll(() => native.info('persistence')).toContain('rdb_last_bgsave_status:err');
    const rejected = { code: 'messaging.rejected', message: expect.stringContaining('refused: MISCONF') };
    await expect(messaging.publish(topic, 'meanwhile')).rejects.toMatchObject(rejected);
    await expect(messaging.publishMany(topic, [{ data: 'one' }, { data: 'two' }])).rejects.toMatchObject(rejected);
    await native.configSet('stop-writes-on-bgsave-error', 'no');
    await messaging.publish(topic, 'after');
    await expect.poll(() => seen).toContain('after');
    expect(seen.filter((data) => data !== 'before')).toEqual(['after']);
    expect(await native.exists(stream)).toBe(1);
  });
});
