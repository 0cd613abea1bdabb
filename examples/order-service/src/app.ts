import { createAccessTokenVerifier, createRemoteKeys } from '@ent/auth';
import { openCache } from '@ent/cache/open';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { bearer, createListener } from '@ent/http';
import { docs } from '@ent/http/docs';
import { type Component, createLifecycle, type Lifecycle } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import { openMessaging } from '@ent/messaging/open';
import { addressKey, idempotency, rateLimit, requestContext, requestId, securityHeaders } from '@ent/middleware';
import { cacheIdempotencyStore, cacheRateLimitStore } from '@ent/middleware/stores';
import { createMetrics } from '@ent/observability/prometheus';
import type { Config } from './config.ts';
import { migratorOf } from './migrations.ts';
import { livePage } from './ops/live.ts';
import { opsRoutes } from './ops/routes.ts';
import { orderRoutes } from './orders/routes.ts';
import { createProvider } from './payments/provider.ts';
import { httpServer } from './server.ts';
import { createShop } from './shop.ts';
import { productRoutes } from './stock/routes.ts';
import { viewRoutes } from './views/routes.ts';
import type { ViewTables } from './views/views.ts';

const NAME = 'order-service';
const VERSION = '1.0.0';
const REMIND_MS = 500;
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/startupz', '/health', '/metrics']);

/** Puts the service together: everything it is made of, in the order in which it starts. */
export async function createApp(config: Config, logger: Logger): Promise<Lifecycle> {
  const db = await openDatabase<SqlNative<ViewTables>>(config.DATABASE_URL);
  const cache = await openCache(config.CACHE_URL, { prefix: `${NAME}:` });
  const messaging = await openMessaging(config.BROKER_URL, { source: NAME });
  const shop = createShop({
    db,
    messaging,
    provider: createProvider({ url: config.PAYMENTS_URL, timeout: config.PAYMENT_TRY }),
    logger,
    waits: { payment: config.PAYMENT_WAIT, step: config.STEP_WAIT },
    relayLease: config.RELAY_LEASE,
  });
  const tokens = createAccessTokenVerifier({
    issuer: config.TOKEN_ISSUER,
    audience: config.TOKEN_AUDIENCE,
    // The services are in a network of their own. The keys come with the first token.
    keys: createRemoteKeys({ jwksUri: config.KEYS_URL, allowHttp: true }),
  });

  const app = createLifecycle({ stopTimeout: config.DRAIN_TIME + 20_000, health: { serviceId: NAME } });
  const authenticate = bearer((token) => tokens.verify(token));
  // From a slow bucket to its trace, where that goes somewhere.
  const metrics = createMetrics({ version: VERSION, exemplars: config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined });
  const routes = [
    ...orderRoutes(shop.orders, authenticate),
    ...viewRoutes(db, authenticate),
    ...productRoutes(db, authenticate),
    ...opsRoutes(app.health, metrics),
  ];
  const pages = docs(routes, {
    title: 'Order service',
    version: VERSION,
    description:
      'Orders that take their stock and their payment, or neither. An example of a service made of `@ent` packages. To try it ' +
      'out: log in at user-service, and give the `access_token` of the answer to **Authorize**.',
    contact: { name: 'The makers of the example', url: 'https://example.com' },
    license: { name: 'MIT', identifier: 'MIT' },
    tags: {
      orders: 'Placing, reading, cancelling.',
      reports: 'Lists and sums, a moment behind.',
      products: 'What is sold.',
      operations: 'Probes and metrics.',
    },
  });
  const listener = createListener([...routes, ...pages], {
    denyByDefault: true,
    trustProxies: config.TRUST_PROXIES,
    middleware: [
      requestId(),
      requestContext(),
      securityHeaders(),
      rateLimit({
        limit: config.RATE_LIMIT_PER_MINUTE,
        window: '1m',
        // All instances count together; while the cache is away each does for itself.
        store: cacheRateLimitStore(cache, { prefix: `${NAME}:limits:` }),
        // Probes come often, and from one address.
        key: (exchange) => (PROBES.has(exchange.path) ? undefined : addressKey(exchange.peer)),
      }),
      idempotency({ store: cacheIdempotencyStore(cache) }),
    ],
  });

  const traces =
    config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? {}
      : (await import('./tracing.ts')).sendTraces(NAME, {
          endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
          ratio: config.OTEL_TRACES_SAMPLER_ARG,
          ignore: ({ path }) => PROBES.has(path),
        });

  const live =
    config.LIVE_PORT === undefined
      ? {}
      : livePage(config.LIVE_PORT, { service: NAME, health: app.health, config: { get: () => config } }, logger);

  return (
    app
      // Before all that is traced, so that it sends what is left when that has stopped.
      .add('traces', traces)
      .add('database', {
        async start(signal) {
          const applied = await migratorOf(db).up({ signal });
          if (applied.length > 0) logger.info('the database schema was brought up to date', { applied });
        },
        stop: () => db.close(),
        check: () => db.ping(),
        health: { type: 'datastore' },
      })
      .add('cache', {
        // One that is still away is no news: /health tells.
        start: () => cache.connect().catch(() => {}),
        stop: () => cache.close(),
        check: () => cache.ping(),
        health: { type: 'datastore' },
      })
      .add('broker', {
        start: () => shop.listen(),
        stop: () => messaging.close(),
        check: () => messaging.ping(),
        // Without it orders are taken, and wait.
        health: { critical: false },
      })
      .add('outbox', {
        start: () => shop.relay.start(),
        stop: () => shop.relay.close(),
        check: () => shop.relay.ping(),
        health: { critical: false },
      })
      .add('views', { start: () => shop.views.catchUp() })
      .add(
        'reminder',
        every(REMIND_MS, () => shop.saga.remind(), logger),
      )
      // Before the server, so that it is there until that has stopped.
      .add('live-page', live)
      .add('http', httpServer(listener, config, logger))
  );
}

/** Work that is done now and then, one after the other, for as long as the process lives. */
function every(ms: number, work: () => Promise<void>, logger: Logger): Component {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  const round = (): void => {
    running = work()
      .catch((err: unknown) => logger.error('a round of work failed; the next one tries again', { err }))
      .then(() => void (timer &&= setTimeout(round, ms)));
  };
  return {
    start() {
      timer = setTimeout(round, ms);
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };
}
