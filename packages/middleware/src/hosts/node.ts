import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline as pipeStreams } from 'node:stream/promises';
import { clientAddress, compileTrust, type TrustProxy } from '../address.ts';
import { middlewareErrors } from '../errors.ts';
import type { Exchange, HeaderBag, Reply } from '../exchange.ts';
import { createPipeline, type Handler, type Middleware, type Run } from '../middleware.ts';
import { collect, tooLarge } from './node-body.ts';
import { CheckedHeaders, CollectedHeaders, type HeadWriter, patchWriteHead } from './node-head.ts';
import { bodyLeft, linger } from './node-linger.ts';

/** An exchange on `node:http`; `req` and `res` are there for handlers that write the response themselves. */
export interface NodeExchange extends Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** How a {@link createNodeListener} is set up. */
export interface NodeHostOptions {
  /** Runs around every exchange, in this order. Default: none. */
  middleware?: readonly Middleware[];
  /**
   * Addresses of proxies whose `X-Forwarded-For` is believed: IPs, CIDR ranges, or `loopback`, `linklocal`,
   * `uniquelocal`. Default: none, the header is ignored, since any client can send it.
   */
  trustProxies?: readonly string[];
}

/**
 * Makes a plain request listener for `http.createServer`.
 *
 * The handler gives a {@link Reply}, or `undefined` when it writes to `exchange.res` itself. Either way every answer gets
 * the `head` hooks, since `res.writeHead` is patched, and `done` runs once, also when the client goes away.
 *
 * @throws `middleware.invalid_options` when an address in `trustProxies` is not one
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { requestId } from '@ent/middleware';
 * import { createNodeListener } from '@ent/middleware/node';
 *
 * const listener = createNodeListener(() => ({ status: 200, body: 'hello' }), { middleware: [requestId()] });
 * const server = createServer(listener).listen(0);
 * ```
 */
export function createNodeListener(handler: Handler<NodeExchange>, options: NodeHostOptions = {}): RequestListener {
  const middlewares = createPipeline(options.middleware);
  const trust = compileTrust(options.trustProxies ?? []);
  return (req, res) => {
    const exchange = new NodeHttpExchange(req, res, trust);
    const run = middlewares.open(exchange);
    exchange.attach(run);
    const answer = run.handle(handler);
    if (answer instanceof Promise) void answer.then((reply) => write(run, exchange, reply));
    else write(run, exchange, answer);
  };
}

class NodeHttpExchange implements NodeExchange, HeadWriter {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  readonly rawUrl: string;
  readonly path: string;
  readonly query: string;
  route: string | undefined;
  /** Bytes of the response body, when this host wrote it. */
  sent: number | undefined;
  headDone = false;
  #run: Run | undefined;
  readonly #trust: TrustProxy | undefined;
  // Read at once: the socket forgets its address when it is gone, and the access log wants it then.
  readonly #remoteAddress: string | undefined;
  #id: string | undefined;
  #peer: string | undefined;
  #state: Map<symbol, unknown> | undefined;
  #abort: AbortController | undefined;
  #body: Promise<Uint8Array> | undefined;
  #closed = false;

  constructor(req: IncomingMessage, res: ServerResponse, trust: TrustProxy | undefined) {
    this.req = req;
    this.res = res;
    this.method = req.method ?? 'GET';
    this.rawUrl = req.url ?? '/';
    this.#trust = trust;
    this.#remoteAddress = req.socket.remoteAddress;
    const target = originForm(this.rawUrl);
    const mark = target.indexOf('?');
    this.path = mark === -1 ? target : target.slice(0, mark);
    this.query = mark === -1 ? '' : target.slice(mark + 1);
  }

  get id(): string {
    return (this.#id ??= randomUUID());
  }
  set id(id: string) {
    this.#id = id;
  }

  get peer(): string {
    return (this.#peer ??= clientAddress(this.#remoteAddress, this.header('x-forwarded-for'), this.#trust));
  }

  get state(): Map<symbol, unknown> {
    return (this.#state ??= new Map());
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#closed && !this.res.writableFinished) this.#abort.abort(aborted());
    }
    return this.#abort.signal;
  }

  header(name: string): string | undefined {
    // Not every value is a string: "constructor" and "__proto__" find the prototype's.
    const value: unknown = this.req.headers[name];
    if (typeof value === 'string') return value;
    return Array.isArray(value) ? value.join(', ') : undefined;
  }

  bytes(max: number): Promise<Uint8Array> {
    if (this.#body === undefined) return (this.#body = collect(this.req, max));
    // Read before, perhaps with a larger limit.
    return this.#body.then((body) => {
      if (body.byteLength > max) throw tooLarge(max);
      return body;
    });
  }

  /** Ties the exchange to the life of its response. */
  attach(run: Run<NodeHttpExchange>): void {
    this.#run = run;
    patchWriteHead(this.res, this);
    const end = (): void => {
      if (this.#closed) return;
      queue?.delete(end);
      this.#end();
    };
    // After the last byte, or when the connection is gone.
    this.res.on('close', end);
    // It waits behind another one on its connection: then Node 22 does not tell it that the connection is gone.
    const queue = this.res.socket === null ? queueOf(this.req.socket).add(end) : undefined;
  }

  runHead(status: number, headers: HeaderBag): void {
    this.#run?.head(status, headers);
  }

  #end(): void {
    const { res } = this;
    this.#closed = true;
    const complete = res.writableFinished;
    if (!complete) this.#abort?.abort(aborted());
    this.#run?.done({
      status: res.headersSent ? res.statusCode : undefined,
      bytes: this.sent ?? declaredLength(res),
      aborted: !complete,
    });
  }
}

const queues = new WeakMap<Socket, Set<() => void>>();

/** What waits on a connection; called when it closes. One listener for all: a pipeline is long, and listeners are counted. */
function queueOf(socket: Socket): Set<() => void> {
  let queue = queues.get(socket);
  if (queue === undefined) {
    const calls = (queue = new Set<() => void>());
    queues.set(socket, calls);
    socket.once('close', () => {
      for (const call of calls) call();
    });
  }
  return queue;
}

function aborted(): Error {
  return middlewareErrors.request_aborted('The connection closed before the answer was complete.');
}

/** Servers must take the absolute form too (RFC 9112, section 3.2.2): `GET http://host/path`. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const authority = target.indexOf('://');
  if (authority === -1) return target;
  const slash = target.slice(authority + 3).search(/[/?]/);
  if (slash === -1) return '/';
  const rest = target.slice(authority + 3 + slash);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function declaredLength(res: ServerResponse): number | undefined {
  const length = res.getHeader('content-length');
  return length === undefined ? undefined : Number(length);
}

/** Writes a reply. A reply that cannot be written becomes a 500; once the head is out, only the connection can say so. */
function write(run: Run<NodeHttpExchange>, exchange: NodeHttpExchange, reply: Reply | undefined): void {
  if (reply === undefined) return;
  const { res } = exchange;
  if (res.destroyed || res.headersSent) {
    letGo(reply.body);
    // The handler wrote a part and failed then: a cut connection is the only honest signal left.
    if (!res.writableEnded) res.destroy();
    return;
  }
  try {
    writeReply(exchange, reply, run, new CollectedHeaders());
  } catch {
    // Some header cannot be sent. Each is looked at now: a hook's bad one is the hook's failure, the reply goes out.
    if (reset(res)) writeChecked(run, exchange, reply);
  }
}

function writeChecked(run: Run<NodeHttpExchange>, exchange: NodeHttpExchange, reply: Reply): void {
  try {
    writeReply(exchange, reply, run, new CheckedHeaders());
  } catch (error) {
    letGo(reply.body);
    // It is the reply's own. The problem that says so has no header of anybody's choice.
    if (reset(exchange.res)) writeReply(exchange, run.fail(error), run, new CheckedHeaders());
  }
}

/** Forgets an attempt to write a head; `false` when it is out already, and the connection the only way to say so. */
function reset(res: ServerResponse): boolean {
  if (res.headersSent) {
    res.destroy();
    return false;
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  // Left behind by the attempt, it would make a "500 OK".
  res.statusMessage = '';
  return true;
}

function writeReply(
  exchange: NodeHttpExchange,
  reply: Reply,
  run: Run<NodeHttpExchange>,
  headers: CollectedHeaders,
): void {
  const { req, res } = exchange;
  const { status, body } = reply;
  const whole = isWhole(body);
  headers.take(reply.headers);
  const bodiless = status === 204 || status === 304;
  const bytes = whole && body !== undefined ? Buffer.byteLength(body) : 0;
  if (whole && !bodiless) headers.set('content-length', String(bytes));
  exchange.sent = bodiless || req.method === 'HEAD' ? 0 : bytes;
  const unread = bodyLeft(req);
  if (unread) res.shouldKeepAlive = false;
  run.head(status, headers);
  exchange.headDone = true;
  res.writeHead(status, headers.flat());

  if (!whole) {
    if (!bodiless && req.method !== 'HEAD') stream(body, exchange, run);
    else {
      letGo(body);
      res.end();
    }
  } else if (unread) linger(req, res, bodiless ? undefined : body);
  else res.end(bodiless ? undefined : body);
}

/** Whether a body is sent at once; otherwise it is streamed. */
function isWhole(body: Reply['body']): body is string | Uint8Array | undefined {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return true;
  if (Symbol.asyncIterator in Object(body)) return false;
  throw middlewareErrors.invalid_reply('The body of a reply is text, bytes, or an async iterable of them.');
}

function stream(
  body: AsyncIterable<string | Uint8Array>,
  exchange: NodeHttpExchange,
  run: Run<NodeHttpExchange>,
): void {
  pipeStreams(Readable.from(counted(body, exchange, run), { objectMode: false }), exchange.res).catch(() => {
    // The cut tells the client: the length or the last chunk is missing.
    exchange.res.destroy();
  });
}

async function* counted(
  source: AsyncIterable<string | Uint8Array>,
  exchange: NodeHttpExchange,
  run: Run<NodeHttpExchange>,
): AsyncGenerator<string | Uint8Array> {
  try {
    for await (const chunk of source) {
      exchange.sent = (exchange.sent ?? 0) + Buffer.byteLength(chunk);
      yield chunk;
    }
  } catch (error) {
    // Noted here: the response is destroyed, and the exchange over, before anybody else hears of it.
    run.fail(error);
    throw error;
  }
}

/** Closes a stream that is not sent. */
function letGo(body: Reply['body']): void {
  if (body instanceof Readable) body.destroy();
  else if (typeof body === 'object' && Symbol.asyncIterator in body) void closeQuietly(body);
}

async function closeQuietly(source: AsyncIterable<unknown>): Promise<void> {
  try {
    await source[Symbol.asyncIterator]().return?.();
  } catch {
    // Nobody reads it any more: how it ends is of no interest.
  }
}
