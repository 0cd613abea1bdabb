import type { Database } from '../../database.ts';
import { databaseErrors } from '../../errors.ts';
import type { SqlNative } from '../sql/types.ts';
import { entitiesText } from './entities.ts';
import { interfacesText } from './interfaces.ts';
import { mysqlTables } from './mysql.ts';
import { postgresTables } from './postgres.ts';
import type { TableShape } from './shape.ts';
import { sqliteTables } from './sqlite.ts';

/** What of a live schema is written. */
export interface SchemaOptions {
  readonly what: 'interfaces' | 'entities';
  /** Default: the one that names without a schema mean. */
  readonly schema: string | undefined;
  /** Tables that are left out. */
  readonly without: readonly string[];
}

/** The tables of a database as TypeScript. @throws `database.unsupported` where the database has no schema to read */
export async function schemaText(db: Database, { what, schema, without }: SchemaOptions): Promise<string> {
  const tables = (await tablesOf(db, schema)).filter(({ name }) => !without.includes(name));
  if (tables.length === 0) {
    throw databaseErrors.invalid_query(
      `There is no table in ${schema === undefined ? 'the database' : `"${schema}"`}.`,
    );
  }
  if (what === 'interfaces') return interfacesText(tables);
  return entitiesText(tables, { tellsIds: db.driver.name !== 'mysql' });
}

async function tablesOf(db: Database, schema: string | undefined): Promise<TableShape[]> {
  const { kysely } = db.native as SqlNative;
  switch (db.driver.name) {
    case 'postgresql':
      return postgresTables(kysely, schema);
    case 'mysql':
      return mysqlTables(kysely, schema);
    case 'sqlite':
      if (schema === undefined) return sqliteTables(kysely);
      throw databaseErrors.unsupported('SQLite has no schemas; leave --schema out.');
    default:
      throw databaseErrors.unsupported(`${db.driver.name} has no schema from which types could be written.`);
  }
}
