/** A length of time: a number of milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. */
export type Duration = number | string;

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const FORM = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;

/**
 * Turns a {@link Duration} into milliseconds.
 *
 * Zero, negative, `NaN`, infinite and unparsable durations give a `RangeError`: in most stores a
 * TTL of 0 means "forever" in one place and "already gone" in another, so nobody here gets to write
 * it. Callers wrap the error in their own code.
 */
export function toMilliseconds(duration: Duration, what = 'duration'): number {
  const ms = typeof duration === 'number' ? duration : parse(duration);
  if (!Number.isFinite(ms) || ms <= 0) {
    throw new RangeError(
      `${what} must be a positive number of milliseconds or a string such as "250ms", "30s", "5m", "2h" or "7d"; got ${typeof duration === 'string' ? JSON.stringify(duration) : String(duration)}.`,
    );
  }
  return ms;
}

function parse(text: unknown): number {
  const match = typeof text === 'string' ? FORM.exec(text.trim()) : null;
  return match ? Number(match[1]) * UNITS[match[2] as string]! : Number.NaN;
}

/**
 * A duration option in milliseconds, or the error of a package for one that is none.
 *
 * @param fail makes that error, as in `cacheErrors.invalid_options`
 */
export function durationOption(
  value: Duration,
  name: string,
  fail: (message: string, options: { cause: unknown }) => Error,
): number {
  try {
    return toMilliseconds(value, name);
  } catch (cause) {
    throw fail((cause as Error).message, { cause });
  }
}
