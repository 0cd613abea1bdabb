import { toMilliseconds } from '@ent/internal';
import { authErrors } from '../errors.ts';
import type { Duration } from '../options.ts';

/** A duration option in milliseconds, or `auth.configuration` that names the option. */
export function durationOption(value: Duration, name: string): number {
  try {
    return toMilliseconds(value, name);
  } catch (cause) {
    throw authErrors.configuration((cause as Error).message, { cause });
  }
}
