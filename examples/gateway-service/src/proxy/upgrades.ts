import { type IncomingMessage, request as plainRequest, ServerResponse } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { createNodeListener, type NodeExchange, type NodeHostOptions } from '@ent/middleware/node';
import { gatewayErrors } from '../errors.ts';
import { requestHeaders, responseHeaders } from './headers.ts';
import type { Destination, Proxy } from './proxy.ts';

/** Connections that become something else than HTTP: WebSockets, most of them. */
export interface Upgrades {
  /** Whether a request that asks for it may become one; else it is answered like any other. */
  readonly wanted: (req: IncomingMessage) => boolean;
  /** For the `upgrade` event of a server. */
  readonly take: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Cuts those that there are: their clients come again, to another instance. */
  close(): void;
}

/**
 * Hands upgrades to services and joins the two connections: what is spoken on them is nobody's business here.
 *
 * Until then it is a request, to which the middlewares apply; what refuses it, here or there, is an ordinary answer.
 */
export function createUpgrades(proxy: Proxy, options: NodeHostOptions): Upgrades {
  const joined = new Set<Duplex>();
  const firstBytes = new WeakMap<IncomingMessage, Buffer>();

  const listener = createNodeListener(async (exchange) => {
    const destination = await proxy.admit(exchange);
    const upgraded = await ask(exchange, destination);
    if (upgraded === undefined) return;
    const { req, res } = exchange;
    const { socket } = req;
    socket.removeAllListeners('readable');
    res.detachSocket(socket);
    joined.add(socket);
    socket.write(headOf(upgraded.answer));
    socket.write(upgraded.head);
    upgraded.socket.write(firstBytes.get(req) ?? Buffer.alloc(0));
    await join(socket, upgraded.socket);
    joined.delete(socket);
    // For those who wait for the end of the exchange.
    res.destroy();
  }, options);

  return {
    wanted: ({ method, url = '/' }) => method === 'GET' && proxy.routeOf(url.split('?')[0] as string)?.upgrade === true,
    take(req, socket, head) {
      firstBytes.set(req, head);
      const res = new ServerResponse(req);
      res.shouldKeepAlive = false;
      res.assignSocket(socket as Socket);
      // A refusal is the last that is said on this connection.
      res.once('finish', () => socket.end());
      socket.once('error', () => socket.destroy());
      endWithClient(socket);
      listener(req, res);
    },
    close() {
      for (const socket of joined) socket.destroy();
    },
  };
}

/**
 * Notices that a client leaves while its service is asked. Nobody reads from the connection meanwhile, and a connection
 * that is not read does not tell that the other side has ended it. What comes early stays in the buffer.
 */
function endWithClient(socket: Duplex): void {
  socket.on('readable', () => {
    if (socket.readableLength === 0) socket.read();
  });
  socket.once('end', () => {
    if (socket.listenerCount('readable') > 0) socket.destroy();
  });
}

interface Upgraded {
  readonly answer: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Asks an instance. One that refuses is answered for here: then there is nothing to join. */
function ask(exchange: NodeExchange, { route, service, identity }: Destination): Promise<Upgraded | undefined> {
  const timeoutMs = route.timeoutMs ?? 10_000;
  const client = exchange.req.socket;
  const target = service.choose();
  const url = new URL(exchange.rawUrl, target.url);
  const headers = requestHeaders(exchange, { identity, timeoutMs });
  headers.push('host', url.host, 'connection', 'upgrade', 'upgrade', exchange.header('upgrade') ?? '');
  const failed = (cause: unknown): Error =>
    gatewayErrors.bad_gateway(`An instance of ${service.name} could not be reached, or gave no answer.`, { cause });

  return new Promise((resolve, reject) => {
    target.begin();
    const { promise: over, resolve: end } = Promise.withResolvers<boolean | undefined>();
    void over.then((healthy) => target.end(healthy));
    const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, { headers });
    request.setTimeout(timeoutMs, () => {
      request.destroy(gatewayErrors.timed_out(`The service gave no answer within ${timeoutMs} ms.`));
    });
    exchange.res.once('close', () => request.destroy());
    request.once('error', (error) => {
      // A client that went away says nothing of the instance.
      end(client.destroyed ? undefined : false);
      reject('code' in error && error.code === gatewayErrors.timed_out.code ? error : failed(error));
    });
    request.once('upgrade', (answer, socket, head) => {
      end(true);
      socket.setTimeout(0);
      resolve({ answer, socket, head });
    });
    request.once('response', (answer) => {
      end(true);
      exchange.res.writeHead(answer.statusCode ?? 502, responseHeaders(answer.rawHeaders));
      pipeline(answer, exchange.res, () => resolve(undefined));
    });
    request.end();
  });
}

/** Until both sides have ended, or one is cut. */
function join(client: Duplex, service: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let open = 2;
    const over = (error?: Error | null): void => {
      open--;
      if (error) {
        client.destroy();
        service.destroy();
      }
      if (open === 0) resolve();
    };
    pipeline(client, service, over);
    pipeline(service, client, over);
  });
}

/** The head of the answer that switches protocols. `ServerResponse` would end the connection with it. */
function headOf(answer: IncomingMessage): string {
  const flat = responseHeaders(answer.rawHeaders);
  flat.push('Connection', 'Upgrade', 'Upgrade', answer.headers.upgrade ?? '');
  const lines = flat.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${flat[at + 1]}`] : []));
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`;
}
