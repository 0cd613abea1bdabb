// The services of the demo, each with where the others are, and something to order.
import type { Programs } from './programs.ts';

/** The administrator of the demo. */
export const ADMIN = { email: 'root@example.com', password: 'correct horse battery staple' };

/** Where the shop gets what it stands on; without, nothing has to be there. */
export interface ShopSettings {
  /** Of the gateway. Default: a free one. */
  readonly port?: string;
  /** Settings of all services: `CACHE_URL`, `BROKER_URL`. */
  readonly shared?: Readonly<Record<string, string>>;
  /** Settings of user-service alone. */
  readonly users?: Readonly<Record<string, string>>;
  /** Settings of order-service alone. */
  readonly orders?: Readonly<Record<string, string>>;
}

/**
 * Starts user-service, a payment provider, order-service and the gateway, and puts a product into it.
 *
 * @returns the URL of the gateway
 */
export async function startShop(programs: Programs, settings: ShopSettings = {}): Promise<string> {
  const run = (name: string, main: string, more: Record<string, string> = {}): Promise<string> =>
    programs.start({ name, main, env: { PORT: '0', DRAIN_TIME: '100ms', ...settings.shared, ...more } });
  const admin = { ADMIN_EMAIL: ADMIN.email, ADMIN_PASSWORD: ADMIN.password };
  const users = await run('user-service', 'user-service/src/main.ts', { ...admin, ...settings.users });
  const payments = await run('provider', 'order-service/src/provider/main.ts');
  const keys = `${users}/.well-known/jwks.json`;
  const orders = await run('order-service', 'order-service/src/main.ts', {
    KEYS_URL: keys,
    PAYMENTS_URL: payments,
    ...settings.orders,
  });
  const gateway = await run('gateway', 'gateway-service/src/main.ts', {
    USERS_URLS: users,
    ORDERS_URLS: orders,
    TOKEN_KEYS_URL: keys,
    PORT: settings.port ?? '0',
  });
  await seed(gateway);
  return gateway;
}

/** Something to order. */
async function seed(gateway: string): Promise<void> {
  const send = async (
    method: string,
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<unknown> => {
    const response = await fetch(gateway + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json().catch(() => undefined);
  };
  const { access_token } = (await send('POST', '/api/v1/auth/login', ADMIN)) as { access_token: string };
  const authorization = `Bearer ${access_token}`;
  await send('PUT', '/api/v1/products/book', { name: 'A book', price: '12.30' }, { authorization });
  await send(
    'POST',
    '/api/v1/products/book/deliveries',
    { quantity: 100 },
    { authorization, 'idempotency-key': 'first-delivery' },
  );
}
