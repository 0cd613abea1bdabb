export type { TestRunner } from './testing/runner.ts';
export { type RateLimitStoreHarness, testRateLimitStore } from './testing/rate-limit-store.ts';
