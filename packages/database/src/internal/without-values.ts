import { databaseErrors } from '../errors.ts';

/**
 * A copy of a library's error for logs: with these properties alone, and another message where its own holds values of
 * rows, as PostgreSQL's `detail`, MySQL's "Duplicate entry" and MongoDB's E11000 do.
 *
 * ```ts
 * import { withoutValues } from '@ent/database/sql';
 *
 * const error = Object.assign(new Error("Duplicate entry 'ann@example.org' for key 'email'"), { errno: 1062 });
 * console.log(withoutValues(error, ['errno'], 'Duplicate entry').message); // Duplicate entry
 * ```
 */
export function withoutValues(error: Error, properties: readonly string[], message?: string): Error {
  const names: unknown = properties;
  if (typeof (error as Error | undefined)?.message !== 'string' || !Array.isArray(names)) {
    throw databaseErrors.invalid_definition('withoutValues takes an error and a list of the names of its properties.');
  }
  const told = message ?? error.message;
  const copy = new Error(told);
  // Not enumerable, as on any error.
  Object.defineProperty(copy, 'name', { value: error.name, configurable: true, writable: true });
  copy.stack = error.stack?.replace(error.message, () => told) ?? copy.name;
  const kept = properties.filter((name) => Reflect.get(error, name) !== undefined);
  return Object.assign(copy, Object.fromEntries(kept.map((name) => [name, Reflect.get(error, name) as unknown])));
}
