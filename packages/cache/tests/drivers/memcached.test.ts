import { type Server, startServer } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { MemcacheClient } from 'memcache-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache.ts';
import { type MemcachedOptions, memcached, memcachedFeatures } from '../../src/drivers/memcached/index.ts';
import { Rendezvous, wireKey } from '../../src/drivers/memcached/keys.ts';
import { testCacheDriver } from '../../src/testing.ts';

describeWithServer('memcached', (server) => {
  const address = () => `${server.host}:${server.port}`;

  describe('one server', () => {
    testCacheDriver({ it }, { features: memcachedFeatures, createDriver: () => memcached({ servers: address() }) });
  });

  describe('three servers', () => {
    const more: Server[] = [];
    beforeAll(async () => {
      more.push(...(await Promise.all([startServer('memcached'), startServer('memcached')])));
    });
    afterAll(() => Promise.all(more.map((one) => one.close())));

    testCacheDriver(
      { it },
      {
        features: memcachedFeatures,
        createDriver: () => memcached({ servers: [address(), ...more.map(({ host, port }) => `${host}:${port}`)] }),
      },
    );
  });

  it('never lets a key become a command', async () => {
    const cache = createCache({ driver: memcached({ servers: address() }), timeout: '1m' });
    await cache.set('victim', 'safe');
    for (const key of ['x\r\nset victim 0 0 4\r\nevil\r\n', 'x\nflush_all\r\n', 'a b c', 'get victim']) {
      await cache.set(key, 'v');
      expect(await cache.get(key)).toBe('v');
      await cache.delete(key);
    }
    expect(await cache.get('victim')).toBe('safe');
    await cache.close();
  });

  it('takes what another program stored for a miss', async () => {
    const driver = memcached({ servers: address() });
    const cache = createCache({ driver, timeout: '1m' });
    const [client] = driver.client;
    await client!.set('foreign', 'text', { lifetime: 0 });
    await client!.set('json', { a: 1 }, { lifetime: 0 });
    expect(await cache.getMany(['foreign', 'json'])).toEqual(new Map());
    expect(await cache.getOrSet('foreign', () => 'ours')).toBe('ours');
    expect(await cache.get('foreign')).toBe('ours');
    await cache.close();
  });

  it('takes the item of another program for a miss, whatever its flags, and leaves the other keys alone', async () => {
    const writer = memcached({ servers: address() });
    const owner = new MemcacheClient({ server: address() });
    const given = { clients: { [address()]: owner } };
    for (const driver of [memcached({ servers: address() }), memcached(given)]) {
      await using cache = createCache({ driver, timeout: '1m' });
      await cache.set('ours', 1);
      for (const flags of [1, 2, 4, 6, 8, 16, 0xffff, 2 ** 31]) {
        const item = Buffer.from('{not json');
        await writer.client[0]!.send(
          (socket) => void socket!.write(`set theirs ${flags} 0 ${item.length}\r\n${item.toString()}\r\n`),
        );
        const found = await Promise.all([cache.get('theirs'), cache.get('ours'), cache.get('theirs')]);
        expect(found).toEqual([undefined, 1, undefined]);
        expect(await cache.getMany(['theirs', 'ours'])).toEqual(new Map([['ours', 1]]));
        if (driver.client[0] !== owner) expect(await cache.getOrSet('theirs', () => 'made')).toBe('made');
        await cache.set('theirs', 'written over');
        expect(await cache.get('theirs')).toBe('written over');
      }
    }
    owner.shutdown();
    await writer.close();
  });

  it('keeps what expires after 2038, when the dates of the server end', async () => {
    await using cache = createCache({ driver: memcached({ servers: address() }), prefix: 'late', timeout: '1m' });
    for (const ttl of ['3650d', '7300d', '36500d']) {
      await cache.set('k', ttl, { ttl });
      expect(await cache.get('k')).toBe(ttl);
    }
  });

  it('leaves clients alone that it was given', async () => {
    const owner = memcached({ servers: address() });
    const cache = createCache({ driver: memcached({ clients: { [address()]: owner.client[0]! } }), timeout: '1m' });
    await cache.set('k', 1);
    await cache.close();
    expect(await owner.client[0]!.version()).toHaveLength(2);
    await owner.close();
  });
});

describe('keys on the wire', () => {
  it('are safe, short and apart', () => {
    const keys = [
      'a',
      'app/users:42',
      '~',
      '~x',
      ' ',
      'a b',
      '\r\n',
      'é',
      'k'.repeat(200),
      'k'.repeat(201),
      '__proto__',
      '\x7f',
      '',
    ];
    const wire = keys.map(wireKey);
    expect(new Set(wire).size).toBe(keys.length);
    for (const key of wire) expect(key).toMatch(/^[!-~]{1,200}$/);
    expect(wire[1]).toBe('app/users:42');
  });

  it('are shared evenly, and only those of a lost server move', () => {
    const names = ['a:1', 'b:1', 'c:1'];
    const all = new Rendezvous(names);
    const fewer = new Rendezvous(['c:1', 'a:1']);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) {
      const key = `app/users:${i}`;
      const place = all.pick(key);
      counts[place]!++;
      if (place !== 1) expect(['c:1', 'a:1'][fewer.pick(key)]).toBe(names[place]);
    }
    for (const count of counts) expect(count).toBeGreaterThan(9_000);
  });
});

it('refuses wrong options', () => {
  const wrong: MemcachedOptions[] = [
    { servers: [] },
    { servers: 'host' },
    { servers: '::1:11211' },
    { servers: 'http://x:1' },
    { maxConnections: 0 },
    { maxValueBytes: 0 },
    { clients: {} },
    { clients: { 'a:1': {} as never } },
  ];
  for (const options of wrong) {
    expect(() => memcached(options)).toThrow(expect.objectContaining({ code: 'cache.invalid_options' }));
  }
});
