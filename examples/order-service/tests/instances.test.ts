// Two instances on one database and one cache: what is limited is limited once for both, and a key is known to both.
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, type CallOptions } from './client.ts';
import { startIssuer } from './issuer.ts';
import { type Running, start } from './processes.ts';
import { openShopDatabase, tablesOf, temporaryFolder } from './support.ts';

const LIMIT = 60;

describeWithServer('redis', (server) => {
  const folder = temporaryFolder();
  let issuer: Awaited<ReturnType<typeof startIssuer>>;
  let instances: Running[];

  beforeAll(async () => {
    issuer = await startIssuer();
    const url = `sqlite:${folder.path}/orders.db`;
    const db = await openShopDatabase(url);
    await tablesOf(db).products.insert({ id: 'book', name: 'A book', price: '12.30', available: 100 });
    await db.close();
    const settings = {
      DATABASE_URL: url,
      CACHE_URL: server.url,
      BROKER_URL: server.url,
      KEYS_URL: issuer.keysUrl,
      // Orders stay where they are.
      PAYMENTS_URL: 'http://127.0.0.1:9',
      RATE_LIMIT_PER_MINUTE: String(LIMIT),
      TRUST_PROXIES: '127.0.0.1',
    };
    instances = await Promise.all([0, 1].map(() => start('orders', folder.path, settings)));
  });
  afterAll(async () => {
    await Promise.all(instances?.map((instance) => instance.kill()) ?? []);
    issuer?.close();
    folder.remove();
  });

  const ask = (n: number, method: string, path: string, options?: CallOptions) =>
    call(instances[n % 2]!.url, method, path, options);

  it('calls are limited over both', async () => {
    let sent = 0;
    while ((await ask(sent, 'GET', '/api/v1/products/')).status === 200) sent++;
    // Of two limits of their own neither would be met before twice as many.
    expect(sent).toBeGreaterThanOrEqual(LIMIT);
    expect(sent).toBeLessThan(2 * LIMIT);
  });

  it('an order that is placed again with its key at the other instance is the first', async () => {
    const token = await issuer.tokenOf('ann', 'user');
    const from = '203.0.113.1';
    const body = { lines: [{ sku: 'book', quantity: 1 }], card: 'tok_good' };
    const placed = await ask(0, 'POST', '/api/v1/orders/', { token, key: 'once', body, from });
    expect(placed.status).toBe(201);
    const again = await ask(1, 'POST', '/api/v1/orders/', { token, key: 'once', body, from });
    expect(again).toMatchObject({ status: 201, body: { id: placed.body.id } });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
  });
});
