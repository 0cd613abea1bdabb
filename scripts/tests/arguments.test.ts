// What JavaScript gives in the place of an argument, to everything that the packages export and to the methods of what
// they make: it works, or there is an error of the house that says what was wrong. The engine's own TypeError never
// gets out: it names a variable of ours. A new export is asked without an entry here; a new factory needs one.
import { createServer as createHttpServer } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { publicPackages, subpathsOf } from '../lib/workspace.ts';
import { repository } from './support/tree.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- what the compiler would refuse is what this is about
type Anything = any;
type Call = (...args: Anything[]) => unknown;
type Module = Readonly<Record<string, Anything>>;

// No program gives a symbol, or an object without a prototype, by accident.
const WRONG: readonly unknown[] = [undefined, null, 7, 5n, 'text', '', [], {}, () => {}];

const subpaths = publicPackages(repository).flatMap((pkg) =>
  // The suites for drivers declare tests when they are called.
  subpathsOf(pkg).flatMap((each) =>
    each.subpath === './testing' ? [] : [{ ...each, file: join(pkg.dir, each.source) }],
  ),
);
const modules = new Map<string, Module>();
for (const { specifier, file } of subpaths) modules.set(specifier, (await import(pathToFileURL(file).href)) as Module);
const of = (specifier: string): Anything => modules.get(specifier);

/** An error with a code of one of the packages, and a text; of several errors, each. */
function isOfTheHouse(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isOfTheHouse);
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return (
    typeof code === 'string' &&
    /^[a-z]+(\.[a-z_]+)?$/.test(code) &&
    code !== 'internal' &&
    typeof message === 'string' &&
    message !== ''
  );
}

function told(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(told).join(', ')}]`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) return `{${Object.keys(value).join(', ').slice(0, 60)}}`;
  return typeof value === 'function' ? 'function' : String(value);
}

/** What came out of a call that should not: nothing, or the call and its error. */
async function fault(name: string, self: unknown, call: Call, args: readonly unknown[]): Promise<string[]> {
  try {
    const given: Anything = await Reflect.apply(call, self, args);
    // A stream begins when it is read.
    if (typeof given?.next === 'function') await given.next();
    // A sink is closed by its logger.
    else if (given !== self && typeof given?.close === 'function' && !/^child$|Sink$/.test(name)) await given.close();
    return [];
  } catch (error) {
    return isOfTheHouse(error)
      ? []
      : [`${name}(${args.map(told).join(', ')}): ${String((error as Error)?.stack).slice(0, 300)}`];
  }
}

/** Each with one of the arguments wrong, or one member of an argument that is an object; what is frozen we made. */
function* variantsOf(right: readonly unknown[]): Generator<unknown[]> {
  for (const [at, arg] of right.entries()) {
    for (const wrong of WRONG) {
      yield right.with(at, wrong);
      if (
        typeof arg !== 'object' ||
        arg === null ||
        Object.getPrototypeOf(arg) !== Object.prototype ||
        Object.isFrozen(arg)
      )
        continue;
      for (const member of Object.keys(arg)) yield right.with(at, { ...arg, [member]: wrong });
    }
  }
}

async function faultsOf(name: string, self: unknown, call: Call, right: readonly unknown[] = []): Promise<string[]> {
  const faults = await fault(name, self, call, []);
  for (const wrong of WRONG) {
    faults.push(...(await fault(name, self, call, [wrong])), ...(await fault(name, self, call, [wrong, wrong, wrong])));
  }
  for (const args of variantsOf(right)) faults.push(...(await fault(name, self, call, args)));
  return faults;
}

/** The methods of an object, those of its classes included. */
function methodsOf(subject: object): string[] {
  const names = new Set<string>();
  for (
    let at: object | null = subject;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    if (at === Function.prototype || at === Error.prototype) break;
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
  }
  return [...names];
}

const auth = of('@ent/auth');
const cache = of('@ent/cache');
const config = of('@ent/config');
const database = of('@ent/database');
const errors = of('@ent/errors');
const http = of('@ent/http');
const lifecycle = of('@ent/lifecycle');
const logging = of('@ent/logging');
const mcp = of('@ent/mcp');
const messaging = of('@ent/messaging');
const middleware = of('@ent/middleware');
const { memory: cacheMemory } = of('@ent/cache/memory');
const { memory: broker } = of('@ent/messaging/memory');
const { memoryDriver } = of('@ent/logging/memory');
const { sqlite } = of('@ent/database/sqlite');
const stores = of('@ent/auth/stores');
const { argon2 } = of('@ent/auth/argon2');

// Which hash it is does not matter here; that of argon2 takes its time.
const quick = {
  ...argon2(),
  hash: async () => 'h',
  verify: async () => false,
  inspect: () => 'current',
  decoy: () => 'd',
};

const passkeys = {
  store: stores.memoryPasskeyStore(),
  replays: stores.memoryReplayStore(),
  secret: 'x'.repeat(32),
  rpId: 'example.com',
  rpName: 'A',
  origin: ['https://example.com'],
};
const oauth = {
  issuer: 'http://127.0.0.1:1',
  client: { id: 'a', secret: 'b' },
  redirectUri: 'https://a.example.com/callback',
  secret: 'x'.repeat(32),
};
const { key } = await auth.generateKey();
const keys = auth.createKeyRing({ active: key });
const tokens = { issuer: 'a', audience: 'b', keys };
const principal = auth.trustedPrincipal({ subject: 'u', roles: ['admin', 'own'] });
const policy = {
  roles: { admin: { allow: ['*:*'] }, own: { allow: [{ permission: 'a:*', own: true }] } },
  owners: { a: () => 'u' },
};
const sessions = {
  accessTokens: auth.createAccessTokens(tokens),
  stores: stores.memoryStores(),
  secret: 'x'.repeat(32),
};
const pair = await auth.createSessions(sessions).start({ subject: 'u' });
const settings = z.object({ port: z.number() });
const users = { name: 'users', fields: { id: 'string', email: 'string', n: 'int' }, unique: [['email']] };
const migration = { name: '0001', up: () => {}, down: () => {} };
const exchange = { method: 'GET', path: '/', header: () => '"a"' };
const routeSpec = { method: 'GET', path: '/', auth: false, responses: { 204: {} }, handler: () => {} };
const route = http.route(routeSpec);
const about = { title: 'A', version: '1' };
const part = { start: () => {}, stop: () => {}, check: () => {}, health: { timeout: '1s' } };
const db = database.createDatabase({ driver: sqlite({ file: ':memory:' }) });
// As the API of OpenTelemetry has it without an SDK.
const instrument = { record() {}, addCallback() {}, removeCallback() {} };
const meter = {
  createHistogram: () => instrument,
  createObservableCounter: () => instrument,
  createObservableGauge: () => instrument,
  createObservableUpDownCounter: () => instrument,
};
const mcpTool = { name: 'a', title: 'A', description: 'A.', input: z.object({}), run: () => 1 };
const mcpAbout = { name: 'a', version: '1', tools: [mcpTool] };
const entity = database.defineEntity(users);
await of('@ent/database').createMigrator(db, []).up();
const outbox = of('@ent/messaging/outbox');
const inbox = of('@ent/messaging/inbox');
const mail = messaging.createMessaging({ driver: broker(), source: 'a' });
const boxes = database.createDatabase({ driver: sqlite({ file: ':memory:' }) });
await outbox.createOutboxTables(boxes.native);
await inbox.createInboxTable(boxes.native);

/** Arguments that are right, of which the test makes one after the other wrong. */
const RIGHT: Readonly<Record<string, readonly unknown[]>> = {
  '@ent/auth createAccessTokens': [{ ...tokens, ttl: '1m', clockTolerance: '1s', cacheSize: 5, now: Date.now }],
  '@ent/auth createAccessTokenVerifier': [
    {
      ...tokens,
      algorithms: ['EdDSA'],
      profile: {
        types: ['jwt'],
        required: [],
        expected: {},
        audience: 'aud',
        subject: 'sub',
        session: 'sid',
        roles: [['a']],
      },
      mapRoles: () => [],
      mapScopes: () => [],
      clockTolerance: '1s',
      cacheSize: 5,
      now: Date.now,
    },
  ],
  '@ent/auth createKeyRing': [{ active: key, previous: [] }],
  '@ent/auth createPasswords': [
    { driver: argon2(), legacy: [quick], minLength: 12, maxBytes: 256, concurrency: 1, queue: 5, maxWait: '1s' },
  ],
  '@ent/auth createPolicy': [policy],
  '@ent/auth createSessions': [
    {
      ...sessions,
      claims: () => ({}),
      claimsAt: 'verify',
      refreshTtl: '1d',
      sessionTtl: '2d',
      retryWindow: '1s',
      sessionCacheTtl: '1s',
    },
  ],
  '@ent/auth createThrottle': [
    { store: stores.memoryThrottleStore(), address: { limit: 1, window: '1m' }, now: Date.now },
  ],
  '@ent/auth openPolicy': [
    {
      store: { read: async () => undefined, write: async () => true },
      initial: {},
      owners: {},
      changes: { publish: () => {}, subscribe: () => () => {} },
      reloadAfter: '1m',
      now: Date.now,
    },
  ],
  '@ent/auth openKeyRing': [
    {
      store: { read: async () => undefined, write: async () => true },
      secret: 'x'.repeat(32),
      algorithm: 'ES256',
      retireAfter: '1h',
      reloadAfter: '1m',
      now: Date.now,
    },
  ],
  '@ent/auth createRemoteKeys': [
    {
      issuer: 'http://127.0.0.1:1',
      algorithms: ['RS256'],
      maxAge: '1m',
      staleFor: '1h',
      cooldown: '1s',
      timeout: '1s',
      maxBytes: 5000,
      allowHttp: true,
      fetch,
      now: Date.now,
    },
  ],
  '@ent/auth/dpop createDpop': [
    {
      origin: ['https://a.example.com'],
      replays: stores.memoryReplayStore(),
      algorithms: ['ES256'],
      maxAge: '1m',
      nonce: { secret: 'x'.repeat(32), ttl: '1m' },
      now: Date.now,
    },
  ],
  '@ent/auth/introspection createIntrospection': [
    {
      issuer: 'http://127.0.0.1:1',
      endpoint: 'http://127.0.0.1:1/introspect',
      client: { id: 'a', secret: 'b', method: 'client_secret_post' },
      cacheTtl: '1s',
      cacheSize: 5,
      timeout: '1s',
      allowHttp: true,
      fetch,
      now: Date.now,
    },
  ],
  '@ent/auth/oauth createOAuthClient': [
    {
      ...oauth,
      scopes: ['openid'],
      postLogoutRedirectUri: 'https://a.example.com/',
      stateTtl: '5m',
      timeout: '1s',
      allowHttp: true,
      fetch,
      now: Date.now,
    },
  ],
  '@ent/auth/passkeys createPasskeys': [{ ...passkeys, userVerification: 'preferred', ttl: '5m', now: Date.now }],
  '@ent/auth createVerificationKeys': [keys.jwks(), { algorithms: ['EdDSA'] }],
  '@ent/auth deriveSecret': ['x'.repeat(32), 'purpose'],
  '@ent/auth toTokenResponse': [pair],
  '@ent/auth trustedPrincipal': [
    { subject: 'u', roles: ['a'], scopes: ['a:b'], amr: ['pwd'], authenticatedAt: new Date(), claims: {} },
  ],
  '@ent/auth/argon2 argon2': [{ memoryKiB: 19_456, iterations: 2, parallelism: 1 }],
  '@ent/auth/bcrypt bcrypt': [{ cost: 10 }],
  '@ent/auth/stores memoryReplayStore': [{ maxEntries: 5 }],
  '@ent/auth/stores memcachedThrottleStore': [
    { xretrieve: async () => ({}), add: async () => {}, cas: async () => {}, delete: async () => {} },
    { prefix: 'a:' },
  ],
  '@ent/auth/stores memoryThrottleStore': [{ maxKeys: 5 }],
  '@ent/auth/stores redisSingleUseTokenStore': [{ evalSha: async () => [], eval: async () => [] }, { prefix: 'a' }],
  '@ent/auth/stores redisStores': [{ evalSha: async () => [], eval: async () => [] }, { prefix: 'a' }],
  '@ent/auth/stores redisThrottleStore': [{ evalSha: async () => [], eval: async () => [] }, { prefix: 'a:' }],
  '@ent/auth/stores repositoryThrottleStore': [db.repo(entity)],
  '@ent/cache createCache': [
    {
      driver: cacheMemory(),
      prefix: 'a',
      ttl: '1m',
      timeout: '1s',
      onError: 'throw',
      grace: '1m',
      serializer: cache.plainJson,
    },
  ],
  '@ent/cache/memory memory': [{ maxEntries: 5, maxBytes: 5_000, values: 'frozen' }],
  '@ent/cache/memcached memcached': [{ servers: ['127.0.0.1:1'] }],
  '@ent/cache/redis redis': [{ url: 'redis://127.0.0.1:1' }],
  '@ent/cache/open openCache': ['memory:', { ttl: '1m', drivers: {} }],
  '@ent/config defineConfig': [
    settings,
    { env: { PORT: '80' }, prefix: 'A_', dir: false, secretsDir: [], argv: false, unknown: 'ignore', overrides: {} },
  ],
  '@ent/config url': [{ protocols: ['https'] }],
  '@ent/config/docs missingFromExample': [config.defineConfig(settings, { env: {} }), ''],
  '@ent/database createDatabase': [
    { driver: db.driver, timeout: '1s', transactionTimeout: '1s', retries: 1, cursorSecret: 'x' },
  ],
  '@ent/database createMigrator': [db, [migration], { table: 'a', timeout: '1m' }],
  '@ent/database defineEntity': [{ ...users, version: 'n', id: 'id', table: 'users', naming: 'snake_case' }],
  '@ent/database defineMigrations': [[migration]],
  '@ent/database/open openDatabase': ['sqlite::memory:', { timeout: '1s', drivers: {} }],
  '@ent/database/postgres postgres': [
    { host: '127.0.0.1', port: 1, user: 'a', password: 'b', database: 'c', max: 2, connectTimeout: '1s' },
  ],
  '@ent/database/sqlite sqlite': [{ file: ':memory:', readers: 1 }],
  '@ent/database/sql withoutValues': [new Error('a'), ['code'], 'b'],
  '@ent/errors defineErrors': ['arguments', { bad: { class: errors.BadRequestError, title: 'Bad' } }],
  '@ent/errors issuesFromZod': [settings.safeParse({}).error, { prefix: ['a'], in: 'body' }],
  '@ent/errors new NotFoundError': [
    'There is none.',
    { cause: 1, details: {}, headers: {}, issues: [], status: 404, title: 'x' },
  ],
  '@ent/errors EntError.from': [new Error('a'), []],
  '@ent/errors EntError.fromProblem': [new errors.NotFoundError('a').toProblem(), { status: 404, trust: true }],
  '@ent/errors EntError.fromWire': [new errors.NotFoundError('a').toWire(), { trust: true }],
  '@ent/http bearer': [() => principal],
  '@ent/http createHandler': [[route], { maxBodyBytes: 5, maxBodyDepth: 5, denyByDefault: true }],
  '@ent/http createListener': [[route], { middleware: [], trustProxies: ['loopback'], maxBodyBytes: 5 }],
  '@ent/http createServer': [
    http.createListener([route]),
    { headersTimeout: '1s', requestTimeout: '1s', keepAliveTimeout: '1s', http2: true },
  ],
  '@ent/http drain': [
    http.createServer(http.createListener([route])),
    { grace: 0, deadline: '1s', signal: AbortSignal.abort() },
  ],
  '@ent/http mount': ['/api', [route]],
  '@ent/http versions': [{ v1: [route] }, { header: 'a', default: 'v1' }],
  '@ent/http eventStream': [{ data: settings, heartbeat: '1s', retry: '1s', description: 'A' }],
  '@ent/http fileAnswer': ['application/pdf'],
  '@ent/http lastEventId': [exchange],
  '@ent/http negotiated': [settings, { 'text/plain': () => 'a' }],
  '@ent/http formBody': [settings, { maxFields: 5 }],
  '@ent/http streamBody': ['text/plain'],
  '@ent/http/webhooks deliverOnce': [
    { sender: 'a', store: of('@ent/middleware').memoryIdempotencyStore(), ttl: '1s', lease: '1s' },
  ],
  '@ent/http/webhooks signedWebhook': [
    { scheme: of('@ent/http/webhooks').githubWebhooks, secrets: ['x'.repeat(16)], tolerance: '1s', maxBytes: 5 },
  ],
  '@ent/http/websocket acceptWebSockets': [
    http.drainable(createHttpServer()),
    [of('@ent/http/websocket').webSocket({ path: '/', handler: () => {} })],
    { middleware: [], trustProxies: ['loopback'], denyByDefault: false, heartbeat: '1s' },
  ],
  '@ent/http/websocket webSocket': [
    { path: '/', auth: false, guards: [], origins: [], maxMessageBytes: 5, protocols: ['a'], handler: () => {} },
  ],
  '@ent/http/multipart multipartBody': [settings, { maxFiles: 5, maxFields: 5, maxFieldBytes: 5 }],
  '@ent/http/multipart multipartParts': [settings, { maxFiles: 5, maxFields: 5, maxFieldBytes: 5 }],
  '@ent/http sessionCookie': [() => principal, { name: 'a', csrf: {} }],
  '@ent/http reply': [200, { a: 1 }, { etag: '"a"' }],
  '@ent/http route': [
    {
      ...routeSpec,
      params: z.object({}),
      query: settings,
      headers: z.object({}),
      guards: [],
      timeout: '1s',
      summary: 'A',
      tags: ['a'],
      problems: [409],
    },
  ],
  '@ent/http/client createClient': [
    'http://127.0.0.1:1',
    { headers: { a: 'b' }, timeout: '1s', maxBodyBytes: 5, fetch: globalThis.fetch },
  ],
  '@ent/http/docs docs': [[route], { ...about, pages: [], basePath: '/a' }],
  '@ent/http/openapi openapi': [[route], { ...about, servers: [{ url: '/' }], tags: { a: 'A' } }],
  '@ent/lifecycle createHealth': [{ version: '1', serviceId: 'a', now: Date.now, elapsed: Date.now }],
  '@ent/lifecycle createLifecycle': [{ startTimeout: '1s', drainDelay: '1s', stopTimeout: '1s', health: {} }],
  '@ent/lifecycle springHealth': [lifecycle.createHealth().live()],
  '@ent/lifecycle stopOnSignals': [lifecycle.createLifecycle(), { signals: [], onStop: () => {} }],
  '@ent/logging consoleSink': [{ stream: 'stdout', colors: false, maxBuffer: 5 }],
  '@ent/logging createLogger': [
    {
      driver: memoryDriver(),
      level: 'info',
      format: 'json',
      service: { name: 'a' },
      fields: {},
      redact: ['a'],
      flushOnSignals: [],
      flushTimeout: '1s',
      logUncaught: false,
    },
  ],
  '@ent/logging withContext': [{ a: 1 }, () => {}],
  '@ent/logging/memory memoryDriver': [{ limit: 5 }],
  '@ent/mcp createMcp': [{ name: 'a', version: '1', tools: [mcpTool], timeout: '1s' }],
  '@ent/mcp defineTool': [mcpTool],
  '@ent/mcp mcpHandler': [
    mcp.createMcp(mcpAbout),
    { token: 'x'.repeat(16), hosts: ['a'], origins: ['a'], maxBodyBytes: 5, onError: () => {} },
  ],
  '@ent/mcp serveStdio': [
    mcp.createMcp(mcpAbout),
    { input: new PassThrough(), output: new PassThrough(), onError: () => {} },
  ],
  '@ent/mcp serviceTools': [
    {
      health: lifecycle.createHealth(),
      metrics: { render: () => '' },
      config: config.defineConfig(settings),
      routes: [route],
      migrations: database.createMigrator(db, []),
      messaging: mail,
      caches: { stats: () => ({}) },
      errors: { list: () => [] },
    },
  ],
  '@ent/mcp watchProcess': [{ errors: 5 }],
  '@ent/mcp/opensearch opensearchTools': [{ url: 'http://127.0.0.1:1' }],
  '@ent/mcp/rabbitmq rabbitmqTools': [{ url: 'amqp://127.0.0.1:1', managementUrl: 'http://127.0.0.1:1' }],
  '@ent/mcp/redis redisTools': [{ url: 'redis://127.0.0.1:1' }],
  '@ent/messaging createMessaging': [{ driver: broker(), source: 'a', timeout: '1s' }],
  '@ent/messaging defineTopic': ['a.b', settings],
  '@ent/messaging/memory memory': [{ lease: '1s' }],
  '@ent/messaging/open openMessaging': ['memory:', { source: 'a', drivers: {} }],
  '@ent/messaging/rabbitmq rabbitmq': [{ url: 'amqp://127.0.0.1:1' }],
  '@ent/messaging/redis-streams redisStreams': [{ url: 'redis://127.0.0.1:1' }],
  '@ent/middleware addressKey': ['::1'],
  '@ent/middleware cors': [{ origins: ['https://a.example'], credentials: false, maxAge: '1m' }],
  '@ent/middleware createPipeline': [[middleware.requestId()]],
  '@ent/middleware createRateLimiter': [
    { limit: 1, window: '1m', name: 'a', store: middleware.memoryRateLimitStore() },
  ],
  '@ent/middleware clearCookie': ['a', { path: '/', domain: 'a.example' }],
  '@ent/middleware createCsrfTokens': [{ secret: 'x'.repeat(32), session: () => 'a', header: 'x-a' }],
  '@ent/middleware csrf': [{ origins: ['https://a.example'] }],
  '@ent/middleware csrfCheck': [{ origins: ['https://a.example'] }],
  '@ent/middleware readCookie': [exchange, 'a'],
  '@ent/middleware setCookie': ['a', 'b', { path: '/', maxAge: '1m' }],
  '@ent/middleware accessLog': [{ info: () => {} }, { fields: () => ({}), filter: () => true }],
  '@ent/middleware idempotency': [
    {
      store: middleware.memoryIdempotencyStore(),
      ttl: '1h',
      lease: '1s',
      methods: ['POST'],
      required: true,
      maxBytes: 5,
    },
  ],
  '@ent/middleware memoryIdempotencyStore': [{ maxBytes: 5000 }],
  '@ent/middleware timeout': ['1s', { status: 504, header: 'x-a' }],
  '@ent/middleware/stores cacheIdempotencyStore': [cache.createCache({ driver: cacheMemory() })],
  '@ent/middleware problemTitles': [{ titles: { de: { a: 'b' } }, own: 'en' }],
  '@ent/middleware/compression compression': [{ encodings: ['gzip'], minBytes: 5, filter: () => true }],
  '@ent/middleware/static fileReply': [exchange, '.', 'a', { precompressed: ['br'] }],
  '@ent/middleware/static staticFiles': ['.', { prefix: '/a/', index: false, precompressed: ['br'] }],
  '@ent/middleware ifNoneMatch': [exchange, '"a"'],
  '@ent/middleware memoryRateLimitStore': [{ maxKeys: 5, now: Date.now }],
  '@ent/middleware notModified': [{ status: 200, headers: { etag: '"a"' } }],
  '@ent/middleware problemReply': [new Error('a')],
  '@ent/middleware rateLimit': [{ limit: 1, window: '1m', name: 'a' }],
  '@ent/middleware readJson': [exchange, { maxBytes: 5, maxDepth: 5, maxKeys: 5, encodings: ['gzip'] }],
  '@ent/middleware/stores cacheRateLimitStore': [cache.createCache({ driver: cacheMemory() }), { prefix: 'a:' }],
  '@ent/middleware/stores memcachedRateLimitStore': [
    { xretrieve: async () => ({}), add: async () => {}, cas: async () => {} },
    { prefix: 'a:' },
  ],
  '@ent/middleware/stores redisRateLimitStore': [{ evalSha: async () => [], eval: async () => [] }, { prefix: 'a:' }],
  '@ent/middleware/stores repositoryIdempotencyStore': [db.repo(entity)],
  '@ent/middleware/stores repositoryRateLimitStore': [db.repo(entity)],
  '@ent/middleware readBytes': [exchange, { maxBytes: 5, encodings: ['gzip'] }],
  '@ent/middleware readForm': [exchange, { maxBytes: 5, maxFields: 5 }],
  '@ent/middleware readText': [exchange, { maxBytes: 5 }],
  '@ent/middleware/multipart readMultipart': [exchange, { maxBytes: 5, maxFiles: 5 }],
  '@ent/middleware requestContext': [{ fields: () => ({}) }],
  '@ent/middleware requestId': [{ header: 'x-id' }],
  '@ent/middleware requireMatch': [exchange, '"a"'],
  '@ent/middleware/node createNodeListener': [() => ({ status: 204 }), { middleware: [], trustProxies: ['loopback'] }],
  '@ent/observability onOperation': ['ent:none', { start: () => {}, end: () => {} }],
  '@ent/observability/live createLive': [
    {
      service: 'a',
      version: '1',
      health: { report: () => ({ body: {} }) },
      config: { get: () => ({}) },
      allow: () => true,
    },
  ],
  '@ent/observability/opentelemetry measureOperations': [{ meterProvider: { getMeter: () => meter } }],
  '@ent/observability/opentelemetry traceOperations': [{ ignore: () => false }],
  '@ent/observability/prometheus createMetrics': [
    { version: '1', collectTimeout: '1s', exemplars: true, cluster: false },
  ],
  '@ent/serialization createSerializer': [
    { version: 1, compression: { minBytes: 5, algorithm: 'gzip' }, alsoRead: [], maxInflatedBytes: 5 },
  ],
};

/** Not for an application to call, each with its reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  '@ent/cache new Cache': 'createCache() makes it; the constructor is marked internal',
  '@ent/cache plainJson.serialize': 'the cache calls it, and gives its error the code cache.not_serializable',
  '@ent/cache plainJson.deserialize': 'the cache calls it, and takes its error for a miss',
};

describe('what is exported', () => {
  it.each(subpaths.map(({ specifier }) => specifier))('%s', async (specifier) => {
    const faults: string[] = [];
    const ask = async (name: string, self: unknown, call: Call): Promise<void> => {
      if (LEFT_OUT[`${specifier} ${name}`] !== undefined) return;
      faults.push(...(await faultsOf(name, self, call, RIGHT[`${specifier} ${name}`])));
    };
    for (const [name, value] of Object.entries(of(specifier) as Module)) {
      const isClass = typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
      if (isClass) await ask(`new ${name}`, undefined, (...args) => Reflect.construct(value, args));
      else if (typeof value === 'function') await ask(name, undefined, value);
      if (!isClass && (typeof value !== 'object' || value === null)) continue;
      for (const member of Object.getOwnPropertyNames(value)) {
        if (typeof value[member] === 'function') await ask(`${name}.${member}`, value, value[member]);
      }
    }
    expect(faults).toEqual([]);
  });

  it('is there under each name that is listed here', () => {
    const named = [...Object.keys(RIGHT), ...Object.keys(LEFT_OUT)].map((name) =>
      name.replace(/ (new )?/, ' ').split(/[ .]/),
    );
    expect(named.filter(([specifier, name]) => of(specifier as string)?.[name as string] === undefined)).toEqual([]);
  });
});

interface Subject {
  /** What makes them is in its name: `createPolicy`. */
  readonly make: () => unknown;
  readonly right?: Readonly<Record<string, readonly unknown[]>>;
  /** Methods that are asked last, since they end it. */
  readonly last?: readonly string[];
}

const CACHE: Subject['right'] = {
  get: ['a', { schema: settings }],
  set: ['a', 1, { ttl: '1m', tags: [], when: 'absent' }],
  setMany: [[['a', 1, { ttl: '1m' }]], { ttl: '1m', tags: [] }],
  getOrSet: [
    'a',
    () => 1,
    { ttl: '1m', grace: '1m', schema: settings, eagerRefresh: 0.5, hardTimeout: '1s', tags: [] },
  ],
  getOrSetMany: [['a'], () => new Map(), { ttl: '1m' }],
  compareAndSet: ['a', 'v', 1, { ttl: '1m' }],
  increment: ['n', 1, { ttl: '1m' }],
  incrementWithTtl: ['n', 1, { ttl: '1m' }],
  keys: [{ prefix: 'a' }],
};
const REPOSITORY: Subject['right'] = {
  get: ['1', { timeout: '1s' }],
  find: [{ where: { email: 'a' }, sort: [['n', 'asc']], limit: 1, offset: 0 }],
  window: [{ where: {}, sort: [['n', 'asc']], limit: 1 }],
  stream: [{ where: {}, batchSize: 5 }],
  count: [{ where: {} }],
  insert: [{ email: 'b', n: 1 }, { timeout: '1s' }],
  insertMany: [[{ email: 'c', n: 1 }], { timeout: '1s' }],
  update: ['1', { set: { n: 2 }, inc: { n: 1 } }, { timeout: '1s' }],
  updateMany: [{ set: { n: 2 } }, { where: { n: 1 } }],
  upsert: [['email'], { email: 'b', n: 2 }, { set: { n: 1 } }, { timeout: '1s' }],
  delete: ['1', { timeout: '1s' }],
  deleteMany: [{ where: { n: 1 } }],
};
const LOGGER: Subject['right'] = { info: ['a', { b: 1 }], child: [{ a: 1 }, { level: 'debug' }], isEnabled: ['info'] };

const nothing = (): void => {};
const honoApp = { fetch: () => new Response(), routes: [], use: nothing, onError: nothing, notFound: nothing };
const singleUse = (): unknown =>
  of('@ent/auth/single-use-tokens').createSingleUseTokens({
    store: stores.memorySingleUseTokenStore(),
    purposes: { reset: '30m' },
  });

const SUBJECTS: Readonly<Record<string, Subject>> = {
  createAccessTokens: {
    make: () => auth.createAccessTokens(tokens),
    right: { issue: [{ subject: 'u', sessionId: 's', roles: [], scopes: [], amr: [], claims: {} }] },
  },
  createAccessTokenVerifier: { make: () => auth.createAccessTokenVerifier(tokens) },
  createKeyRing: { make: () => keys },
  createVerificationKeys: { make: () => auth.createVerificationKeys(keys.jwks()) },
  createRemoteKeys: { make: () => auth.createRemoteKeys({ issuer: 'http://127.0.0.1:1' }) },
  createDpop: {
    make: () =>
      of('@ent/auth/dpop').createDpop({
        origin: 'https://a.example.com',
        replays: stores.memoryReplayStore(),
        nonce: { secret: 'x'.repeat(32) },
      }),
    right: {
      prove: [{ method: 'POST', url: '/token', dpop: 'a' }],
      authenticate: [{ method: 'GET', url: '/', authorization: 'DPoP a', dpop: 'a' }, async () => principal],
    },
  },
  createIdentities: {
    make: () => of('@ent/auth/identities').createIdentities({ store: stores.memoryIdentityStore() }),
    right: {
      accountOf: [{ issuer: 'a', subject: 'b' }],
      link: ['u', { issuer: 'a', subject: 'b' }],
      unlink: ['u', { issuer: 'a', subject: 'b' }],
      list: ['u'],
    },
  },
  createIntrospection: {
    make: () =>
      of('@ent/auth/introspection').createIntrospection({
        issuer: 'http://127.0.0.1:1',
        client: { id: 'a', secret: 'b' },
      }),
  },
  createOAuthClient: {
    make: () => of('@ent/auth/oauth').createOAuthClient(oauth),
    right: {
      start: [{ returnTo: '/a', prompt: 'login', maxAge: '1m', loginHint: 'a', acrValues: ['a'] }],
      callback: ['/a?code=b', 'c'],
      refresh: ['a', 'b'],
      logoutUrl: ['a'],
    },
  },
  createPasskeys: {
    make: () => of('@ent/auth/passkeys').createPasskeys(passkeys),
    right: {
      register: [{ subject: 'u', name: 'a', displayName: 'b' }],
      confirm: ['u', { id: 'a' }, 'b', 'c'],
      authenticate: ['u'],
      verify: [{ id: 'a', response: {} }, 'b'],
      list: ['u'],
      remove: ['u', 'a'],
    },
  },
  createPasswords: { make: () => auth.createPasswords({ driver: quick }) },
  createPasswordPolicy: {
    make: () => auth.createPasswordPolicy({}),
    right: { assess: ['a long passphrase', { words: ['ann'] }] },
  },
  createApiKeys: {
    make: () => of('@ent/auth/api-keys').createApiKeys({ store: stores.memoryApiKeyStore(), prefix: 'ent' }),
    right: {
      create: [{ subject: 'u', name: 'a', scopes: ['a:b'], expiresIn: '1d' }],
      rotate: ['u', 'a', { grace: '1h' }],
    },
  },
  createSingleUseTokens: {
    make: () => singleUse(),
    right: {
      issue: ['reset', { subject: 'u', data: 'd' }],
      peek: ['reset', 'a'],
      consume: ['reset', 'a'],
      revoke: ['reset', 'u'],
    },
  },
  createPasswordReset: {
    make: () =>
      of('@ent/auth/password-reset').createPasswordReset({
        tokens: singleUse(),
        purpose: 'reset',
        passwords: auth.createPasswords({ driver: quick }),
        sessions: { revokeAll: async () => 0 },
        save: () => true,
      }),
  },
  createTotp: {
    make: () =>
      of('@ent/auth/totp').createTotp({
        store: stores.memoryTotpStore(),
        attempts: stores.memoryThrottleStore(),
        secret: 'x'.repeat(32),
        issuer: 'a',
      }),
    right: { enrol: ['u', 'a'], confirm: ['u', '000000'], verify: ['u', '000000'] },
  },
  createPolicy: {
    make: () => auth.createPolicy(policy),
    right: {
      can: [principal, 'a:b', {}],
      maybe: [principal, 'a:b'],
      explain: [principal, 'a:b', {}],
      authorize: [principal, 'a:b', { owner: 'u' }],
    },
  },
  createSessions: {
    make: () => auth.createSessions(sessions),
    right: {
      start: [{ subject: 'u', amr: ['pwd'], confirm: () => true, address: '::1' }],
      logout: [principal, 'x'],
      revokeAll: ['v', { except: 's', reason: 'r' }],
    },
  },
  createThrottle: {
    make: () => auth.createThrottle({ store: stores.memoryThrottleStore() }),
    right: { attempt: [{ address: '::1', account: 'a' }] },
  },
  'createThrottle: an attempt': {
    make: () => auth.createThrottle({ store: stores.memoryThrottleStore() }).attempt({ address: '::1', account: 'a' }),
  },
  createCache: { make: () => cache.createCache({ driver: cacheMemory(), ttl: '1m' }), right: CACHE, last: ['close'] },
  'createCache: a namespace': {
    make: () => cache.createCache({ driver: cacheMemory(), ttl: '1m' }).namespace('a'),
    right: CACHE,
    last: ['close'],
  },
  defineConfig: { make: () => config.defineConfig(settings, { env: { PORT: '80' } }) },
  Secret: { make: () => new config.Secret('x') },
  createDatabase: {
    make: () => database.createDatabase({ driver: sqlite({ file: ':memory:' }) }),
    right: {
      repo: [entity],
      transaction: [async () => {}, { isolation: 'serializable', timeout: '1s', propagation: 'nested' }],
      ping: [{ timeout: '1s' }],
    },
    last: ['close'],
  },
  'createDatabase: a repository': {
    make: async () => {
      const own = database.createDatabase({ driver: sqlite({ file: ':memory:' }) });
      await own.native.kysely.schema
        .createTable('users')
        .addColumn('id', 'text', (column: Anything) => column.primaryKey())
        .addColumn('email', 'text', (column: Anything) => column.unique())
        .addColumn('n', 'integer')
        .execute();
      return own.repo(entity);
    },
    right: REPOSITORY,
  },
  createMigrator: { make: () => database.createMigrator(db, [migration]), right: { down: [{ steps: 1 }] } },
  defineEntity: { make: () => entity },
  defineErrors: {
    make: () => errors.defineErrors('arguments_of', { bad: { class: errors.BadRequestError, title: 'Bad' } }),
    right: { bad: ['a', { cause: 1, details: {}, headers: {}, issues: [] }] },
  },
  EntError: { make: () => new errors.NotFoundError('a'), right: { toProblem: [{ instance: 'a' }] } },
  createClient: {
    make: () => of('@ent/http/client').createClient('http://127.0.0.1:1'),
    right: Object.fromEntries(
      ['get', 'post', 'put', 'patch', 'delete'].map((method) => [
        method,
        ['/a/:id', { params: { id: 1 }, query: { b: 'c' }, headers: { d: 'e' }, timeout: '5s', expect: [304] }],
      ]),
    ),
  },
  createHandler: { make: () => ({ handler: http.createHandler([route]) }) },
  createListener: { make: () => ({ listener: http.createListener([route]) }) },
  createNodeListener: {
    make: () => ({ listener: of('@ent/middleware/node').createNodeListener(() => ({ status: 204 })) }),
  },
  createFetchHandler: {
    make: () => ({ handler: of('@ent/middleware/fetch').createFetchHandler(() => ({ status: 204 })) }),
  },
  createExpressListener: {
    make: () => ({ listener: of('@ent/middleware/express').createExpressListener(nothing) }),
  },
  createKoaListener: {
    make: () => ({
      listener: of('@ent/middleware/koa').createKoaListener({ middleware: [], use: nothing, callback: () => nothing }),
    }),
  },
  createHonoHandler: {
    make: () => ({ handler: of('@ent/middleware/hono').createHonoHandler(honoApp) }),
  },
  createHealth: {
    make: () => lifecycle.createHealth(),
    right: { register: ['a', { check: () => {}, timeout: '1s', cacheFor: '1s', critical: true, type: 'system' }] },
  },
  createLifecycle: { make: () => lifecycle.createLifecycle(), right: { add: ['a', part] }, last: ['start', 'stop'] },
  createLogger: { make: () => logging.createLogger({ driver: memoryDriver() }), right: LOGGER, last: ['close'] },
  'createLogger with sinks': { make: () => logging.createLogger({ sinks: [] }), right: LOGGER, last: ['close'] },
  createMessaging: {
    make: () => messaging.createMessaging({ driver: broker(), source: 'a' }),
    right: {
      publish: ['a.b', {}, { key: 'k', headers: {}, timeout: '1s' }],
      publishMany: ['a.b', [{ data: 1 }], { timeout: '1s' }],
      subscribe: [
        'a.b',
        { group: 'g', concurrency: 1, maxAttempts: 2, backoff: { base: '1s' }, timeout: '1s' },
        () => {},
      ],
    },
    last: ['close'],
  },
  'createMessaging: a subscription': {
    make: () => messaging.createMessaging({ driver: broker(), source: 'a' }).subscribe('a.b', { group: 'g' }, () => {}),
  },
  createMcp: { make: () => mcp.createMcp(mcpAbout) },
  createInbox: { make: () => inbox.createInbox({ db: boxes }) },
  createOutbox: {
    make: () => outbox.createOutbox({ db: boxes }),
    right: {
      publish: ['a.b', {}, { key: 'k' }],
      relay: [mail, { batch: 5 }],
      parked: [{ limit: 1 }],
      retryParked: [['a']],
      dropParked: [['a']],
    },
  },
  'createOutbox: a relay': { make: () => outbox.createOutbox({ db: boxes }).relay(mail), last: ['close'] },
  createPipeline: { make: () => middleware.createPipeline([]) },
  createRateLimiter: {
    make: () => middleware.createRateLimiter({ limit: 5, window: '1m' }),
    right: { take: ['k', 1], require: ['k', 1] },
  },
  createCsrfTokens: {
    make: () => middleware.createCsrfTokens({ secret: 'x'.repeat(32), session: () => 'a' }),
    right: { issue: [exchange], verify: [exchange] },
  },
  createLive: {
    make: () => of('@ent/observability/live').createLive({ service: 'a' }),
    right: { record: [new Error('a'), 'b'] },
    last: ['close'],
  },
  createMetrics: { make: () => of('@ent/observability/prometheus').createMetrics(), last: ['close'] },
  createSerializer: {
    make: () =>
      of('@ent/serialization').createSerializer({ compression: {}, encryption: { keys: [Buffer.alloc(32)] } }),
    right: { serialize: [{ a: 1 }, 'a'], deserialize: [Buffer.from('a'), 'a'] },
  },
};

describe('the methods of what they make', () => {
  it.each(Object.entries(SUBJECTS))('%s', async (_name, { make, right = {}, last = [] }) => {
    const subject = (await make()) as Record<string, Call>;
    const faults: string[] = [];
    for (const name of methodsOf(subject).sort((a, b) => Number(last.includes(a)) - Number(last.includes(b)))) {
      const args = Object.hasOwn(right, name) ? right[name] : [];
      faults.push(...(await faultsOf(name, subject, subject[name] as Call, args)));
    }
    expect(faults).toEqual([]);
  });

  it('are asked of each factory', () => {
    const factories = subpaths
      .flatMap(({ specifier }) => Object.keys(of(specifier) as Module))
      .filter((name) => /^create(?!.*Tables?$)[A-Z]/.test(name));
    // A server is that of node:http.
    expect(factories.filter((name) => !(name in SUBJECTS) && name !== 'createServer')).toEqual([]);
  });
});
