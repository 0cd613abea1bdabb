import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { NotedResponse } from '../internal/connections.ts';
import { answer } from '../internal/refusal.ts';

/** The answer to a request with `Upgrade`, after whose head node has let go of the socket. It is the last one. */
export class UpgradeResponse extends NotedResponse {
  readonly #socket: Socket;

  constructor(req: IncomingMessage, socket: Socket) {
    super(req);
    this.#socket = socket;
    this.shouldKeepAlive = false;
    this.assignSocket(socket);
    this.once('finish', () => {
      this.detachSocket(socket);
      socket.end();
      // What node's server does for the answers that are its own.
      process.nextTick(() => this.emit('close'));
    });
  }

  /** Lets go of the socket, and makes this one an answer of 101 that is complete. */
  switch(): void {
    this.detachSocket(this.#socket);
    this.statusCode = 101;
    Object.defineProperties(this, { headersSent: { value: true }, writableFinished: { value: true } });
    this.emit('close');
  }
}

/** Hands a request that is for no WebSocket to the listener of the server. */
export function asRequest(server: Server, req: IncomingMessage, res: ServerResponse): void {
  // The body of one that has one nobody parses any more.
  if (hasBody(req)) answer(res, 501);
  else server.emit('request', req, res);
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
