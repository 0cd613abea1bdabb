/**
 * What SQL databases have in common: the type of `db.native` ({@link SqlNative}), and
 * {@link sqlDriver}, on which a driver for one stands.
 */
export {
  type Bind,
  type Codec,
  excluded,
  type Insert,
  onConflict,
  type SqlDialect,
  type Term,
  type Upsert,
} from './internal/sql/dialect.ts';
export { sqlDriver, type SqlDriverParts } from './internal/sql/driver.ts';
export { type PooledSessions, pooledSessions, type SessionSource } from './internal/sql/sessions.ts';
export type { ColumnTypes, SqlExecute, SqlNative, SqlOutcome, SqlStatement } from './internal/sql/types.ts';
export { withoutValues } from './internal/without-values.ts';
