import {
  type CompiledQuery,
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  Kysely,
  type QueryResult,
  SelectQueryNode,
} from 'kysely';
import { databaseErrors } from '../../errors.ts';
import type { SqlDialect } from './dialect.ts';

/** Runs one statement of the application's own. */
export type RunNative = (
  use: 'read' | 'write',
  query: CompiledQuery,
  signal: AbortSignal | undefined,
) => Promise<QueryResult<Record<string, unknown>>>;

/**
 * A Kysely whose queries run in the transaction around them, or alone. Kysely's own transactions are refused: they
 * would know nothing of the repositories, and a query beside one on a database with a single writer would wait for it
 * forever.
 */
export function nativeKysely<Tables>(dialect: SqlDialect, run: RunNative): Kysely<Tables> {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery, options?: { readonly signal?: AbortSignal | undefined }) {
      const use = SelectQueryNode.is(query.query) ? 'read' : 'write';
      return (await run(use, query, options?.signal)) as QueryResult<R>;
    },
    // oxlint-disable-next-line require-yield -- it refuses
    async *streamQuery() {
      throw databaseErrors.unsupported('db.native.kysely does not stream; use repo.stream(), or limit and offset.');
    },
  };
  const refuse = async (): Promise<never> => {
    throw databaseErrors.unsupported('Begin transactions with db.transaction(); queries of db.native.kysely join it.');
  };
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    destroy: async () => {
      throw databaseErrors.unsupported('Disconnect with db.close(); db.native.kysely has no connection of its own.');
    },
  };
  return new Kysely({
    dialect: {
      createAdapter: () => concurrent(dialect.kysely.createAdapter()),
      createDriver: () => driver,
      createIntrospector: (db) => dialect.kysely.createIntrospector(db),
      createQueryCompiler: () => dialect.kysely.createQueryCompiler(),
    },
  });
}

/**
 * Our sessions decide who waits; Kysely's mutex for databases with one
 * connection would hang a query inside a transaction.
 */
function concurrent(adapter: DialectAdapter): DialectAdapter {
  return Object.defineProperty(adapter, 'supportsMultipleConnections', { value: true });
}

/**
 * What applications pass to Kysely as repositories would bind it. What databases take for different things is refused.
 */
export function bindable({ codecs }: SqlDialect, parameters: readonly unknown[]): unknown[] {
  return parameters.map((value, index) => {
    const which = `native: parameter ${index + 1}`;
    if (value === undefined) throw databaseErrors.invalid_query(`${which} is undefined; say null if you mean it.`);
    if (typeof value === 'boolean') return codecs.boolean.encode(value);
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    if (!(value instanceof Date)) {
      throw databaseErrors.bad_data(`${which} is an object or a list; bind text, such as that of JSON.stringify.`);
    }
    if (Number.isNaN(value.getTime())) throw databaseErrors.bad_data(`${which} is an invalid Date.`);
    return codecs.date.encode(value);
  });
}
