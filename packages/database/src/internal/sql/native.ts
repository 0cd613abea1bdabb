import {
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type DialectAdapter,
  type Driver,
  Kysely,
  type QueryExecutor,
  type QueryResult,
  SelectQueryNode,
} from 'kysely';
import { databaseErrors } from '../../errors.ts';
import type { SqlDialect } from './dialect.ts';
import { readsOnly } from './reads-only.ts';

/** Runs one statement of the application's own. */
export type RunNative = (
  use: 'read' | 'write',
  query: CompiledQuery,
  signal: AbortSignal | undefined,
) => Promise<QueryResult<Record<string, unknown>>>;

/** A Kysely whose queries run in the transaction around them, or alone. */
export function nativeKysely<Tables>({ kysely }: SqlDialect, run: RunNative): Kysely<Tables> {
  const signals: Signals = new WeakMap();
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery) {
      const use = SelectQueryNode.is(query.query) || readsOnly(query.sql) ? 'read' : 'write';
      return (await run(use, query, signals.get(query))) as QueryResult<R>;
    },
    // oxlint-disable-next-line require-yield -- it refuses
    async *streamQuery() {
      throw databaseErrors.unsupported('db.native.kysely does not stream; use repo.stream(), or limit and offset.');
    },
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
  const dialect = {
    createAdapter: () => concurrent(kysely.createAdapter()),
    createDriver: () => driver,
    createIntrospector: (db: Kysely<unknown>) => kysely.createIntrospector(db),
    createQueryCompiler: () => kysely.createQueryCompiler(),
  };
  const provider: ConnectionProvider = { provideConnection: (consumer) => consumer(connection) };
  const executor = new DefaultQueryExecutor(dialect.createQueryCompiler(), dialect.createAdapter(), provider);
  return new Kysely({ config: { dialect }, dialect, driver, executor: ours(executor, signals) });
}

/** Who may give a query up, by the very object that is executed. */
type Signals = WeakMap<CompiledQuery, AbortSignal>;

/**
 * Runs queries and gives no connection to anybody: `connection()` and Kysely's own transactions would believe that they
 * have one for themselves. They would know nothing of the repositories, and a query beside one on a database with a
 * single writer would wait for it forever.
 *
 * A signal goes past Kysely, which would leave the query to run on, mark the reason as its own, and tell the console of
 * the failure that comes of stopping it.
 */
function ours(executor: QueryExecutor, signals: Signals): QueryExecutor {
  const again = (other: QueryExecutor): QueryExecutor => ours(other, signals);
  return {
    adapter: executor.adapter,
    plugins: executor.plugins,
    transformQuery: (node, id) => executor.transformQuery(node, id),
    compileQuery: (node, id) => executor.compileQuery(node, id),
    executeQuery(query, { signal } = {}) {
      if (signal === undefined) return executor.executeQuery(query);
      const own = { ...query };
      signals.set(own, signal);
      return executor.executeQuery(own);
    },
    stream: (query, chunkSize, options) => executor.stream(query, chunkSize, options),
    provideConnection: refuse,
    withConnectionProvider: (provider) => again(executor.withConnectionProvider(provider)),
    withPlugin: (plugin) => again(executor.withPlugin(plugin)),
    withPlugins: (plugins) => again(executor.withPlugins(plugins)),
    withPluginAtFront: (plugin) => again(executor.withPluginAtFront(plugin)),
    withoutPlugins: () => again(executor.withoutPlugins()),
  };
}

async function refuse(): Promise<never> {
  throw databaseErrors.unsupported(
    'db.native.kysely has no connections and transactions of its own. Use db.transaction(): what is called in it, these queries included, has one connection and one transaction.',
  );
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
export function bindable(dialect: SqlDialect, parameters: readonly unknown[]): unknown[] {
  return parameters.map((value, index) => bound(dialect, value, `native: parameter ${index + 1}`));
}

function bound(dialect: SqlDialect, value: unknown, which: string): unknown {
  const { codecs, arrays } = dialect;
  if (value === undefined) throw databaseErrors.invalid_query(`${which} is undefined; say null if you mean it.`);
  if (typeof value === 'boolean') return codecs.boolean.encode(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw databaseErrors.bad_data(`${which} is an invalid Date.`);
    return codecs.date.encode(value);
  }
  if (arrays && Array.isArray(value)) {
    return value.map((member, index) => bound(dialect, member, `${which}, member ${index + 1},`));
  }
  const instead = arrays
    ? 'is an object; bind text, such as that of JSON.stringify'
    : 'is an object or a list; bind text, such as that of JSON.stringify, and for IN each value by itself';
  throw databaseErrors.bad_data(`${which} ${instead}.`);
}
