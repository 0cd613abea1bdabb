import type { AddressInfo } from 'node:net';
import { fastifyOptions, fastifyProblems } from '@ent/middleware/fastify';
import Fastify from 'fastify';
import { listening, middleware } from './middleware.ts';

const app = Fastify(fastifyOptions({ middleware }));
// Before all other plugins, so that it is for them too.
await app.register(fastifyProblems);
app.get('/users/broken', () => {
  throw new Error('what nobody outside is to read');
});
app.get('/users/:id', (request) => request.params);

await app.listen({ port: 0, host: '127.0.0.1' });
listening((app.server.address() as AddressInfo).port);
