import { loopingRowMaker, type RowMaker } from '../../internal/compiled.ts';

/** What pg's connection has for a statement, and its types leave out. */
interface Wire {
  /** By their names: what was prepared on this connection, and what is on its way to be. */
  readonly parsedStatements: Readonly<Record<string, string>>;
  readonly submittedNamedStatements: Record<string, string>;
  parse(statement: { readonly text: string; readonly name: string }): void;
  bind(to: { readonly statement: string; readonly values: readonly unknown[] }): void;
  describe(what: { readonly type: 'P'; readonly name: string }): void;
  execute(portal: object): void;
  sync(): void;
  readonly stream: { cork(): void; uncork(): void };
}

/** Told once, when it is over. */
export type Answered = (error: Error | undefined, asking: Asking) => void;

/**
 * One statement of a repository, as a query of pg's: pg reads the protocol and calls these methods. pg's own asks for a
 * description of the columns each time, and makes rows by it. Here their names are known from the first time on, since
 * they stand in the text, and values come as PostgreSQL writes them, which is what the codecs read. Another statement
 * may go before it on the same way, such as the BEGIN of its transaction.
 *
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
 */
export class Asking {
  readonly text: string;
  /** Prepared on the connection under this name, once it is its turn; unnamed where it is undefined. */
  name: string | undefined;
  readonly rows: Record<string, unknown>[] = [];
  /** The names of the columns, where the server was asked for them. */
  columns: readonly string[] | undefined;
  /** `INSERT 0 1` */
  command = '';
  /** Pg's `query_timeout` sets it, to be told of the end. */
  callback = (): void => {};
  readonly #itsName: string | undefined;
  readonly #values: readonly unknown[];
  /** What is sent before it, until that is answered. */
  #before: string | undefined;
  #answered: Answered | undefined;
  #make: RowMaker | undefined;

  /** @param make what makes its rows; the server is asked for the names of their columns where it is undefined */
  constructor(
    {
      text,
      name,
      before,
    }: { readonly text: string; readonly name: string | undefined; readonly before?: string | undefined },
    values: readonly unknown[],
    make: RowMaker | undefined,
    answered: Answered,
  ) {
    this.text = text;
    // Pg notes what it reads under the name of whom it reads it for.
    this.name = before === undefined ? name : undefined;
    this.#itsName = name;
    this.#before = before;
    this.#make = make;
    this.#values = values;
    this.#answered = answered;
  }

  submit(wire: Wire): void {
    const { text } = this;
    const name = this.#itsName ?? '';
    wire.stream.cork();
    try {
      if (this.#before !== undefined) {
        wire.parse({ text: this.#before, name: '' });
        wire.bind({ statement: '', values: [] });
        wire.execute({});
      }
      const isParsed =
        name !== '' && (wire.parsedStatements[name] !== undefined || wire.submittedNamedStatements[name] !== undefined);
      if (!isParsed) {
        wire.parse({ text, name });
        if (name !== '' && this.#before === undefined) wire.submittedNamedStatements[name] = text;
      }
      wire.bind({ statement: name, values: this.#values.map(textOf) });
      if (this.#make === undefined) wire.describe({ type: 'P', name: '' });
      wire.execute({});
      wire.sync();
    } finally {
      wire.stream.uncork();
    }
  }

  handleRowDescription({ fields }: { readonly fields: readonly { readonly name: string }[] }): void {
    this.columns = fields.map(({ name }) => name);
    this.#make = loopingRowMaker(this.columns);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.rows.push((this.#make as RowMaker)(fields));
  }

  handlePortalSuspended(): void {}

  handleEmptyQuery(): void {}

  handleCommandComplete({ text }: { readonly text: string }): void {
    if (this.#before === undefined) this.command = text;
    this.#before = undefined;
    this.name = this.#itsName;
  }

  handleReadyForQuery(): void {
    this.#end(undefined);
  }

  handleError(error: Error): void {
    this.#end(error);
  }

  #end(error: Error | undefined): void {
    const answered = this.#answered;
    this.#answered = undefined;
    this.callback();
    answered?.(error, this);
  }
}

/** What pg's connection binds: text, or bytes. */
function textOf(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}
