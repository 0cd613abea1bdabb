import { refuseUnknown } from '@ent/internal';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clientAddress, compileTrust, type TrustProxy } from '../address.ts';
import { middlewareErrors } from '../errors.ts';
import type { Exchange, HeaderBag, Reply } from '../exchange.ts';
import { createPipeline, type Handler, type Middleware, type Run } from '../middleware.ts';
import { type ProblemReply, problemReply } from '../problem.ts';
import type { Failing } from './exchange-of.ts';
import { arriving, collect, peek } from './node-body.ts';
import { type HeadWriter, patchWriteHead } from './node-head.ts';
import { write, type Written } from './node-write.ts';
import { readBefore, takenByStream } from './read-before.ts';
import { aborted, tooLarge } from './refusals.ts';

/** An exchange on `node:http`; `req` and `res` are there for handlers that write the response themselves. */
export interface NodeExchange extends Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** How a {@link createNodeListener} is set up. */
export interface NodeHostOptions {
  /** Runs around every exchange, in this order. Default: none. */
  middleware?: readonly Middleware[] | undefined;
  /**
   * Addresses of proxies whose `X-Forwarded-For` is believed: IPs, CIDR ranges, or `loopback`, `linklocal`,
   * `uniquelocal`. Default: none, the header is ignored, since any client can send it.
   */
  trustProxies?: readonly string[] | undefined;
}

/**
 * Makes a plain request listener for `http.createServer`.
 *
 * The handler gives a {@link Reply}, or `undefined` when it writes to `exchange.res` itself. Either way every answer
 * gets the `head` hooks, since `res.writeHead` is patched where there are some, and `done` runs once, also when the
 * client goes away.
 *
 * @throws `middleware.invalid_options` when an address in `trustProxies` is not one, or the handler or a middleware is
 *   none
 * @example
 * ```ts no-run
 * import { createServer } from 'node:http';
 * import { requestId } from '@ent/middleware';
 * import { createNodeListener } from '@ent/middleware/node';
 *
 * const listener = createNodeListener(() => ({ status: 200, body: 'hello' }), { middleware: [requestId()] });
 * createServer(listener).listen(8000);
 * ```
 */
export function createNodeListener(handler: Handler<NodeExchange>, options: NodeHostOptions = {}): RequestListener {
  const known = { middleware: true, trustProxies: true } as const;
  refuseUnknown(options, known, 'createNodeListener', middlewareErrors.invalid_options);
  if (typeof handler !== 'function') {
    throw middlewareErrors.invalid_options('createNodeListener: the handler must be a function.');
  }
  const middlewares = createPipeline(options.middleware);
  const trust = compileTrust(options.trustProxies ?? []);
  return (req, res) => {
    // What a fetch-like host gives, or a test that has no request.
    if (
      typeof (req as IncomingMessage | undefined)?.socket !== 'object' ||
      typeof (res as ServerResponse | undefined)?.writeHead !== 'function'
    ) {
      throw middlewareErrors.invalid_options('A listener takes the request and the response of node:http.');
    }
    const exchange = new NodeHttpExchange(req, res, trust);
    const run = middlewares.open(exchange);
    exchange.attach(run);
    run.respond(exchange.path === '' ? refuseTarget : handler, (answer) => write(run, exchange, answer));
  };
}

class NodeHttpExchange implements NodeExchange, HeadWriter, Written, Failing {
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
  // Kept: a client that sends the request's body on (undici) takes the socket from the request when it has done so.
  readonly #socket: Socket;
  // Read at once: the socket forgets its address when it is gone, and the access log wants it then.
  readonly #remoteAddress: string | undefined;
  #id: string | undefined;
  #peer: string | undefined;
  #state: Map<symbol, unknown> | undefined;
  #abort: AbortController | undefined;
  #body: Promise<Uint8Array> | undefined;
  #awaitsEnd = false;
  #closed = false;

  constructor(req: IncomingMessage, res: ServerResponse, trust: TrustProxy | undefined) {
    this.req = req;
    this.res = res;
    this.method = req.method ?? 'GET';
    this.rawUrl = req.url ?? '/';
    this.#trust = trust;
    this.#socket = req.socket;
    this.#remoteAddress = req.socket.remoteAddress;
    const target = this.rawUrl.startsWith('/') ? this.rawUrl : originForm(this.method, this.rawUrl);
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

  get scheme(): 'http' | 'https' {
    return (this.#socket as { readonly encrypted?: boolean }).encrypted === true ? 'https' : 'http';
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
      this.#awaitEnd();
      const gone = this.#closed || this.res.closed || this.#socket.destroyed;
      if (gone && !this.res.writableFinished) this.#abort.abort(aborted());
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
    if (this.#body === undefined) {
      return (this.#body = this.#run?.entered === false ? peek(this.req, max) : collect(this.req, max));
    }
    // Read before, perhaps with a larger limit.
    return this.#body.then((body) => {
      if (body.byteLength > max) throw tooLarge(max);
      return body;
    });
  }

  stream(max: number): AsyncIterable<Uint8Array> {
    if (this.#body !== undefined) return readBefore(() => this.bytes(max));
    this.#body = takenByStream();
    return arriving(this.req, max);
  }

  abort(reason: Error): void {
    void this.signal;
    this.#abort?.abort(reason);
  }

  /** Ties the exchange to the life of its response. */
  attach(run: Run<NodeHttpExchange>): void {
    this.#run = run;
    if (run.hasHead) patchWriteHead(this.res, this);
    if (run.hasDone) this.#awaitEnd();
  }

  runHead(status: number, headers: HeaderBag): void {
    this.#run?.head(status, headers);
  }

  fail(error: unknown): ProblemReply {
    return this.#run?.fail(error) ?? problemReply(error);
  }

  shape(reply: Reply): Reply | Promise<Reply> {
    return this.#run?.shape(reply) ?? reply;
  }

  /** Only where somebody wants to hear of it. */
  #awaitEnd(): void {
    if (this.#awaitsEnd) return;
    this.#awaitsEnd = true;
    if (this.res.closed) return;
    const end = (): void => {
      if (this.#closed) return;
      queue?.delete(end);
      this.#end();
    };
    // After the last byte, or when the connection is gone.
    this.res.on('close', end);
    // It waits behind another one on its connection: then Node 22 does not tell it that the connection is gone.
    const queue = this.res.socket === null ? queueOf(this.#socket).add(end) : undefined;
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

/**
 * What waits on a connection; called when it closes. One listener for all:
 * a pipeline is long, and listeners are counted.
 */
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

// The scheme in any case (RFC 3986, section 3.1); a host, and no user before it (RFC 9110, section 4.2.4).
const ABSOLUTE = /^https?:\/\/[^/?#@]+(?=[/?]|$)/i;

/**
 * A target that does not begin with a slash. Servers must take the absolute form too (RFC 9112, section 3.2.2):
 * `GET http://host/path`; and `OPTIONS *`. Empty for what no server of http can have: `ftp://host/path`.
 */
function originForm(method: string, target: string): string {
  if (target === '*' && method === 'OPTIONS') return target;
  const authority = ABSOLUTE.exec(target)?.[0];
  if (authority === undefined) return '';
  const rest = target.slice(authority.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function refuseTarget(): never {
  throw middlewareErrors.malformed_target('The request target is neither a path nor an http URL.');
}

function declaredLength(res: ServerResponse): number | undefined {
  const length = res.getHeader('content-length');
  return length === undefined ? undefined : Number(length);
}
