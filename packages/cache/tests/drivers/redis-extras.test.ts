import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/cache.ts';
import { type CacheCommandOperation, channels } from '../../src/channels.ts';
import type { CacheDriver } from '../../src/driver.ts';
import { memory } from '../../src/drivers/memory/index.ts';
import { redis } from '../../src/drivers/redis/index.ts';
import type { CacheOptions } from '../../src/options.ts';
import { type RedisExtras, redisExtras } from '../../src/drivers/redis-extras/index.ts';
import { hostileKeys, plainValues } from '../../src/testing/suite.ts';

const OUTAGE = /^cache\.(unavailable|timeout|circuit_open)$/;

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 100_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not happen within 100 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function extrasFor(driverFor: (url?: string) => CacheDriver): {
  readonly open: (options?: Partial<CacheOptions>, url?: string) => RedisExtras;
} {
  const caches: Cache[] = [];
  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });
  return {
    open(options = {}, url) {
      const cache = createCache({ prefix: 'extras', timeout: '1m', ...options, driver: driverFor(url) });
      caches.push(cache);
      return redisExtras(cache);
    },
  };
}

function locks(driverFor: () => CacheDriver): void {
  const { open } = extrasFor(driverFor);

  it('has one holder at a time, each with a larger fence', async () => {
    const name = uniqueName('lock');
    const locksOf = [open(), open(), open()].map((extras) => extras.lock(name, { wait: '2m' }));
    let inside = 0;
    const fences: number[] = [];
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        locksOf[i % 3]!.run(async ({ fence }) => {
          expect(++inside).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          fences.push(fence);
          inside--;
        }),
      ),
    );
    expect(fences).toHaveLength(30);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    expect(new Set(fences).size).toBe(30);
  });

  it('is free after a release, and not before', async () => {
    const name = uniqueName('lock');
    const [one, two] = [open().lock(name), open().lock(name, { wait: 50 })];
    const held = await one.acquire();
    expect(await two.tryAcquire()).toBeUndefined();
    await expect(two.acquire()).rejects.toMatchObject({ code: 'cache.lock_timeout' });
    await expect(two.acquire({ signal: AbortSignal.abort(new Error('left')) })).rejects.toThrow('left');
    expect(held.signal.aborted).toBe(false);
    expect(await held.release()).toBe(true);
    expect(await held.release()).toBe(true);
    await using next = await open().lock(name, { wait: '2m' }).acquire();
    expect(next.fence).toBeGreaterThan(held.fence);
  });

  it('is released when the work throws', async () => {
    const lock = open().lock(uniqueName('lock'));
    await expect(lock.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await (await lock.tryAcquire())!.release();
  });

  it('is renewed for as long as the work takes', async () => {
    const name = uniqueName('lock');
    const lock = open().lock(name, { ttl: 5_000 });
    const other = open().lock(name);
    const begin = Date.now();
    await lock.run(async ({ signal }) => {
      while (Date.now() - begin < 9_000) {
        expect(await other.tryAcquire()).toBeUndefined();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(signal.aborted).toBe(false);
    });
  });

  it('takes names of any content, apart from each other and from entries', async () => {
    const extras = open({ prefix: uniqueName('names') });
    const held = await Promise.all(hostileKeys.map((name) => extras.lock(name).tryAcquire()));
    expect(held.every((one) => one !== undefined)).toBe(true);
    await Promise.all(held.map((one) => one!.release()));
    for (const name of ['', '\ud800', 1 as never]) {
      expect(() => extras.lock(name)).toThrow(expect.objectContaining({ code: 'cache.invalid_key' }));
    }
    expect(() => extras.lock('a', { ttl: 0 })).toThrow(expect.objectContaining({ code: 'cache.invalid_ttl' }));
  });
}

function topics(driverFor: () => CacheDriver): void {
  const { open } = extrasFor(driverFor);

  it('reaches all who are subscribed, in order, with any value', async () => {
    const name = uniqueName('topic');
    const [one, two, sender] = [open(), open(), open()];
    const got: unknown[][] = [[], [], []];
    const subscriptions = [
      await one.topic(name).subscribe((value) => void got[0]!.push(value)),
      await one.topic(name).subscribe((value) => void got[1]!.push(value)),
      await two.topic(name).subscribe((value) => void got[2]!.push(value)),
    ];
    const other = await one.topic(uniqueName('other')).subscribe(() => expect.fail('another topic'));
    for (const value of plainValues) await sender.topic(name).publish(value);
    for (const values of got) {
      await until(() => values.length === plainValues.length, 'all messages');
      expect(values).toEqual(plainValues);
    }
    await subscriptions[0]!.close();
    await subscriptions[0]!.close();
    await sender.topic(name).publish('later');
    await until(() => got[1]!.at(-1) === 'later' && got[2]!.at(-1) === 'later', 'the later message');
    expect(got[0]).toHaveLength(plainValues.length);
    await Promise.all([...subscriptions, other].map((subscription) => subscription.close()));
  });

  it('has handlers outside of the transaction in which they were given', async () => {
    // As @ent/database keeps its transaction.
    const transaction = new AsyncLocalStorage<string>();
    const topic = open().topic<number>(uniqueName('topic'));
    const seen: unknown[] = [];
    const subscription = await transaction.run('ended', async () => {
      const made = await topic.subscribe(() => void seen.push(transaction.getStore()));
      await topic.publish(1);
      return made;
    });
    await until(() => seen.length === 1, 'the message');
    expect(seen).toEqual([undefined]);
    await subscription.close();
  });

  it('takes hostile names', async () => {
    const extras = open({ prefix: uniqueName('names') });
    for (const name of hostileKeys.slice(0, 20)) {
      const got: string[] = [];
      await using _ = await extras.topic<string>(name).subscribe((value) => void got.push(value));
      await extras.topic<string>(name).publish(name);
      await until(() => got.length === 1, `a message of ${JSON.stringify(name)}`);
      expect(got).toEqual([name]);
    }
  });

  it('hands on what a handler throws, and goes on', async () => {
    const topic = open().topic<number>(uniqueName('topic'));
    const errors: unknown[] = [];
    const got: number[] = [];
    await using _ = await topic.subscribe(
      (value) => {
        if (value === 1) throw new Error('one');
        if (value === 2) return Promise.reject(new Error('two'));
        got.push(value);
        return undefined;
      },
      { onError: (error) => errors.push((error as Error).message) },
    );
    for (const value of [1, 2, 3]) await topic.publish(value);
    await until(() => got.length === 1 && errors.length === 2, 'the third message');
    expect(errors).toEqual(['one', 'two']);
  });
}

describeWithServer('redis', { killable: true }, (server) => {
  const driverFor = (url = server.url): CacheDriver => redis({ url });
  locks(driverFor);
  topics(driverFor);
  const { open } = extrasFor(driverFor);
  const options = { timeout: 2_000, breaker: { failures: 3, cooldown: 100 } } as const;

  it('publishes its commands, and their errors, without names or values', async () => {
    const seen: string[] = [];
    const asyncEnd = ({ error, ...event }: CacheCommandOperation): void => {
      seen.push(`${JSON.stringify(event)} ${error === undefined ? 'ok' : (error as { code?: string }).code}`);
    };
    const subscriber = { start() {}, end() {}, asyncStart() {}, asyncEnd, error() {} };
    channels.command.subscribe(subscriber);
    try {
      const extras = open();
      const name = uniqueName('secret');
      await extras.hash(name).set('field', 'secret');
      await extras.lock(name).run(async () => {});
      const { port } = new URL(server.url);
      const down = open({ timeout: 100 }, `redis://127.0.0.1:${port}/99999`);
      await down
        .list(name)
        .push('secret')
        .catch(() => {});
    } finally {
      channels.command.unsubscribe(subscriber);
    }
    expect(seen).toEqual([
      '{"driver":"redis","operation":"hash.set"} ok',
      '{"driver":"redis","operation":"lock.acquire"} ok',
      '{"driver":"redis","operation":"lock.release"} ok',
      expect.stringMatching(/^\{"driver":"redis","operation":"list.push"\} cache\.[a-z_]+$/),
    ]);
  });

  it('refuses options that it does not know', async () => {
    const extras = redisExtras(createCache({ driver: redis({ url: 'redis://127.0.0.1:1' }) }));
    const set = extras.sortedSet('s');
    for (const call of [
      set.removeByScore({ mim: 5 } as never),
      set.countByScore({ mim: 5 } as never),
      set.rangeByScore({ limt: 5 } as never),
      set.range(0, -1, { revers: true } as never),
      set.rank('m', { revers: true } as never),
      set.add('m', 1, { wen: 'absent' } as never),
      extras.hash('h').set('f', 1, { wen: 'absent' } as never),
      extras.topic('t').subscribe(() => {}, { onGaps: () => {} } as never),
      extras.lock('l').acquire({ signl: AbortSignal.abort() } as never),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'cache.invalid_argument' });
    }
    const misspelt = (): unknown => extras.lock('l', { tll: 1 } as never);
    expect(misspelt).toThrow(expect.objectContaining({ code: 'cache.invalid_argument' }));
  });

  it('is refused on another driver', async () => {
    await using cache = createCache({ driver: memory() });
    expect(() => redisExtras(cache)).toThrow(expect.objectContaining({ code: 'cache.unsupported' }));
  });

  it('works with a client of the application, and closes only its own', async () => {
    const client = createClient({ url: server.url }).on('error', () => {});
    await using cache = createCache({ driver: redis({ client }), prefix: uniqueName('own'), timeout: '1m' });
    const extras = redisExtras(cache);
    const got: unknown[] = [];
    const subscription = await extras.topic('t').subscribe((value) => void got.push(value));
    await extras.topic('t').publish('v');
    await until(() => got.length === 1, 'the message');
    await extras.lock('l').run(() => {});
    await subscription.close();
    await cache.close();
    expect(client.isReady).toBe(true);
    client.destroy();
  });

  it('delivers once what was subscribed to again, and closes a subscription on a dead connection', async () => {
    const proxy = await server.proxy();
    const prefix = uniqueName('again');
    const near = open({ prefix });
    const far = open({ ...options, prefix }, proxy.url);
    await far.topic('first').subscribe(() => {});
    proxy.blackhole();
    await expect(far.topic('t').subscribe(() => {})).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
    await proxy.heal();
    const got: unknown[] = [];
    await until(
      () =>
        far
          .topic('t')
          .subscribe((value) => void got.push(value))
          .then(
            () => true,
            () => false,
          ),
      'the subscription',
    );
    for (let i = 0; i < 3; i++) await near.topic('t').publish(i);
    await until(() => got.length >= 3, 'the messages');
    await near.topic('t').publish('last');
    await until(() => got.at(-1) === 'last', 'the last message');
    expect(got).toEqual([0, 1, 2, 'last']);
    const closing = await far.topic('u').subscribe(() => {});
    proxy.blackhole();
    await closing.close();
    await expect(far.topic('v').subscribe(() => {})).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
    await proxy.close();
  });

  it('tells the holder when the lock is gone: deleted, or not renewed in time', async () => {
    const prefix = uniqueName('lost');
    const lock = open({ prefix }).lock('l', { ttl: 3_000 });
    const native = await createClient({ url: server.url }).connect();
    const held = await lock.acquire();
    expect(await native.del(`${prefix}//lock:l`)).toBe(1);
    await until(() => held.signal.aborted, 'word of the loss');
    expect(held.signal.reason).toMatchObject({ code: 'cache.lock_lost' });
    expect(await held.release()).toBe(false);
    native.destroy();

    const proxy = await server.proxy();
    const far = open({ ...options, prefix }, proxy.url).lock('l', { ttl: 3_000 });
    const working = far.run(async ({ signal }) => {
      proxy.blackhole();
      await until(() => signal.aborted, 'the end of the lease');
      await (await lock.acquire()).release(); // another one got it meanwhile
    });
    await expect(working).rejects.toMatchObject({ code: 'cache.lock_lost' });
    await proxy.close();
  });

  it('passes to the next one when the holder is killed, with a larger fence', async () => {
    const prefix = uniqueName('killed');
    const holder = spawn(
      process.execPath,
      ['--conditions=@ent/source', join(import.meta.dirname, 'fixtures/lock-holder.ts'), server.url, prefix],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    const before = Number(line.toString());
    const lock = open({ prefix }).lock('l', { wait: '2m' });
    expect(await lock.tryAcquire()).toBeUndefined();
    holder.kill('SIGKILL');
    await using held = await lock.acquire();
    expect(before).toBeGreaterThan(1e15);
    expect(held.fence).toBeGreaterThan(before);
  });

  it('aborts the signal of a holder that was paused for longer than its lock', async () => {
    const prefix = uniqueName('paused');
    const holder = spawn(
      process.execPath,
      ['--conditions=@ent/source', join(import.meta.dirname, 'fixtures/lock-holder.ts'), server.url, prefix],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    holder.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until(() => output.includes('\n'), 'the lock');
    holder.kill('SIGSTOP');
    const held = await open({ prefix }).lock('l', { wait: '2m' }).acquire();
    expect(output).not.toContain('lost');
    holder.kill('SIGCONT');
    await until(() => output.includes('lost'), 'word of the loss');
    expect(held.signal.aborted).toBe(false);
    await held.release();
    holder.kill('SIGKILL');
  });

  it('tells how many messages were lost while the connection was cut, and goes on', async () => {
    const proxy = await server.proxy();
    const prefix = uniqueName('cut');
    const [far, near] = [open({ ...options, prefix }, proxy.url), open({ prefix }).topic<number>('t')];
    const got: (number | string)[] = [];
    await using _ = await far.topic<number>('t').subscribe((value) => void got.push(value), {
      onGap: (lost) => got.push(`lost ${lost}`),
    });
    await near.publish(1);
    await until(() => got.length === 1, 'the first message');
    await proxy.refuse();
    await near.publish(2);
    await near.publish(3);
    await proxy.heal();
    let next = 4;
    await until(async () => {
      await near.publish(next++);
      return typeof got.at(-1) === 'number' && got.at(-1) !== 1;
    }, 'messages again');
    // Every number was either received or counted.
    let expected = 1;
    for (const one of got) {
      if (typeof one === 'number') expect(one).toBe(expected++);
      else expected += Number(one.slice('lost '.length));
    }
    expect(got.filter((one) => typeof one === 'string').length).toBeGreaterThan(0);
    await proxy.close();
  });

  it('notices a subscription that is dead without a sign, although nothing comes after what was lost', async () => {
    const proxy = await server.proxy();
    const prefix = uniqueName('dark');
    const [far, near] = [open({ ...options, prefix }, proxy.url), open({ prefix }).topic<string>('t')];
    const got: string[] = [];
    let lost = 0;
    await using _ = await far.topic<string>('t').subscribe((value) => void got.push(value), {
      onGap: (count) => (lost += count!),
    });
    proxy.blackhole();
    await near.publish('lost');
    await proxy.heal();
    await until(() => lost + got.length === 1, 'word of the loss');
    await until(async () => {
      await near.publish('found');
      return got.includes('found');
    }, 'messages again');
    await proxy.close();
  });

  it('goes on after the server was killed and came back', async () => {
    const extras = open({ ...options, prefix: uniqueName('killed') });
    const got: string[] = [];
    await using _ = await extras.topic<string>('t').subscribe((value) => void got.push(value));
    await server.kill();
    await expect(extras.topic('t').publish('never')).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
    await expect(extras.lock('l').tryAcquire()).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
    await server.start();
    await until(async () => {
      await extras
        .topic<string>('t')
        .publish('again')
        .catch(() => {});
      return got.includes('again');
    }, 'messages again');
    await until(
      () =>
        extras
          .lock('l')
          .run(() => true)
          .catch(() => false),
      'the lock again',
    );
  });

  it('fails at the deadline while the server stands still', async () => {
    const extras = open({ ...options, prefix: uniqueName('paused') });
    await extras.topic('t').publish(1);
    await server.pause();
    try {
      for (const call of [
        () => extras.topic('t').publish(1),
        () => extras.topic('t').subscribe(() => {}),
        () => extras.lock('l').tryAcquire(),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: expect.stringMatching(OUTAGE) });
      }
    } finally {
      await server.resume();
    }
    // The subscription that nobody waited for any more leaves no connection behind.
    const native = await createClient({ url: server.url })
      .on('error', () => {})
      .connect();
    await until(
      async () => (await native.clientList()).every(({ cmd }) => !cmd.includes('subscribe')),
      'the end of it',
    );
    native.destroy();
    await until(
      () =>
        extras
          .lock('l', { ttl: 1_000 })
          .run(() => true)
          .catch(() => false),
      'the lock again',
    );
  });

  it('tells of messages that others send on its channel', async () => {
    const prefix = uniqueName('foreign');
    const errors: unknown[] = [];
    await using _ = await open({ prefix })
      .topic('t')
      .subscribe(() => expect.fail('not a message'), { onError: (error) => errors.push(error) });
    const native = await createClient({ url: server.url }).connect();
    for (const garbage of ['', 'x', ':', '1', '1:{', 'NaN:1', '\0'])
      await native.publish(`${prefix}//topic:t`, garbage);
    await until(() => errors.length >= 7, 'an error for each');
    for (const error of errors) expect(error).toMatchObject({ code: 'cache.driver_failed' });
    native.destroy();
  });
});

describe('several servers', () => {
  describeWithServer('redis-cluster', (server) => {
    const driverFor = (): CacheDriver => redis({ cluster: { rootNodes: server.urls.map((url) => ({ url })) } });
    locks(driverFor);
    topics(driverFor);
  });

  describeWithServer('redis-sentinel', (server) => {
    const driverFor = (): CacheDriver => {
      const sentinelRootNodes = server.urls.map((url) => {
        const { hostname: host, port } = new URL(url);
        return { host, port: Number(port) };
      });
      return redis({ sentinel: { name: server.primaryName, sentinelRootNodes } });
    };
    locks(driverFor);
    topics(driverFor);
  });
});
