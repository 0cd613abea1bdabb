import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { outsideContext } from '@ent/internal';
import { channels } from '@ent/middleware';
import type { NodeExchange } from '@ent/middleware/node';
import { type WebSocket, WebSocketServer } from 'ws';
import { httpErrors } from '../errors.ts';
import { Connections } from '../internal/connections.ts';
import { whenDraining } from '../internal/draining.ts';
import type { WebSocketRoute } from './route.ts';
import type { UpgradeResponse } from './upgrade-response.ts';

const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024;

// RFC 6455, section 7.4.1.
const GOING_AWAY = 1001;
const INTERNAL_ERROR = 1011;

/** Hands sockets of a route to the library. */
export class HandOver {
  readonly #server: WebSocketServer;
  readonly #heartbeatMs: number;
  #refusal: Error | undefined;

  constructor({ maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, protocols = [] }: WebSocketRoute, heartbeatMs: number) {
    this.#heartbeatMs = heartbeatMs;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
      handleProtocols: (asked) => [...asked].find((each) => protocols.includes(each)) ?? false,
    });
    // Without a listener the library writes an answer of its own.
    this.#server.on('wsClientError', (error) => (this.#refusal = error));
  }

  /**
   * @returns the open socket; `undefined` where the client is gone, or was answered meanwhile
   * @throws `http.invalid_handshake`
   */
  accept(exchange: NodeExchange, socket: Socket, head: Buffer): WebSocket | undefined {
    const res = exchange.res as UpgradeResponse;
    if (socket.destroyed || res.headersSent) return undefined;
    refuseHandshake(exchange.req);
    res.switch();
    let accepted: WebSocket | undefined;
    this.#refusal = undefined;
    // All of it is synchronous.
    this.#server.handleUpgrade(exchange.req, socket, head, (opened) => (accepted = opened));
    if (this.#refusal !== undefined) socket.destroy();
    return accepted;
  }

  /** Ties an open socket to its exchange and to the server, and hands it to its handler. */
  run(exchange: NodeExchange, socket: WebSocket, handle: () => void | Promise<void>): void {
    const connection = exchange.req.socket;
    Connections.around(connection)?.hold(connection);
    const forget = whenDraining(exchange, () => socket.close(GOING_AWAY, 'The server stops.'));
    const stop = this.#beat(socket);
    socket.on('close', () => {
      forget();
      stop();
      exchange.abort(httpErrors.socket_closed('The WebSocket was closed.'));
    });
    // A frame that breaks the protocol: the library closes the socket and says why there.
    socket.on('error', () => {});
    const failed = (error: unknown): void => {
      if (channels.hook.hasSubscribers) channels.hook.error.publish({ middleware: 'websocket', hook: 'wait', error });
      socket.close(INTERNAL_ERROR);
    };
    try {
      void Promise.resolve(handle()).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Cuts a client that is gone without a word. */
  #beat(socket: WebSocket): () => void {
    let alive = true;
    socket.on('pong', () => (alive = true));
    const beat = (): void => {
      if (!alive) return socket.terminate();
      alive = false;
      socket.ping();
    };
    const timer = outsideContext(() => setInterval(beat, this.#heartbeatMs).unref());
    return () => clearInterval(timer);
  }
}

/** 16 bytes in base64 (RFC 6455, section 4.1). */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** What the library would refuse, while an answer is still possible. */
function refuseHandshake({ headers }: IncomingMessage): void {
  const version = headers['sec-websocket-version'];
  if (version !== '13') {
    throw httpErrors.invalid_handshake('The version of the protocol is 13.', {
      status: 426,
      headers: { 'sec-websocket-version': '13', upgrade: 'websocket' },
    });
  }
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) {
    throw httpErrors.invalid_handshake('Sec-WebSocket-Key must be 16 bytes in base64.');
  }
}
