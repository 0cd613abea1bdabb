import { resolve } from 'node:path';
import { databaseErrors } from '../../errors.ts';

/** The path of a file as it is now: the working directory may be another one when it is opened. */
export function pathOf(what: string, file: unknown): string {
  if (typeof file !== 'string' || file === '') {
    throw databaseErrors.invalid_definition(
      `${what}: file must be a path${what === 'sqlite' ? ', or ":memory:"' : ''}.`,
    );
  }
  if (file === ':memory:') return file;
  if (file.startsWith('file:') || file.includes('\0')) {
    throw databaseErrors.invalid_definition(`${what}: file must be a plain path, not a "file:" URI.`);
  }
  return resolve(file);
}
