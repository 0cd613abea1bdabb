import {
  AuthenticationError,
  BadRequestError,
  ConfigurationError,
  ConflictError,
  defineErrors,
  EntError,
  InternalError,
  NotFoundError,
  OverloadedError,
  TimeoutError,
  ValidationError,
} from '@ent/errors';

/** The codes of this package. */
export const httpErrors = defineErrors('http', {
  /** No route has this path. */
  route_not_found: { class: NotFoundError },
  /** There is a route with this path, and none for this method; `Allow` lists those that there are. */
  method_not_allowed: { class: BadRequestError, status: 405, title: 'Method Not Allowed' },
  /** The route is there, and no file of this name: see `fileAnswer()`. */
  file_not_found: { class: NotFoundError },
  /** None of the media types that the route has is among those that `Accept` lists; `details.available` has them. */
  not_acceptable: { class: BadRequestError, status: 406, title: 'Not Acceptable', publicDetails: ['available'] },
  /** The path has a broken percent-encoding. */
  malformed_path: { class: BadRequestError },
  /**
   * The path, a header or `Accept` asks for a version of the API that there is not; `details.supported` lists those
   * that there are.
   */
  unsupported_version: { class: BadRequestError, publicDetails: ['supported'] },
  /** Parameters, query, headers or body do not fit the schemas of the route; `errors` points at each. */
  invalid_request: { class: ValidationError },
  /** What came is not HTTP, is too large or too slow. Written by the server itself, and never thrown. */
  malformed_request: { class: BadRequestError },
  /** The route wants a bearer token, the cookie of a session or an API key, and none came. */
  token_missing: { class: AuthenticationError },
  /** The `Authorization` header is no bearer token, or that of an API key is not one key. */
  token_invalid: { class: AuthenticationError },
  /** The `auth` of the route found nobody behind the request. */
  unauthenticated: { class: AuthenticationError },
  /** Why the signal of an answer without end, such as a stream of events, aborts when its server is drained. */
  draining: { class: OverloadedError, title: 'Server Stops' },
  /** The headers that sign a webhook are missing or malformed, or it has no id where it needs one. */
  webhook_unsigned: { class: AuthenticationError, title: 'Webhook Without Signature' },
  /** No signature of a webhook is of a secret that is known. */
  webhook_forged: { class: AuthenticationError, title: 'Webhook With Wrong Signature' },
  /** A webhook was sent too long ago, or is from the future. */
  webhook_expired: { class: AuthenticationError, title: 'Webhook Too Old' },
  /** The same delivery of a webhook is being handled by another request. */
  webhook_in_progress: { class: ConflictError, title: 'Webhook In Progress' },
  /**
   * The lease of a delivery ran out before its work was done, as where the process stood still for longer. It may be
   * done again, or have been done twice. Never thrown.
   */
  webhook_lease_lost: { class: InternalError, title: 'Webhook Lease Lost' },
  /** A request for a WebSocket is none, or of another version of the protocol. */
  invalid_handshake: { class: BadRequestError, title: 'Invalid WebSocket Handshake' },
  /** Why the signal of an exchange aborts whose WebSocket was closed. */
  socket_closed: { class: BadRequestError, title: 'WebSocket Closed' },
  /** A handler answered what the response schema of its route refuses; nothing of it was sent. */
  response_invalid: { class: InternalError, title: 'Response Does Not Match Its Schema' },
  /** A route is not one: its method, path or schemas contradict each other. Thrown at set-up. */
  invalid_route: { class: ConfigurationError, title: 'Invalid Route' },
  /** Two routes have the same method and path. Thrown at set-up. */
  duplicate_route: { class: ConfigurationError, title: 'Duplicate Route' },
  /**
   * An option of a listener, a server, a client or the document is wrong, or an argument of a call. Thrown before
   * anything is done.
   */
  invalid_options: { class: ConfigurationError, title: 'Invalid HTTP Options' },
  /**
   * A client got no answer, or not the whole of it: no connection, or one that was cut. The work may have been done.
   */
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
