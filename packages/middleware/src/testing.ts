export { type IdempotencyStoreHarness, testIdempotencyStore } from './testing/idempotency-store.ts';
export type { TestRunner } from './testing/runner.ts';
export { type RateLimitStoreHarness, testRateLimitStore } from './testing/rate-limit-store.ts';
