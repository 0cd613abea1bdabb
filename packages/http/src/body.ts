import type { Exchange } from '@ent/middleware';
import type { BodyDocument } from './internal/documented.ts';
import type { Parser } from './internal/parser.ts';

// A symbol of the registry: bodies made by another copy of this package are bodies too.
const BODY: unique symbol = Symbol.for('@ent/http/body@1') as never;

/**
 * The body of a route, where it is not JSON: a form, files, a stream of bytes. Made by `formBody()`, `streamBody()`,
 * and those of `@ent/http/multipart`. `Output` is what the handler gets, `Sent` what a call of
 * `@ent/http/client` takes.
 */
export interface RouteBody<Output, Sent = unknown> {
  readonly [BODY]: BodyKind<Output, Sent>;
}

/** What a body has to keep to. */
export interface BodyLimits {
  /** Of the route, for errors at set-up. */
  readonly name: string;
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** How a body gets from the exchange to the handler. */
export interface BodyReading {
  /** Reads it, and gives it on: a promise less than with `then`. */
  read<Result>(exchange: Exchange, use: (body: unknown) => Result | Promise<Result>): Promise<Result> | Result;
  /** Checks what was read. Without it there is nothing to check yet: a stream. */
  readonly parse?: Parser | undefined;
}

/** One kind of body. */
export interface BodyKind<Output, Sent = unknown> {
  /** Works out at set-up what can be known then. */
  compile(limits: BodyLimits): BodyReading;
  /** For the OpenAPI document. */
  readonly document: BodyDocument;
  /** Only a type: what the handler gets. */
  readonly output?: Output;
  /** Only a type: the parts of a call that carry it. */
  readonly sent?: Sent;
}

/** @internal */
export function routeBody<Output, Sent>(kind: BodyKind<Output, Sent>): RouteBody<Output, Sent> {
  return { [BODY]: kind };
}

/** @internal */
export function isRouteBody(value: unknown): value is RouteBody<unknown> {
  return typeof value === 'object' && value !== null && BODY in value;
}

/** @internal */
export function kindOfBody<Output, Sent>(body: RouteBody<Output, Sent>): BodyKind<Output, Sent> {
  return body[BODY];
}
