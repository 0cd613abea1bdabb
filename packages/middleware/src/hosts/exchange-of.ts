import { NotFoundError } from '@ent/errors';
import { kindOf } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { type ProblemReply, problemReply } from '../problem.ts';

/** An exchange that hears of what a framework caught, so that telemetry does. */
export interface Failing extends Exchange {
  fail(error: unknown): ProblemReply;
}

const EXCHANGE = Symbol('exchange');

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
export function problemFor(request: object, error: unknown): ProblemReply {
  return failingOf(request)?.fail(error) ?? problemReply(error);
}

/** What a path without a route is answered with: an answer like any other, and nothing that failed. */
export function nothingThere(): ProblemReply {
  return problemReply(noRoute());
}

export function noRoute(): Error {
  return new NotFoundError('There is nothing at this path.');
}

function failingOf(request: object): Failing | undefined {
  const carrier = request as Carrier;
  return carrier[EXCHANGE] ?? carrier.raw?.[EXCHANGE];
}
