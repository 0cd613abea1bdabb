/**
 * The parts of pg's `Pool` and `Client` that this driver uses. Declared here, so that our published types do not need
 * `@types/pg`.
 */
export interface PgPool {
  readonly options: { readonly max: number };
  readonly totalCount: number;
  readonly ending: boolean;
  connect(callback: (error: Error | undefined, client: PgClient | undefined) => void): void;
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** A client of pg, taken from its pool. */
export interface PgClient {
  readonly host: string;
  readonly port: number;
  readonly ssl?: unknown;
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly connection: { readonly stream: { destroy(): unknown } };
  query(query: PgQuery | string, callback: (error: Error | null, result: PgResult) => void): void;
  /** A query that reads the protocol by itself. */
  query(query: PgSubmittable): void;
  /** `I`, `T` or `E`, as the server told with its last answer. */
  getTransactionStatus(): string | null;
  release(destroy?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  once(event: 'end', listener: () => void): unknown;
}

/** One query, as pg takes it. */
export interface PgQuery {
  readonly text: string;
  readonly name?: string | undefined;
  readonly values?: readonly unknown[] | undefined;
  readonly types?: PgTypes | undefined;
  /** `extended`: one statement, also where no value is bound. */
  readonly queryMode?: 'extended' | undefined;
}

/** What sends itself, and is told what the server answers. */
export interface PgSubmittable {
  readonly text: string;
}

/** Who reads a value of a type; the text is as PostgreSQL writes it. */
export interface PgTypes {
  getTypeParser(oid: number): (text: string) => unknown;
}

/** What pg answers, as far as it is read here. */
export interface PgResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: Record<string, unknown>[];
}
