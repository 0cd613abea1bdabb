// One of the compared proxies, in a process of its own: `node servers.ts <name> <upstream>`. Says its port.
import { Agent, createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { createServer as createEntServer } from '@ent/http';
import { requestId, securityHeaders } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import httpProxy from '@fastify/http-proxy';
import fastProxy from 'fast-proxy';
import Fastify from 'fastify';
import { createProxyServer } from 'http-proxy-3';
import { Pool } from 'undici';
import { createIdentities } from '../src/identity.ts';
import { config } from '../src/config.ts';
import { createProxy } from '../src/proxy/proxy.ts';
import { ResponseCache } from '../src/proxy/response-cache.ts';

const [, , name = '', upstream = ''] = process.argv;

/** The service behind them all. */
const service: RequestListener = (req, res) => {
  req.resume();
  req.once('end', () => {
    const text = '{"hello":"world","id":7,"tags":["a","b"]}';
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text);
  });
};

/** What undici and node do by themselves: no deadline, no care for headers, no end of the call when a client leaves. */
function raw(): RequestListener {
  const pool = new Pool(upstream, { pipelining: 1, allowH2: false });
  return (req: IncomingMessage, res: ServerResponse) => {
    const { host: _, connection: __, ...headers } = req.headers;
    pool.dispatch(
      {
        path: req.url ?? '/',
        method: req.method ?? 'GET',
        headers: headers as Record<string, string>,
        body: req.method === 'GET' ? null : req,
      },
      {
        onRequestStart() {},
        onResponseStart: (_controller, status, head) => void res.writeHead(status, head),
        onResponseData: (_controller, chunk) => void res.write(chunk),
        onResponseEnd: () => void res.end(),
        onResponseError: () => void res.destroy(),
      },
    );
  };
}

/** The proxy; with request ids and security headers, which its peers do not have, where they are asked for. */
async function ent(middleware = [] as ReturnType<typeof requestId>[]): Promise<RequestListener> {
  const proxy = createProxy({
    table: { services: { one: { targets: [upstream] } }, routes: [{ prefix: '/', service: 'one', auth: 'everyone' }] },
    authenticate: () => Promise.reject(new Error('nobody is asked')),
    identities: await createIdentities(config.load({ env: {}, dir: false })),
    cache: new ResponseCache(createCache({ driver: memory() })),
  });
  return createNodeListener((exchange) => proxy.handle(exchange), { middleware });
}

const servers: Record<string, () => unknown> = {
  service: () => createServer(service),
  raw: () => createServer(raw()),
  '@ent': async () => createEntServer(await ent()),
  '@ent: request id, security headers': async () => createEntServer(await ent([requestId(), securityHeaders()])),
  'fast-proxy': () => {
    const fast = fastProxy({ base: upstream, undici: { connections: null, pipelining: 1 } });
    return createServer((req, res) => fast.proxy(req, res, req.url ?? '/', {}));
  },
  '@fastify/http-proxy': async () => {
    const app = Fastify();
    await app.register(httpProxy, { upstream });
    await app.ready();
    return app.server;
  },
  'http-proxy-3': () => {
    const proxy = createProxyServer({ target: upstream, agent: new Agent({ keepAlive: true }) });
    return createServer((req, res) => {
      proxy.web(req, res);
    });
  },
};

/** Those that are compared. */
export const subjects = Object.keys(servers).filter((subject) => subject !== 'service');

if (import.meta.main) {
  const server = (await servers[name]?.()) as ReturnType<typeof createServer>;
  // One subject waits while the others are measured.
  Object.assign(server, { maxRequestsPerSocket: 0, keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit());
}
