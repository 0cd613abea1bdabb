import type { Exchange, Reply, ReplyHeaders } from '@ent/middleware';
import type { AnswerDocument } from './internal/documented.ts';

// A symbol of the registry: answers made by another copy of this package are answers too.
const ANSWER: unique symbol = Symbol.for('@ent/http/answer@1') as never;

/**
 * An answer of a route that is more than a schema: a file, a stream of events, one of several representations. Made by
 * `fileAnswer()`, `eventStream()` and `negotiated()`. `Body` is what the handler gives, `Received` what a call of
 * `@ent/http/client` gives for it.
 */
export interface RouteAnswer<Body, Received = unknown> {
  readonly [ANSWER]: AnswerKind<Body, Received>;
}

/** How what a handler gave becomes the reply. */
export interface AnswerWriting<Body> {
  /** @param headers what the handler says by `reply()`, in lower case; they stand above those of the answer */
  reply(body: Body, exchange: Exchange, headers: ReplyHeaders | undefined): Reply | Promise<Reply>;
  /** Refuses a request before its body is read, and before the handler does anything. */
  readonly before?: ((exchange: Exchange) => void) | undefined;
}

/** One kind of answer. */
export interface AnswerKind<Body, Received = unknown> {
  /**
   * Works out at set-up what can be known then.
   *
   * @param name of the route, for errors
   */
  compile(name: string, status: number): AnswerWriting<Body>;
  /** For the OpenAPI document. */
  readonly document: AnswerDocument;
  /** Only a type: what a client gets. */
  readonly received?: Received;
}

/** @internal */
export function routeAnswer<Body, Received>(kind: AnswerKind<Body, Received>): RouteAnswer<Body, Received> {
  return { [ANSWER]: kind };
}

/** @internal */
export function isRouteAnswer(value: object): value is RouteAnswer<unknown> {
  return ANSWER in value;
}

/** @internal */
export function kindOfAnswer<Body>(answer: RouteAnswer<Body>): AnswerKind<Body> {
  return answer[ANSWER];
}
