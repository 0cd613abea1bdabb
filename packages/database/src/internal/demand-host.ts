import { kindOf } from '@ent/internal';
import { databaseErrors } from '../errors.ts';
import type { Host, Hosted } from './host.ts';

/** What a database stands on. @throws `database.invalid_definition` for what is no database */
export function demandHost(db: Hosted, what: string): Host {
  const host = (db as Hosted | undefined | null)?.host;
  if (typeof host?.migrations === 'object') return host;
  throw databaseErrors.invalid_definition(`${what} takes what createDatabase() made; got ${kindOf(db)}.`);
}
