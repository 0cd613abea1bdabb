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
 * they stand in the text, and values come as PostgreSQL writes them, which is what the codecs read.
 *
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
 */
export class Asking {
  readonly text: string;
  /** Prepared on the connection under this name; unnamed where it is undefined. */
  readonly name: string | undefined;
  readonly rows: Record<string, unknown>[] = [];
  /** Of the answer; undefined until they are known. */
  columns: readonly string[] | undefined;
  /** `INSERT 0 1` */
  command = '';
  /** Pg's `query_timeout` sets it, to be told of the end. */
  callback = (): void => {};
  readonly #values: readonly unknown[];
  #answered: Answered | undefined;

  constructor(
    { text, name }: { readonly text: string; readonly name: string | undefined },
    values: readonly unknown[],
    columns: readonly string[] | undefined,
    answered: Answered,
  ) {
    this.text = text;
    this.name = name;
    this.columns = columns;
    this.#values = values;
    this.#answered = answered;
  }

  submit(wire: Wire): void {
    const { text, name = '' } = this;
    wire.stream.cork();
    try {
      const isParsed =
        name !== '' && (wire.parsedStatements[name] !== undefined || wire.submittedNamedStatements[name] !== undefined);
      if (!isParsed) {
        wire.parse({ text, name });
        if (name !== '') wire.submittedNamedStatements[name] = text;
      }
      wire.bind({ statement: name, values: this.#values.map(textOf) });
      if (this.columns === undefined) wire.describe({ type: 'P', name: '' });
      wire.execute({});
      wire.sync();
    } finally {
      wire.stream.uncork();
    }
  }

  handleRowDescription({ fields }: { readonly fields: readonly { readonly name: string }[] }): void {
    this.columns = fields.map(({ name }) => name);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const columns = this.columns as readonly string[];
    const row: Record<string, unknown> = {};
    for (let index = 0; index < columns.length; index += 1) row[columns[index] as string] = fields[index];
    this.rows.push(row);
  }

  handlePortalSuspended(): void {}

  handleEmptyQuery(): void {}

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.command = text;
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
