import {
  AuthenticationError,
  BadRequestError,
  ConfigurationError,
  defineErrors,
  EntError,
  InternalError,
  NotFoundError,
  TimeoutError,
  ValidationError,
} from '@ent/errors';

/** The codes of this package. */
export const httpErrors = defineErrors('http', {
  /** No route has this path. */
  route_not_found: { class: NotFoundError },
  /** There is a route with this path, and none for this method; `Allow` lists those that there are. */
  method_not_allowed: { class: BadRequestError, status: 405, title: 'Method Not Allowed' },
  /** The path has a broken percent-encoding. */
  malformed_path: { class: BadRequestError },
  /** The path or a header asks for a version of the API that there is not; `details.supported` lists those that there are. */
  unsupported_version: { class: BadRequestError, publicDetails: ['supported'] },
  /** Parameters, query, headers or body do not fit the schemas of the route; `errors` points at each. */
  invalid_request: { class: ValidationError },
  /** What came is not HTTP, is too large or too slow. Written by the server itself, and never thrown. */
  malformed_request: { class: BadRequestError },
  /** The route wants a bearer token, and none came. */
  token_missing: { class: AuthenticationError },
  /** The `Authorization` header is no bearer token. */
  token_invalid: { class: AuthenticationError },
  /** The `auth` of the route found nobody behind the request. */
  unauthenticated: { class: AuthenticationError },
  /** A handler answered what the response schema of its route refuses; nothing of it was sent. */
  response_invalid: { class: InternalError, title: 'Response Does Not Match Its Schema' },
  /** A route is not one: its method, path or schemas contradict each other. Thrown at set-up. */
  invalid_route: { class: ConfigurationError, title: 'Invalid Route' },
  /** Two routes have the same method and path. Thrown at set-up. */
  duplicate_route: { class: ConfigurationError, title: 'Duplicate Route' },
  /** An option of a listener, a server, a client or the document is wrong, or an argument of a call. Thrown before anything is done. */
  invalid_options: { class: ConfigurationError, title: 'Invalid HTTP Options' },
  /** A client got no answer, or not the whole of it: no connection, or one that was cut. The work may have been done. */
  unreachable: {
    class: EntError,
    status: 503,
    title: 'Service Unavailable',
    retryable: 'idempotent',
    expose: false,
  },
  /** A client got no answer in time. The work may have been done. */
  call_timeout: { class: TimeoutError, status: 504, title: 'Gateway Timeout' },
  /** A client got an answer that is none of its route: another status without a problem, no JSON, too much. */
  unexpected_answer: { class: EntError, status: 502, title: 'Bad Gateway', retryable: 'never', expose: false },
  /** With `denyByDefault`, a route does not say who may call it. Thrown at set-up. */
  undeclared_auth: { class: ConfigurationError, title: 'Route Without Declared Authentication' },
});
