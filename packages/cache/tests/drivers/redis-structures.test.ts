import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import type { CacheDriver } from '../../src/driver.ts';
import { type RedisDriverClient, redis } from '../../src/drivers/redis/index.ts';
import { type RedisExtras, redisExtras } from '../../src/drivers/redis-extras/index.ts';
import { hostileKeys } from '../../src/testing/suite.ts';
import { hashes } from './fixtures/structures/hashes.ts';
import { lists } from './fixtures/structures/lists.ts';
import { sets } from './fixtures/structures/sets.ts';
import { all, cacheOver, closeCaches, type Make, until } from './fixtures/structures/setup.ts';
import { sortedSets } from './fixtures/structures/sorted-sets.ts';

const outage = { code: expect.stringMatching(/^cache\.(unavailable|timeout|circuit_open)$/) };

closeCaches();

function structures(driverFor: () => CacheDriver): void {
  const make: Make = (options) => redisExtras(cacheOver(driverFor(), options));
  hashes(make);
  lists(make);
  sets(make);
  sortedSets(make);

  it('expires as a whole, on demand', async () => {
    const extras = make();
    const hash = extras.hash('h');
    expect([await hash.ttl(), await hash.expire('1h'), await hash.expire(null)]).toEqual([undefined, false, false]);
    await hash.set('f', 1);
    expect(await hash.ttl()).toBeNull();
    expect(await hash.expire('1h')).toBe(true);
    expect(await hash.ttl()).toBeGreaterThan(3_500_000);
    await hash.set('g', 1);
    expect(await hash.ttl()).not.toBeNull();
    expect(await hash.expire(null)).toBe(true);
    expect(await hash.ttl()).toBeNull();
    expect(await hash.expire(Number.MAX_VALUE)).toBe(true);
    expect(await hash.ttl()).toBeNull();
    expect(await hash.expire(1)).toBe(true);
    await until(async () => (await hash.size()) === 0, 'the expiry');
    for (const ttl of [0, -1, Number.NaN, 'soon']) {
      await expect(hash.expire(ttl)).rejects.toMatchObject({ code: 'cache.invalid_ttl' });
    }
  });

  it('is deleted as a whole', async () => {
    const extras = make();
    const [hash, list, set, sorted] = [extras.hash('x'), extras.list('x'), extras.set('x'), extras.sortedSet('x')];
    await Promise.all([hash.set('f', 1), list.push(1), set.add('m'), sorted.add('m', 1)]);
    for (const one of [hash, list, set, sorted]) {
      expect(await one.size()).toBe(1); // the others have the same name, and are others
      expect([await one.clear(), await one.clear(), await one.size()]).toEqual([true, false, 0]);
    }
  });

  it('stays apart: by name, by kind, by namespace, from entries, and from clear', async () => {
    const cache = cacheOver(driverFor());
    const inner = cache.namespace('in/ner:');
    const spaces = [cache, inner, inner.namespace('x')];
    const names = [...new Set(hostileKeys)].slice(0, 20);
    const made = spaces.flatMap((space) => names.map((name) => redisExtras(space).list<number>(name)));
    for (const [i, list] of made.entries()) await list.push(i);
    await cache.set('entry', 1);
    await inner.set('entry', 1);
    await cache.clear();
    expect([await cache.get('entry'), await inner.get('entry')]).toEqual([undefined, undefined]);
    for (const [i, list] of made.entries()) expect(await list.range()).toEqual([i]);
    for (const list of made) await list.clear();
    for (const name of ['', '\ud800', 7 as never]) {
      for (const kind of ['hash', 'list', 'set', 'sortedSet'] as const) {
        expect(() => redisExtras(cache)[kind](name)).toThrow(expect.objectContaining({ code: 'cache.invalid_key' }));
      }
    }
  });

  it('carries values of several megabytes, and refuses what the server would not take', async () => {
    const text = '💾é'.repeat(1_000_000);
    const extras = make();
    await extras.hash<string>('h').set('f', text);
    expect((await extras.hash<string>('h').get('f')) === text).toBe(true);
    await extras.list<string>('l').push(text, text);
    expect((await extras.list<string>('l').range()).every((value) => value === text)).toBe(true);
    await Promise.all([extras.hash('h').clear(), extras.list('l').clear()]);
    const serializer = { serialize: () => Buffer.alloc(512 * 1024 * 1024 + 1), deserialize: () => 1 };
    const huge = make({ serializer });
    await expect(huge.list('l').push(1)).rejects.toMatchObject({ code: 'cache.value_too_large' });
    expect(await huge.list('l').size()).toBe(0);
  });
}

describeWithServer('redis', { killable: true }, (server) => {
  structures(() => redis({ url: server.url }));

  describe('a client of the application, in RESP 2', () => {
    const clients: RedisDriverClient[] = [];
    afterEach(async () => {
      for (const client of clients.splice(0)) await client.destroy();
    });
    structures(() => {
      const made = createClient({ url: server.url, RESP: 2 }).on('error', () => {});
      const client = made as unknown as RedisDriverClient;
      clients.push(client);
      return redis({ client });
    });
  });

  it('counts bytes that it cannot read as no field, and says so for lists', async () => {
    const prefix = uniqueName('garbage');
    const extras = redisExtras(cacheOver(redis({ url: server.url }), { prefix }));
    const native = await createClient({ url: server.url }).connect();
    const garbage = ['{', 'undefined', '\0', Buffer.from([0xff, 0xfe]), Buffer.from([0xc1, 0])];
    for (const [i, bytes] of garbage.entries()) await native.hSet(`${prefix}//hash:h`, `bad-${i}`, bytes);
    const hash = extras.hash('h');
    await hash.set('good', 1);
    expect(await hash.getAll()).toEqual(new Map([['good', 1]]));
    expect(await all(hash.entries())).toEqual([['good', 1]]);
    expect(await hash.getMany(['bad-0', 'good'])).toEqual(new Map([['good', 1]]));
    expect([await hash.get('bad-1'), await hash.has('bad-1'), await hash.size()]).toEqual([undefined, true, 6]);
    await expect(hash.increment('bad-2')).rejects.toMatchObject({ code: 'cache.not_a_counter' });

    const list = extras.list('l');
    for (const bytes of garbage) await native.rPush(`${prefix}//list:l`, bytes);
    await list.push('good');
    for (const call of [() => list.range(), () => list.at(0), () => list.shift()]) {
      await expect(call()).rejects.toMatchObject({
        code: 'cache.driver_failed',
        message: expect.stringContaining('read'),
      });
    }
    // What cannot be read does not stand in the way for ever.
    const rest = await Promise.allSettled(Array.from({ length: 5 }, () => list.shift()));
    expect(rest.map(({ status }) => status)).toEqual([...Array.from({ length: 4 }, () => 'rejected'), 'fulfilled']);
    native.destroy();
  });

  it('says so when something else stands under its key', async () => {
    const prefix = uniqueName('wrong');
    const extras = redisExtras(cacheOver(redis({ url: server.url }), { prefix }));
    const native = await createClient({ url: server.url }).connect();
    for (const kind of ['hash', 'list', 'set', 'sorted-set']) await native.set(`${prefix}//${kind}:x`, 'text');
    for (const call of [
      () => extras.hash('x').get('f'),
      () => extras.hash('x').increment('f'),
      () => all(extras.hash('x').entries()),
      () => extras.list('x').push(1),
      () => extras.set('x').add('m'),
      () => extras.sortedSet('x').range(),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'cache.driver_failed',
        message: expect.stringContaining('another type'),
      });
    }
    native.destroy();
  });

  describe('failures', () => {
    const hasty = { timeout: 2_000, breaker: { failures: 3, cooldown: 100 } } as const;

    function calls(extras: RedisExtras): Promise<unknown>[] {
      return [
        extras.hash('x').set('f', 1),
        extras.hash('x').getAll(),
        extras.hash('x').increment('f'),
        all(extras.hash('x').keys()),
        extras.list('x').push(1),
        extras.list('x').shift(),
        extras.set('x').add(['a', 'b']),
        all(extras.set('x').members()),
        extras.sortedSet('x').add('a', 1),
        extras.sortedSet('x').rangeByScore(),
        extras.set('x').expire('1h'),
        extras.set('x').ttl(),
        extras.set('x').clear(),
      ];
    }

    async function allFail(extras: RedisExtras): Promise<void> {
      for (const outcome of await Promise.allSettled(calls(extras))) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: outage });
      }
    }

    async function recovers(extras: RedisExtras): Promise<void> {
      await until(async () => {
        const outcomes = await Promise.allSettled(calls(extras));
        return outcomes.every(({ status }) => status === 'fulfilled');
      }, 'recovery without help');
    }

    it('fails at the deadline while the server stands still, and recovers', async () => {
      const extras = redisExtras(cacheOver(redis({ url: server.url }), hasty));
      await recovers(extras);
      await server.pause();
      try {
        await allFail(extras);
      } finally {
        await server.resume();
      }
      await recovers(extras);
    });

    it('fails while the server is down, and finds its data when it is back', async () => {
      const extras = redisExtras(cacheOver(redis({ url: server.url }), hasty));
      await extras.hash('kept').set('f', 'before');
      await server.kill();
      await allFail(extras);
      await server.start();
      await recovers(extras);
      expect(await extras.hash('kept').get('f')).toBe('before');
      expect(await extras.hash('kept').increment('n')).toBe(1); // the scripts are sent again
    });

    it('asks nobody for an empty batch', async () => {
      const proxy = await server.proxy();
      await proxy.refuse();
      const extras = redisExtras(cacheOver(redis({ url: proxy.url }), hasty));
      await extras.hash('x').setMany([]);
      expect(await extras.hash('x').getMany([])).toEqual(new Map());
      expect(await extras.hash('x').delete([])).toBe(0);
      expect([await extras.set('x').add([]), await extras.set('x').remove([])]).toEqual([0, 0]);
      expect(await extras.set('x').hasMany([])).toEqual(new Set());
      expect([await extras.sortedSet('x').addMany([]), await extras.sortedSet('x').remove([])]).toEqual([0, 0]);
      await allFail(extras);
      await proxy.close();
    });

    it('is closed with its cache', async () => {
      const cache = cacheOver(redis({ url: server.url }));
      const extras = redisExtras(cache);
      await extras.list('x').push();
      await cache.close();
      await expect(extras.list('x').push()).rejects.toMatchObject({ code: 'cache.closed' });
    });
  });
});

describe('several servers', () => {
  describeWithServer('redis-cluster', (server) => {
    structures(() => redis({ cluster: { rootNodes: server.urls.map((url) => ({ url })) } }));
  });

  describeWithServer('redis-sentinel', (server) => {
    structures(() => {
      const sentinelRootNodes = server.urls.map((url) => {
        const { hostname: host, port } = new URL(url);
        return { host, port: Number(port) };
      });
      return redis({ sentinel: { name: server.primaryName, sentinelRootNodes } });
    });
  });
});
