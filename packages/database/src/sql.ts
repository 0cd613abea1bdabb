import type { ColumnDataType, Expression, Kysely } from 'kysely';
import type { FieldType } from './entity.ts';

/** The column types that fit the field types on a database. `id` is short text that can be a key. */
export type ColumnTypes = Readonly<Record<FieldType | 'id', ColumnDataType | Expression<unknown>>>;

/**
 * What `db.native` is on every SQL database, and what its migrations get.
 *
 * `Tables` types the tables for Kysely; the default leaves them untyped.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own word for tables that are not typed
export interface SqlNative<Tables = any> {
  /**
   * Kysely on this database. Its queries join the transaction around them; begin transactions with `db.transaction`.
   * Booleans and dates are bound as repositories store them; integers come back as numbers, or as bigint where a number
   * would round them.
   */
  readonly kysely: Kysely<Tables>;
  /** For migrations that run on several databases: `addColumn('createdAt', columns.date)`. */
  readonly columns: ColumnTypes;
}
