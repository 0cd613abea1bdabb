import { databaseErrors } from '../../errors.ts';
import type { Address } from '../../internal/sql/addresses.ts';
import { fromFirstWord } from '../../internal/sql/lead.ts';
import { refuseOwnControl } from '../../internal/sql/own-control.ts';
import { readsOnly } from '../../internal/sql/reads-only.ts';
import { lineAt, refuseControl, ScriptError } from '../../internal/sql/script.ts';
import type { SqlOutcome, SqlStatement } from '../../internal/sql/types.ts';
import {
  isOfServer,
  type MysqlConnection,
  type MysqlDone,
  type MysqlError,
  type MysqlField,
  type MysqlResult,
  type MysqlStatement,
} from './client.ts';
import { nativeRows } from './decode.ts';
import { LostConnectionError, LostTransactionError, TakenKeyError, UnreadableError } from './errors.ts';
import { KeyNames } from './key-names.ts';
import { boundTo } from './parameters.ts';
import { readDatesOf } from './row-reader.ts';
import type { Server } from './server.ts';

/** Statements that one connection keeps prepared; the server has a limit for all of them together. */
const MAX_STATEMENTS = 200;

/** The server has tried three times to prepare it anew for tables that change. */
const NEEDS_PREPARING = 1615;

/** How mysql2 refuses a column called `__proto__` and its like, which it tells by its message alone. */
const UNREADABLE = 'The field name (';

/** Of `serverStatus`: a transaction is open; a variable, the default database or a temporary table has changed. */
const [IN_TRANSACTION, STATE_CHANGED] = [1, 0x40_00];

/** What leaves something that the server does not tell: locks, handlers, variables of a SELECT, a level for later. */
const LEAVES_TRACES = /^(?:lock|flush|handler|xa|call|prepare|set\s+transaction)\b|\bget_lock\b|:=|\binto\s+@/i;

/** Runs what may commit, and leave another transaction open, so that the server's flag does not tell. */
const RUNS_OTHERS = /^(?:call|execute)\b/i;
const SAVEPOINT = 'ent_others';
/** There is no such savepoint. */
const NO_SAVEPOINT = 1305;

/** One connection, and what is known of it. */
export class Session {
  readonly connection: MysqlConnection;
  readonly server: Server;
  readonly address: Address;
  /** When it was made, by `performance.now()`. */
  readonly bornAt = performance.now();
  /** A transaction of ours is open. */
  inTransaction = false;
  /** When it is gone. */
  readonly gone: Promise<void>;
  isGone = false;
  readonly #statements = new Map<string, MysqlStatement>();
  readonly #keys = new KeyNames((text, values) => this.#rowsOf(text, values));
  readonly #takesScripts: boolean;
  #isDirty = false;
  #isRunning = false;
  #isEnding = false;
  #whenIdle: (() => void) | undefined;

  /** @param takesScripts whether the server was told to take texts of several statements from this connection */
  constructor(connection: MysqlConnection, server: Server, address: Address, takesScripts = false) {
    this.#takesScripts = takesScripts;
    this.connection = connection;
    this.server = server;
    this.address = address;
    this.gone = new Promise((resolve) => connection.stream.once('close', resolve));
    void this.gone.then(() => (this.isGone = true));
  }

  /** Whether it is as it was at first, so that the next one may have it. */
  get isClean(): boolean {
    return !this.#isDirty && !this.isGone && !this.#takesScripts;
  }

  /** Whether the server has not answered yet. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  execute(statement: SqlStatement, values: readonly unknown[]): Promise<SqlOutcome> {
    const { sql: text, kind } = statement;
    if (kind === 'native') return this.#native(text, values);
    if (kind === 'control') return this.query(text).then(outcomeOf);
    if (kind === 'script') return this.#script(text);
    return this.#rows(statement, values);
  }

  /** Sends a text as it is. */
  query(text: string): Promise<Answer> {
    return this.#send((done) => this.connection.query(text, done));
  }

  /** Nothing is sent on it any more; `whenIdle` hears when the server has answered what it runs. */
  giveUp(whenIdle: () => void): void {
    this.#isEnding = true;
    this.#whenIdle = whenIdle;
  }

  async #rows(statement: SqlStatement, values: readonly unknown[]): Promise<SqlOutcome> {
    const { sql: text, returnsRows, recurs } = statement;
    try {
      const answer = await this.#prepared(text, values, recurs, statement);
      if (!returnsRows) this.#expectTransaction(answer.result);
      return outcomeOf(answer);
    } catch (error) {
      throw await this.#explained(error, text);
    }
  }

  async #native(text: string, values: readonly unknown[]): Promise<SqlOutcome> {
    if (this.inTransaction) refuseOwnControl(text, 'executable');
    const statement = fromFirstWord(text, 'executable');
    if (LEAVES_TRACES.test(statement)) this.#isDirty = true;
    try {
      // In the protocol of prepared statements floating-point numbers come as they are; but not all can be prepared.
      const isPrepared = values.length > 0 || readsOnly(text);
      const ask = (): Promise<Answer> => (isPrepared ? this.#prepared(text, values, true) : this.query(text));
      const mayEnd = this.inTransaction && RUNS_OTHERS.test(statement);
      const { result, fields = [] } = await (mayEnd ? this.#inSavepoint(ask) : ask());
      if (isDone(result)) {
        this.#look(result);
        return outcomeOf({ result });
      }
      // A procedure answers several lists, each with its columns.
      const [first, columns] = isLists(result, fields) ? [result[0] ?? [], fields[0] ?? []] : [result, fields];
      return { rows: nativeRows(first as Rows, columns as readonly MysqlField[]) };
    } catch (error) {
      throw await this.#explained(error, text);
    }
  }

  async #script(text: string): Promise<SqlOutcome> {
    if (!this.#takesScripts) {
      throw databaseErrors.unsupported(
        'native.script: MySQL takes texts of several statements in migrations and seeds.',
      );
    }
    if (this.inTransaction) refuseControl(text);
    let answered = 0;
    try {
      const { result } = await this.#send((done) => this.connection.query(text, done).on('fields', () => answered++));
      // Several answers come as a list, the last of which tells what is open now.
      this.#expectTransaction((Array.isArray(result) ? (result.at(-1) ?? result) : result) as MysqlResult);
    } catch (error) {
      throw new ScriptError(error, whereOf(text, error as Error, answered + 1));
    }
    return { rows: [] };
  }

  /** Finds out whether the transaction is still the same: if not, the savepoint is gone. */
  async #inSavepoint(ask: () => Promise<Answer>): Promise<Answer> {
    await this.query(`savepoint ${SAVEPOINT}`);
    const answer = await ask();
    try {
      await this.query(`release savepoint ${SAVEPOINT}`);
    } catch (error) {
      throw (error as MysqlError).errno === NO_SAVEPOINT ? ended() : error;
    }
    return answer;
  }

  #look(done: MysqlDone): void {
    this.#expectTransaction(done);
    const isOpen = (done.serverStatus & IN_TRANSACTION) !== 0;
    // A transaction that is open now was begun by a BEGIN of the application's own, and nobody would end it.
    if ((done.serverStatus & STATE_CHANGED) !== 0 || (isOpen && !this.inTransaction)) this.#isDirty = true;
  }

  /** Also after a statement that committed before it began, as CREATE TABLE does. */
  #expectTransaction(result: MysqlResult): void {
    if (!this.inTransaction || !isDone(result) || (result.serverStatus & IN_TRANSACTION) !== 0) return;
    throw ended();
  }

  #prepared(text: string, values: readonly unknown[], isKept: boolean, own?: SqlStatement): Promise<Answer> {
    const isInsert = own !== undefined && text.startsWith('insert');
    const bound = boundTo(text, values, isInsert, this.server.maxPacketBytes);
    const execute = (statement: MysqlStatement): Promise<Answer> => {
      // mysql2 would send them all, and the server read the wrong ones.
      if (statement.parameters.length !== bound.length) {
        this.#forget(text);
        throw databaseErrors.invalid_query(
          `mysql: the statement has ${statement.parameters.length} placeholders and ${bound.length} values.`,
        );
      }
      return this.#send((done) => {
        const execution = statement.execute(bound, (error, result, fields) => {
          const isStale = error instanceof Error && isOfServer(error) && error.errno === NEEDS_PREPARING;
          if (isKept && !isStale) this.#keep(text, statement);
          else this.#forget(text);
          done(error, result, fields);
        });
        if (own?.entity !== undefined) readDatesOf(execution, own);
      });
    };
    const known = this.#statements.get(text);
    return known === undefined ? this.#prepare(text).then(execute) : execute(known);
  }

  #prepare(text: string): Promise<MysqlStatement> {
    return this.#step((done) => this.connection.prepare(text, (error, statement) => done(error, statement)));
  }

  #keep(text: string, statement: MysqlStatement): void {
    if (this.#statements.has(text)) return;
    const [oldest] = this.#statements.keys();
    if (this.#statements.size >= MAX_STATEMENTS && oldest !== undefined) {
      this.#forget(oldest);
    }
    this.#statements.set(text, statement);
  }

  #forget(text: string): void {
    this.#statements.delete(text);
    this.connection.unprepare(text);
  }

  #send(ask: (done: (error: Error | null, result: MysqlResult, fields?: readonly MysqlField[]) => void) => unknown) {
    return this.#step<Answer>((done) => ask((error, result, fields) => done(error, { result, fields })));
  }

  #step<T>(ask: (done: (error: Error | null, value: T) => void) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      // A call of several steps that was given up: what is sent now would be stopped, or run on.
      if (this.#isEnding) throw new LostConnectionError('the call was given up');
      this.#isRunning = true;
      ask((error, value) => {
        this.#isRunning = false;
        this.#whenIdle?.();
        if (error === null || error === undefined) resolve(value);
        else reject(this.#failure(error));
      });
    });
  }

  #failure(error: Error): Error {
    // What does not come from the server tells that the connection is no more.
    if (!isOfServer(error)) {
      return error.message.startsWith(UNREADABLE)
        ? new UnreadableError('mysql2 reads no column of this name; give it another one, by AS', { cause: error })
        : new LostConnectionError('the connection was lost while a statement ran', { cause: error });
    }
    // A server that is no primary any more goes on to answer; the next connection looks for one that takes writes.
    if (error.errno === 1290) this.#isDirty = true;
    return error;
  }

  /** A key that is taken, with the fields that it has. */
  async #explained(error: unknown, text: string): Promise<unknown> {
    if (!(error instanceof Error) || !isOfServer(error) || error.errno !== 1062) return error;
    const { constraint, fields } = await this.#keys.in(error, text);
    return new TakenKeyError(error, constraint, fields);
  }

  async #rowsOf(text: string, values: readonly unknown[]): Promise<Rows> {
    const { result } = await this.#prepared(text, values, true);
    return isDone(result) ? [] : (result as Rows);
  }
}

/** What came of a statement. */
export interface Answer {
  readonly result: MysqlResult;
  readonly fields?: readonly MysqlField[] | undefined;
}

type Rows = Record<string, unknown>[];

function ended(): Error {
  return new LostTransactionError(
    'the transaction was ended by a COMMIT or ROLLBACK of yours, or by DDL, which commits what was done before it',
  );
}

function isDone(result: MysqlResult): result is MysqlDone {
  return !Array.isArray(result);
}

const NEAR = /right syntax to use near '(.+)' at line \d+$/s;

/** The server counts lines from the beginning of each statement, but tells what comes next there. */
function whereOf(text: string, error: Error, statement: number): string {
  const next = NEAR.exec(error.message)?.[1];
  const at = next === undefined ? -1 : text.indexOf(next);
  const isOne = at !== -1 && next !== undefined && !text.includes(next, at + 1);
  return isOne ? lineAt(text, at) : `statement ${statement}`;
}

function isLists(result: readonly unknown[], fields: readonly unknown[]): boolean {
  return Array.isArray(result[0]) || Array.isArray(fields[0]);
}

function outcomeOf({ result }: Answer): SqlOutcome {
  // Several statements as one answer the rows of each, and what the last one did.
  if (!isDone(result)) return { rows: (Array.isArray(result[0]) ? result[0] : result) as Rows };
  const { affectedRows, insertId } = result;
  return { rows: [], matched: affectedRows, ...(insertId !== 0 && { insertId: BigInt(insertId) }) };
}
