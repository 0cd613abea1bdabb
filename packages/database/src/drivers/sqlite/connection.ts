import type { Awaitable, DriverCall, Row } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { refuseOwnControl } from '../../internal/sql/own-control.ts';
import type { SqlOutcome, SqlStatement } from '../../internal/sql/types.ts';
import { whenFree } from './busy.ts';
import type { SqliteClient, SqliteStatement } from './client.ts';
import { ForeignKeysError, LostTransactionError } from './errors.ts';
import { runScript } from './script.ts';
import { leavesTraces, setsForeignKeys } from './traces.ts';

/** How many statements a connection keeps prepared. */
export const MAX_STATEMENTS = 256;
/** What may answer a column called `__proto__`: to ask for the columns of each answer would cost. */
const MAY_ANSWER_PROTO = /__proto__|\*/;
// Longer ones have a list of values in them, and hardly come twice.
const MAX_LENGTH = 8192;

/** One connection with its prepared statements. */
export class Connection {
  readonly client: SqliteClient;
  readonly isReader: boolean;
  /** A transaction of ours is open. */
  inTransaction = false;
  /** Something was left on it that the next one must not meet. */
  isDirty = false;
  /** The application has the client, and may close it or end its transaction at any time. */
  isLent = false;
  /** What ran before may have ended the transaction: to ask SQLite costs more than to know. */
  #isUnsure = false;
  /** Whether a transaction may be open, ours or another: to ask SQLite costs more than to know. */
  #mayBeOpen = false;
  #refusesWrites = false;
  #suspendsForeignKeys = false;
  readonly #prepared = new Map<SqlStatement, SqliteStatement>();

  constructor(client: SqliteClient, isReader: boolean) {
    this.client = client;
    this.isReader = isReader;
  }

  execute(call: DriverCall, statement: SqlStatement, parameters: readonly unknown[]): Awaitable<SqlOutcome> {
    return whenFree(call, () => {
      try {
        return this.#execute(statement, parameters);
      } catch (error) {
        this.#isUnsure = true;
        throw error;
      }
    });
  }

  #execute(statement: SqlStatement, parameters: readonly unknown[]): SqlOutcome {
    if (statement.kind !== 'rows') this.#mayBeOpen = true;
    if (statement.kind === 'control') return this.#control(statement);
    this.expectTransaction();
    if (statement.kind === 'script') return this.#script(statement.sql);
    if (statement.kind === 'native') return this.#native(statement.sql, parameters);
    const prepared = this.#prepare(statement);
    if (statement.single === true) {
      const row = prepared.get(parameters);
      return { rows: row === undefined ? [] : [row as Row] };
    }
    if (statement.returnsRows) return { rows: prepared.all(parameters) as Row[] };
    return { rows: [], matched: prepared.run(parameters).changes };
  }

  /** Whether SQLite refuses writes on this connection, for a read-only transaction on one that can write. */
  refuseWrites(on: boolean): void {
    if (this.isReader || this.#refusesWrites === on || !this.client.open) return;
    this.client.pragma(`query_only = ${on ? 'on' : 'off'}`);
    this.#refusesWrites = on;
  }

  /** Ends whatever transaction is open, ours or one that a raw statement left behind. */
  rollback(): void {
    this.inTransaction = false;
    this.#isUnsure = false;
    if (!this.#mayBeOpen) return;
    if (this.client.open && this.client.inTransaction) this.client.exec('rollback');
    this.#mayBeOpen = false;
    this.resumeForeignKeys();
  }

  /** For the next transaction; in one SQLite would ignore it. */
  suspendForeignKeys(): void {
    // A connection that was handed in may have them off; that is not ours to change.
    if (this.client.pragma('foreign_keys', { simple: true }) !== 1) return;
    this.client.pragma('foreign_keys = off');
    this.#suspendsForeignKeys = true;
    this.#mayBeOpen = true;
  }

  /** Refuses to commit what they would not have allowed. */
  expectForeignKeys(): void {
    if (!this.#suspendsForeignKeys) return;
    const [broken] = this.client.pragma('foreign_key_check') as { table: string; parent: string }[];
    if (broken !== undefined) throw new ForeignKeysError(broken.table, broken.parent);
  }

  resumeForeignKeys(): void {
    if (!this.#suspendsForeignKeys) return;
    this.#suspendsForeignKeys = false;
    if (this.client.open) this.client.pragma('foreign_keys = on');
  }

  #control(statement: SqlStatement): SqlOutcome {
    const prepared = this.#prepare(statement);
    if (prepared.reader) prepared.get();
    else prepared.run();
    return NOTHING;
  }

  #script(text: string): SqlOutcome {
    this.isDirty = true;
    this.#isUnsure = true;
    runScript(this.client, text, this.inTransaction);
    this.expectTransaction();
    return NOTHING;
  }

  /** Prepared anew, since the columns may depend on a schema that has changed. */
  #native(text: string, parameters: readonly unknown[]): SqlOutcome {
    if (this.inTransaction) refuseOwnControl(text, 'plain');
    if (setsForeignKeys(text)) {
      throw databaseErrors.unsupported(
        "PRAGMA foreign_keys does nothing in a transaction, and outside of one it would last for all that use this connection. A migration that rebuilds a table asks for it with foreignKeys: 'off'.",
      );
    }
    if (leavesTraces(text)) this.isDirty = true;
    this.#isUnsure = true;
    const bound = parameters.map(exact);
    const prepared = this.client.prepare(text);
    if (prepared.reader) {
      if (MAY_ANSWER_PROTO.test(text) && prepared.columns().some(({ name }) => name === '__proto__')) {
        throw databaseErrors.unsupported(
          'native: better-sqlite3 leaves a column called "__proto__" out of its rows; give it another name, by AS.',
        );
      }
      const rows = prepared.safeIntegers(true).all(bound) as Row[];
      return { rows: rows.map(narrowed) };
    }
    const { changes, lastInsertRowid } = prepared.run(bound);
    return { rows: [], matched: changes, insertId: BigInt(lastInsertRowid) };
  }

  /** SQLite ends a transaction by itself after some errors; the next statement must not run outside of it unnoticed. */
  expectTransaction(): void {
    if (!this.inTransaction || !(this.#isUnsure || this.isLent)) return;
    if (this.client.open && !this.client.inTransaction) {
      throw new LostTransactionError(
        'the transaction was ended, by SQLite after an error or by a COMMIT or ROLLBACK of yours',
      );
    }
  }

  #prepare(statement: SqlStatement): SqliteStatement {
    const known = this.#prepared.get(statement);
    if (known !== undefined) return known;
    const prepared = this.client.prepare(statement.sql);
    if (isExact(statement)) prepared.safeIntegers(true);
    if (!statement.recurs || statement.sql.length > MAX_LENGTH) return prepared;
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size >= MAX_STATEMENTS && oldest !== undefined) this.#prepared.delete(oldest);
    this.#prepared.set(statement, prepared);
    return prepared;
  }
}

const NOTHING: SqlOutcome = { rows: [] };

/** Whether all integers of the answer are to be bigint: else better-sqlite3 rounds those beyond 2^53. */
export function isExact(statement: SqlStatement): boolean {
  const fields = statement.entity?.fields.values() ?? [];
  return statement.exact === true || [...fields].some(({ type }) => type === 'bigint');
}

/**
 * A bound JavaScript number is a float to SQLite (`7 / ?` with 2 would be
 * 3.5, and text would get a `.0`), and NaN is NULL.
 */
function exact(value: unknown): unknown {
  if (Number.isNaN(value)) throw databaseErrors.bad_data('native: SQLite has no NaN; it would store NULL.');
  return Number.isSafeInteger(value) ? BigInt(value as number) : value;
}

/** Integers as numbers where a number holds them exactly, else as bigint: nothing is rounded. */
function narrowed(row: Row): Row {
  for (const name of Object.keys(row)) {
    const value = row[name];
    if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) row[name] = Number(value);
  }
  return row;
}
