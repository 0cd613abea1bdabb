/**
 * PostgreSQL, by Kysely and pg: a pool of connections to one server, or to whichever of several takes writes. The
 * native client is pg's `Pool`.
 *
 * Text goes to the server and comes from it, since pg's own conversions round integers and move dates (decode.ts). A
 * call that is given up is cancelled on the server, and its connection ended (session.ts).
 */
import type { DatabaseDriver, DatabaseFeatures } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { sqlDriver } from '../../internal/sql/driver.ts';
import { replicatedSessions } from '../../internal/sql/replicas.ts';
import { poolOf } from '../../internal/sql/server-options.ts';
import { pooledSessions } from '../../internal/sql/sessions.ts';
import type { SqlNative } from '../../internal/sql/types.ts';
import type { PgPool } from './client.ts';
import { dialect } from './dialect.ts';
import { classify } from './errors.ts';
import { letListen, Listeners } from './listen.ts';
import { takeLock } from './lock.ts';
import { Names } from './names.ts';
import { type PostgresOptions, type Settings, settingsOf } from './options.ts';
import { Connections } from './pool.ts';
import { positions } from './replication.ts';
import type { Session } from './session.ts';

export { copyIn, copyOut, type CopySource } from './copy.ts';
export { listen, type ListenOptions, notify, type Subscription } from './listen.ts';
export type { PgClient, PgPool, PgQuery, PgResult, PgSubmittable, PgTypes } from './client.ts';
export type {
  PostgresCommonOptions,
  PostgresHostOptions,
  PostgresMadeOptions,
  PostgresOptions,
  PostgresPoolOptions,
  PostgresUrlOptions,
} from './options.ts';

/** What PostgreSQL can do. */
export const postgresFeatures = {
  transactions: true,
  savepoints: true,
  independentTransactions: true,
  // Its "repeatable read" is a snapshot.
  isolation: ['read committed', 'snapshot', 'serializable'],
  readOnlyTransactions: true,
  transactionalDdl: true,
  nonTransactionalMigrations: true,
  foreignKeys: true,
  // Only those that were declared deferrable can wait.
  suspendsForeignKeys: false,
  decimalOrder: true,
  exactUpsert: true,
  generatedFields: true,
  shared: true,
  cancelsRunning: true,
} as const satisfies DatabaseFeatures;

/** The driver that {@link postgres} makes. Its `client` is the pool: outside of our control, mind open transactions. */
export type PostgresDriver<Tables> = DatabaseDriver<SqlNative<Tables>, Session, PgPool>;

/**
 * PostgreSQL 13 or later by pg, with Kysely.
 *
 * ```ts no-run
 * import { createDatabase } from '@ent/database';
 * import { postgres } from '@ent/database/postgres';
 *
 * const db = createDatabase({ driver: postgres({ url: 'postgres://app:secret@localhost/app', max: 20 }) });
 * await db.ping();
 * await db.close();
 * ```
 *
 * @throws ConfigurationError `database.invalid_definition` for options or a URL that are not right
 */
// oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own word for tables that are not typed
export function postgres<Tables = any>(options: PostgresOptions): PostgresDriver<Tables> {
  const settings = settingsOf(options);
  const names = new Names(settings.prepare ?? true);
  const connections = new Connections(settings, names);
  const replicas = replicasOf(settings, names);
  const sessions =
    replicas.length === 0
      ? pooledSessions(connections)
      : replicatedSessions<Session, bigint>({
          ...positions,
          system: 'postgresql',
          namespace: settings.namespace,
          primary: connections,
          replicas,
          maxLagMs: settings.maxReplicaLagMs,
        });
  const listeners = new Listeners(settings);
  const driver = sqlDriver<Session, PgPool, Tables>({
    name: 'postgresql',
    namespace: settings.namespace,
    features: postgresFeatures,
    pool: poolOf(settings, connections.max),
    dialect,
    client: connections.pool,
    connect: (call) => connections.open(call),
    async close() {
      await Promise.all([listeners.close(), sessions.close()]);
      await Promise.all([connections.close(), ...replicas.map(({ source }) => source.close())]);
    },
    classify: (error) => classify(error, settings.searchPath),
    sessions,
    execute: (session, statement, parameters) => session.execute(statement, parameters),
    begin(session, { isolation, readOnly }) {
      const level = isolation === 'snapshot' ? 'repeatable read' : isolation;
      const begin = level === undefined ? 'begin' : `begin isolation level ${level}`;
      session.begin(readOnly ? `${begin} read only` : begin);
    },
    commit: (session) => session.finish('commit'),
    rollback: (session) => session.finish('rollback'),
    async lock(session, name, call) {
      if (!session.inTransaction && connections.isPooled) throw noLock();
      return takeLock(session, name, call);
    },
    async invalidIndexes(session, text) {
      return (await session.execute(INVALID_INDEXES, [text])).rows.map(({ name }) => name as string);
    },
    ...(settings.tenantSetting !== undefined && { setTenant: settingOf(settings.tenantSetting) }),
  });
  letListen(driver, listeners);
  return driver;
}

function replicasOf(settings: Settings, names: Names): { readonly name: string; readonly source: Connections }[] {
  return settings.replicas.map((address) => ({
    name: `${address.host}:${address.port}`,
    source: new Connections({ ...settings, hosts: [address], needsWrites: false, min: 0 }, names),
  }));
}

/** The setting of a transaction that policies of row-level security look at. */
function settingOf(name: string) {
  return async (session: Session, tenant: string): Promise<void> => {
    await session.execute(SETTING, [name, tenant]);
  };
}

function noLock(): Error {
  return databaseErrors.unsupported(
    'postgres: there is a pooler in between, which keeps no lock for a migration without a transaction; connect to the server itself.',
  );
}

/** Those of a table that is partitioned are invalid until each of its parts has one. */
const INVALID_INDEXES = {
  sql: `select n.nspname || '.' || c.relname as name
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_class t on t.oid = i.indrelid
    where not i.indisvalid and c.relkind = 'i' and (strpos($1, c.relname) > 0 or strpos($1, t.relname) > 0)
      and (n.nspname = any(current_schemas(false)) or strpos($1, n.nspname) > 0)
    order by 1`,
  kind: 'rows',
  returnsRows: true,
  recurs: true,
} as const;

const SETTING = {
  // The last: for this transaction alone.
  sql: 'select set_config($1, $2, true)',
  kind: 'rows',
  returnsRows: true,
  recurs: true,
} as const;
