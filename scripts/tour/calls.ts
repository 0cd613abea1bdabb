// The program that makes the six calls, each on one page, as an application would: `scripts/tour.ts`
// starts it and gets the traces over its channel.
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import type { SqlNative } from '../../packages/database/src/sql.ts';
import { createRecorder, type Trace, type Traces } from './record.ts';

const record = await createRecorder(join(import.meta.dirname, '../..'));

/** What a call leaves behind is a part of it: an acknowledgement, a lease that ends, hooks at the end of an answer. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

/** One of ours, or why there is none. */
async function onRedis(): Promise<{ get: Trace; getOrSet: Trace } | string> {
  const { startServer, whyMissing } = await import('../../packages/testkit/src/index.ts');
  const { createCache } = await import('../../packages/cache/src/index.ts');
  const { redis } = await import('../../packages/cache/src/drivers/redis/index.ts');
  const missing = whyMissing('redis');
  if (missing !== undefined) return missing;
  const server = await startServer('redis');
  const cache = createCache({ driver: redis({ url: server.url }), prefix: 'tour', ttl: '1h', timeout: '1m' });
  await cache.set('user:0', { name: 'Ada' });
  const ways = {
    get: await record(async () => {
      await cache.get('user:0');
      await settled();
    }),
    getOrSet: await record(async (time) => {
      await cache.getOrSet(`user:${time}`, async () => ({ name: 'Ada' }));
      await settled();
    }),
  };
  await cache.close();
  await server.close();
  return ways;
}

async function insert(): Promise<Trace> {
  const { createDatabase, createMigrator, defineEntity, defineMigrations } = await import(
    '../../packages/database/src/index.ts'
  );
  const { sqlite } = await import('../../packages/database/src/drivers/sqlite/index.ts');
  const users = defineEntity({
    name: 'users',
    fields: { id: 'string', email: 'string', createdAt: 'date', version: 'int' },
    unique: [['email']],
    createdAt: 'createdAt',
    version: 'version',
  });
  const migrations = defineMigrations<SqlNative>([
    {
      name: '0001_users',
      up: ({ kysely, columns }) =>
        kysely.schema
          .createTable('users')
          .addColumn('id', columns.id, (column) => column.primaryKey())
          .addColumn('email', columns.string, (column) => column.notNull().unique())
          .addColumn('createdAt', columns.date, (column) => column.notNull())
          .addColumn('version', columns.int, (column) => column.notNull())
          .execute(),
    },
  ]);
  const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
  await createMigrator(db, migrations).up();
  const repo = db.repo(users);
  const way = await record(async (time) => {
    await repo.insert({ email: `ada${time}@example.org` });
    await settled();
  });
  await db.close();
  return way;
}

async function request(): Promise<Trace> {
  const { createListener, createServer, drain, route } = await import('../../packages/http/src/index.ts');
  const { requestId } = await import('../../packages/middleware/src/index.ts');
  const Note = z.object({ id: z.string(), text: z.string() });
  const readNote = route({
    method: 'GET',
    path: '/notes/:id',
    params: z.object({ id: z.string() }),
    responses: { 200: Note },
    handler: ({ params }) => ({ id: params.id, text: 'hello' }),
  });
  const server = createServer(createListener([readNote], { middleware: [requestId()] })).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const way = await record(async () => {
    const sent = get({ host: '127.0.0.1', port, path: '/notes/1', agent });
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    await json(answer);
    await settled();
  });
  agent.destroy();
  await drain(server, { grace: 0 });
  return way;
}

async function publish(): Promise<Trace> {
  const { createMessaging } = await import('../../packages/messaging/src/index.ts');
  const { memory } = await import('../../packages/messaging/src/drivers/memory.ts');
  const messaging = createMessaging({ driver: memory(), source: 'tour' });
  let handled = (): void => {};
  await messaging.subscribe('order.placed', { group: 'mailer' }, async () => handled());
  const way = await record(async (time) => {
    const arrived = new Promise<void>((resolve) => (handled = resolve));
    await messaging.publish('order.placed', { order: time });
    await arrived;
    await settled();
  });
  await messaging.close();
  return way;
}

async function line(): Promise<Trace> {
  const { createLogger } = await import('../../packages/logging/src/index.ts');
  const logger = createLogger({ service: { name: 'tour' }, format: 'json' });
  const way = await record(async (time) => {
    logger.info('order placed', { order: time });
    await settled();
  });
  await logger.close();
  return way;
}

const redis = await onRedis();
const { get: cacheGet, getOrSet } = typeof redis === 'string' ? { get: redis, getOrSet: redis } : redis;
const traces: Traces = {
  get: cacheGet,
  getOrSet,
  insert: await insert(),
  request: await request(),
  publish: await publish(),
  line: await line(),
};
process.send!(traces);
process.disconnect();
