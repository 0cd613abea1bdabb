import { toMilliseconds } from '@ent/internal';
import { middlewareErrors } from './errors.ts';

/** A length of time: a number of milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. */
export type Duration = number | string;

/** @internal */
export function durationMs(duration: Duration, what: string): number {
  try {
    return toMilliseconds(duration, what);
  } catch (cause) {
    throw middlewareErrors.invalid_options((cause as Error).message, { cause });
  }
}
