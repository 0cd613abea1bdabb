// Instances of the application of the host suite are restarted one after the other, on each host of node, while clients
// keep on asking and slow downloads are on their way: what drain() promises, whoever writes the answers.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { requestId, securityHeaders } from '@ent/middleware';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, onTestFinished } from 'vitest';
import { BIG, TEXT } from '../../middleware/tests/support/hosts/app.ts';
import type { Host, Running } from '../../middleware/tests/support/hosts/host.ts';
import { expressHost } from '../../middleware/tests/support/hosts/rows/express.ts';
import { fastifyHost } from '../../middleware/tests/support/hosts/rows/fastify.ts';
import { honoHost } from '../../middleware/tests/support/hosts/rows/hono.ts';
import { koaHost } from '../../middleware/tests/support/hosts/rows/koa.ts';
import { nestOnExpress, nestOnFastify } from '../../middleware/tests/support/hosts/rows/nest.ts';
import { node } from '../../middleware/tests/support/hosts/rows/replies.ts';
import { drain, drainable } from '../src/index.ts';

const HOSTS: readonly Host[] = [node, expressHost, fastifyHost, koaHost, honoHost, nestOnExpress, nestOnFastify];
const CLIENTS = 6;

interface Instance {
  readonly running: Running;
  readonly server: Server;
}

async function startInstance(host: Host): Promise<Instance> {
  let server: Server | undefined;
  const running = await host.start({
    middleware: [requestId(), securityHeaders()],
    prepare: (made) => void (server = drainable(made)),
  });
  return { running, server: server as Server };
}

describe.each(HOSTS.map((host) => [host.name, host] as const))('%s', (_name, host) => {
  itInDepth('fails no request and cuts no download', { full: 40, ci: 1, of: 'restarts' }, async ({ count }) => {
    // What a load balancer knows: who is ready. An instance that is not keeps its connections for now.
    const ready: Instance[] = [await startInstance(host), await startInstance(host)];
    onTestFinished(() => Promise.all(ready.map(({ running }) => running.stop())).then(() => {}));
    const failures: string[] = [];
    let [served, isOver] = [0, false];
    const clients = Array.from({ length: CLIENTS }, async (_each, client) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      let port: number | undefined;
      for (let n = 0; !isOver; n++) {
        // Another instance with another connection.
        port ??= (ready[(client + n) % ready.length] as Instance).running.port;
        const isPost = n % 3 === 0;
        const right = isPost ? `200 ${n}` : `200 ${TEXT}`;
        const { text, isLast } = await ask(port, agent, isPost ? String(n) : undefined);
        if (text !== right) failures.push(`client ${client}, request ${n}: ${text}`);
        if (isLast) port = undefined;
        served++;
      }
      agent.destroy();
    });
    for (let restart = 0; restart < count; restart++) {
      const old = ready[0] as Instance;
      const download = await beginDownload(old.running.port);
      ready.push(await startInstance(host));
      ready.shift();
      const drained = drain(old.server, { grace: '1s', deadline: '120s' });
      const size = (await buffer(download)).length;
      expect([await drained, size]).toEqual([{ cut: 0 }, BIG]);
      await old.running.stop();
    }
    isOver = true;
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(served).toBeGreaterThan(CLIENTS * count);
  });
});

/** One request, and whether the connection ends with it. */
async function ask(port: number, agent: Agent, body?: string): Promise<{ text: string; isLast: boolean }> {
  const [method, path] = body === undefined ? ['GET', '/text'] : ['POST', '/echo'];
  const headers = { 'content-type': 'application/octet-stream' };
  const req = request({ port, host: '127.0.0.1', agent, method, path, headers }).end(body);
  try {
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    const text = (await buffer(res)).toString();
    return { text: `${res.statusCode} ${text}`, isLast: res.headers.connection === 'close' };
  } catch (error) {
    return { text: String(error), isLast: true };
  }
}

/** A download that has begun, and is not read yet. */
async function beginDownload(port: number): Promise<IncomingMessage> {
  const req = request({ port, host: '127.0.0.1', path: '/big', agent: false }).end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  return res;
}
