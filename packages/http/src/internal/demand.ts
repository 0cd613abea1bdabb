import type { $ZodType } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';
import { fieldsOf } from './query.ts';

/** Refuses what is no list, or no function, where JavaScript gave something else. */
export function demandList(value: unknown, what: string): void {
  if (!Array.isArray(value)) throw httpErrors.invalid_options(`${what} must be a list.`);
}

export function demandFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') throw httpErrors.invalid_options(`${what} must be a function.`);
}

/** Refuses a limit that nothing would keep to: every comparison with `NaN` or a text that is no number is false. */
export function demandCount(
  value: unknown,
  what: string,
  fail: (message: string) => Error = httpErrors.invalid_options,
): void {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return;
  throw fail(`${what} must be a whole number from 0 on.`);
}

/** Refuses what is no schema of an object with fields. */
export function demandFields(value: unknown, what: string): void {
  const isSchema = typeof value === 'object' && value !== null && '_zod' in value;
  if (isSchema && Object.keys(fieldsOf(value as $ZodType)).length > 0) return;
  throw httpErrors.invalid_options(`${what} takes a schema of an object with the fields of the form.`);
}
