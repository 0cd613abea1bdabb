import { join } from 'node:path';
import { runInBareApp } from '@ent/testkit';
import { expect, it } from 'vitest';
import { memory } from '../src/drivers/memory/index.ts';
import { openCache } from '../src/open.ts';

it('opens memory with its parameters', async () => {
  const cache = await openCache('memory:?maxEntries=2&values=cloned', { ttl: '1m' });
  for (const key of ['a', 'b', 'c']) await cache.set(key, { key });
  expect([...(await cache.getMany(['a', 'b', 'c'])).keys()]).toEqual(['b', 'c']);
  expect((await cache.entry('c'))!.expiresAt).toBeGreaterThan(Date.now());
  const one = await cache.get<{ key: string }>('b');
  one!.key = 'changed';
  expect(await cache.get('b')).toEqual({ key: 'b' });
  await cache.close();
});

it('names the supported URLs for any other, and does not repeat what may be a password', async () => {
  for (const url of ['etcd://user:hunter2@host', 'hunter2', '', '//host', '__proto__:x', 'constructor:x']) {
    const error = await openCache(url).catch((reason: unknown) => reason as Error & { code: string });
    expect(error).toMatchObject({ code: 'cache.unknown_scheme', message: expect.stringContaining('memory:') });
    expect((error as Error).message).not.toContain('hunter2');
  }
});

it('refuses parameters that it does not know, and wrong values', async () => {
  for (const url of ['memory:?maxEntrys=1', 'memory:?maxEntries=many', 'memory:?values=x', 'memory:?maxBytes=0']) {
    await expect(openCache(url)).rejects.toMatchObject({ code: 'cache.invalid_options' });
  }
});

it('picks the driver by the scheme, and connects to nothing before it is used', async () => {
  const drivers: Record<string, string> = {
    'redis://user:pa%40ss@127.0.0.1:1/3': 'redis',
    'rediss://127.0.0.1:1': 'redis',
    'redis+cluster://u:p@127.0.0.1:1,127.0.0.1:2': 'redis',
    'redis+sentinel://127.0.0.1:1,127.0.0.1:2/primary': 'redis',
    'memcached://127.0.0.1:1,127.0.0.1:2': 'memcached',
    'memcached://127.0.0.1': 'memcached',
  };
  for (const [url, name] of Object.entries(drivers)) {
    const cache = await openCache(url);
    expect(cache.driver.name, url).toBe(name);
    await cache.close();
  }
  const { driver } = await openCache('memcached://127.0.0.1:1,127.0.0.1:2');
  expect(driver.client).toHaveLength(2);
});

it('refuses URLs that lack something, or have what is not supported', async () => {
  for (const url of [
    'redis://127.0.0.1:1,127.0.0.1:2',
    'redis+sentinel://127.0.0.1:1',
    'redis+cluster://127.0.0.1:1?x=1',
    'redis://127.0.0.1:1?db=3',
    'redis://127.0.0.1:1/three',
    'redis://127.0.0.1:99999',
    'redis://user:hunter2/@127.0.0.1:1',
    'redis+cluster://127.0.0.1:1,127.0.0.1:x',
    'redis+cluster://user:hunter2%@127.0.0.1:1',
    'redis+sentinel://127.0.0.1:1/%',
    'memcached://[::1]:1',
    'memcached://user:hunter2@127.0.0.1:1',
  ]) {
    const error = await openCache(url).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: 'cache.invalid_options' });
    expect((error as Error).message).not.toContain('hunter2');
  }
});

it('opens a driver of others by the scheme that the application gives it', async () => {
  const drivers = { mine: async () => ({ openDriver: (url: string) => memory({ maxEntries: Number(url.slice(5)) }) }) };
  const cache = await openCache('mine:1', { drivers, prefix: 'shop' });
  await cache.set('a', 1);
  await cache.set('b', 2);
  expect([...(await cache.getMany(['a', 'b'])).keys()]).toEqual(['b']);
  await cache.close();
  await expect(openCache('other:', { drivers })).rejects.toMatchObject({
    code: 'cache.unknown_scheme',
    message: expect.stringContaining('mine:'),
  });
  for (const wrong of [{ mine: 'x' }, { mine: async () => ({}) }]) {
    await expect(openCache('mine:1', { drivers: wrong as never })).rejects.toMatchObject({
      code: 'cache.invalid_options',
    });
  }
});

it('names the package to install when the library of a driver is missing', () => {
  const printed = runInBareApp(
    join(import.meta.dirname, '..'),
    `import { openCache } from './src/open.ts';
     for (const url of ['memory:', 'redis://127.0.0.1:1', 'memcached://127.0.0.1:1']) {
       await openCache(url).catch((error) => console.log(error.code, error.message));
     }`,
  );
  const libraries = { memory: 'lru-cache', redis: 'redis', memcached: 'memcache-client' };
  const expected = Object.entries(libraries).map(
    ([scheme, library]) =>
      `cache.invalid_options ${scheme}: URLs need the package ${library}, which is not installed; run npm install ${library}.\n`,
  );
  expect(printed).toBe(expected.join(''));
});
