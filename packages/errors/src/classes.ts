import { EntError, type ErrorClass } from './error.ts';
import { domainClass } from './internal/construct.ts';

// Titles are the phrases of the HTTP status, as RFC 9457 section 4.2.1 asks for problems of the type about:blank.

/** An input that can be read but is wrong: 422, with `issues` that point at each fault. */
export const ValidationError: ErrorClass<ValidationError> = domainClass(EntError, 'ValidationError', {
  code: 'validation',
  status: 422,
  title: 'Unprocessable Content',
  retryable: 'never',
  expose: true,
});
export interface ValidationError extends EntError {}

/** A request that cannot be read at all: 400. */
export const BadRequestError: ErrorClass<BadRequestError> = domainClass(EntError, 'BadRequestError', {
  code: 'bad_request',
  status: 400,
  title: 'Bad Request',
  retryable: 'never',
  expose: true,
});
export interface BadRequestError extends EntError {}

/** Who calls is not known: 401. Use one message for every reason, so that it tells nothing about accounts. */
export const AuthenticationError: ErrorClass<AuthenticationError> = domainClass(EntError, 'AuthenticationError', {
  code: 'unauthenticated',
  status: 401,
  title: 'Unauthorized',
  retryable: 'never',
  expose: true,
});
export interface AuthenticationError extends EntError {}

/** Who calls is known and may not: 403. */
export const AuthorizationError: ErrorClass<AuthorizationError> = domainClass(EntError, 'AuthorizationError', {
  code: 'forbidden',
  status: 403,
  title: 'Forbidden',
  retryable: 'never',
  expose: true,
});
export interface AuthorizationError extends EntError {}

/** What was asked for does not exist, or its existence is not to be told: 404. */
export const NotFoundError: ErrorClass<NotFoundError> = domainClass(EntError, 'NotFoundError', {
  code: 'not_found',
  status: 404,
  title: 'Not Found',
  retryable: 'never',
  expose: true,
});
export interface NotFoundError extends EntError {}

/** The request contradicts the present state, such as an address that is taken: 409. */
export const ConflictError: ErrorClass<ConflictError> = domainClass(EntError, 'ConflictError', {
  code: 'conflict',
  status: 409,
  title: 'Conflict',
  retryable: 'never',
  expose: true,
});
export interface ConflictError extends EntError {}

/** A condition of the request (`If-Match`) does not hold any more: 412. */
export const PreconditionFailedError: ErrorClass<PreconditionFailedError> = domainClass(
  EntError,
  'PreconditionFailedError',
  {
    code: 'precondition_failed',
    status: 412,
    title: 'Precondition Failed',
    retryable: 'never',
    expose: true,
  },
);
export interface PreconditionFailedError extends EntError {}

/** This caller asked too often: 429. Say when to come back with `retryAfterMs`. */
export const RateLimitedError: ErrorClass<RateLimitedError> = domainClass(EntError, 'RateLimitedError', {
  code: 'rate_limited',
  status: 429,
  title: 'Too Many Requests',
  retryable: 'always',
  expose: true,
});
export interface RateLimitedError extends EntError {}

/** Everybody asks too much: 503. The work was refused before it began. */
export const OverloadedError: ErrorClass<OverloadedError> = domainClass(EntError, 'OverloadedError', {
  code: 'overloaded',
  status: 503,
  title: 'Service Unavailable',
  retryable: 'always',
  expose: false,
});
export interface OverloadedError extends EntError {}

/** A deadline passed: 503. The work may have been done all the same, so only idempotent work may be tried again. */
export const TimeoutError: ErrorClass<TimeoutError> = domainClass(EntError, 'TimeoutError', {
  code: 'timeout',
  status: 503,
  title: 'Service Unavailable',
  retryable: 'idempotent',
  expose: false,
});
export interface TimeoutError extends EntError {}

/** What was asked for is beyond this driver or platform: 501. Thrown before anything was done. */
export const UnsupportedError: ErrorClass<UnsupportedError> = domainClass(EntError, 'UnsupportedError', {
  code: 'unsupported',
  status: 501,
  title: 'Not Implemented',
  retryable: 'never',
  expose: false,
});
export interface UnsupportedError extends EntError {}

/** The database refused or failed: 500. */
export const DatabaseError: ErrorClass<DatabaseError> = domainClass(EntError, 'DatabaseError', {
  code: 'database',
  status: 500,
  title: 'Internal Server Error',
  retryable: 'never',
  expose: false,
});
export interface DatabaseError extends EntError {}

/** The cache failed: 503. */
export const CacheError: ErrorClass<CacheError> = domainClass(EntError, 'CacheError', {
  code: 'cache',
  status: 503,
  title: 'Service Unavailable',
  retryable: 'idempotent',
  expose: false,
});
export interface CacheError extends EntError {}

/** The message broker failed: 503. */
export const MessageQueueError: ErrorClass<MessageQueueError> = domainClass(EntError, 'MessageQueueError', {
  code: 'message_queue',
  status: 503,
  title: 'Service Unavailable',
  retryable: 'idempotent',
  expose: false,
});
export interface MessageQueueError extends EntError {}

/** A setting or an option is wrong: 500. The one who runs the program can fix it, not the client. */
export const ConfigurationError: ErrorClass<ConfigurationError> = domainClass(EntError, 'ConfigurationError', {
  code: 'configuration',
  status: 500,
  title: 'Internal Server Error',
  retryable: 'never',
  expose: false,
});
export interface ConfigurationError extends EntError {}
