import { refuseUnknown } from '@ent/internal';
import { randomUUID } from 'node:crypto';
import { clientAddress, compileTrust, type TrustProxy } from '../address.ts';
import { middlewareErrors } from '../errors.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { createPipeline, type Handler, type Middleware, type Run } from '../middleware.ts';
import { type ProblemReply, problemReply } from '../problem.ts';
import type { Failing } from './exchange-of.ts';
import { type Answered, respond } from './fetch-answer.ts';
import { arrivingFrom, collectFrom } from './fetch-body.ts';
import { readBefore, takenByStream } from './read-before.ts';
import { aborted, tooLarge } from './refusals.ts';

/** An exchange on a host that hands over a `Request`; `request` is there for handlers that pass it on. */
export interface FetchExchange<Rest extends readonly unknown[] = readonly unknown[]> extends Exchange {
  readonly request: Request;
  /** What the host gave after the request: `{ params }` of Next.js, the server of Bun, `env` and `ctx` of Workers. */
  readonly rest: Rest;
}

/** A handler of a fetch host: it gives a reply, or the `Response` of an application. */
export type FetchHandler<Rest extends readonly unknown[] = readonly unknown[]> = (
  exchange: FetchExchange<Rest>,
) => Reply | Response | Promise<Reply | Response>;

/** How a {@link createFetchHandler} is set up. */
export interface FetchHostOptions<Rest extends readonly unknown[] = readonly unknown[]> {
  /** Runs around every exchange, in this order. Default: none. */
  middleware?: readonly Middleware[] | undefined;
  /**
   * The address of the peer of the connection, which a `Request` does not know: `server.requestIP(request)?.address` of
   * Bun, `info.remoteAddr.hostname` of Deno. Default: none, `exchange.peer` is empty.
   */
  peer?: ((request: Request, ...rest: Rest) => string | undefined) | undefined;
  /** As of `createNodeListener`: the proxies whose `X-Forwarded-For` is believed. Needs `peer`. Default: none. */
  trustProxies?: readonly string[] | undefined;
}

/**
 * Makes a function from `Request` to `Response`: a route handler of Next.js, what Bun, Deno, Workers and Hono serve.
 *
 * The twin of `createNodeListener`: the same hooks with the same meaning. The handler gives a {@link Reply}, or a
 * `Response`, such as that of an application that is there: it gets the `head` hooks, and its body is streamed on.
 * Where somebody hears of the end (a `done` hook, a listener of `ent:http:request`), the body is followed to its last
 * byte; what is whole is over when the host has it. The promise never rejects.
 *
 * @throws `middleware.invalid_options` when an address in `trustProxies` is not one, or the handler or a middleware is
 *   none
 * @example
 * ```ts
 * import { requestId } from '@ent/middleware';
 * import { createFetchHandler } from '@ent/middleware/fetch';
 *
 * const GET = createFetchHandler(() => ({ status: 200, body: 'hello' }), { middleware: [requestId()] });
 * console.log((await GET(new Request('http://localhost/'))).headers.get('x-request-id'));
 * ```
 */
export function createFetchHandler<Rest extends readonly unknown[] = readonly unknown[]>(
  handler: FetchHandler<Rest>,
  options: FetchHostOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  const known = { middleware: true, peer: true, trustProxies: true } as const;
  refuseUnknown(options, known, 'createFetchHandler', middlewareErrors.invalid_options);
  const { peer } = options;
  if (typeof handler !== 'function' || (peer !== undefined && typeof peer !== 'function')) {
    throw middlewareErrors.invalid_options('createFetchHandler: the handler, and "peer", must be functions.');
  }
  const pipeline = createPipeline(options.middleware);
  const trust = compileTrust(options.trustProxies ?? []);
  if (trust !== undefined && peer === undefined) {
    throw middlewareErrors.invalid_options('createFetchHandler: trustProxies needs "peer", since a Request has none.');
  }
  return (request, ...rest) => {
    const exchange = new FetchHttpExchange<Rest>(request, rest, trust);
    const run = pipeline.open(exchange);
    const answer = exchange.attach(run, handler, peer);
    return new Promise((resolve) => {
      // A Response goes the way of a reply: the pipeline looks at neither.
      run.respond(answer as Handler<typeof exchange>, (given) => resolve(respond(run, exchange, given)));
    });
  };
}

class FetchHttpExchange<Rest extends readonly unknown[]> implements FetchExchange<Rest>, Answered, Failing {
  readonly request: Request;
  readonly rest: Rest;
  readonly method: string;
  readonly rawUrl: string;
  readonly path: string;
  readonly query: string;
  readonly scheme: 'http' | 'https';
  route: string | undefined;
  status: number | undefined;
  sent: number | undefined;
  over = false;
  stop: (() => void) | undefined;
  readonly #trust: TrustProxy | undefined;
  #run: Run<FetchHttpExchange<Rest>> | undefined;
  #remoteAddress: string | undefined;
  #id: string | undefined;
  #peer: string | undefined;
  #state: Map<symbol, unknown> | undefined;
  #abort: AbortController | undefined;
  #body: Promise<Uint8Array> | undefined;
  #watched = false;

  constructor(request: Request, rest: Rest, trust: TrustProxy | undefined) {
    // What another kind of host gives.
    if (typeof (request as Request | undefined)?.headers?.get !== 'function') {
      throw middlewareErrors.invalid_options('What createFetchHandler makes takes a Request.');
    }
    this.request = request;
    this.rest = rest;
    this.method = request.method;
    this.#trust = trust;
    const { url } = request;
    this.scheme = url.startsWith('https:') ? 'https' : 'http';
    // The URL of a Request is absolute and has a path; a fragment is no part of a target.
    const hash = url.indexOf('#');
    this.rawUrl = url.slice(url.indexOf('/', url.indexOf('://') + 3), hash === -1 ? undefined : hash);
    const mark = this.rawUrl.indexOf('?');
    this.path = mark === -1 ? this.rawUrl : this.rawUrl.slice(0, mark);
    this.query = mark === -1 ? '' : this.rawUrl.slice(mark + 1);
  }

  /** Ties the exchange to its run, and gives the handler for it. */
  attach(
    run: Run<FetchHttpExchange<Rest>>,
    handler: FetchHandler<Rest>,
    peer: FetchHostOptions<Rest>['peer'],
  ): FetchHandler<Rest> {
    this.#run = run;
    if (run.hasDone) this.watch();
    try {
      // Read at once: the host forgets the address when the connection is gone, and the access log wants it then.
      this.#remoteAddress = peer?.(this.request, ...this.rest);
      return handler;
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }

  get heard(): boolean {
    return this.#run?.hasDone === true || this.#abort !== undefined;
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
      this.watch();
      if (this.over && this.request.signal.aborted) this.#abort.abort(aborted());
    }
    return this.#abort.signal;
  }

  header(name: string): string | undefined {
    const value = this.request.headers.get(name);
    if (value !== null) return value;
    return name === 'transfer-encoding' && this.#hasUndeclaredBody() ? 'chunked' : undefined;
  }

  /** A body of HTTP/2, or of a `Request` that was made in the process, has no framing headers. */
  #hasUndeclaredBody(): boolean {
    if (this.method === 'GET' || this.method === 'HEAD') return false;
    return !this.request.headers.has('content-length') && this.request.body !== null;
  }

  bytes(max: number): Promise<Uint8Array> {
    if (this.#body === undefined) {
      // Who reads before the handler does leaves the body to it: an application reads it by its own means.
      return (this.#body = collectFrom(this.#run?.entered === false ? this.request.clone() : this.request, max));
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
    return arrivingFrom(this.request, max, 'exchange.stream()');
  }

  abort(reason: Error): void {
    void this.signal;
    this.#abort?.abort(reason);
  }

  fail(error: unknown): ProblemReply {
    return this.#run?.fail(error) ?? problemReply(error);
  }

  shape(reply: Reply): Reply | Promise<Reply> {
    return this.#run?.shape(reply) ?? reply;
  }

  watch(): void {
    if (this.#watched || this.over) return;
    this.#watched = true;
    const { signal } = this.request;
    if (signal.aborted) this.end(true);
    else signal.addEventListener('abort', () => this.end(true), { once: true });
  }

  end(cut: boolean): void {
    if (this.over) return;
    this.over = true;
    if (cut) this.#abort?.abort(aborted());
    this.#run?.done({ status: this.status, bytes: this.sent, aborted: cut });
    if (cut) this.stop?.();
  }
}
