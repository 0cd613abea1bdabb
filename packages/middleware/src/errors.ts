import {
  AuthorizationError,
  BadRequestError,
  ConfigurationError,
  ConflictError,
  defineErrors,
  InternalError,
  OverloadedError,
  PreconditionFailedError,
  RateLimitedError,
  TimeoutError,
  ValidationError,
} from '@ent/errors';

/** The codes of this package. */
export const middlewareErrors = defineErrors('middleware', {
  /** The body has more bytes, fields or files than the limit, as they come or decoded. */
  body_too_large: { class: BadRequestError, status: 413, title: 'Content Too Large' },
  /** The body is not what its type says, nests too deeply, has too many keys, or one such as `__proto__`. */
  body_unparsable: { class: BadRequestError, title: 'Unparsable Body' },
  /** The body was read before, so that nothing is left of it. */
  body_consumed: { class: InternalError, title: 'Request Body Already Read' },
  /** The body has a content type, a charset or a content encoding that is not taken here. */
  unsupported_media_type: { class: BadRequestError, status: 415, title: 'Unsupported Media Type' },
  /** The target of the request is neither a path nor an http URL. */
  malformed_target: { class: BadRequestError, title: 'Malformed Request Target' },
  /** The client went away before the exchange was complete; the reason of `exchange.signal`. */
  request_aborted: { class: BadRequestError, title: 'Request Aborted' },
  /** `If-Match` names another version than the one that there is; nothing was changed. */
  precondition_failed: { class: PreconditionFailedError, title: 'Precondition Failed' },
  /** The write came without `If-Match`, which `requireMatch` was told to demand; nothing was changed. */
  precondition_required: { class: BadRequestError, status: 428, title: 'Precondition Required' },
  /** The range of bytes that was asked for is beyond the end of the file. */
  range_not_satisfiable: { class: BadRequestError, status: 416, title: 'Range Not Satisfiable' },
  /** A page of another origin made the browser send the request. */
  cross_site: { class: AuthorizationError, title: 'Cross-Site Request' },
  /** The limit of this client is used up; `Retry-After` says when there is room again. */
  rate_limited: { class: RateLimitedError, title: 'Too Many Requests' },
  /** `Idempotency-Key` is absent where there has to be one, or is no text of 1 to 255 visible characters. */
  idempotency_key_invalid: { class: BadRequestError, title: 'Invalid Idempotency-Key' },
  /** The first request with this `Idempotency-Key` is still being done; `Retry-After` says when to ask again. */
  idempotency_key_in_use: { class: ConflictError, title: 'Request Still Being Done' },
  /** This `Idempotency-Key` came with another method, path or body before; nothing was done. */
  idempotency_key_reused: { class: ValidationError, title: 'Idempotency-Key Used Before' },
  /**
   * The lease of a key ran out before its request was done, as where the process stood still for longer. A second
   * attempt may have been done too, and this answer is not kept. Never thrown.
   */
  idempotency_lease_lost: { class: InternalError, title: 'Idempotency Lease Lost' },
  /** The handler gave no answer within the limit of `timeout()`; its work may go on. */
  timed_out: { class: TimeoutError, status: 503, title: 'No Answer In Time' },
  /** The same, where `timeout()` is told to answer 504. */
  upstream_timed_out: { class: TimeoutError, status: 504, title: 'No Answer In Time' },
  /** The store of idempotency keys is away; nothing was done. */
  store_unavailable: { class: OverloadedError, title: 'Store Unavailable' },
  /** The store of a rate limit did not answer in time; a limit in this process decided in its place. Never thrown. */
  store_timeout: { class: TimeoutError, title: 'Store Timed Out' },
  /** Other processes changed a limit again and again; a limit in this process decided in its place. Never thrown. */
  store_contended: { class: OverloadedError, title: 'Store Contended' },
  /** A handler or hook gave a reply that HTTP cannot have: its status, a header or its body. */
  invalid_reply: { class: InternalError, title: 'Reply Cannot Be Sent' },
  /** A `context` hook ended without having called `run`. */
  context_not_run: { class: InternalError, title: 'Context Hook Did Not Run' },
  /** An option of a middleware, or of a listener, is wrong. Thrown at set-up. */
  invalid_options: { class: ConfigurationError, title: 'Invalid Middleware Options' },
});
