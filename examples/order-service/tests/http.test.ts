// The three processes together: user-service, whose tokens are taken, the payment provider, and this service.
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type CallOptions } from './client.ts';
import { launch, type Running, start } from './processes.ts';
import { temporaryFolder } from './support.ts';

const admin = { email: 'root@example.com', password: 'correct horse battery staple' };
const folder = temporaryFolder();
let users: Running;
let provider: Running;
let orders: Running;
let adminToken: string;

const login = async (who: { email: string; password: string }): Promise<string> =>
  (await call(users.url, 'POST', '/api/v1/auth/login', { body: who })).body.access_token;
const newCustomer = async (name: string): Promise<string> => {
  const who = { email: `${name}@example.com`, password: 'a long passphrase' };
  await call(users.url, 'POST', '/api/v1/users/', { body: { ...who, name } });
  return login(who);
};
const ask = (method: string, path: string, options?: CallOptions) => call(orders.url, method, path, options);
const place = (token: string, sku: string, quantity: number, more: { key?: string; card?: string } = {}) => {
  const { key, card = 'tok_good' } = more;
  const body = { lines: [{ sku, quantity }], card };
  return ask('POST', '/api/v1/orders/', { token, body, ...(key !== undefined && { key }) });
};
const until = (token: string, id: string, state: string): Promise<void> =>
  expect.poll(async () => (await ask('GET', `/api/v1/orders/${id}`, { token })).body.state).toBe(state);

beforeAll(async () => {
  [users, provider] = await Promise.all([
    start('users', folder.path, {
      DATABASE_URL: `sqlite:${folder.path}/users.db`,
      ADMIN_EMAIL: admin.email,
      ADMIN_PASSWORD: admin.password,
    }),
    start('provider', folder.path, { DATABASE_URL: 'sqlite::memory:', FAULT_DELAY: '10ms' }),
  ]);
  orders = await start('orders', folder.path, {
    DATABASE_URL: `sqlite:${folder.path}/orders.db`,
    KEYS_URL: `${users.url}/.well-known/jwks.json`,
    PAYMENTS_URL: provider.url,
    RATE_LIMIT_PER_MINUTE: '100000',
    LIVE_PORT: '0',
  });
  adminToken = await login(admin);
  for (const [sku, price] of [
    ['book', '12.30'],
    ['pen', '0.10'],
  ] as const) {
    const token = adminToken;
    await ask('PUT', `/api/v1/products/${sku}`, { token, body: { name: `A ${sku}`, price } });
    await ask('POST', `/api/v1/products/${sku}/deliveries`, { token, key: `first-${sku}`, body: { quantity: 100 } });
  }
});
afterAll(async () => {
  for (const each of [orders, provider, users]) each?.process.kill('SIGKILL');
  folder.remove();
});

it('the live page shows orders and what they are told to', async () => {
  const page = /the live page is (http:\/\/127\.0\.0\.1:\d+)/.exec(orders.output())?.[1];
  expect((await place(await newCustomer('live'), 'book', 1)).status).toBe(201);
  const data = async () => (await fetch(`${page}/data`)).text();
  for (const shown of ['POST /api/v1/orders', 'stock.reserve']) await expect.poll(data).toContain(shown);
});

describe('an order', () => {
  it('is placed, paid, read, listed and taken back by its customer', async () => {
    const token = await newCustomer('ada');
    const placed = await place(token, 'book', 3);
    expect(placed).toMatchObject({ status: 201, body: { state: 'placed', total: '36.90', currency: 'EUR' } });
    const path = placed.headers.get('location') as string;
    const { id } = placed.body;
    await until(token, id, 'confirmed');
    const listed = async (state: string) => (await ask('GET', `/api/v1/orders/?state=${state}`, { token })).body.items;
    await expect.poll(() => listed('confirmed')).toMatchObject([{ id, total: '36.90' }]);
    expect(await ask('POST', `${path}/cancel`, { token })).toMatchObject({ status: 202 });
    await until(token, id, 'cancelled');
    const { history } = (await ask('GET', path, { token })).body;
    expect(history.map(({ event }) => event)).toEqual([
      'placed',
      'stock_reserved',
      'payment_taken',
      'cancel_requested',
      'payment_refunded',
      'stock_released',
    ]);
    await expect.poll(() => listed('cancelled')).toMatchObject([{ id }]);
  });

  it('is nobody else’s, and an administrator’s', async () => {
    const [ada, bob] = [await newCustomer('eve'), await newCustomer('bob')];
    const { id } = (await place(ada, 'pen', 1)).body;
    for (const [method, path] of [
      ['GET', `/api/v1/orders/${id}`],
      ['POST', `/api/v1/orders/${id}/cancel`],
    ] as const)
      expect(await ask(method, path, { token: bob })).toMatchObject({
        status: 404,
        body: { code: 'orders.not_found' },
      });
    expect((await ask('GET', '/api/v1/orders/', { token: bob })).body.items).toEqual([]);
    expect(await ask('GET', `/api/v1/orders/${id}`, { token: adminToken })).toMatchObject({ status: 200 });
    expect(await ask('GET', `/api/v1/orders/${id}`)).toMatchObject({
      status: 401,
      body: { code: 'http.token_missing' },
    });
    expect((await ask('GET', '/api/v1/sales', { token: bob })).status).toBe(403);
    expect((await ask('PUT', '/api/v1/products/pen', { token: bob, body: { name: 'x', price: '0.00' } })).status).toBe(
      403,
    );
  });

  it('is one order for one Idempotency-Key, and the answer is the same', async () => {
    const token = await newCustomer('joe');
    const key = 'the-same-every-time';
    const answers = await Promise.all(Array.from({ length: 5 }, () => place(token, 'pen', 2, { key })));
    for (const { status } of answers) expect([201, 409]).toContain(status);
    const again = await place(token, 'pen', 2, { key });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect((await place(token, 'pen', 3, { key })).status).toBe(422);
    // Another token is another credential to the hook; the order knows its key all the same.
    const { id } = (
      await place(await login({ email: 'joe@example.com', password: 'a long passphrase' }), 'pen', 2, { key })
    ).body;
    expect(id).toBe(again.body.id);
    await expect.poll(async () => (await ask('GET', '/api/v1/orders/', { token })).body.items.length).toBe(1);
  });

  it('says what is wrong with it, and where', async () => {
    const refused = async (body: unknown) => (await ask('POST', '/api/v1/orders/', { token: adminToken, body })).body;
    const line = { sku: 'pen', quantity: 1 };
    expect(await refused({ lines: [{ ...line, sku: 'nothing' }], card: 'x' })).toMatchObject({
      code: 'orders.unknown_product',
      errors: [{ pointer: '#/lines/0/sku' }],
    });
    for (const lines of [
      [],
      [line, line],
      [{ ...line, quantity: 0 }],
      [{ ...line, quantity: 1.5 }],
      [{ ...line, price: '0.01' }],
    ])
      expect((await refused({ lines, card: 'x' })).errors[0]?.pointer).toMatch(/^#\/lines/);
  });
});

describe('reports', () => {
  it('add up to the cent', async () => {
    const token = await newCustomer('mia');
    const placed = [];
    for (let n = 0; n < 10; n++)
      placed.push((await place(token, 'pen', 1, { card: n % 5 === 0 ? 'tok_declined' : 'tok_good' })).body.id);
    for (const [n, id] of placed.entries()) await until(token, id, n % 5 === 0 ? 'cancelled' : 'confirmed');
    const totals = async () => {
      const { items } = (await ask('GET', '/api/v1/orders/?limit=100&state=confirmed', { token: adminToken })).body;
      const cents = items.reduce((sum, { total }) => sum + BigInt(total.replace('.', '')), 0n);
      const { states } = (await ask('GET', '/api/v1/sales', { token: adminToken })).body;
      const told = states.find(({ state }) => state === 'confirmed');
      return [cents === BigInt(told?.total.replace('.', '') ?? -1), told?.orders === items.length];
    };
    await expect.poll(totals).toEqual([true, true]);
    const mine = async () => (await ask('GET', '/api/v1/orders/?state=confirmed', { token })).body.items;
    await expect
      .poll(async () => (await mine()).map(({ total }) => total))
      .toEqual(Array.from({ length: 8 }, () => '0.10'));
  });
});

describe('the process', () => {
  it('answers probes, with metrics and with its document', async () => {
    for (const path of ['/livez', '/readyz', '/startupz', '/health'])
      expect((await ask('GET', path)).body, path).toMatchObject({ status: 'pass' });
    expect(await (await fetch(`${orders.url}/metrics`)).text()).toContain('http_server_request_duration_seconds');
    const { paths } = (await (await fetch(`${orders.url}/openapi.json`)).json()) as { paths: object };
    expect(Object.keys(paths)).toContain('/api/v1/orders/{id}/cancel');
  });

  it('refuses wrong settings with every fault, and ends with 0 on SIGTERM', async () => {
    const { process: child, output } = launch('orders', folder.path, {
      BROKER_URL: 'nats://x',
      STEP_WAIT: 'soon',
      PAYMENTS_URL: 'ftp://x',
    });
    expect(await once(child, 'close')).toEqual([78, null]);
    for (const name of ['BROKER_URL', 'STEP_WAIT', 'PAYMENTS_URL']) expect(output()).toContain(name);
    expect(await orders.stop()).toBe(0);
  });
});
