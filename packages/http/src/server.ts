import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { createSecureContext, Server as TlsServer } from 'node:tls';
import { durationOption, refuseUnknown } from '@ent/internal';
import { httpErrors } from './errors.ts';
import { continueWhenRead } from './internal/continue.ts';
import { demandFunction } from './internal/demand.ts';
import { Connections, NotedResponse, type Unanswered } from './internal/connections.ts';
import { speak } from './internal/protocols.ts';
import { answer, refusal } from './internal/refusal.ts';
import type { ServerOptions, TlsOptions } from './options.ts';

// A connection that never ends pins its client to one instance, and escapes every new limit.
const MAX_REQUESTS_PER_SOCKET = 1000;

const OPTIONS = {
  headersTimeout: true,
  requestTimeout: true,
  keepAliveTimeout: true,
  http2: true,
  tls: true,
} as const;

/**
 * `http.createServer` with limits that suit a service, a server that {@link drain}
 * can empty, and an answer for what is not HTTP.
 *
 * Node's own limits let a client take a minute for a head and five for a request, and look every 30 s only. Bytes that
 * cannot be parsed get 400 (431 for too large a head, 408 for one that came too slowly) as a problem, and the
 * connection is closed; the same goes for a request without exactly one `Host`. `server.close()` does not cut answers
 * that a slow client has not read yet, as node's does.
 *
 * @throws `http.invalid_options` for a malformed duration
 * @example
 * ```ts
 * import { once } from 'node:events';
 * import { createListener, createServer, drain, route } from '@ent/http';
 *
 * const hello = route({ method: 'GET', path: '/', responses: { 204: {} }, handler: () => undefined });
 * const server = createServer(createListener([hello])).listen(0);
 * await once(server, 'listening');
 * await drain(server, { grace: 0 });
 * ```
 */
export function createServer(listener: RequestListener, options: ServerOptions = {}): Server {
  demandFunction(listener, 'createServer: the listener, such as createListener() gives,');
  refuseUnknown(options, OPTIONS, 'createServer', httpErrors.invalid_options);
  if (options.http2 !== undefined && typeof options.http2 !== 'boolean') {
    throw httpErrors.invalid_options('createServer: http2 must be true or false.');
  }
  const headersTimeout = durationOption(options.headersTimeout ?? '10s', 'headersTimeout', httpErrors.invalid_options);
  const requestTimeout = durationOption(options.requestTimeout ?? '30s', 'requestTimeout', httpErrors.invalid_options);
  const keepAliveTimeout = durationOption(
    options.keepAliveTimeout ?? '65s',
    'keepAliveTimeout',
    httpErrors.invalid_options,
  );
  const server = createHttpServer(
    {
      ServerResponse: NotedResponse,
      // Looked at here, for the sake of the answer: node's has neither a body nor an id.
      requireHostHeader: false,
      headersTimeout: Math.min(headersTimeout, requestTimeout),
      requestTimeout,
      keepAliveTimeout,
      // How often the two are looked at: by default every 30 s, which makes 40 s out of 10.
      connectionsCheckingInterval: Math.max(50, Math.min(5000, headersTimeout / 2, requestTimeout / 2)),
    },
    (req, res) => connections.admit(req, res, serve),
  );
  const serve: RequestListener = (req, res) => {
    if (hasOneHost(req)) listener(req, res);
    else answer(res, 400);
  };
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
  const connections = Connections.of(server, 'by admit');
  // "100 Continue" asks for the body, so it goes out when somebody reads it: after who calls and how much was looked
  // at.
  if (options.http2 === true || options.tls !== undefined) {
    const tls = options.tls && demandTls(options.tls);
    speak(server, serve, connections, {
      http2: options.http2 === true,
      tls,
      headersTimeout,
      requestTimeout,
      keepAliveTimeout,
      maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET,
    });
  }
  server.on('checkContinue', (req, res) => {
    continueWhenRead(req, res);
    server.emit('request', req, res);
  });
  server.on('checkExpectation', (_req, res) => answer(res, 417));
  server.on('connect', (_req, duplex) => refuseTunnel(duplex as Socket, connections.unanswered(duplex as Socket)));
  const refused = new WeakSet<Socket>();
  server.on('clientError', (error: NodeJS.ErrnoException, duplex) => {
    const socket = duplex as Socket;
    // The rest of the garbage fails to parse too.
    if (refused.has(socket)) return;
    refused.add(socket);
    refuse(socket, error, connections.unanswered(socket));
  });
  return server;
}

/**
 * Makes a server that was created elsewhere ready for {@link drain}: `drainable(http.createServer(app))`. To be called
 * before it listens; {@link createServer} has done it.
 *
 * @throws `http.invalid_options` for a server that listens already, or a TLS server
 */
export function drainable<S extends Server>(server: S): S {
  // Asked of anything, in JavaScript.
  const given: Partial<Server> | null | undefined = server;
  if (typeof given?.prependListener !== 'function' || server.listening || server instanceof TlsServer) {
    throw httpErrors.invalid_options(
      'drainable: give it a plain HTTP server that does not listen yet; TLS belongs in front of it.',
    );
  }
  Connections.of(server, 'by listener');
  return server;
}

function demandTls(tls: TlsOptions): TlsOptions {
  refuseUnknown(tls, { key: true, cert: true, passphrase: true }, 'createServer: tls', httpErrors.invalid_options);
  const fail = (cause?: unknown): Error =>
    httpErrors.invalid_options('createServer: tls must have a key, and the certificate of that key, as PEM.', {
      cause,
    });
  // OpenSSL takes neither as well, and no handshake succeeds.
  if (!isPem(tls.key) || !isPem(tls.cert)) throw fail();
  try {
    createSecureContext(tls);
  } catch (cause) {
    throw fail(cause);
  }
  return tls;
}

function isPem(value: unknown): boolean {
  return typeof value === 'string' || Buffer.isBuffer(value);
}

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
const LINGER_MS = 1000;

function refuse(socket: Socket, error: NodeJS.ErrnoException, { count, newest }: Unanswered): void {
  const status = STATUS[error.code ?? ''] ?? 400;
  if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
  else if (newest === undefined) {
    lingerAndClose(socket);
    socket.end(refusal(status));
  } else if (newest.req.complete) {
    // What came before the garbage was in order and has its answer; nothing after it is read.
    newest.once('close', () => socket.destroy());
  } else if (count === 1 && !newest.headersSent) {
    // The body is broken, and its handler has not answered: the place for this answer is there.
    lingerAndClose(socket);
    answer(newest, status);
    // With its answer out, node has forgotten the request; who waits for its body must hear that none comes.
    socket.once('close', () => newest.req.destroy());
  } else socket.destroy();
}

/** A CONNECT, after whose head node has let go of the socket. What came before it in a pipeline is answered first. */
function refuseTunnel(socket: Socket, { newest }: Unanswered): void {
  socket.on('error', () => {});
  const end = (): void => {
    lingerAndClose(socket);
    socket.resume().end(refusal(501));
  };
  if (newest === undefined) end();
  else newest.once('close', end);
}

/**
 * Closing on bytes that were not read makes the client lose the answer: what it still sends is thrown away for a while.
 */
function lingerAndClose(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** RFC 9112, section 3.2: exactly one, or it is anyone's guess which one a proxy in front went by. */
function hasOneHost(req: IncomingMessage): boolean {
  if (req.httpVersion !== '1.1') return true;
  let hosts = 0;
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts === 1;
}
