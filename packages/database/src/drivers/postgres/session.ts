import { pause } from '@ent/internal';
import { refuseOwnControl } from '../../internal/sql/own-control.ts';
import { lineAt, refuseControl, ScriptError } from '../../internal/sql/script.ts';
import type { SqlOutcome, SqlStatement } from '../../internal/sql/types.ts';
import { cancel } from './cancel.ts';
import { type Answered, Asking } from './asking.ts';
import type { PgClient, PgQuery, PgResult } from './client.ts';
import { type Copying, NoCopyError } from './copying.ts';
import { asValues } from './decode.ts';
import { LostConnectionError, LostTransactionError, StaleStatementError } from './errors.ts';
import { isStale, type Names } from './names.ts';
import { leavesTraces } from './traces.ts';

/** One connection, and what is known of it. */
export class Session {
  readonly client: PgClient;
  /** A transaction of ours is open, here at least. */
  inTransaction = false;
  /** Its BEGIN, which goes to the server with the first statement: alone it would be one more way there and back. */
  #opening: string | undefined;
  readonly #names: Names;
  /** The {@link Names.generation} of its prepared statements. */
  readonly #generation: number;
  readonly #gone: Promise<void>;
  #isDirty = false;
  #isRunning = false;
  #isEnding = false;
  #whenIdle: (() => void) | undefined;
  #copying: Copying | undefined;

  constructor(client: PgClient, names: Names) {
    this.client = client;
    this.#names = names;
    this.#generation = names.generation;
    this.#gone = new Promise((resolve) => client.once('end', resolve));
  }

  /** Whether it is as it was at first, so that the next one may have it. */
  get isClean(): boolean {
    // A transaction that is open now was begun by a BEGIN of the application's own, and nobody would end it.
    return !this.#isDirty && this.isFresh && this.client.getTransactionStatus() === 'I';
  }

  /** Whether its prepared statements are for the schema of now. */
  get isFresh(): boolean {
    return this.#generation === this.#names.generation;
  }

  execute(statement: SqlStatement, values: readonly unknown[]): Promise<SqlOutcome> {
    const { sql: text, kind } = statement;
    if (kind === 'rows') return this.#ask(statement, this.#names.of(statement), values);
    if (this.#opening !== undefined) return this.#open().then(() => this.execute(statement, values));
    if (kind === 'native') return this.#native(text, values);
    if (kind === 'control') return this.#control(text);
    return this.#script(text);
  }

  /** Begins a transaction by this text. */
  begin(text: string): void {
    this.#opening = text;
    this.inTransaction = true;
  }

  /** Ends the transaction; of one without a statement the server has never heard. */
  async finish(how: 'commit' | 'rollback'): Promise<void> {
    if (this.#opening === undefined) await this.#control(how);
    this.#opening = undefined;
    this.inTransaction = false;
  }

  /** Runs a COPY, and answers how many rows it were. */
  async copy(copying: Copying): Promise<number> {
    await this.#open();
    this.#begin();
    this.#copying = copying;
    this.client.query(copying);
    try {
      return await copying.done;
    } catch (error) {
      throw error instanceof NoCopyError ? error : this.#failure(error as Error);
    } finally {
      this.#copying = undefined;
      this.#end();
    }
  }

  /** Stops what it runs, here and on the server; resolves when it is gone, by the signal at the latest. */
  async end(signal: AbortSignal): Promise<void> {
    this.#isEnding = true;
    this.#copying?.stop();
    const idle = new AbortController();
    this.#whenIdle = () => idle.abort();
    // A request that comes before the server has begun stops nothing, so it is repeated.
    for (let tries = 1; this.#isRunning && !signal.aborted; tries += 1) {
      await cancel(this.client, signal);
      await pause(Math.min(tries * 10, 250), idle.signal);
    }
    this.client.release(true);
    const { stream } = this.client.connection;
    if (signal.aborted) stream.destroy();
    else signal.addEventListener('abort', () => stream.destroy(), { once: true });
    await this.#gone;
  }

  async #open(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening !== undefined) await this.#control(opening);
  }

  async #control(text: string): Promise<SqlOutcome> {
    // As a text: pg copies an object of options, which costs more than all else here.
    const result = await this.#send(text);
    // A COMMIT of what has failed answers so, and no error.
    if (text === 'commit' && result.command === 'ROLLBACK') {
      throw new LostTransactionError('the transaction had failed, and was rolled back');
    }
    return outcomeOf(result);
  }

  async #native(text: string, values: readonly unknown[]): Promise<SqlOutcome> {
    if (this.inTransaction) refuseOwnControl(text, 'nested');
    // Not the simple protocol, in which a text may hold several statements.
    let command = '';
    let result: PgResult;
    try {
      result = await this.#send({ text, values, types: asValues, queryMode: 'extended' });
      ({ command } = result);
    } finally {
      // What fails may have taken a lock before.
      if (leavesTraces(command, text, values)) this.#isDirty = true;
    }
    this.#expectTransaction();
    return outcomeOf(result);
  }

  /** By the simple protocol, in which the server takes a text apart. */
  async #script(text: string): Promise<SqlOutcome> {
    if (this.inTransaction) refuseControl(text);
    this.#isDirty = true;
    try {
      await this.#send({ text });
    } catch (error) {
      const position = Number((error as { position?: unknown }).position);
      // In characters, of which JavaScript has some in two.
      const before =
        position > 0
          ? Array.from(text)
              .slice(0, position - 1)
              .join('')
          : undefined;
      throw new ScriptError(error, before === undefined ? undefined : lineAt(text, before.length));
    }
    this.#expectTransaction();
    return { rows: [] };
  }

  #expectTransaction(): void {
    if (!this.inTransaction || this.client.getTransactionStatus() !== 'I') return;
    throw new LostTransactionError('the transaction was ended by a COMMIT or ROLLBACK of yours');
  }

  #send(query: PgQuery | string): Promise<PgResult> {
    return new Promise((resolve, reject) => {
      this.#begin();
      this.client.query(query, (error, result) => {
        this.#end();
        if (error) reject(this.#failure(error));
        else resolve(result);
      });
    });
  }

  /** Sends a statement of a repository. */
  #ask(statement: SqlStatement, name: string | undefined, values: readonly unknown[]): Promise<SqlOutcome> {
    return new Promise((resolve, reject) => {
      this.#begin();
      const text = statement.sql;
      const before = this.#opening;
      this.#opening = undefined;
      const answered: Answered = (error, { rows, command, columns }) => {
        this.#end();
        if (error === undefined) {
          this.#names.learn(statement, columns);
          resolve({ rows, matched: statement.returnsRows ? undefined : matchedBy(command) });
        } else if (name !== undefined && isStale(error)) this.#askAgain(statement, values, error).then(resolve, reject);
        else reject(this.#failure(error));
      };
      this.client.query(new Asking({ text, name, before }, values, this.#names.makerOf(statement), answered));
    });
  }

  #begin(): void {
    // A call of several steps that was given up; a request to cancel the last one is on its way, and would meet this.
    if (this.#isEnding) throw new LostConnectionError('the call was given up');
    this.#isRunning = true;
  }

  #end(): void {
    this.#isRunning = false;
    this.#whenIdle?.();
  }

  /** A statement whose name does not do any more has done nothing. */
  async #askAgain(
    statement: SqlStatement,
    values: readonly unknown[],
    error: Error & { readonly code?: string },
  ): Promise<SqlOutcome> {
    this.#names.stale(error.code as string);
    if (!this.inTransaction) return this.#ask(statement, undefined, values);
    // After an error nothing can be done in a transaction; all of it is run again.
    throw new StaleStatementError('the schema has changed below a prepared statement', { cause: error });
  }

  #failure(error: Error & { readonly code?: unknown; readonly severity?: unknown }): Error {
    // What does not come from the server tells that the connection is no more.
    if (error.severity === undefined) {
      return new LostConnectionError('the connection was lost while a statement ran', { cause: error });
    }
    // A server that is no primary any more goes on to answer; the next connection looks for one that takes writes.
    if (error.code === '25006' && !this.inTransaction) this.#isDirty = true;
    return error;
  }
}

/** How many rows `UPDATE 3` or `INSERT 0 3` says. */
function matchedBy(command: string): number {
  return Number(command.slice(command.lastIndexOf(' ') + 1)) || 0;
}

function outcomeOf({ rows, rowCount, command }: PgResult): SqlOutcome {
  return { rows, matched: command === 'SELECT' ? undefined : (rowCount ?? 0) };
}
