import type { Issue, ValidationError } from '@ent/errors';
import { jsonPointer } from '@ent/internal';
import { databaseErrors } from '../errors.ts';
import { Mismatch } from './mismatch.ts';

/** A path into an input as an RFC 6901 pointer in fragment form. */
export function pointer(...path: readonly (string | number)[]): string {
  return jsonPointer(path);
}

/** Refuses a query: `database.invalid_query` with one issue. */
export function invalidQuery(entity: string, path: readonly (string | number)[], code: string, detail: string): Error {
  const issue: Issue = { pointer: pointer(...path), code, detail };
  return databaseErrors.invalid_query(`${entity}: ${issue.pointer} ${detail}.`, {
    issues: [issue],
    details: { entity },
  });
}

/** Refuses values: `database.invalid_value` with all issues. Clients read it, so the entity is in its details alone. */
export function invalidValue(entity: string, issues: readonly Issue[]): ValidationError {
  const faults = issues.map(({ pointer: at, detail }) => `${at} ${detail}`).join('; ');
  return databaseErrors.invalid_value(`${faults}.`, { issues, details: { entity } });
}

/** The issue for a mismatch; anything else is thrown on. */
export function issueOf(error: unknown, path: readonly (string | number)[]): Issue {
  if (!(error instanceof Mismatch)) throw error;
  return { pointer: pointer(...path), code: error.code, detail: error.message };
}
