import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { TlsOptions } from '../options.ts';
import type { Connections } from './connections.ts';
import { type Http2Plan, http2Of } from './http2.ts';

/** What a server speaks beside HTTP/1.1 without TLS. */
export interface Protocols extends Http2Plan {
  readonly http2: boolean;
  readonly tls: TlsOptions | undefined;
  /** In milliseconds. */
  readonly headersTimeout: number;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/**
 * Has a server of HTTP/1.1 speak HTTP/2 on the same port: over TLS where the client asks for it (ALPN), and without TLS
 * with who begins with its preface (RFC 9113, section 3.3; the `Upgrade: h2c` of before is gone from it).
 *
 * The server stays what it was: a connection is looked at first, and then is one of node's own, of either kind.
 */
export function speak(server: Server, listener: RequestListener, connections: Connections, plan: Protocols): void {
  const http1 = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  // Node's own knows only those of HTTP/1.1.
  server.closeAllConnections = () => connections.closeAll();
  const toHttp1 = (socket: Socket): void => {
    for (const accept of http1) accept.call(server, socket);
  };
  const toHttp2 = plan.http2 ? http2Of(listener, connections, plan) : toHttp1;
  if (plan.tls === undefined) {
    server.on('connection', (socket: Socket) => {
      // Of neither kind yet, and watched like one: a drain waits for what it may be about to ask, and cuts it.
      connections.add(socket);
      lookAt(socket, plan.headersTimeout, toHttp1, toHttp2);
    });
    return;
  }
  // Shaking hands: not a connection of HTTP yet.
  const raw = new Set<Socket>();
  const tls = createTlsServer({
    ...plan.tls,
    ALPNProtocols: plan.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
    handshakeTimeout: plan.headersTimeout,
  });
  tls.on('secureConnection', (socket: TLSSocket) => {
    // Before anybody else listens: one that is reset must not end the process.
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol === 'h2') toHttp2(socket);
    else toHttp1(socket);
  });
  tls.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('connection', (socket: Socket) => {
    // As servers of TLS and HTTP/2 have it; one of HTTP/1.1 keeps its end open by itself.
    socket.allowHalfOpen = false;
    raw.add(socket);
    socket.once('close', () => raw.delete(socket));
    tls.emit('connection', socket);
  });
  connections.whenClosingAll(() => {
    for (const socket of raw) socket.destroy();
  });
}

/** Reads the first bytes of a connection, and gives them back. */
function lookAt(
  socket: Socket,
  timeoutMs: number,
  toHttp1: (socket: Socket) => void,
  toHttp2: (socket: Socket) => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const onError = (): void => void socket.destroy();
  const done = (): void => {
    clearTimeout(timer);
    socket.off('readable', look).off('close', done).off('error', onError);
  };
  const look = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) seen = seen.byteLength === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.byteLength, PREFACE.byteLength);
    const isPreface = seen.compare(PREFACE, 0, length, 0, length) === 0;
    // The head of a request of HTTP/1.1 differs in its first bytes.
    if (isPreface && length < PREFACE.byteLength && !socket.readableEnded) return;
    done();
    if (seen.byteLength > 0) socket.unshift(seen);
    if (isPreface && length === PREFACE.byteLength) toHttp2(socket);
    else toHttp1(socket);
  };
  socket.on('readable', look).once('close', done).on('error', onError);
}
