import type { ReplyBody, ReplyHeaders } from '@ent/middleware';
import type { $ZodType, input } from 'zod/v4/core';
import type { RouteAnswer } from './answer.ts';

/** One answer of a route, where a bare schema does not say enough. */
export interface ResponseSpec {
  /** For the OpenAPI document. Default: the phrase of the status. */
  readonly description?: string | undefined;
  /** Schema of a JSON body. Without it, and without `contentType`, the response has no body. */
  readonly schema?: $ZodType | undefined;
  /**
   * Default: `application/json` where there is a schema. Another type without a
   * schema sends text, bytes or a stream as they are.
   */
  readonly contentType?: string | undefined;
  /** Headers that clients can rely on, each with its description. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Answers of a route by status: a schema of the JSON body, a {@link ResponseSpec}, or a {@link RouteAnswer}. */
export type Responses = Readonly<Record<number, $ZodType | ResponseSpec | RouteAnswer<never>>>;

type BodyOf<Answer> = Answer extends $ZodType
  ? input<Answer>
  : Answer extends RouteAnswer<infer Body>
    ? Body
    : Answer extends { schema: infer Schema extends $ZodType }
      ? input<Schema>
      : Answer extends { contentType: string }
        ? ReplyBody
        : // Nothing, said or not.
          undefined | void;

/** The statuses that a table of answers has. */
export type Statuses<Answers> = Extract<keyof Answers, number>;
/** Those of them that say that it went well. */
export type Successes<Answers> = {
  [S in Statuses<Answers>]: `${S}` extends `2${string}` ? S : never;
}[Statuses<Answers>];
type IsUnion<T, Whole = T> = T extends unknown ? ([Whole] extends [T] ? false : true) : never;

/**
 * What a handler may give: plain data when there is exactly one 2xx answer,
 * or a {@link RouteReply} of a declared status.
 */
export type HandlerResult<Answers> =
  | (IsUnion<Successes<Answers>> extends false ? BodyOf<Answers[Successes<Answers>]> : never)
  | { [S in Statuses<Answers>]: RouteReply<S, BodyOf<Answers[S]>> }[Statuses<Answers>];

// A symbol of the registry: replies made by another copy of this package are replies too.
const REPLY: unique symbol = Symbol.for('@ent/http/reply@1') as never;

/** A reply of a route: a status that the route declares, its body, and headers. Made by {@link reply}. */
export interface RouteReply<Status extends number, Body> {
  readonly [REPLY]: true;
  readonly status: Status;
  readonly body: Body;
  readonly headers: ReplyHeaders | undefined;
}

/**
 * Answers with a status, a body and headers. The body still goes through the schema of that status.
 *
 * An `etag` header on a GET makes the answer conditional: `If-None-Match` gets a 304 without a body.
 *
 * @example
 * ```js
 * return reply(201, user, { location: `/users/${user.id}` });
 * ```
 */
export function reply<const Status extends number>(status: Status): RouteReply<Status, undefined>;
export function reply<const Status extends number, Body>(
  status: Status,
  body: Body,
  headers?: ReplyHeaders,
): RouteReply<Status, Body>;
export function reply(status: number, body?: unknown, headers?: ReplyHeaders): RouteReply<number, unknown> {
  return { [REPLY]: true, status, body, headers: headers && lowerCased(headers) };
}

function lowerCased(headers: ReplyHeaders): ReplyHeaders {
  const lower: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) lower[name.toLowerCase()] = value;
  return lower;
}

/** @internal */
export function isReply(value: unknown): value is RouteReply<number, unknown> {
  return typeof value === 'object' && value !== null && REPLY in value;
}

/** @internal */
export function isSchema(value: object): value is $ZodType {
  return '_zod' in value;
}
