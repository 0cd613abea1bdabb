import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { Socket } from 'node:net';
import { continueWhenRead } from './continue.ts';
import type { Connections, Session } from './connections.ts';
import { CheckedResponse } from './http2-response.ts';
import { answer } from './refusal.ts';

/** The limits of connections of HTTP/2, in milliseconds. */
export interface Http2Plan {
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  readonly maxRequestsPerSocket: number;
}

// As many as nginx and Envoy allow; node's own is no limit at all.
const MAX_STREAMS = 128;
// That of HTTP/1.1 in node.
const MAX_HEADER_BYTES = 16 * 1024;
// Before who calls was looked at, nobody needs more.
const MAX_HEADER_PAIRS = 128;
/** How long what a client sent before it read that it is to go may be on its way. */
const LEAVING_MS = 500;
/** How long a client has to read why its request was refused. */
const LINGER_MS = 1000;
/** "Whatever you have sent when you read this is answered": RFC 9113, section 6.8. */
const ANY_STREAM = 2 ** 31 - 1;

/**
 * Hands the requests of HTTP/2 to a listener of HTTP/1.1, by node's compatibility API, with what that leaves different
 * made the same: `Host`, and how a body is announced.
 *
 * @returns what takes a connection that begins with the preface
 */
export function http2Of(
  listener: RequestListener,
  connections: Connections,
  plan: Http2Plan,
): (socket: Socket) => void {
  const server = createServer({
    Http2ServerResponse: CheckedResponse,
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES },
  });
  const sessions = new WeakMap<ServerHttp2Session, OpenSession>();
  // A session is made while its connection is emitted.
  let arriving: Socket | undefined;
  server.on('session', (session) => {
    const opened = new OpenSession(session, plan);
    sessions.set(session, opened);
    connections.add(arriving as Socket, opened);
  });
  // A connection that breaks the protocol, or that is reset: node has closed it.
  server.on('sessionError', () => {});
  const admit = (req: Http2ServerRequest, res: Http2ServerResponse, serve: RequestListener): void => {
    const { stream } = req;
    const opened = stream.session && sessions.get(stream.session as ServerHttp2Session);
    // The connection is gone.
    if (opened === undefined) return;
    connections.note(opened, req.socket);
    opened.begin();
    stream.once('close', () => {
      connections.answered(opened);
      opened.end();
    });
    if (!stream.endAfterHeaders) limitArrival(req, res, plan.requestTimeout);
    if (isWhole(req)) serve(req as unknown as IncomingMessage, res as unknown as ServerResponse);
    else answer(res as unknown as ServerResponse, 400);
  };
  server.on('request', (req, res) => admit(req, res, listener));
  server.on('checkContinue', (req, res) =>
    admit(req, res, (same, answered) => {
      continueWhenRead(same, answered);
      listener(same, answered);
    }),
  );
  server.on('checkExpectation', (req: Http2ServerRequest, res: Http2ServerResponse) =>
    admit(req, res, (_req, refused) => answer(refused, 417)),
  );
  server.on('connect', (req: Http2ServerRequest, res: Http2ServerResponse) =>
    admit(req, res, (_req, refused) => answer(refused, 501)),
  );
  return (socket) => {
    // The socket is of a server of HTTP/1.1: who has sent all may still want to hear. Here it has gone.
    socket.allowHalfOpen = false;
    arriving = socket;
    server.emit('connection', socket);
  };
}

/**
 * Makes the head what it would be in HTTP/1.1, and looks whether it can be: a request has a host, and one only
 * (RFC 9113, section 8.3.1).
 */
function isWhole(req: Http2ServerRequest): boolean {
  const { headers, authority, stream } = req;
  // A body that comes without a length is what "chunked" says in HTTP/1.1, and here the frames themselves.
  if (!stream.endAfterHeaders && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
  const host = headers.host ?? authority;
  if (typeof host !== 'string' || host === '' || (authority !== '' && authority !== undefined && host !== authority)) {
    return false;
  }
  headers.host = host;
  return true;
}

/** Ends the wait for a body that comes too slowly, as node does for HTTP/1.1. */
function limitArrival(req: Http2ServerRequest, res: Http2ServerResponse, timeoutMs: number): void {
  const { stream } = req;
  const timer = setTimeout(() => {
    if (res.headersSent) return stream.close(constants.NGHTTP2_CANCEL);
    answer(res as unknown as ServerResponse, 408);
    // Closed at once, it would take back what of the answer is not on its way yet.
    setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS).unref();
  }, timeoutMs);
  const done = (): void => clearTimeout(timer);
  stream.once('end', done).once('close', done);
}

/** A connection of HTTP/2. */
class OpenSession implements Session {
  readonly #session: ServerHttp2Session;
  readonly #plan: Http2Plan;
  #open = 0;
  #requests = 0;
  #leaving = false;
  #leavesNext = false;
  #idle: NodeJS.Timeout | undefined;

  constructor(session: ServerHttp2Session, plan: Http2Plan) {
    this.#session = session;
    this.#plan = plan;
    session.once('close', () => clearTimeout(this.#idle));
    this.#rest();
  }

  begin(): void {
    clearTimeout(this.#idle);
    this.#open++;
    if (++this.#requests >= this.#plan.maxRequestsPerSocket || this.#leavesNext) this.leave();
  }

  end(): void {
    if (--this.#open === 0) this.#rest();
  }

  leave(): void {
    if (this.#leaving || this.#session.destroyed) return;
    // Told before its first request, a client would not send it.
    this.#leavesNext = this.#requests === 0;
    if (this.#leavesNext) return;
    this.#leaving = true;
    // Requests that are on their way are answered: who reads this sends no more, and opens another connection.
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM);
    if (this.#open === 0) this.#rest();
  }

  close(): void {
    if (!this.#session.closed) this.#session.close();
  }

  /** Nothing is open: pings, and heads that do not come to an end, keep no connection. */
  #rest(): void {
    if (this.#session.destroyed) return;
    clearTimeout(this.#idle);
    // Not left to the client: node's own closes its half of the connection, and waits for ours.
    const { keepAliveTimeout } = this.#plan;
    this.#idle = setTimeout(
      () => this.close(),
      this.#leaving ? Math.min(LEAVING_MS, keepAliveTimeout) : keepAliveTimeout,
    );
  }
}
