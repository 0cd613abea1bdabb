import { createAccessTokenVerifier, createRemoteKeys } from '@ent/auth';
import { openCache } from '@ent/cache/open';
import { bearer, createHandler } from '@ent/http';
import { createLifecycle, type Lifecycle } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import { accessLog, addressKey, rateLimit, requestContext, requestId, securityHeaders } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { cacheRateLimitStore } from '@ent/middleware/stores';
import { createMetrics } from '@ent/observability/prometheus';
import type { Config } from './config.ts';
import { documentRoutes, VERSION } from './documents.ts';
import { createIdentities } from './identity.ts';
import { livePage } from './live.ts';
import { opsRoutes } from './ops.ts';
import { createProxy } from './proxy/proxy.ts';
import { ResponseCache } from './proxy/response-cache.ts';
import { createUpgrades } from './proxy/upgrades.ts';
import type { RouteTable } from './routes.ts';
import { httpServer } from './server.ts';
import { tableOf } from './table.ts';

/** Puts the gateway together: everything it is made of, in the order in which it starts. */
export async function createApp(
  config: Config,
  logger: Logger,
  table: RouteTable = tableOf(config),
): Promise<Lifecycle> {
  const app = createLifecycle({ stopTimeout: config.DRAIN_TIME + 20_000, health: { serviceId: 'gateway-service' } });
  const cache = await openCache(config.CACHE_URL, { prefix: 'gateway:', onError: 'miss' });
  // From a slow bucket to its trace, where that goes somewhere.
  const exemplars = config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
  const metrics = createMetrics({ version: VERSION, exemplars });
  const identities = await createIdentities(config);
  const verifier = createAccessTokenVerifier({
    issuer: config.TOKEN_ISSUER,
    audience: config.TOKEN_AUDIENCE,
    // The services are in a network of their own.
    keys: createRemoteKeys({ jwksUri: config.TOKEN_KEYS_URL, allowHttp: true }),
  });
  const proxy = createProxy({
    table,
    authenticate: bearer((token) => verifier.verify(token)),
    identities,
    cache: new ResponseCache(cache),
  });

  const ownRoutes = [...opsRoutes(app.health, metrics, identities), ...documentRoutes(table, logger)];
  const ownPaths = new Set(ownRoutes.map(({ path }) => path));
  const own = createHandler(ownRoutes, { denyByDefault: true });
  const options = {
    trustProxies: config.TRUST_PROXIES,
    middleware: [
      requestId(),
      requestContext(),
      accessLog(logger, { filter: ({ path }) => !ownPaths.has(path) }),
      securityHeaders(),
      rateLimit({
        limit: config.RATE_LIMIT_PER_MINUTE,
        window: '1m',
        // All instances count together; while the cache is away each does for itself.
        store: cacheRateLimitStore(cache, { prefix: 'gateway:limits:' }),
        key: ({ peer }) => addressKey(peer),
      }),
    ],
  };
  const listener = createNodeListener(
    (exchange) => (ownPaths.has(exchange.path) ? own(exchange) : proxy.handle(exchange)),
    options,
  );

  const traces =
    config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? {}
      : (await import('./tracing.ts')).sendTraces('gateway-service', {
          endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
          ratio: config.OTEL_TRACES_SAMPLER_ARG,
          ignore: ({ path }) => ownPaths.has(path),
        });

  const live =
    config.LIVE_PORT === undefined
      ? {}
      : livePage(
          config.LIVE_PORT,
          { service: 'gateway-service', health: app.health, config: { get: () => config } },
          logger,
        );

  return (
    app
      // Before all that is traced, so that it sends what is left when that has stopped.
      .add('traces', traces)
      .add('cache', {
        start: () => cache.connect().catch(() => {}),
        stop: () => cache.close(),
        check: () => cache.ping(),
        // Without it every answer is asked for.
        health: { type: 'datastore', critical: false },
      })
      .add('services', { stop: () => proxy.close() })
      // Before the server, so that it is there until that has stopped.
      .add('live-page', live)
      .add('http', httpServer(listener, createUpgrades(proxy, options), config, logger))
  );
}
