export {
  AuthenticationError,
  AuthorizationError,
  BadRequestError,
  CacheError,
  ConfigurationError,
  ConflictError,
  DatabaseError,
  MessageQueueError,
  NotFoundError,
  OverloadedError,
  PreconditionFailedError,
  RateLimitedError,
  TimeoutError,
  UnsupportedError,
  ValidationError,
} from './classes.ts';
export { EntError, type ErrorClass, InternalError } from './error.ts';
export { type IssuesFromZodOptions, issuesFromZod } from './issues.ts';
export { toErrorRecord } from './log.ts';
export type {
  EntErrorOptions,
  ErrorMapper,
  ErrorRecord,
  ErrorTraits,
  Issue,
  IssueLocation,
  Problem,
  Retryable,
  WireCause,
  WireError,
} from './options.ts';
export {
  defineErrors,
  type EntErrorClass,
  type ErrorFactories,
  type ErrorFactory,
  type ErrorSpec,
} from './registry.ts';
