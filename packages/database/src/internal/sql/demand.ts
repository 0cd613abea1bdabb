import { kindOf } from '@ent/internal';
import { databaseErrors } from '../../errors.ts';

/** Refuses the parts of a driver where one that every driver has is absent or of another kind. */
export function demandMembers(
  parts: unknown,
  members: Readonly<Record<string, 'function' | 'number' | 'object' | 'string'>>,
  what: string,
): void {
  for (const [name, kind] of Object.entries(members)) {
    const given = (parts as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    if (typeof given === kind && given !== null) continue;
    throw databaseErrors.invalid_definition(
      `${what}: ${name} must be ${kind === 'object' ? 'an' : 'a'} ${kind}; got ${kindOf(given)}.`,
    );
  }
}
