import { refuseUnknown } from '@ent/internal';
import { csrfCheck, type Exchange } from '@ent/middleware';
import type { WebSocket } from 'ws';
import type { $ZodType } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';
import { demandCount, demandFunction } from '../internal/demand.ts';
import { TOKEN } from '../internal/token.ts';
import type { HandlerInput, Parsed, PathParams, Route, RouteSpec } from '../route.ts';

/** What a handler of WebSockets gets: the validated request, and the socket of `ws`, which is open. */
export interface WebSocketInput<Params, Query, Headers, Principal, Cookies>
  extends Omit<HandlerInput<Params, Query, Headers, undefined, Principal, Cookies>, 'body'> {
  readonly socket: WebSocket;
}

/** What {@link webSocket} takes. */
export interface WebSocketSpec<
  Path extends string,
  Params extends $ZodType | undefined,
  Query extends $ZodType | undefined,
  Headers extends $ZodType | undefined,
  Principal,
  Cookies extends $ZodType | undefined,
> extends Pick<
    RouteSpec<Path, Params, Query, Headers, undefined, Record<never, never>, Principal, 'GET', Cookies>,
    'path' | 'params' | 'query' | 'headers' | 'cookies' | 'auth' | 'guards'
  > {
  /**
   * Exact origins whose pages may connect, beside the one that the request is for; `false` for any. A browser sends its
   * cookies with the request of any page, and asks nobody before. Default: none other. See `csrf()` of
   * `@ent/middleware`; a program that sends cookies has to say `Origin`.
   */
  readonly origins?: readonly string[] | false | undefined;
  /** Most bytes of a message; a larger one closes the socket with 1009. Default: 64 KiB. */
  readonly maxMessageBytes?: number | undefined;
  /** Subprotocols that are spoken here: of those that the client asks for, its first one of these. Default: none. */
  readonly protocols?: readonly string[] | undefined;
  /**
   * Called with the open socket. It listens before it waits for anything, or the first messages are lost. What it
   * throws closes the socket with 1011, and is published on `ent:middleware:hook`.
   */
  handler(
    input: WebSocketInput<
      Parsed<Params, PathParams<Path>>,
      Parsed<Query, undefined>,
      Parsed<Headers, undefined>,
      NoInfer<Principal>,
      Parsed<Cookies, undefined>
    >,
  ): void | Promise<void>;
}

/** A route for WebSockets as data, made by {@link webSocket}. */
export interface WebSocketRoute
  extends Pick<Route, 'path' | 'params' | 'query' | 'headers' | 'cookies' | 'auth' | 'guards'> {
  readonly origins?: readonly string[] | false | undefined;
  readonly maxMessageBytes?: number | undefined;
  readonly protocols?: readonly string[] | undefined;
  readonly handler: (input: never) => void | Promise<void>;
}

const FIELDS = {
  path: true,
  params: true,
  query: true,
  headers: true,
  cookies: true,
  auth: true,
  guards: true,
  origins: true,
  maxMessageBytes: true,
  protocols: true,
  handler: true,
} as const;

/**
 * Describes one route for WebSockets. Who may connect is said and checked as for any route, before the upgrade: a
 * refusal is an answer of HTTP.
 *
 * @throws `http.invalid_route`; `middleware.invalid_options` for an origin that is not one
 * @example
 * ```ts
 * import { bearer } from '@ent/http';
 * import { webSocket } from '@ent/http/websocket';
 *
 * const chat = webSocket({
 *   path: '/rooms/:room',
 *   auth: bearer((token) => ({ id: token })),
 *   handler({ socket, params, principal }) {
 *     socket.on('message', (data) => socket.send(`${principal.id} in ${params.room}: ${String(data)}`));
 *   },
 * });
 * ```
 */
export function webSocket<
  const Path extends string,
  Params extends $ZodType | undefined = undefined,
  Query extends $ZodType | undefined = undefined,
  Headers extends $ZodType | undefined = undefined,
  Principal = undefined,
  Cookies extends $ZodType | undefined = undefined,
>(spec: WebSocketSpec<Path, Params, Query, Headers, Principal, Cookies>): WebSocketRoute {
  refuseUnknown(spec, FIELDS, 'webSocket', httpErrors.invalid_route);
  const { path, origins, maxMessageBytes, protocols, handler } = spec as WebSocketRoute;
  demandFunction(handler, `WebSocket ${path}: the handler`);
  if (maxMessageBytes !== undefined) {
    demandCount(maxMessageBytes, `WebSocket ${path}: maxMessageBytes`, httpErrors.invalid_route);
  }
  if (origins !== false) csrfCheck({ origins });
  if (protocols !== undefined && !isTokens(protocols)) {
    throw httpErrors.invalid_route(`WebSocket ${path}: protocols must be a list of names of subprotocols.`);
  }
  return spec;
}

function isTokens(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && TOKEN.test(each));
}

/** Refuses a page of another origin, which browsers let connect with their cookies. */
export function originCheck(origins: readonly string[] | false | undefined): (exchange: Exchange) => void {
  if (origins === false) return () => {};
  const check = csrfCheck({ origins });
  // A GET changes nothing elsewhere; here it opens what changes things.
  return (exchange) => check({ method: 'POST', header: (name: string) => exchange.header(name) } as Exchange);
}
