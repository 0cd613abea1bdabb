import { refuseUnknown } from '@ent/internal';
import type { Exchange } from '@ent/middleware';
import type { $ZodType, output } from 'zod/v4/core';
import type { RouteBody } from './body.ts';
import { httpErrors } from './errors.ts';
import { checkRoute } from './internal/check-route.ts';
import type { RouteVersion } from './internal/version.ts';
import type { Duration } from './options.ts';
import type { HandlerResult, Responses } from './responses.ts';

/** Methods a route can answer. HEAD comes with GET, and OPTIONS is answered for every path. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Says who is calling, or throws (an `AuthenticationError` for a 401). `undefined` and `null` are nobody: 401. The
 * principal must come from a verified credential, never from the request's body or query.
 */
export interface Authenticator<Principal> {
  (exchange: Exchange): Principal | Promise<Principal>;
  /**
   * How clients authenticate, by name, for the OpenAPI document: `{ bearerAuth: { type: 'http', scheme: 'bearer' } }`.
   */
  readonly securitySchemes?: Readonly<Record<string, object>>;
}

/** What a guard may look at beside the principal. */
export interface GuardRequest {
  readonly exchange: Exchange;
  /** The path parameters, decoded, not validated yet. */
  readonly params: Readonly<Record<string, string>>;
}

/** Lets the request pass, or throws (an `AuthorizationError` for a 403). */
export type Guard<Principal> = (principal: Principal, request: GuardRequest) => void | Promise<void>;

/** Names of the parameters in a path: `'/users/:id'` gives `{ id: string }`. */
export type PathParams<Path extends string> = Path extends `${string}/:${infer Name}/${infer Rest}`
  ? { [K in Name]: string } & PathParams<`/${Rest}`>
  : Path extends `${string}/:${infer Name}`
    ? { [K in Name]: string }
    : Record<never, string>;

/** The validated request, as its handler gets it. */
export interface HandlerInput<Params, Query, Headers, Body, Principal, Cookies = undefined> {
  readonly params: Params;
  readonly query: Query;
  readonly headers: Headers;
  readonly cookies: Cookies;
  readonly body: Body;
  /** What `auth` gave; `undefined` on a route for everyone. */
  readonly principal: Principal;
  /** The exchange itself: `exchange.signal`, `exchange.id`, raw headers. */
  readonly exchange: Exchange;
}

/** What the handler gets of a part of the request with this schema. */
export type Parsed<Schema, Otherwise> = Schema extends $ZodType
  ? output<Schema>
  : Schema extends RouteBody<infer Body>
    ? Body
    : Otherwise;

/** What {@link route} takes. */
export interface RouteSpec<
  Path extends string,
  Params extends $ZodType | undefined,
  Query extends $ZodType | undefined,
  Headers extends $ZodType | undefined,
  Body extends $ZodType | RouteBody<unknown> | undefined,
  Answers extends Responses,
  Principal,
  Verb extends Method = Method,
  Cookies extends $ZodType | undefined = undefined,
> extends RouteDocs {
  readonly method: Verb;
  /** Pattern such as `/users/:id`. A parameter is a whole segment. A trailing slash makes no difference. */
  readonly path: Path;
  /** Schema of the path parameters; has each of them. Default: strings. */
  readonly params?: Params | undefined;
  /**
   * Schema of the query. Unknown parameters are refused; a repeated one is an array. Without it, the query is not read.
   */
  readonly query?: Query | undefined;
  /** Schema of the request headers that the handler reads, by lower-case name. */
  readonly headers?: Headers | undefined;
  /**
   * Schema of the cookies that the handler reads, by name. One that comes twice is as if it had not come: see
   * `readCookie` of `@ent/middleware`.
   */
  readonly cookies?: Cookies | undefined;
  /**
   * Schema of the JSON body, or what `formBody()`, `streamBody()`, and `multipartBody()` of `@ent/http/multipart` make.
   * Unknown fields are refused. Without it, a body is not read.
   */
  readonly body?: Body | undefined;
  /** What the route answers, by status. Fields that a response schema does not know are left out of the response. */
  readonly responses: Answers;
  /**
   * Who may call: an authenticator, or `false` for everyone. Runs before the body is
   * read. Default: everyone, see `denyByDefault`.
   */
  readonly auth?: Authenticator<Principal> | false | undefined;
  /** Run in this order after `auth`, before the body is read. */
  readonly guards?: readonly Guard<NoInfer<Principal>>[] | undefined;
  /** Most bytes of the body. Default: the handler's `maxBodyBytes`. */
  readonly maxBodyBytes?: number | undefined;
  /**
   * How long the answer is waited for, from `auth` on: then `exchange.signal` aborts, and the client gets 503. As
   * `timeout()` of `@ent/middleware`, for this route. Default: no limit.
   */
  readonly timeout?: Duration | undefined;
  /**
   * Gives the data of the one 2xx response, or a
   * `reply(status, body, headers)`. What it throws becomes a problem reply.
   */
  handler(
    input: HandlerInput<
      Parsed<Params, PathParams<Path>>,
      Parsed<Query, undefined>,
      Parsed<Headers, undefined>,
      Parsed<Body, undefined>,
      NoInfer<Principal>,
      Parsed<Cookies, undefined>
    >,
  ): HandlerResult<Answers> | Promise<HandlerResult<Answers>>;
}

/** The part of a route that only the OpenAPI document shows. */
export interface RouteDocs {
  /** Unique name of the operation, for generated clients. Default: made of method and path. */
  readonly operationId?: string | undefined;
  readonly summary?: string | undefined;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly deprecated?: boolean | undefined;
  /** Statuses of the problems the handler throws, such as `[404, 409]`. Those of validation and `auth` are known. */
  readonly problems?: readonly number[] | undefined;
  /** Leaves the route out of the document. Default: `false`. */
  readonly hidden?: boolean | undefined;
}

/** A route as data, its types erased: what every {@link TypedRoute} is. */
export interface Route extends RouteDocs {
  readonly method: Method;
  readonly path: string;
  readonly params?: $ZodType | undefined;
  readonly query?: $ZodType | undefined;
  readonly headers?: $ZodType | undefined;
  readonly cookies?: $ZodType | undefined;
  readonly body?: $ZodType | RouteBody<unknown> | undefined;
  readonly responses: Responses;
  readonly auth?: Authenticator<unknown> | false | undefined;
  readonly guards?: readonly Guard<never>[] | undefined;
  readonly maxBodyBytes?: number | undefined;
  readonly timeout?: Duration | undefined;
  /** The version of an API that it belongs to; set by `versions`. */
  readonly version?: RouteVersion | undefined;
  readonly handler: (input: never) => unknown;
}

/** A {@link Route} that keeps the types of its parts, so that a client can be typed by it. Made by {@link route}. */
export interface TypedRoute<
  Verb extends Method,
  Path extends string,
  Params extends $ZodType | undefined,
  Query extends $ZodType | undefined,
  Headers extends $ZodType | undefined,
  Body extends $ZodType | RouteBody<unknown> | undefined,
  Answers extends Responses,
  Cookies extends $ZodType | undefined = undefined,
> extends Route {
  readonly method: Verb;
  readonly path: Path;
  readonly params?: Params | undefined;
  readonly query?: Query | undefined;
  readonly headers?: Headers | undefined;
  readonly cookies?: Cookies | undefined;
  readonly body?: Body | undefined;
  readonly responses: Answers;
}

const ROUTE_FIELDS = {
  method: true,
  path: true,
  params: true,
  query: true,
  headers: true,
  cookies: true,
  body: true,
  responses: true,
  auth: true,
  guards: true,
  maxBodyBytes: true,
  timeout: true,
  handler: true,
  operationId: true,
  summary: true,
  description: true,
  tags: true,
  deprecated: true,
  problems: true,
  hidden: true,
} as const;

/**
 * Describes one route. The types of `params`, `query`, `headers`, `cookies`, `body`, `principal` and of the result come
 * from the schemas.
 *
 * @throws `http.invalid_route` for a field that a route does not have, lacks, or that is of the wrong kind
 * @example
 * ```ts
 * import { route } from '@ent/http';
 * import { z } from 'zod';
 *
 * const User = z.object({ id: z.uuid(), name: z.string() }).meta({ id: 'User' });
 *
 * const getUser = route({
 *   method: 'GET',
 *   path: '/users/:id',
 *   params: z.object({ id: z.uuid() }),
 *   responses: { 200: User },
 *   handler: ({ params }) => ({ id: params.id, name: 'Ada' }),
 * });
 * ```
 */
export function route<
  const Path extends string,
  Params extends $ZodType | undefined = undefined,
  Query extends $ZodType | undefined = undefined,
  Headers extends $ZodType | undefined = undefined,
  Body extends $ZodType | RouteBody<unknown> | undefined = undefined,
  const Answers extends Responses = Responses,
  Principal = undefined,
  Verb extends Method = Method,
  Cookies extends $ZodType | undefined = undefined,
>(
  spec: RouteSpec<Path, Params, Query, Headers, Body, Answers, Principal, Verb, Cookies>,
): // Not inferred from what the route is put into: in a `Route[]` it would have any parameters.
TypedRoute<
  NoInfer<Verb>,
  NoInfer<Path>,
  NoInfer<Params>,
  NoInfer<Query>,
  NoInfer<Headers>,
  NoInfer<Body>,
  NoInfer<Answers>,
  NoInfer<Cookies>
> {
  refuseUnknown(spec, ROUTE_FIELDS, 'route', httpErrors.invalid_route);
  checkRoute(spec);
  return spec;
}
