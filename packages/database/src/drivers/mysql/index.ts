/**
 * MySQL and MariaDB, by Kysely and mysql2: connections to one server, or to whichever of several takes writes. The
 * native client opens connections of mysql2.
 *
 * Text goes to the server and comes from it, and integers as such, since mysql2's own conversions round integers and
 * move dates (decode.ts, session.ts). A call that is given up is stopped on the server by KILL QUERY (cancel.ts).
 */
import type { DatabaseDriver, DatabaseFeatures } from '../../driver.ts';
import { sqlDriver } from '../../internal/sql/driver.ts';
import { replicatedSessions } from '../../internal/sql/replicas.ts';
import { poolOf } from '../../internal/sql/server-options.ts';
import { pooledSessions } from '../../internal/sql/sessions.ts';
import type { SqlNative } from '../../internal/sql/types.ts';
import type { MysqlConnection } from './client.ts';
import { dialect } from './dialect.ts';
import { classify } from './errors.ts';
import { lock } from './lock.ts';
import { type MysqlOptions, type Settings, settingsOf } from './options.ts';
import { Connections } from './pool.ts';
import { demandPosition, type Position, positions } from './replication.ts';
import type { Session } from './session.ts';

export type {
  MysqlCallback,
  MysqlConnection,
  MysqlDone,
  MysqlField,
  MysqlResult,
  MysqlStatement,
} from './client.ts';
export type { MysqlHostOptions, MysqlMadeOptions, MysqlOptions, MysqlUrlOptions } from './options.ts';
export type { MysqlTls } from './tls.ts';

/** What MySQL and MariaDB can do. */
export const mysqlFeatures = {
  transactions: true,
  savepoints: true,
  independentTransactions: true,
  // Under their "repeatable read" a row that the transaction itself has changed shows what others have changed in it.
  isolation: ['read committed', 'serializable'],
  readOnlyTransactions: true,
  transactionalDdl: false,
  nonTransactionalMigrations: true,
  foreignKeys: true,
  suspendsForeignKeys: false,
  decimalOrder: true,
  exactUpsert: true,
  generatedFields: true,
  shared: true,
  cancelsRunning: true,
} as const satisfies DatabaseFeatures;

/** What `driver.client` is: connections outside of the pool, for what nothing here does. */
export interface MysqlClient {
  /** A connection of mysql2 to the same server, set up like the others. Yours: end it. */
  connect(): Promise<MysqlConnection>;
}

/** The driver that {@link mysql} makes. */
export type MysqlDriver<Tables> = DatabaseDriver<SqlNative<Tables>, Session, MysqlClient>;

/**
 * MySQL 8.0.17 and MariaDB 10.6, or later, by mysql2, with Kysely.
 *
 * ```ts no-run
 * import { createDatabase } from '@ent/database';
 * import { mysql } from '@ent/database/mysql';
 *
 * const db = createDatabase({ driver: mysql({ url: 'mysql://app:secret@localhost/app', max: 20 }) });
 * await db.ping();
 * await db.close();
 * ```
 *
 * @throws ConfigurationError `database.invalid_definition` for options or a URL that are not right
 */
// oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own word for tables that are not typed
export function mysql<Tables = any>(options: MysqlOptions): MysqlDriver<Tables> {
  const settings = settingsOf(options);
  const connections = new Connections(settings);
  const replicas = replicasOf(settings);
  const sessions =
    replicas.length === 0
      ? pooledSessions(connections)
      : replicatedSessions<Session, Position>({
          ...positions,
          system: 'mysql',
          namespace: settings.namespace,
          primary: connections,
          replicas,
          maxLagMs: settings.maxReplicaLagMs,
        });
  const end = async (session: Session, text: string): Promise<void> => {
    await session.query(text);
    session.inTransaction = false;
  };

  return sqlDriver<Session, MysqlClient, Tables>({
    name: 'mysql',
    namespace: settings.namespace,
    features: mysqlFeatures,
    pool: poolOf(settings, connections.max),
    dialect,
    client: { connect: () => connections.connect() },
    async connect(call) {
      await connections.open(call);
      if (replicas.length === 0) return;
      const session = await connections.take(call);
      await demandPosition(session).finally(() => connections.give(session));
    },
    async close() {
      await sessions.close();
      await Promise.all([connections.close(), ...replicas.map(({ source }) => source.close())]);
    },
    classify: (error) => classify(error, connections.product),
    sessions,
    execute: (session, statement, parameters) => session.execute(statement, parameters),
    isMariadb: ({ server }) => server.product === 'MariaDB',
    async begin(session, { isolation, readOnly }) {
      const start = readOnly ? 'start transaction read only' : 'start transaction';
      // Of the next transaction alone.
      const level = isolation && `set transaction isolation level ${isolation}`;
      if (level !== undefined && session.server.product === 'MariaDB') {
        await session.query(`begin not atomic ${level}; ${start}; end`);
      } else {
        if (level !== undefined) await session.query(level);
        await session.query(start);
      }
      session.inTransaction = true;
    },
    commit: (session) => end(session, 'commit'),
    rollback: (session) => end(session, 'rollback'),
    lock,
  });
}

function replicasOf(settings: Settings): { readonly name: string; readonly source: Connections }[] {
  return settings.replicas.map((address) => ({
    name: `${address.host}:${address.port}`,
    source: new Connections({ ...settings, hosts: [address], needsWrites: false, readsOnly: true, min: 0 }),
  }));
}
