// One of the compared services, in a process of its own: `node servers.ts <name> <folder>`. Says its port to its
// parent, with the path that is read and a token that may.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Served } from '../../../../scripts/bench-service.ts';
import { expressService } from './express.ts';
import { fastifyService } from './fastify.ts';
import { honoService } from './hono.ts';
import { nestService } from './nest.ts';
import { createWork, type Work } from './work.ts';

/** The least that there is to do: the cached user as text, for everyone. */
function bare(work: Work): Server {
  return createServer((_req, res) => {
    const { version: _version, ...view } = work.user(work.userId);
    const text = JSON.stringify(view);
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
  });
}

interface Subject {
  readonly once: boolean;
  readonly serve: (work: Work) => Server | Promise<Server>;
}

const services: Readonly<Record<string, Subject>> = {
  raw: { once: true, serve: bare },
  fastify: { once: false, serve: fastifyService },
  'fastify that checks a signature once': { once: true, serve: fastifyService },
  express: { once: false, serve: expressService },
  hono: { once: false, serve: honoService },
  'nest on fastify': { once: false, serve: nestService },
};

export const peers: readonly string[] = Object.keys(services);

if (import.meta.main) {
  const [, , name, folder] = process.argv as [string, string, string, string];
  const { once, serve } = services[name] as Subject;
  const work = await createWork(folder, { once });
  const server = await serve(work);
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    const served: Served = { port, path: `/api/v1/users/${work.userId}`, token: work.token };
    process.send?.(served);
  });
  process.once('disconnect', () => process.exit());
}
