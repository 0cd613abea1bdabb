import type { Secret } from './refresh-tokens.ts';

/** A length of time: a number of milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. */
export type Duration = number | string;

/** The current time in milliseconds since the epoch. Tests hand in their own; the default is `Date.now`. */
export type Clock = () => number;

/** Server secrets that go into each password before it is hashed. */
export interface PepperOptions {
  /** By an id that stands in the stored hash: 1 to 32 letters, digits, `_` and `-`. At least 32 bytes each. */
  readonly keys: Readonly<Record<string, Secret>>;
  /**
   * The one for new hashes; null for none. Hashes of the others, and those without one, verify all the same, and
   * `verifyAndUpgrade` replaces them.
   */
  readonly active: string | null;
}
