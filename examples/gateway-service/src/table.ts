import type { Config } from './config.ts';
import type { RouteTable } from './routes.ts';

/** What comes from outside, and where it goes. */
export function tableOf(config: Config): RouteTable {
  return {
    services: {
      users: { targets: config.USERS_URLS, document: '/openapi.json' },
      orders: { targets: config.ORDERS_URLS, document: '/openapi.json' },
    },
    routes: [
      // Logins and registrations: the service itself says who may.
      { prefix: '/api/v1/auth', service: 'users', auth: 'everyone' },
      { prefix: '/api/v1/users', service: 'users', auth: 'everyone' },
      { prefix: '/api/v1/products', service: 'orders', auth: 'everyone', cache: true },
      { prefix: '/api/v1/orders', service: 'orders', auth: 'token', timeoutMs: 15_000 },
      { prefix: '/api/v1/sales', service: 'orders', auth: 'token' },
    ],
  };
}
