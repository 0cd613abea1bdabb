import { toMilliseconds } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import type { Backoff, Duration } from '../options.ts';

/** How long to wait after the try with this number failed, in milliseconds. */
export type Delay = (attempt: number) => number;

export function createBackoff(options: Backoff, random: () => number): Delay {
  const base = durationOption(options.base ?? 500, 'backoff.base');
  const max = durationOption(options.max ?? 60_000, 'backoff.max');
  const { jitter = 1 } = options;
  if (!(jitter >= 0 && jitter <= 1)) throw messagingErrors.invalid_options('"backoff.jitter" must be from 0 to 1.');
  return (attempt) => {
    const full = Math.min(max, base * 2 ** Math.min(attempt - 1, 40));
    return Math.round(full * (1 - jitter * random()));
  };
}

/** A duration option in milliseconds, or `messaging.invalid_options` that names the option. */
export function durationOption(value: Duration, name: string): number {
  try {
    return toMilliseconds(value, name);
  } catch (cause) {
    throw messagingErrors.invalid_options((cause as Error).message, { cause });
  }
}

export function countOption(value: number, name: string, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw messagingErrors.invalid_options(`"${name}" must be a whole number of at least ${least}; got ${String(value)}.`);
}
