import {
  BadRequestError,
  ConfigurationError,
  defineErrors,
  InternalError,
  OverloadedError,
  PreconditionFailedError,
  RateLimitedError,
  TimeoutError,
} from '@ent/errors';

/** The codes of this package. */
export const middlewareErrors = defineErrors('middleware', {
  body_too_large: { class: BadRequestError, status: 413, title: 'Content Too Large' },
  body_unparsable: { class: BadRequestError, title: 'Unparsable Body' },
  body_consumed: { class: InternalError, title: 'Request Body Already Read' },
  unsupported_media_type: { class: BadRequestError, status: 415, title: 'Unsupported Media Type' },
  malformed_target: { class: BadRequestError, title: 'Malformed Request Target' },
  request_aborted: { class: BadRequestError, title: 'Request Aborted' },
  precondition_failed: { class: PreconditionFailedError, title: 'Precondition Failed' },
  rate_limited: { class: RateLimitedError, title: 'Too Many Requests' },
  store_timeout: { class: TimeoutError, title: 'Store Timed Out' },
  store_contended: { class: OverloadedError, title: 'Store Contended' },
  invalid_reply: { class: InternalError, title: 'Reply Cannot Be Sent' },
  context_not_run: { class: InternalError, title: 'Context Hook Did Not Run' },
  invalid_options: { class: ConfigurationError, title: 'Invalid Middleware Options' },
});
