import { cacheErrors } from '../errors.ts';
import type { LoadOptions, Ttl } from '../options.ts';
import type { LoadPlan } from './loader.ts';
import { durationMs, ttlMs } from './ttl.ts';

/** Milliseconds of the TTL that a call names, else the cache's. */
export function planTtl(options: { readonly ttl?: Ttl }, defaultMs: number): number {
  return options.ttl === undefined ? defaultMs : ttlMs(options.ttl);
}

/** Checks the options of a load, before anything is read. */
export function planLoad<T>(options: LoadOptions<T>, defaultTtlMs: number): LoadPlan {
  const { grace, softTimeout, hardTimeout, negativeTtl, jitter = 0 } = options;
  if (!(jitter >= 0 && jitter <= 1)) throw cacheErrors.invalid_argument(`jitter must be from 0 to 1; got ${jitter}`);
  return {
    ttlMs: planTtl(options, defaultTtlMs),
    graceMs: grace === undefined ? 0 : durationMs(grace, 'grace'),
    softTimeoutMs:
      softTimeout === undefined || softTimeout === 0 ? softTimeout : durationMs(softTimeout, 'softTimeout'),
    hardTimeoutMs: hardTimeout === undefined ? undefined : durationMs(hardTimeout, 'hardTimeout'),
    negativeTtlMs: negativeTtl === undefined ? undefined : ttlMs(negativeTtl, 'negativeTtl'),
    jitter,
  };
}

/** Whether a hit is old enough to be loaded again. */
export function isDue(
  freshUntil: number,
  { eagerRefresh }: { readonly eagerRefresh?: number },
  lifetime: number,
): boolean {
  if (eagerRefresh === undefined || lifetime === Number.POSITIVE_INFINITY) return false;
  if (!(eagerRefresh > 0 && eagerRefresh < 1)) {
    throw cacheErrors.invalid_argument(`eagerRefresh must be between 0 and 1; got ${eagerRefresh}`);
  }
  return freshUntil - Date.now() < lifetime * (1 - eagerRefresh);
}
