/**
 * The part of a better-sqlite3 `Database` that this driver uses. Declared here, so that our published types do not need
 * `@types/better-sqlite3`.
 */
export interface SqliteClient {
  readonly inTransaction: boolean;
  readonly memory: boolean;
  readonly name: string;
  readonly open: boolean;
  readonly readonly: boolean;
  prepare(source: string): SqliteStatement;
  exec(source: string): unknown;
  pragma(source: string, options?: { simple?: boolean }): unknown;
  function(
    name: string,
    options: { deterministic?: boolean; safeIntegers?: boolean },
    body: (...values: never[]) => unknown,
  ): unknown;
  backup(
    file: string,
    options: { progress: (progress: { totalPages: number; remainingPages: number }) => number },
  ): Promise<unknown>;
  close(): unknown;
}

/** A prepared statement of better-sqlite3. */
export interface SqliteStatement {
  /** Whether it answers rows. */
  readonly reader: boolean;
  all(...parameters: unknown[]): unknown[];
  columns(): { readonly name: string }[];
  get(...parameters: unknown[]): unknown;
  run(...parameters: unknown[]): { changes: number; lastInsertRowid: number | bigint };
  safeIntegers(on?: boolean): SqliteStatement;
}
