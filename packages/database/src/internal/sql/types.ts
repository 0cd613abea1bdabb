import type { ColumnDataType, Expression, Kysely } from 'kysely';
import type { Awaitable, DriverCall, Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import type { FieldType } from '../../field.ts';

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
   * Booleans and dates are bound as repositories store them; other objects are refused, since databases differ in what
   * they make of them. Integers come back as numbers, or as bigint where a number would round them.
   */
  readonly kysely: Kysely<Tables>;
  /** For migrations that run on several databases: `addColumn('createdAt', columns.date)`. */
  readonly columns: ColumnTypes;
  /**
   * Runs a text of any number of statements as it is, binding nothing; the database takes it apart, and what it answers
   * is not told. For migrations and seeds; MySQL takes such a text in them alone.
   */
  script(text: string): Promise<void>;
}

/** A statement, without its values. */
export interface SqlStatement {
  readonly sql: string;
  /**
   * `rows`: a repository's. `native`: the application's own, which may do anything. `control`: BEGIN, CREATE TABLE and
   * their like, which bind nothing and whose answer nobody reads. `script`: several of the application's own in one
   * text, which bind nothing and whose answers nobody reads.
   */
  readonly kind: 'rows' | 'native' | 'control' | 'script';
  /** The entity whose rows it answers; the columns have the names of its fields, in their order. */
  readonly entity?: EntityModel | undefined;
  /** Its integers may be beyond 2^53, whatever fields `entity` has. */
  readonly exact?: boolean | undefined;
  /** Whether its rows are read. For `native` the database knows better. */
  readonly returnsRows: boolean;
  /** It answers one row at most, as the statement itself says. */
  readonly single?: boolean | undefined;
  /** Whether this very object comes again: what a driver has prepared for it can be kept. */
  readonly recurs: boolean;
}

/** What a statement came to. */
export interface SqlOutcome {
  /** As the database gives them; the codecs of the dialect decode those of repositories, in place. */
  readonly rows: Row[];
  /** Rows that an INSERT, UPDATE or DELETE matched. Left out for what answers rows. */
  readonly matched?: number | undefined;
  /** The id that the database has counted for a row, where it does not answer rows. */
  readonly insertId?: bigint | undefined;
}

/**
 * Runs one statement on a session. What is there at once is answered at once: a promise
 * costs its caller a turn of the microtask queue.
 */
export type SqlExecute<Session> = (
  session: Session,
  statement: SqlStatement,
  parameters: readonly unknown[],
  call: DriverCall,
) => Awaitable<SqlOutcome>;
