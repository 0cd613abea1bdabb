export { type AccessLogger, type AccessLogOptions, accessLog } from './access-log.ts';
export { addressKey } from './address.ts';
export {
  type BodyOptions,
  DEFAULT_MAX_BODY_BYTES,
  type FormBodyOptions,
  hasBody,
  type JsonBodyOptions,
  readBytes,
  readForm,
  readJson,
  readText,
} from './body.ts';
export { channels, type HookOperation, type RateLimitOperation, type RequestOperation } from './channels.ts';
export { entityTag, ifNoneMatch, notModified, requireMatch, type RequireMatchOptions } from './conditional.ts';
export { type CookieOptions, clearCookie, readCookie, setCookie } from './cookies.ts';
export { type CorsOptions, cors } from './cors.ts';
export {
  csrfCheck,
  createCsrfTokens,
  type CsrfOptions,
  type CsrfTokenOptions,
  type CsrfTokens,
  csrf,
} from './csrf.ts';
export { middlewareErrors } from './errors.ts';
export type { Exchange, HeaderBag, Outcome, Reply, ReplyBody, ReplyHeaders } from './exchange.ts';
export { type Answer, createPipeline, type Handler, type Middleware, type Pipeline, type Run } from './middleware.ts';
export type { Duration } from './options.ts';
export { type IdempotencyOptions, idempotency, idempotencyKeyPattern } from './idempotency.ts';
export {
  type IdempotencyStore,
  type MemoryIdempotencyStoreOptions,
  memoryIdempotencyStore,
} from './idempotency-store.ts';
export type { ContentCoding } from './internal/content-coding.ts';
export { type ProblemReply, problemReply } from './problem.ts';
export { type ProblemTitles, type ProblemTitlesOptions, problemTitles } from './problem-titles.ts';
export {
  createRateLimiter,
  type RateLimiter,
  type RateLimiterOptions,
  type RateLimitOptions,
  rateLimit,
} from './rate-limit.ts';
export {
  type MemoryRateLimitStoreOptions,
  memoryRateLimitStore,
  type RateLimitDecision,
  type RateLimitRule,
  type RateLimitStore,
} from './rate-limit-store.ts';
export { type RequestContextOptions, requestContext } from './request-context.ts';
export { type RequestIdOptions, requestId } from './request-id.ts';
export { type SecurityHeadersOptions, securityHeaders } from './security-headers.ts';
export { type TimeoutOptions, timeout } from './timeout.ts';
