import type { TagVersion } from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import type { LoadOptions, Ttl } from '../../options.ts';
import type { RecordDraft } from '../records/record.ts';
import { durationMs, expiryOf, ttlMs } from '../ttl.ts';

/** `LoadOptions` with every duration in milliseconds. */
export interface LoadPlan {
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly softTimeoutMs: number | undefined;
  readonly hardTimeoutMs: number | undefined;
  readonly negativeTtlMs: number | undefined;
  readonly jitter: number;
  readonly eagerRefresh: number | undefined;
}

/** The options of `getOrSetMany`, and those of `getOrSet`. */
export const LOAD_MANY_OPTIONS = {
  schema: true,
  ttl: true,
  tags: true,
  grace: true,
  hardTimeout: true,
  negativeTtl: true,
  jitter: true,
  signal: true,
} as const;
export const LOAD_OPTIONS = { ...LOAD_MANY_OPTIONS, eagerRefresh: true, softTimeout: true } as const;

/** Milliseconds of the TTL that a call names, else the cache's. */
export function planTtl({ ttl }: { readonly ttl?: Ttl | undefined }, defaultMs: number): number {
  return ttl === undefined ? defaultMs : ttlMs(ttl);
}

/** Checks the options of a load, before anything is read. */
export function planLoad<T>(options: LoadOptions<T>, defaultTtlMs: number): LoadPlan {
  const { grace, softTimeout, hardTimeout, negativeTtl, eagerRefresh, jitter = 0 } = options;
  if (!(jitter >= 0 && jitter <= 1)) throw cacheErrors.invalid_argument(`jitter must be from 0 to 1; got ${jitter}.`);
  const ttl = planTtl(options, defaultTtlMs);
  if (eagerRefresh !== undefined && !(eagerRefresh > 0 && eagerRefresh < 1 && ttl !== Number.POSITIVE_INFINITY)) {
    throw cacheErrors.invalid_argument('eagerRefresh must be between 0 and 1, and needs a ttl.');
  }
  return {
    ttlMs: ttl,
    graceMs: grace === undefined ? 0 : ttlMs(grace, 'grace'),
    softTimeoutMs:
      softTimeout === undefined || softTimeout === 0 ? softTimeout : durationMs(softTimeout, 'softTimeout'),
    hardTimeoutMs: hardTimeout === undefined ? undefined : durationMs(hardTimeout, 'hardTimeout'),
    negativeTtlMs: negativeTtl === undefined ? undefined : ttlMs(negativeTtl, 'negativeTtl'),
    jitter,
    eagerRefresh,
  };
}

/** Milliseconds that a loaded value is fresh, where its factory did not say. */
export function ttlOf(value: unknown, plan: LoadPlan): number {
  return value == null ? (plan.negativeTtlMs ?? plan.ttlMs) : plan.ttlMs;
}

/** What a factory gave, and the TTL if it chose one. */
export interface Made {
  readonly value: unknown;
  readonly ttlMs: number | undefined;
}

/** The record of a loaded value, which depends on the versions of its tags. */
export function recordOf(
  { value, ttlMs: chosen }: Made,
  plan: LoadPlan,
  tags: readonly TagVersion[] | undefined,
): RecordDraft {
  const now = Date.now();
  const ttl = chosen ?? ttlOf(value, plan);
  const lifetime =
    ttl === Number.POSITIVE_INFINITY ? ttl : Math.max(1, Math.round(ttl * (1 - plan.jitter * Math.random())));
  return {
    value,
    freshUntil: expiryOf(lifetime, now),
    expiresAt: expiryOf(lifetime + plan.graceMs, now),
    tags,
    lease: undefined,
    hasValue: true,
  };
}
