/**
 * PostgreSQL by pg: a proof that the seam fits a server, and what a driver is measured by; not a driver to use.
 *
 * Rows come as PostgreSQL writes them, since the parsers of pg round integers and shift dates; the codecs read that.
 */
import type { DatabaseFeatures, DriverFailure } from '@ent/database';
import {
  type Codec,
  excluded,
  onConflict,
  pooledSessions,
  type SqlDialect,
  sqlDriver,
  withoutValues,
} from '@ent/database/sql';
import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type SqlBool, sql } from 'kysely';
import { Client, Pool, type PoolClient, types } from 'pg';

export const postgresFeatures = {
  transactions: true,
  savepoints: true,
  independentTransactions: true,
  // Its "repeatable read" is a snapshot.
  isolation: ['read committed', 'snapshot', 'serializable'],
  readOnlyTransactions: true,
  transactionalDdl: true,
  nonTransactionalMigrations: false,
  foreignKeys: true,
  suspendsForeignKeys: false,
  decimalOrder: true,
  exactUpsert: true,
  generatedFields: true,
  shared: true,
  cancelsRunning: true,
} as const satisfies DatabaseFeatures;

export interface PostgresOptions {
  readonly url: string;
  /** Default `public`. */
  readonly schema?: string;
  /** Connections. Default 10. */
  readonly max?: number;
  /** Default `returning`; the other one is what MySQL needs. */
  readonly writes?: SqlDialect['writes'];
}

export function postgres({ url, schema = 'public', max = 10, writes = 'returning' }: PostgresOptions) {
  const config = { connectionString: url, options: `-c search_path=${schema} -c TimeZone=UTC -c DateStyle=ISO` };
  const pool = new Pool({ ...config, max });
  // A connection that breaks while nobody uses it is told here, and ends the process when nobody listens.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  const sessions = pooledSessions<PoolClient>({
    max,
    take: () => pool.connect(),
    give: (client) => client.release(),
    async end(client) {
      client.release(true);
      // The server would go on with what it runs, locks included.
      const other = new Client(config);
      other.on('error', () => {});
      await other.connect();
      await other.query('select pg_terminate_backend($1, 5000)', [(client as { processID?: number }).processID]);
      await other.end();
    },
    total: () => pool.totalCount,
  });

  return sqlDriver<PoolClient, Pool>({
    name: 'postgresql',
    namespace: new URL(url).pathname.slice(1),
    features: postgresFeatures,
    dialect: { ...dialect, writes },
    client: pool,
    async connect() {
      (await pool.connect()).release();
    },
    async close() {
      await sessions.close();
      await pool.end();
    },
    classify,
    sessions,
    async execute(client, { sql: text, kind }, values) {
      const parsers = kind === 'native' ? native : raw;
      const { rows, rowCount, command } = await client.query({ text, values: [...values], types: parsers });
      return { rows, matched: command === 'SELECT' ? undefined : (rowCount ?? 0) };
    },
    async begin(client, { isolation, readOnly }) {
      const level = isolation === 'snapshot' ? 'repeatable read' : isolation;
      await client.query(
        `begin${level === undefined ? '' : ` isolation level ${level}`}${readOnly ? ' read only' : ''}`,
      );
    },
    // Gone with the transaction, and with the connection.
    async lock(client, name) {
      await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
      return () => {};
    },
  });
}

const raw = { getTypeParser: () => (text: string) => text };
const native = {
  getTypeParser: (oid: number) => (oid === types.builtins.INT8 ? narrowed : (types.getTypeParser(oid) as never)),
};

function narrowed(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

const asIs = (value: unknown): unknown => value;
const codec = (decode: (text: string) => unknown, encode: (value: never) => unknown = asIs): Codec => ({
  encode: encode as Codec['encode'],
  decode: decode as Codec['decode'],
});

const text = sql`text collate "C"`;
const dialect: Omit<SqlDialect, 'writes'> = {
  kysely: {
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
  columns: {
    id: text,
    string: text,
    int: 'int8',
    bigint: 'int8',
    decimal: 'numeric',
    double: 'float8',
    boolean: 'boolean',
    date: 'timestamptz(3)',
    json: 'json',
    bytes: 'bytea',
  },
  identity: (column) => column.generatedByDefaultAsIdentity(),
  codecs: {
    string: codec(asIs),
    int: codec(Number),
    bigint: codec(BigInt),
    decimal: codec((stored) => (stored.includes('.') ? stored.replace(/\.?0+$/, '') : stored)),
    double: codec(Number),
    boolean: codec((stored) => stored === 't'),
    // "2024-03-10 02:30:00.5+00". A Date of pg's own would go out in the zone of this machine.
    date: codec(
      (stored) => new Date(`${stored.slice(0, -3).replace(' ', 'T')}Z`),
      (value: Date) => value.toISOString(),
    ),
    json: codec(JSON.parse, JSON.stringify),
    bytes: codec((stored) => new Uint8Array(Buffer.from(stored.slice(2), 'hex'))),
  },
  maxParameters: 65_535,
  rowsPerInsert: 500,
  limits: 'bind',
  arrays: true,
  nulls: 'last',
  upsert: onConflict,
  proposed: excluded,
  fold: (term) => sql`lower((${term})::text collate "und-x-icu")`,
  startsWith: (term, bind) => sql<SqlBool>`starts_with(${term}, ${bind()})`,
  endsWith: (term, value) => sql<SqlBool>`right(${term}, length(${value})) = ${value}`,
  contains: (term, value) => sql<SqlBool>`strpos(${term}, ${value}) > 0`,
  add(column, bind, type) {
    const sum = sql`(${column} + ${bind()})`;
    // Beyond 2^53 this divides by zero.
    return type === 'int' ? sql`${sum} / (abs(${column} + ${bind()}) < 9007199254740992)::int` : sum;
  },
};

/** By SQLSTATE, or the first characters of it. */
const CODES: readonly (readonly [state: string, code: DriverFailure['code']])[] = [
  ['23505', 'unique_violation'],
  ['23503', 'foreign_key_violation'],
  // ON DELETE RESTRICT, from PostgreSQL 18 on.
  ['23001', 'foreign_key_violation'],
  ['23502', 'not_null_violation'],
  ['23514', 'check_violation'],
  ['22', 'bad_data'],
  ['40001', 'serialization_failure'],
  ['40P01', 'deadlock'],
  ['55P03', 'lock_timeout'],
  ['25006', 'read_only'],
  ['53100', 'full'],
  ['08', 'unavailable'],
  ['53300', 'unavailable'],
  ['57P', 'unavailable'],
];

const SAFE = ['code', 'severity', 'schema', 'table', 'column', 'constraint', 'routine'];

function classify(error: unknown): DriverFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code: state = '', syscall, severity, detail, constraint } = error as Error & Readonly<Record<string, string>>;
  const isLost = syscall !== undefined || /^Connection terminated|not queryable/.test(error.message);
  if (isLost) return { code: 'unavailable', broken: true };
  if (severity === undefined) return undefined;
  const code = CODES.find(([start]) => state.startsWith(start))?.[1] ?? 'query_failed';
  const fields = /^Key \((.+?)\)=/
    .exec(detail ?? '')?.[1]
    ?.replaceAll('"', '')
    .split(', ');
  const cause = withoutValues(error, SAFE, code === 'bad_data' ? `A value does not fit (${state}).` : error.message);
  return { code, constraint, fields, cause, broken: code === 'unavailable' };
}
