import { cacheErrors } from '../errors.ts';

/** @throws what `wrong` makes, for a value that is none of the allowed ones */
export function assertOneOf(
  name: string,
  value: string,
  allowed: readonly string[],
  wrong: (message: string) => Error,
): void {
  if (!allowed.includes(value))
    throw wrong(`${name} must be '${allowed.join("' or '")}'; got ${JSON.stringify(value)}`);
}

/** @throws `cache.invalid_options` */
export function assertCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw cacheErrors.invalid_options(`${name} must be a positive integer; got ${String(value)}.`);
}
