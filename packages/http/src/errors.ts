import {
  AuthenticationError,
  BadRequestError,
  ConfigurationError,
  defineErrors,
  InternalError,
  NotFoundError,
  ValidationError,
} from '@ent/errors';

/** The codes of this package. */
export const httpErrors = defineErrors('http', {
  route_not_found: { class: NotFoundError },
  method_not_allowed: { class: BadRequestError, status: 405, title: 'Method Not Allowed' },
  malformed_path: { class: BadRequestError },
  invalid_request: { class: ValidationError },
  malformed_request: { class: BadRequestError },
  token_missing: { class: AuthenticationError },
  token_invalid: { class: AuthenticationError },
  unauthenticated: { class: AuthenticationError },
  response_invalid: { class: InternalError, title: 'Response Does Not Match Its Schema' },
  invalid_route: { class: ConfigurationError, title: 'Invalid Route' },
  duplicate_route: { class: ConfigurationError, title: 'Duplicate Route' },
  invalid_options: { class: ConfigurationError, title: 'Invalid HTTP Options' },
  undeclared_auth: { class: ConfigurationError, title: 'Route Without Declared Authentication' },
});
