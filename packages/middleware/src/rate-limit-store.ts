import { GcraTable, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';

/** A limit, in the terms of GCRA: one unit becomes free every `intervalMs`, and at most `burst` are free at once. */
export interface RateLimitRule {
  readonly intervalMs: number;
  readonly burst: number;
}

/** What a store says about one attempt. */
export interface RateLimitDecision {
  readonly allowed: boolean;
  /** Whole units that are left. */
  readonly remaining: number;
  /** How long until this attempt would have been allowed, in milliseconds; 0 when it was. */
  readonly retryAfterMs: number;
  /** How long until everything is free again, in milliseconds. */
  readonly resetMs: number;
}

/**
 * Where the state of limits is kept. A store decides and records in one atomic step: two
 * attempts at once never both take the last unit.
 */
export interface RateLimitStore {
  take(key: string, cost: number, rule: RateLimitRule): RateLimitDecision | Promise<RateLimitDecision>;
}

/** Options of {@link memoryRateLimitStore}. */
export interface MemoryRateLimitStoreOptions {
  /**
   * Most keys that are remembered; those that are nearest to being free again are
   * forgotten first. Default: 100,000 (about 15 MB).
   */
  maxKeys?: number | undefined;
  /** The clock, in milliseconds. Default: a monotonic one. */
  now?: (() => number) | undefined;
}

/**
 * Limits in the memory of this process, in bounded space: each of several processes counts for itself. It has no
 * window whose edge lets twice the limit through.
 */
export function memoryRateLimitStore(options: MemoryRateLimitStoreOptions = {}): RateLimitStore {
  refuseUnknown(options, { maxKeys: true, now: true }, 'memoryRateLimitStore', middlewareErrors.invalid_options);
  const { maxKeys = 100_000, now = () => performance.now() } = options;
  const table = new GcraTable(maxKeys);
  return { take: (key, cost, rule) => table.take(key, cost, rule, now()) };
}
