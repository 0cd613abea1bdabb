import { durationOption as durationOf } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import type { Duration } from '../options.ts';

/** A duration option in milliseconds, or `messaging.invalid_options` that names the option. */
export function durationOption(value: Duration, name: string): number {
  return durationOf(value, name, messagingErrors.invalid_options);
}

export function countOption(value: number, name: string, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw messagingErrors.invalid_options(`"${name}" must be a whole number of at least ${least}; got ${String(value)}.`);
}
