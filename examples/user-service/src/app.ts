import { dirname } from 'node:path';
import {
  createAccessTokens,
  createKeyRing,
  createPasswords,
  createSessions,
  createThrottle,
  deriveSecret,
  importKey,
} from '@ent/auth';
import { argon2 } from '@ent/auth/argon2';
import { bcrypt } from '@ent/auth/bcrypt';
import { repositoryStores } from '@ent/auth/stores';
import { openCache } from '@ent/cache/open';
import { openDatabase } from '@ent/database/open';
import { bearer, createListener } from '@ent/http';
import { docs } from '@ent/http/docs';

import { type Component, createLifecycle, type Lifecycle } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import { openMessaging } from '@ent/messaging/open';
import { createOutbox } from '@ent/messaging/outbox';
import {
  addressKey,
  cors,
  createRateLimiter,
  problemTitles,
  rateLimit,
  requestContext,
  requestId,
  securityHeaders,
  timeout,
} from '@ent/middleware';
import { compression } from '@ent/middleware/compression';
import { cacheRateLimitStore } from '@ent/middleware/stores';
import { createMetrics } from '@ent/observability/prometheus';
import { adminPage } from './admin/page.ts';
import { adminRoutes } from './admin/routes.ts';
import { userSessionRoutes } from './admin/session-routes.ts';
import { accountRoutes } from './auth/account-routes.ts';
import { createAddresses } from './auth/addresses.ts';
import { jwksRoute } from './auth/jwks.ts';
import { loadServiceKey } from './auth/keys.ts';
import { mailRoutes } from './auth/mail-routes.ts';
import { createPasswordResets } from './auth/password-resets.ts';
import { authRoutes, TOKEN_PATH } from './auth/routes.ts';
import { secondFactorRoutes } from './auth/second-factor-routes.ts';
import { createSecondFactors } from './auth/second-factors.ts';
import { sessionRoutes } from './auth/session-routes.ts';
import { refreshTokens, sessions as sessionEntity } from './auth/sessions.ts';
import { createTokens } from './auth/single-use-tokens.ts';
import type { Config } from './config.ts';
import { logEvents, publishBy } from './events.ts';
import { mailToLog } from './mail/mail.ts';
import { createOutgoing } from './mail/outgoing.ts';
import { attemptsIn } from './limits.ts';
import { migratorOf } from './migrations.ts';
import { livePage } from './ops/live.ts';
import { withAssistants } from './ops/mcp.ts';
import { opsRoutes } from './ops/routes.ts';
import { german } from './ops/titles.ts';
import { httpServer } from './server.ts';
import { registeredOnce } from './users/registrations.ts';
import { userRoutes } from './users/routes.ts';
import { createUserService, type UserService } from './users/service.ts';

const NAME = 'user-service';
const VERSION = '1.0.0';
const PURGE_MS = 60 * 60_000;
const SETTLE_MS = 1_000;
const WEAKER =
  'this database has no transactions: a crash in the middle of a change, or two changes of one user at once, can leave ' +
  'the first part alone: a change without its event, or a new password beside sessions of the old one';
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/startupz', '/health', '/metrics']);

/** Puts the service together: everything it is made of, in the order in which it starts. */
export async function createApp(config: Config, logger: Logger): Promise<Lifecycle> {
  const db = await openDatabase(config.DATABASE_URL);
  const cache = await openCache(config.CACHE_URL, { prefix: `${NAME}:`, onError: 'miss' });
  const messaging = await openMessaging(config.BROKER_URL, { source: NAME });
  const { transactions } = db.features;
  if (!transactions) logger.warning(WEAKER, { database: db.driver.name });
  const outbox = createOutbox({ db, source: NAME, transactions });
  const relay = outbox.relay(messaging);
  // From a slow bucket to its trace, where that goes somewhere.
  const metrics = createMetrics({ version: VERSION, exemplars: config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined });

  const key = await loadServiceKey(config.JWT_PRIVATE_KEY?.reveal(), folderOf(config.DATABASE_URL));
  if (key.madeIn !== undefined) {
    logger.warning('no JWT_PRIVATE_KEY is set: tokens are signed with a key that was made up', { keptIn: key.madeIn });
  }
  const keys = createKeyRing({ active: await importKey(key.pem) });
  const accessTokens = createAccessTokens({
    issuer: NAME,
    audience: NAME,
    keys,
    ttl: config.ACCESS_TOKEN_TTL,
  });
  const sessions = createSessions({
    accessTokens,
    stores: repositoryStores({ sessions: db.repo(sessionEntity), refreshTokens: db.repo(refreshTokens) }),
    secret: deriveSecret(key.pem, 'refresh-tokens'),
    refreshTtl: config.REFRESH_TOKEN_TTL,
    retryWindow: config.REFRESH_GRACE,
    // A change of roles is in force at once.
    claimsAt: 'verify',
    claims: async (subject) => {
      const roles = await users.rolesOf(subject);
      return roles && { roles };
    },
  });
  // Accounts of an older system may bring hashes of bcrypt: each is replaced when its user logs in.
  const passwords = createPasswords({ driver: argon2(), legacy: [bcrypt()], minLength: 8 });
  const attempts = attemptsIn(db);
  // In the cache that all instances share; while it is away each counts for itself.
  const limits = { store: cacheRateLimitStore(cache, { prefix: `${NAME}:limits:` }) };
  const throttle = createThrottle({ store: attempts });
  const tokens = createTokens(db);
  const users = createUserService({
    db,
    cache,
    passwords,
    sessions,
    endPasswordResets: (userId) => tokens.revoke('password-reset', userId),
    forget: (userId) => Promise.all([addresses.forget(userId), secondFactors.forget(userId)]),
    publish: publishBy(outbox),
  });
  const secondFactors = createSecondFactors(db, attempts, NAME, [
    ...(config.SECOND_FACTOR_SECRET ? [config.SECOND_FACTOR_SECRET.reveal()] : []),
    deriveSecret(key.pem, 'second-factors'),
  ]);
  const outgoing = createOutgoing(logger);
  // In the place of this: what hands mails to your provider.
  const send = mailToLog(logger);
  if (config.NODE_ENV === 'production') logger.warning('mails are printed to the log, with the links in them');
  const mailing = { users, tokens, send, appUrl: config.APP_URL.replace(/\/$/, '') };
  const addresses = createAddresses({ ...mailing, db });
  const resets = createPasswordResets({ ...mailing, passwords, sessions });

  const app = createLifecycle({ stopTimeout: config.DRAIN_TIME + 20_000, health: { serviceId: NAME } });
  const authenticate = bearer((token) => sessions.verify(token), { passwordFlow: TOKEN_PATH });
  const routes = [
    ...userRoutes({
      service: users,
      authenticate,
      registrations: createRateLimiter({
        ...limits,
        name: 'register',
        limit: config.REGISTRATION_LIMIT,
        window: '15m',
      }),
      welcome: (user) => outgoing.later('a mail that verifies an address', () => addresses.ask(user)),
    }),
    ...authRoutes({ users, sessions, throttle, tokens, secondFactors, authenticate }),
    jwksRoute(keys),
    ...mailRoutes({
      users,
      addresses,
      resets,
      outgoing,
      authenticate,
      mails: {
        account: createRateLimiter({ ...limits, name: 'mail-account', limit: 5, window: '1h' }),
        address: createRateLimiter({ ...limits, name: 'mail-address', limit: 50, window: '1h' }),
      },
    }),
    ...accountRoutes({ users, addresses, secondFactors, authenticate }),
    ...secondFactorRoutes({ users, secondFactors, authenticate }),
    ...sessionRoutes({ sessions, authenticate }),
    ...userSessionRoutes(sessions, authenticate),
    ...adminRoutes(authenticate),
    ...opsRoutes(app.health, metrics),
  ];
  const pages = docs(routes, {
    title: 'User service',
    version: VERSION,
    description:
      'Users, logins and roles. An example of a service made of `@ent` packages. To try it out: register a user, and log ' +
      'in by **Authorize**, with address and password, or with an `access_token`.',
    contact: { name: 'The makers of the example', url: 'https://example.com' },
    license: { name: 'MIT', identifier: 'MIT' },
    tags: { users: 'Registration, reading, changing.', auth: 'Sessions.', operations: 'Probes and metrics.' },
  });
  const registrations = registeredOnce(db);
  const listener = createListener([...routes, ...pages], {
    denyByDefault: true,
    trustProxies: config.TRUST_PROXIES,
    middleware: [
      compression(),
      requestId(),
      requestContext(),
      securityHeaders(),
      problemTitles({ titles: { de: german } }),
      cors({ origins: config.CORS_ORIGINS }),
      rateLimit({
        ...limits,
        limit: config.RATE_LIMIT_PER_MINUTE,
        window: '1m',
        // Probes come often, and from one address.
        key: (exchange) => (PROBES.has(exchange.path) ? undefined : addressKey(exchange.peer)),
      }),
      // More than a hash waits for its turn at most, and less than a load balancer waits.
      timeout('20s'),
      registrations.middleware,
      adminPage(),
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

  const settings = { get: () => config };
  const live =
    config.LIVE_PORT === undefined
      ? {}
      : livePage(config.LIVE_PORT, { service: NAME, health: app.health, config: settings }, logger);

  const token = config.MCP_TOKEN?.reveal();
  const parts = {
    health: app.health,
    metrics,
    config: settings,
    routes,
    migrations: migratorOf(db),
    messaging,
  };
  const assisted = token === undefined ? { listener } : withAssistants(listener, { name: NAME, token, parts });

  const purge = (): Promise<unknown> =>
    Promise.all([sessions.purge(), tokens.purge(), registrations.purge()]).catch((err: unknown) => {
      logger.error('purging what has expired failed; it is tried again in an hour', { err });
    });
  // A cache that is still away is no news: /health tells.
  const settle = (): Promise<void> => users.settleCache().catch(() => {});

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
        // Calls are counted there from the first one on; where it is away, the service starts all the same.
        start: () => cache.connect().catch(() => {}),
        stop: () => cache.close(),
        check: () => cache.ping(),
        // Without it everything still works, only slower.
        health: { type: 'datastore', critical: false },
      })
      .add('broker', {
        start: () => logEvents(messaging, logger),
        stop: () => messaging.close(),
        check: () => messaging.ping(),
        // Without it events wait in the outbox.
        health: { critical: false },
      })
      .add('outbox', {
        start: () => relay.start(),
        stop: () => relay.close(),
        check: () => relay.ping(),
        health: { critical: false },
      })
      .add('administrator', { start: () => ensureAdministrator(users, config, logger) })
      .add('purge', every(PURGE_MS, purge))
      .add('cache-invalidation', every(SETTLE_MS, settle))
      // Stops after the server, whose last answers leave something to do.
      .add('outgoing', outgoing.component)
      // Before the server, so that it is there until that has stopped.
      .add('live-page', live)
      .add('http', httpServer(assisted.listener, config, logger))
      // Before the server drains: what assistants have open would hold it up.
      .add('assistants', 'component' in assisted ? assisted.component : {})
  );
}

async function ensureAdministrator(users: UserService, config: Config, logger: Logger): Promise<void> {
  await users.settleAdministrators();
  const { ADMIN_EMAIL, ADMIN_PASSWORD } = config;
  if (ADMIN_EMAIL === undefined || ADMIN_PASSWORD === undefined) return;
  if ((await users.ensureAdmin(ADMIN_EMAIL, ADMIN_PASSWORD.reveal())) === 'created')
    logger.info('the administrator was made');
}

/** Work that is done now and then for as long as the process lives; it deals with its own failures. */
function every(ms: number, work: () => Promise<unknown>): Component {
  let timer: NodeJS.Timeout | undefined;
  return {
    start() {
      timer = setInterval(() => void work(), ms);
    },
    stop: () => clearInterval(timer),
  };
}

/** The folder of the database file: where what belongs to it is kept. */
function folderOf(databaseUrl: string): string | undefined {
  // Beside no database: where the service runs.
  if (!databaseUrl.startsWith('sqlite:')) return 'data';
  const file = decodeURIComponent(databaseUrl.replace(/^sqlite:(\/\/)?/, '').split('?')[0] ?? '');
  return file === '' || file === ':memory:' ? undefined : dirname(file);
}
