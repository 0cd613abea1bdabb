import { createCache } from '@ent/cache';
import { memcached } from '@ent/cache/memcached';
import { memory } from '@ent/cache/memory';
import { redis } from '@ent/cache/redis';
import { createDatabase, type Database, defineEntity } from '@ent/database';
import { mongodb } from '@ent/database/mongodb';
import { openDatabase } from '@ent/database/open';
import { createTables } from '@ent/database/testing';
import { idempotency } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { cacheIdempotencyStore, repositoryIdempotencyStore } from '@ent/middleware/stores';
import { testIdempotencyStore } from '@ent/middleware/testing';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { serve } from '../support/serve.ts';

describe('in a cache of this process', () => {
  testIdempotencyStore(
    { it },
    {
      make() {
        const store = cacheIdempotencyStore(createCache({ driver: memory() }));
        return [store, store];
      },
    },
  );
});

it('a cache that passes over its outage refuses requests with a key, and says that it is away', async () => {
  await using cache = createCache({
    driver: redis({ url: 'redis://127.0.0.1:1' }),
    onError: 'miss',
    timeout: '100ms',
    prefix: 'idempotency',
  });
  const handler = vi.fn(() => ({ status: 201 }));
  const { url } = await serve(
    createNodeListener(handler, { middleware: [idempotency({ store: cacheIdempotencyStore(cache) })] }),
  );
  for (let attempt = 0; attempt < 2; attempt++) {
    const answer = await fetch(url, { method: 'POST', headers: { 'idempotency-key': 'new' } });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toMatchObject({ code: 'middleware.store_unavailable' });
  }
  expect((await fetch(url, { method: 'POST' })).status).toBe(201);
  expect(handler).toHaveBeenCalledTimes(1);
});

describeWithServer('redis', (server) => {
  const open = () => createCache({ driver: redis({ url: server.url }), prefix: 'idempotency', timeout: '1m' });
  let caches: ReturnType<typeof open>[];
  beforeAll(() => {
    caches = [open(), open()];
  });
  afterAll(() => Promise.all(caches.map((cache) => cache.close())));

  testIdempotencyStore({ it }, { make: () => [cacheIdempotencyStore(caches[0]!), cacheIdempotencyStore(caches[1]!)] });

  it('a hundred requests at once, to two servers, have one effect', async () => {
    const [path, scope] = [`/${uniqueName('order')}`, () => 'ada'];
    let effects = 0;
    const urls = await Promise.all(
      caches.map(async (cache) => {
        const listener = createNodeListener(
          async () => {
            effects++;
            await new Promise((resolve) => setImmediate(resolve));
            return { status: 201, body: 'made' };
          },
          { middleware: [idempotency({ store: cacheIdempotencyStore(cache), scope })] },
        );
        return (await serve(listener)).url;
      }),
    );
    const send = async (n: number): Promise<number> => {
      const init = { method: 'POST', body: 'x', headers: { 'idempotency-key': path } };
      const { status } = await fetch(`${urls[n % 2]}${path}`, init);
      return status === 409 ? send(n + 1) : status;
    };
    const statuses = await Promise.all(Array.from({ length: 100 }, (_, n) => send(n)));
    expect(new Set(statuses)).toEqual(new Set([201]));
    expect(effects).toBe(1);
  });
});

describeWithServer('memcached', (server) => {
  const open = () =>
    createCache({ driver: memcached({ servers: `${server.host}:${server.port}` }), prefix: 'idem', timeout: '1m' });
  let caches: ReturnType<typeof open>[];
  beforeAll(() => {
    caches = [open(), open()];
  });
  afterAll(() => Promise.all(caches.map((cache) => cache.close())));

  testIdempotencyStore({ it }, { make: () => [cacheIdempotencyStore(caches[0]!), cacheIdempotencyStore(caches[1]!)] });
});

const keys = defineEntity({
  name: uniqueName('keys'),
  fields: { id: 'string', record: 'string', digest: 'string', expiresAt: 'date' },
});

/** The suite for the store in a database, of which two processes have a repository each. */
function inDatabase(open: () => Database | Promise<Database>): void {
  let databases: Database[] = [];
  beforeAll(async () => {
    databases = await Promise.all([open(), open()]);
    await createTables(databases[0]!, keys);
  });
  afterAll(() => Promise.all(databases.map((db) => db.close())));
  testIdempotencyStore(
    { it },
    {
      make() {
        const [one, two] = databases.map((db) => repositoryIdempotencyStore(db.repo(keys)));
        return [one!, two!] as const;
      },
    },
  );
}

it('a store in a database deletes what is over, now and then', async () => {
  const db = await openDatabase('sqlite::memory:');
  onTestFinished(() => db.close());
  await createTables(db, keys);
  const store = repositoryIdempotencyStore(db.repo(keys));
  await store.claim('over', 'a', 1);
  for (let n = 0; n < 1000; n++) await store.claim('same', 'a', 3_600_000);
  await expect.poll(() => db.repo(keys).get('over')).toBeNull();
  expect(await store.claim('same', 'b', 1)).toBe('a');
});

describeWithServer('postgres', (server) => inDatabase(() => openDatabase(server.url)));
describeWithServer('mariadb', (server) => inDatabase(() => openDatabase(server.url)));
// The stand-in is no replica set.
describeWithServer('mongodb', (server) =>
  inDatabase(() => createDatabase({ driver: mongodb({ url: server.url, transactions: false, decimals: 'text' }) })),
);
