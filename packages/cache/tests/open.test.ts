import { expect, it } from 'vitest';
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
    const error = await openCache(url).catch((error: unknown) => error as Error & { code: string });
    expect(error).toMatchObject({ code: 'cache.unknown_scheme', message: expect.stringContaining('memory:') });
    expect((error as Error).message).not.toContain('hunter2');
  }
});

it('refuses parameters that it does not know, and wrong values', async () => {
  for (const url of ['memory:?maxEntrys=1', 'memory:?maxEntries=many', 'memory:?values=x', 'memory:?maxBytes=0']) {
    await expect(openCache(url)).rejects.toMatchObject({ code: 'cache.invalid_options' });
  }
});
