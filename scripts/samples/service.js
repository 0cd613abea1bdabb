// What a service does with the packages, a line for each part. Node.js, Bun and Deno run it, and say the same.
import { once } from 'node:events';
import { createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { openCache } from '@ent/cache/open';
import { defineConfig, duration, secret } from '@ent/config';
import { defineEntity } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { createTables } from '@ent/database/testing';
import { EntError, NotFoundError } from '@ent/errors';
import { createListener, createServer, drain, route } from '@ent/http';
import { createLogger, withContext } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { createMetrics } from '@ent/observability/prometheus';
import { z } from 'zod';

const parts = {
  async config() {
    const settings = z.object({ port: z.number(), ttl: duration().prefault('5m'), password: secret(z.string()) });
    const config = defineConfig(settings, { env: { PORT: '80', PASSWORD: 'hunter2' } }).get();
    return `${config.port} ${config.ttl} ${config.password}`;
  },

  async errors() {
    const { status, title, code } = EntError.from(new NotFoundError('There is no user 42.')).toProblem();
    return `${status} ${title} ${code}`;
  },

  async logging() {
    const driver = memoryDriver();
    const logger = createLogger({ driver });
    await withContext({ requestId: 'r-1' }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      logger.error('failed', { err: new Error('declined', { cause: new Error('no funds') }) });
    });
    await logger.close();
    const [{ message, fields, error }] = driver.records;
    return `${message} ${fields.requestId} ${error.cause.message}`;
  },

  async cache() {
    const cache = createCache({ driver: memory(), ttl: '1m' });
    let loads = 0;
    const load = async () => ({ loads: ++loads });
    await Promise.all(Array.from({ length: 5 }, () => cache.getOrSet('user:42', load)));
    const value = await cache.get('user:42');
    await cache.close();
    return `${value.loads} load`;
  },

  async database() {
    const users = defineEntity({ name: 'users', fields: { id: 'string', at: 'date', size: 'bigint' } });
    const db = await openDatabase('sqlite::memory:');
    await createTables(db, users);
    const { id } = await db.repo(users).insert({ at: new Date(0), size: 2n ** 60n });
    const rolledBack = db.transaction(async () => {
      await db.repo(users).delete(id);
      throw new Error('no');
    });
    await rolledBack.catch(() => {});
    const user = await db.repo(users).get(id);
    await db.close();
    return `${user.at.toISOString()} ${user.size}`;
  },

  async http() {
    const Note = z.object({ id: z.string(), size: z.int() });
    const get = route({
      method: 'GET',
      path: '/notes/:id',
      query: z.object({ size: z.int() }),
      responses: { 200: Note },
      handler: ({ params, query }) => ({ ...params, ...query }),
    });
    const server = createServer(createListener([get])).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ask = async (path) => {
      const answer = await fetch(`http://127.0.0.1:${server.address().port}${path}`);
      return `${answer.status} ${answer.headers.get('content-type')} ${(await answer.text()).length}`;
    };
    const answers = [await ask('/notes/7?size=3'), await ask('/notes/7?size=x'), await ask('/nowhere')];
    await drain(server, { grace: 0 });
    return answers.join(', ');
  },

  async metrics() {
    const metrics = createMetrics({ version: '1.2.3' });
    const cache = createCache({ driver: memory(), ttl: '1m' });
    await cache.getOrSet('a', () => 1);
    await cache.get('a');
    await cache.close();
    const text = await metrics.render();
    metrics.close();
    return text.match(/^cache_requests_total.*/gm).join(', ');
  },

  async absent() {
    const error = await openCache('memcached://127.0.0.1').catch((reason) => reason);
    return `${error.code} ${error.message}`;
  },
};

for (const [name, part] of Object.entries(parts)) {
  console.log(`${name}: ${await part().catch((error) => `FAILED ${error.stack}`)}`);
}
process.exit(0);
