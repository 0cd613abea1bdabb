import type { Awaitable, CallContext, Row } from '../../driver.ts';
import type { Outcome } from '../../internal/sql/store.ts';
import { whenFree } from './busy.ts';
import type { SqliteClient, SqliteStatement } from './client.ts';
import { LostTransactionError } from './errors.ts';

const MAX_STATEMENTS = 256;
// Longer ones have a list of values in them, and hardly come twice.
const MAX_LENGTH = 8192;

/** One connection with its prepared statements. */
export class Connection {
  readonly client: SqliteClient;
  readonly isReader: boolean;
  /** A transaction of ours is open. */
  inTransaction = false;
  #refusesWrites = false;
  readonly #statements = new Map<string, SqliteStatement>();
  // The same text for another entity may want its integers in the other form.
  readonly #bigintStatements = new Map<string, SqliteStatement>();

  constructor(client: SqliteClient, isReader: boolean) {
    this.client = client;
    this.isReader = isReader;
  }

  /** Runs a statement of the store. */
  execute(
    context: CallContext,
    text: string,
    parameters: readonly unknown[],
    { returnsRows, bigints }: { readonly returnsRows: boolean; readonly bigints: boolean },
  ): Awaitable<Outcome> {
    return whenFree(context, () => {
      this.#expectTransaction();
      const statement = this.#prepare(text, bigints);
      if (returnsRows) return { rows: statement.all(parameters) as Row[], matched: 0 };
      return { rows: [], matched: statement.run(parameters).changes };
    });
  }

  /** Runs something whose answer does not matter, such as BEGIN. */
  command(context: CallContext, text: string): Awaitable<void> {
    return whenFree(context, () => {
      const statement = this.#prepare(text, false);
      if (statement.reader) statement.get();
      else statement.run();
    });
  }

  /**
   * Runs a statement of the application's own: prepared anew, since its columns may depend on a schema that has
   * changed.
   */
  native(
    context: CallContext,
    text: string,
    parameters: readonly unknown[],
  ): Awaitable<{ rows: Record<string, unknown>[]; changes: bigint | undefined; lastId: bigint | undefined }> {
    return whenFree(context, () => {
      this.#expectTransaction();
      const statement = this.client.prepare(text);
      if (statement.reader) {
        const rows = statement.safeIntegers(true).all(parameters) as Record<string, unknown>[];
        return { rows: rows.map(narrowed), changes: undefined, lastId: undefined };
      }
      const { changes, lastInsertRowid } = statement.run(parameters);
      return { rows: [], changes: BigInt(changes), lastId: BigInt(lastInsertRowid) };
    });
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
    if (this.client.open && this.client.inTransaction) this.client.exec('rollback');
  }

  /** SQLite ends a transaction by itself after some errors; the next statement must not run outside of it unnoticed. */
  #expectTransaction(): void {
    if (this.inTransaction && this.client.open && !this.client.inTransaction) {
      throw new LostTransactionError(
        'the transaction was ended, by SQLite after an error or by a COMMIT or ROLLBACK of yours',
      );
    }
  }

  #prepare(text: string, bigints: boolean): SqliteStatement {
    const statements = bigints ? this.#bigintStatements : this.#statements;
    const known = statements.get(text);
    if (known !== undefined) return known;
    const statement = this.client.prepare(text);
    if (bigints) statement.safeIntegers(true);
    if (text.length > MAX_LENGTH) return statement;
    const [oldest] = statements.keys();
    if (statements.size >= MAX_STATEMENTS && oldest !== undefined) statements.delete(oldest);
    statements.set(text, statement);
    return statement;
  }
}

/** Integers as numbers where a number holds them exactly, else as bigint: nothing is rounded. */
function narrowed(row: Record<string, unknown>): Record<string, unknown> {
  for (const name of Object.keys(row)) {
    const value = row[name];
    if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) row[name] = Number(value);
  }
  return row;
}
