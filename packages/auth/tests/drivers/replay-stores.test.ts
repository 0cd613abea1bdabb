import { createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { redis } from '@ent/cache/redis';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheReplayStore, memoryReplayStore } from '../../src/stores.ts';
import { testReplayStore } from '../../src/testing.ts';

describe('in this process', () => {
  testReplayStore({ it }, { make: () => memoryReplayStore() });

  it('forgets nothing to make room, and goes on when there is some', async () => {
    const store = memoryReplayStore({ maxEntries: 10 });
    for (let n = 0; n < 10; n++) expect(await store.add(`${n}`, n < 5 ? 1 : 60_000)).toBe(true);
    const begun = performance.now();
    while (performance.now() - begun < 2) continue;
    for (let n = 0; n < 5; n++) expect(await store.add(`more ${n}`, 60_000)).toBe(true);
    await expect(store.add('too many', 60_000)).rejects.toThrow('full');
    for (let n = 5; n < 10; n++) expect(await store.add(`${n}`, 60_000)).toBe(false);
  });

  it('has room when any of those in it has ended, and not only the first', async () => {
    const store = memoryReplayStore({ maxEntries: 10 });
    await store.add('long', 60_000);
    for (let n = 0; n < 9; n++) await store.add(`${n}`, 1);
    const begun = performance.now();
    while (performance.now() - begun < 2) continue;
    for (let n = 0; n < 9; n++) expect(await store.add(`more ${n}`, 60_000)).toBe(true);
    await expect(store.add('too many', 60_000)).rejects.toThrow('full');
    expect(await store.add('long', 60_000)).toBe(false);
  });

  it('has room for one at least', () => {
    expect(() => memoryReplayStore({ maxEntries: 0 })).toThrow('maxEntries');
  });
});

describe('in a cache of this process', () => {
  const cache = createCache({ driver: memory() });
  afterAll(() => cache.close());
  testReplayStore({ it }, { make: () => cacheReplayStore(cache) });
});

describeWithServer('redis', (server) => {
  const open = () => createCache({ driver: redis({ url: server.url }), prefix: uniqueName('replays') });
  let cache: ReturnType<typeof open>;
  beforeAll(() => void (cache = open()));
  afterAll(() => cache.close());
  testReplayStore({ it }, { make: () => cacheReplayStore(cache) });
});

describe('a cache that answers with no count', () => {
  it('is no reason to let anybody in', async () => {
    const store = cacheReplayStore({ increment: async () => undefined as never });
    await expect(store.add('a', 1000)).rejects.toThrow('in place of a count');
  });
});
