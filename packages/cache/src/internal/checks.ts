import { kindOf, refuseUnknown } from '@ent/internal';
import { cacheErrors } from '../errors.ts';

/**
 * Refuses options of a call that nobody reads, and what is no object: other caches take the TTL there.
 *
 * @throws `cache.invalid_argument`
 */
export function assertKnown<Options extends object>(
  options: Options,
  known: Readonly<Record<keyof NoInfer<Options>, true>>,
  call: string,
): void {
  refuseUnknown(options, known, call, cacheErrors.invalid_argument);
}

/** @throws what `wrong` makes, for a value that is none of the allowed ones */
export function assertOneOf(
  name: string,
  value: string,
  allowed: readonly string[],
  wrong: (message: string) => Error,
): void {
  if (!allowed.includes(value))
    throw wrong(
      `${name} must be '${allowed.join("' or '")}'; got ${typeof value === 'string' ? JSON.stringify(value) : kindOf(value)}`,
    );
}

/** @throws `cache.invalid_options` */
export function assertCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw cacheErrors.invalid_options(`${name} must be a positive integer; got ${String(value)}.`);
}
