import { kindOf } from '@ent/internal';
import type { EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';

/** What rows are made of. @throws `database.invalid_definition` for what is no entity */
export function demandEntity(entity: EntityModel, what: string): void {
  if ((entity as EntityModel | undefined | null)?.fields instanceof Map) return;
  throw databaseErrors.invalid_definition(`${what} takes what defineEntity() made; got ${kindOf(entity)}.`);
}
