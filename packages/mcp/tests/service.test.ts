// With the objects of the other packages, as an application hands them over: nothing of theirs is imported by this
// package.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createCache } from '@ent/cache';
import { memory as memoryCache } from '@ent/cache/memory';
import { defineConfig, secret } from '@ent/config';
import { createDatabase, createMigrator, defineMigrations } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { bearer, createListener, createServer, route } from '@ent/http';
import { createLifecycle } from '@ent/lifecycle';
import { createMessaging } from '@ent/messaging';
import { memory as memoryBroker } from '@ent/messaging/memory';
import { createMetrics } from '@ent/observability/prometheus';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { createMcp, mcpErrors, serviceTools, type ServicePorts, watchProcess } from '../src/index.ts';
import { clientOfTools, ERAS, type Told } from './support.ts';

// Neither the name nor the form of it says that it is a secret.
const CANARY = 'Xq7-canary/Kp2';
const IN_URL = encodeURIComponent(CANARY);

const config = defineConfig(
  z.object({
    port: z.number().default(8000),
    jwtPrivateKey: secret(),
    smtpPassword: z.string(),
    databaseUrl: z.string(),
    accessTokenTtl: z.number().default(900),
    replicas: z.object({ urls: z.array(z.string()).default([`redis://:${IN_URL}@r1`]) }).prefault({}),
  }),
  {
    env: { JWT_PRIVATE_KEY: CANARY, SMTP_PASSWORD: CANARY, DATABASE_URL: `postgres://ent:${IN_URL}@db/ent` },
    dir: false,
  },
);

describe('the tools of a service', () => {
  it('are those of the parts that are there', () => {
    expect(serviceTools({})).toEqual([]);
    expect(serviceTools({ config }).map(({ name }) => name)).toEqual(['config']);
  });

  it.each([
    [{ helth: {} }, /no option "helth" \(did you mean health\?\)/],
    [{ health: {} }, /health must have a method report\(\); got an object/],
    [{ messaging: { groups() {} } }, /messaging must have a method stats\(\)/],
    [{ routes: {} }, /routes must be a list of routes/],
    [{ routes: [7] }, /routes must be a list of routes/],
  ])('are not made of %j', (ports, message) => {
    const make = (): unknown => serviceTools(ports as ServicePorts);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: mcpErrors.invalid_options.code }) as Error);
  });
});

describe('health', () => {
  it('is told with what failed, and by its code', async () => {
    const app = createLifecycle({ health: { serviceId: 'shop' } })
      .add('database', { check: () => undefined })
      .add('cache', { check: () => Promise.reject(new Error(`no ${CANARY}`)), health: { critical: false } });
    await app.start();
    onTestFinished(() => app.stop());
    const { data } = await clientOfTools(serviceTools({ health: app.health, config }));
    const body = await data<{ status: string; checks: Record<string, [{ status: string; output?: string }]> }>(
      'health',
    );
    expect(body).toMatchObject({ status: 'warn', serviceId: 'shop' });
    expect(body.checks['database:responseTime']?.[0].status).toBe('pass');
    expect(body.checks['cache:responseTime']?.[0]).toMatchObject({ status: 'warn', output: 'internal' });
  });
});

describe('metrics', () => {
  it('are named, then shown', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    onTestFinished(() => metrics.close());
    const { data, call } = await clientOfTools(serviceTools({ metrics }));
    expect(await data('metrics')).toContainEqual({
      name: 'service_build_info',
      type: 'gauge',
      help: 'Version of the running service.',
      series: 1,
    });
    const { text } = await call('metrics', { name: 'service_build' });
    expect(text).toBe('# TYPE service_build_info gauge\nservice_build_info{version="1.2.3"} 1');
    expect((await call('metrics', { name: 'service_build', labels: 'version="2' })).text).toBe(
      '# TYPE service_build_info gauge',
    );
    expect(await call('metrics', { name: 'nothing' })).toEqual({
      isError: true,
      text: 'No metric has a name that begins with "nothing": ask without it for all names. (mcp.not_found)',
    });
  });
});

describe('the configuration', () => {
  it('is shown without its secrets, and filtered', async () => {
    const { data } = await clientOfTools(serviceTools({ config }));
    expect(await data('config')).toEqual({
      port: 8000,
      jwtPrivateKey: '[redacted]',
      smtpPassword: '[redacted]',
      databaseUrl: 'postgres://[redacted]@db/ent',
      accessTokenTtl: 900,
      replicas: { urls: ['redis://[redacted]@r1'] },
    });
    expect(await data('config', { name: 'PORT' })).toEqual({ port: 8000 });
  });
});

describe('routes', () => {
  it('are told, with who may call them', async () => {
    const answer = { responses: { 204: {} }, handler: () => undefined };
    const routes = [
      route({ method: 'GET', path: '/users/:id', summary: 'One user', auth: bearer(() => ({})), ...answer }),
      route({ method: 'GET', path: '/livez', ...answer }),
    ];
    const { data } = await clientOfTools(serviceTools({ routes }));
    expect(await data('routes')).toEqual([
      { method: 'GET', path: '/users/:id', summary: 'One user', needsLogin: true },
      { method: 'GET', path: '/livez', needsLogin: false },
    ]);
    expect(await data('routes', { path: 'live' })).toHaveLength(1);
  });
});

describe('migrations', () => {
  it('are told by their state, newest first', async () => {
    const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
    onTestFinished(() => db.close());
    const table = (name: string) => ({
      name,
      up: ({ kysely }: SqlNative) => kysely.schema.createTable(name).addColumn('id', 'text').execute(),
    });
    await createMigrator(db, defineMigrations<SqlNative>([table('0001_a')])).up();
    const migrations = createMigrator(db, defineMigrations<SqlNative>([table('0001_a'), table('0002_b')]));
    const { data, call } = await clientOfTools(serviceTools({ migrations }));
    expect(await data('migrations')).toMatchObject({
      counts: { applied: 1, pending: 1 },
      newestFirst: [
        { name: '0002_b', state: 'pending', appliedAt: null },
        { name: '0001_a', state: 'applied', appliedAt: expect.stringMatching(/Z$/) as string },
      ],
    });
    expect(await data('migrations', { state: 'pending' })).toMatchObject({ newestFirst: [{ name: '0002_b' }] });
    expect((await call('migrations', { state: 'gone' })).isError).toBe(true);
  });
});

describe('queues and dead letters', () => {
  it('are counted, and shown where that takes nothing', async () => {
    const messaging = createMessaging({ driver: memoryBroker(), source: 'test' });
    onTestFinished(() => messaging.close());
    await messaging.subscribe('orders', { group: 'mailer', maxAttempts: 1 }, () => Promise.reject(new Error(CANARY)));
    await messaging.publish('orders', { to: 'ann@example.org', password: 'of-a-user-Xq7', note: CANARY });
    const { data, call } = await clientOfTools(serviceTools({ messaging, config }));
    await expect.poll(() => messaging.deadLetters('orders.mailer.dead').count()).toBe(1);

    expect(await data('queues', { topic: 'orders', group: 'mailer' })).toMatchObject({
      topic: 'orders',
      ready: 0,
      dead: 1,
    });
    const { groups } = await data<{ groups: object[] }>('queues');
    expect(groups).toContainEqual(expect.objectContaining({ topic: 'orders', group: 'mailer' }));
    expect(await call('queues', { topic: 'orders', group: 'nobody' })).toEqual({
      isError: true,
      text: 'The topic "orders" has no group "nobody". (mcp.not_found)',
    });

    const letters = await call('dead_letters', { topic: 'orders.mailer.dead' });
    expect(letters.text).toContain('ann@example.org');
    expect(letters.text).not.toMatch(/Xq7/);
    // Still there, and where it was.
    expect(await messaging.deadLetters('orders.mailer.dead').count()).toBe(1);
  });

  it('are not taken from a broker to be shown, nor listed where it does not list', async () => {
    const list = vi.fn();
    const driver = { features: { lists: false, browses: false } };
    const messaging = {
      driver,
      groups: list,
      stats: async () => ({ ready: 1 }),
      deadLetters: () => ({ count: async () => 3, list }),
    };
    const { data, call } = await clientOfTools(serviceTools({ messaging }));
    expect(await data('dead_letters', { topic: 't.g.dead' })).toMatchObject({
      count: 3,
      shown: 'This broker only counts them.',
    });
    expect((await call('queues', { topic: 't' })).text).toMatch(/give topic and group/);
    expect(await data('queues', { topic: 't', group: 'g' })).toEqual({ topic: 't', group: 'g', ready: 1 });
    expect(list).not.toHaveBeenCalled();
  });
});

describe('what the process has seen', () => {
  it('is what its caches answered', async () => {
    const watch = watchProcess();
    onTestFinished(() => watch.close());
    const cache = createCache({ driver: memoryCache(), ttl: '1m' });
    onTestFinished(() => cache.close());
    await cache.getOrSet('a', () => 1);
    await cache.get('a');
    await cache.getMany(['a', 'b']);
    const { data } = await clientOfTools(serviceTools({ caches: watch.caches }));
    expect(await data('caches')).toEqual({
      memory: { hits: 2, stale: 0, misses: 2, errors: 0, loads: 1, hitRatio: 0.5 },
    });
    watch.close();
    await cache.get('a');
    expect(watch.caches.stats()).toMatchObject({ memory: { hits: 2 } });
  });

  it('is its last errors, without those of a client alone', async () => {
    const watch = watchProcess({ errors: 3 });
    onTestFinished(() => watch.close());
    const fail = (path: string, error: Error) =>
      route({ method: 'GET', path, responses: { 204: {} }, handler: () => Promise.reject(error) });
    const cause = new Error(`connect ECONNREFUSED postgres://ent:${IN_URL}@db`);
    const server = createServer(
      createListener([
        fail('/broken', new Error(`broken by ${CANARY}`, { cause })),
        fail('/gone', mcpErrors.not_found('There is none.')),
      ]),
    ).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const path of ['/gone', '/broken', '/broken']) await (await fetch(at + path)).text();
    const { data, call } = await clientOfTools(serviceTools({ errors: watch.errors, config }));
    await expect.poll(() => data('errors')).toMatchObject([{ count: 2 }]);
    const told: Told = await call('errors');
    expect(told.text).not.toMatch(/Xq7/);
    expect(JSON.parse(told.text)).toMatchObject([
      {
        operation: 'http:request',
        code: 'internal',
        count: 2,
        causes: expect.arrayContaining([expect.stringContaining('ECONNREFUSED')]) as string[],
      },
    ]);

    for (const n of [1, 2, 3, 4]) watch.errors.record(new Error(`no ${n}`), 'print');
    watch.errors.record(undefined);
    watch.errors.record(new Error('no 4'), 'print');
    expect((await data<{ message: string }[]>('errors')).map(({ message }) => message)).toEqual([
      'no 4',
      'undefined',
      'no 3',
    ]);
    expect(await data('errors', { limit: 1 })).toMatchObject([{ message: 'no 4', count: 2 }]);
    expect(await data('errors', { code: 'print' })).toHaveLength(2);
    expect(await call('errors', { limit: 0 })).toMatchObject({
      isError: true,
      text: expect.stringContaining('limit') as string,
    });
  });
});

describe.each(ERAS)('no secret leaves, in the era %s', (era) => {
  it('by any tool, whatever its part answers', async () => {
    const everywhere = {
      [CANARY]: CANARY,
      list: [CANARY, { deep: [CANARY, `x ${CANARY} y`, IN_URL] }],
      json: JSON.stringify({ inner: CANARY }),
      error: new Error(CANARY, { cause: new Error(CANARY) }),
      map: new Map([[CANARY, new Set([CANARY])]]),
    };
    const name = `a_metric{label="${CANARY}"} 1`;
    const body = Buffer.from(JSON.stringify(everywhere));
    const ports: ServicePorts = {
      config,
      health: { report: () => ({ body: everywhere }) },
      metrics: { render: () => `# HELP a_metric ${CANARY}\n# TYPE a_metric gauge\n${name}\n` },
      routes: [{ method: 'GET', path: `/${CANARY}`, summary: CANARY, tags: [CANARY] }],
      migrations: { status: () => [{ name: CANARY, state: CANARY, appliedAt: null }] },
      messaging: {
        driver: { features: { browses: true } },
        groups: () => [{ topic: CANARY, group: CANARY }],
        stats: () => everywhere,
        deadLetters: () => ({
          count: () => 1,
          list: () => [{ ...everywhere, id: CANARY, contentType: 'application/json', body }],
        }),
      },
      caches: { stats: () => everywhere },
      errors: { list: () => [everywhere] },
    };
    const tools = serviceTools(ports);
    const { client, call } = await clientOfTools(tools, era);
    const told = [JSON.stringify(await client.listTools())];
    for (const { name: tool } of tools)
      told.push((await call(tool, tool === 'dead_letters' ? { topic: CANARY } : {})).text);
    told.push((await call('metrics', { name: 'a_metric' })).text);
    told.push((await call('queues', { topic: CANARY, group: CANARY })).text);
    // Named in an error, as an argument and as a name that is not there.
    told.push((await call('metrics', { name: CANARY })).text);
    expect(told).toHaveLength(tools.length + 4);
    for (const text of told) {
      expect(text).not.toContain('canary');
      expect(text).not.toBe('');
    }
  });

  it('by the error of a part', async () => {
    const fail = (): never => {
      throw Object.assign(new Error(CANARY), { statusCode: 404, expose: true });
    };
    const ports: ServicePorts = {
      config: { get: () => ({ password: CANARY }) },
      health: { report: fail },
      metrics: { render: fail },
      caches: { stats: fail },
      errors: { list: fail },
      migrations: { status: fail },
    };
    const { call } = await clientOfTools(serviceTools(ports), era);
    for (const tool of ['health', 'metrics', 'caches', 'errors', 'migrations']) {
      const { isError, text } = await call(tool);
      expect(isError).toBe(true);
      expect(text).not.toContain('canary');
    }
  });
});

it('two tools of one name are refused, and what is no tool', () => {
  const [tool] = serviceTools({ config });
  const make = (tools: unknown) => () => createMcp({ name: 'test', version: '1', tools: tools as never });
  expect(make([tool, tool])).toThrow('two tools have the name "config"');
  for (const wrong of [
    undefined,
    {},
    [undefined],
    [{}],
    [{ ...tool, name: 'A b' }],
    [{ ...tool, input: {} }],
    [{ ...tool, run: 7 }],
  ]) {
    expect(make(wrong)).toThrow(expect.objectContaining({ code: 'mcp.invalid_options' }) as Error);
  }
});
