import { buffer } from 'node:stream/consumers';
import { NotFoundError } from '@ent/errors';
import { chain, kindOf } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { isAsyncIterable } from '../internal/let-go.ts';
import { type ProblemReply, problemReply } from '../problem.ts';

/** An exchange that hears of what a framework caught, so that telemetry does. */
export interface Failing extends Exchange {
  /** The response, on a host of node. */
  readonly res?: { readonly headersSent: boolean };
  fail(error: unknown): ProblemReply;
  shape(reply: Reply): Reply | Promise<Reply>;
}

/** A problem as the `reply` hooks have left it. Bytes, since frameworks say more of a text: its character set. */
export interface WholeReply {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Buffer;
}

const EXCHANGE = Symbol('exchange');
const HANDED = Symbol('handed to the application');

interface Carrier {
  [EXCHANGE]?: Failing;
  readonly raw?: Carrier;
}

/** Lets {@link exchangeOf} find the exchange of a request. */
export function remember(request: object, exchange: Exchange): void {
  (request as Carrier)[EXCHANGE] = exchange as Failing;
}

/**
 * The exchange of a request, for the handlers of a framework: its id, its signal, what middlewares keep in its state.
 * `undefined` where the request did not come through a host of this package, as with `app.inject` of Fastify.
 *
 * @param request `req` of Express and Nest, `ctx.req` of Koa, `request` of Fastify, `c.req` of Hono
 */
export function exchangeOf(request: object): Exchange | undefined {
  if (typeof request !== 'object' || request === null) {
    throw middlewareErrors.invalid_options(`exchangeOf takes a request of the framework; got ${kindOf(request)}.`);
  }
  return failingOf(request);
}

/** What an error that a framework caught is answered with; the exchange notes it. */
export function problemFor(request: object, error: unknown): WholeReply | Promise<WholeReply> {
  const exchange = failingOf(request);
  return shaped(exchange, exchange?.fail(error) ?? problemReply(error));
}

/** What a path without a route is answered with: an answer like any other, and nothing that failed. */
export function nothingThere(request: object): WholeReply | Promise<WholeReply> {
  return shaped(failingOf(request), problemReply(noRoute()));
}

export function noRoute(): Error {
  return new NotFoundError('There is nothing at this path.');
}

/** After the `reply` hooks, which see what the application is about to write as they see a reply. */
function shaped(exchange: Failing | undefined, problem: ProblemReply): WholeReply | Promise<WholeReply> {
  // Where the head is out there is nothing left to say, and so nothing to see.
  if (exchange === undefined || exchange.res?.headersSent === true) return whole(problem);
  exchange.state.set(HANDED, true);
  return chain(exchange.shape(problem), (reply) => {
    const { body } = reply;
    if (!isAsyncIterable(body)) return whole({ ...reply, body });
    return buffer(body).then(
      (all) => whole({ ...reply, body: all }),
      (error: unknown) => whole(exchange.fail(error)),
    );
  });
}

type Whole = Omit<Reply, 'body'> & { readonly body?: string | Uint8Array | undefined };

function whole({ status, headers = {}, body = '' }: Whole): WholeReply {
  return { status, headers: headers as WholeReply['headers'], body: Buffer.from(body as string) };
}

/** Whether what `reply` hooks see is a problem that the application writes, by its own means: it is its answer. */
export function isHanded(exchange: Exchange): boolean {
  return exchange.state.has(HANDED);
}

function failingOf(request: object): Failing | undefined {
  const carrier = request as Carrier;
  return carrier[EXCHANGE] ?? carrier.raw?.[EXCHANGE];
}
