// One of several instances behind a proxy: node instance.ts NAME PORT. It stops as a service does.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createListener, createServer, drain, reply, route } from '@ent/http';
import { z } from 'zod';
import { createLifecycle, stopOnSignals } from '../../src/index.ts';

const [name = '', port = ''] = process.argv.slice(2);
const app = createLifecycle({ stopTimeout: '60s' });
const download = Buffer.alloc(20 * 1024 * 1024, name);
const headers = { 'x-instance': name };

const server = createServer(
  createListener([
    route({
      method: 'GET',
      path: '/work',
      query: z.object({ n: z.string() }),
      responses: { 200: { schema: z.string() } },
      async handler({ query }) {
        await sleep(20);
        return reply(200, query.n, headers);
      },
    }),
    route({
      method: 'POST',
      path: '/work',
      body: z.object({ n: z.string() }),
      responses: { 201: { schema: z.object({ n: z.string() }) } },
      async handler({ body }) {
        await sleep(20);
        return reply(201, body, headers);
      },
    }),
    route({
      method: 'GET',
      path: '/download',
      responses: { 200: { contentType: 'application/octet-stream' } },
      handler: () => reply(200, download, headers),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      responses: { 200: { schema: z.unknown() }, 503: { schema: z.unknown() } },
      async handler() {
        const { statusCode, body } = await app.health.ready();
        return statusCode === 200 ? reply(200, body) : reply(503, body);
      },
    }),
  ]),
);
app.add('http', {
  async start() {
    await once(server.listen(Number(port), '127.0.0.1'), 'listening');
  },
  async stop(signal) {
    const { cut } = await drain(server, { grace: '1500ms', deadline: '50s', signal });
    if (cut > 0) throw new Error(`${cut} requests were cut`);
  },
});
stopOnSignals(app);
await app.start();
