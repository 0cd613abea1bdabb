import { chain, kindOf } from '@ent/internal';
import type {
  Awaitable,
  DatabaseDriver,
  DriverCall,
  DriverSessions,
  DriverTransactions,
  NativeRunner,
} from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { controlOf } from './controls.ts';
import { demandMembers } from './demand.ts';
import type { SqlDialect } from './dialect.ts';
import { bindable, nativeKysely } from './native.ts';
import { rowsOf } from './rows.ts';
import { ScriptError } from './script.ts';
import { tableOf } from './table.ts';
import type { SqlExecute, SqlNative, SqlOutcome, SqlStatement } from './types.ts';

type Own = 'name' | 'namespace' | 'features' | 'pool' | 'client' | 'connect' | 'close' | 'classify' | 'begin' | 'lock';
type Replaceable = 'ping' | 'invalidIndexes' | Exclude<keyof DriverTransactions<never>, 'begin'>;

/** What is different in each SQL database. */
export interface SqlDriverParts<Session extends object, Client>
  extends Pick<DatabaseDriver<never, Session, Client>, Own>,
    Partial<Pick<DatabaseDriver<never, Session, Client>, Replaceable>> {
  readonly dialect: SqlDialect;
  /** {@link pooledSessions} over the library's pool, or something of your own. */
  readonly sessions: DriverSessions<Session>;
  readonly execute: SqlExecute<Session>;
  /**
   * Where `writes` is `read-back`: whether the server has what MariaDB has beyond MySQL, `INSERT ... RETURNING` and
   * several statements as one (`BEGIN NOT ATOMIC`). What is stored is then read back on the way. Default: it has not.
   */
  isMariadb?(session: Session): boolean;
}

/** What all drivers give, for those who are not told by the compiler. */
const PARTS = {
  name: 'string',
  namespace: 'string',
  features: 'object',
  connect: 'function',
  close: 'function',
  classify: 'function',
  dialect: 'object',
  sessions: 'object',
  execute: 'function',
  begin: 'function',
  lock: 'function',
} as const;

/** A loop that waits for an answer would never end in a recording. */
const MAX_RECORDED = 10_000;

/**
 * A driver for a SQL database from what is different in each: how it connects and runs a statement, its
 * {@link SqlDialect}, how it begins a transaction and takes a lock, and what its errors mean. The rest of the contract
 * is SQL that all of them share; a part where a database differs can be given as well (`commit`, `rollbackTo`, ...).
 *
 * ```ts no-run
 * import type { DatabaseFeatures } from '@ent/database';
 * import { pooledSessions, type SqlDialect, sqlDriver } from '@ent/database/sql';
 * import { Pool, type PoolClient } from 'pg';
 *
 * declare const features: DatabaseFeatures;
 * declare const dialect: SqlDialect;
 *
 * export function postgres(connectionString: string) {
 *   const pool = new Pool({ connectionString, max: 10 });
 *   const sessions = pooledSessions<PoolClient>({
 *     max: 10,
 *     take: () => pool.connect(),
 *     give: (client) => client.release(),
 *     end: (client) => client.release(true),
 *     total: () => pool.totalCount,
 *   });
 *   return sqlDriver<PoolClient, Pool>({
 *     name: 'postgresql',
 *     namespace: 'app',
 *     features,
 *     dialect,
 *     client: pool,
 *     connect: () => {},
 *     async close() {
 *       await sessions.close();
 *       await pool.end();
 *     },
 *     classify: (error) => ((error as { code?: unknown }).code === '23505' ? { code: 'unique_violation' } : undefined),
 *     sessions,
 *     async execute(client, { sql }, parameters) {
 *       const { rows, rowCount } = await client.query(sql, [...parameters]);
 *       return { rows, matched: rowCount ?? 0 };
 *     },
 *     begin: async (client) => void (await client.query('begin')),
 *     async lock(client, name) {
 *       await client.query('select pg_advisory_xact_lock(hashtext($1))', [name]);
 *       return () => {};
 *     },
 *   });
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own word for tables that are not typed
export function sqlDriver<Session extends object, Client = unknown, Tables = any>(
  parts: SqlDriverParts<Session, Client>,
): DatabaseDriver<SqlNative<Tables>, Session, Client> {
  demandMembers(parts, PARTS, 'sqlDriver');
  const { dialect, sessions, execute, setTenant, invalidIndexes } = parts;
  // For writes of several statements, which begin a transaction where there is none.
  const open = new WeakSet<Session>();

  const control = (session: Session, text: string, call: DriverCall): Awaitable<void> =>
    chain(execute(session, controlOf(text), [], call), () => {});
  const transactions: DriverTransactions<Session> = {
    begin: (session, options, call) => chain(parts.begin(session, options, call), () => void open.add(session)),
    commit: (session, call) => {
      open.delete(session);
      return parts.commit ? parts.commit(session, call) : control(session, 'commit', call);
    },
    rollback: (session, call) => {
      open.delete(session);
      return parts.rollback ? parts.rollback(session, call) : control(session, 'rollback', call);
    },
    savepoint: parts.savepoint ?? ((session, name, call) => control(session, `savepoint ${name}`, call)),
    releaseSavepoint:
      parts.releaseSavepoint ?? ((session, name, call) => control(session, `release savepoint ${name}`, call)),
    rollbackTo:
      parts.rollbackTo ??
      ((session, name, call) =>
        chain(control(session, `rollback to savepoint ${name}`, call), () =>
          control(session, `release savepoint ${name}`, call),
        )),
  };
  const rows = rowsOf<Session>(dialect, execute, {
    ...transactions,
    isOpen: (session) => open.has(session),
    takenBy(error) {
      const { code, fields = [] } = parts.classify(error) ?? {};
      return code === 'unique_violation' ? fields : undefined;
    },
    isMariadb: (session) => parts.isMariadb?.(session) === true,
  });

  return {
    name: parts.name,
    namespace: parts.namespace,
    features: parts.features,
    pool: parts.pool,
    get client() {
      return parts.client;
    },
    connect: (call) => parts.connect(call),
    ping: parts.ping ?? ((session, call) => control(session, 'select 1', call)),
    close: () => parts.close(),
    classify(error) {
      if (!(error instanceof ScriptError)) return parts.classify(error);
      const { cause, where } = error;
      const found = parts.classify(cause);
      return found && { ...found, where, cause: found.cause ?? (cause as Error) };
    },

    acquire: (use, forTransaction, call) => sessions.acquire(use, forTransaction, call),
    release(session, broken) {
      open.delete(session);
      sessions.release(session, broken);
    },
    stats: () => sessions.stats(),
    ...(sessions.isReplica && { isReplica: (session: Session) => sessions.isReplica?.(session) === true }),

    ...transactions,
    ...(setTenant && { setTenant }),
    ...(invalidIndexes && { invalidIndexes }),
    ...rows,

    native: (run) => nativeOf<Session, Tables>(dialect, execute, run),
    async record(work) {
      const statements: string[] = [];
      const kysely = nativeKysely<Tables>(dialect, async (_use, query) => {
        if (statements.length === MAX_RECORDED) throw new Error('Too many statements.');
        statements.push(query.sql);
        return { rows: [] };
      });
      const script = async (text: string): Promise<void> => void statements.push(text);
      await work({ kysely, columns: dialect.columns, script });
      return statements;
    },
    createTable: (session, entity, call) =>
      tableOf(dialect, entity).reduce<Awaitable<void>>(
        (before, text) => chain(before, () => control(session, text, call)),
        undefined,
      ),
    ...(dialect.findTable !== undefined && { hasTable: seekTable(dialect.findTable, execute) }),
    lock: (session, name, call) => parts.lock(session, name, call),
  };
}

function seekTable<Session>(sql: string, execute: SqlExecute<Session>) {
  const statement: SqlStatement = { sql, kind: 'rows', returnsRows: true, recurs: false };
  return async (session: Session, { table }: EntityModel, call: DriverCall): Promise<boolean> => {
    const dot = table.indexOf('.');
    const place = [table.slice(dot + 1), dot === -1 ? null : table.slice(0, dot)];
    return (await execute(session, statement, place, call)).rows.length > 0;
  };
}

function nativeOf<Session, Tables>(
  dialect: SqlDialect,
  execute: SqlExecute<Session>,
  run: NativeRunner<Session>,
): SqlNative<Tables> {
  const kysely = nativeKysely<Tables>(dialect, (use, { sql, parameters }, signal) =>
    run(
      use,
      async (session, call) => {
        const bound = bindable(dialect, parameters);
        call.onStatement?.(sql);
        const statement: SqlStatement = { sql, kind: 'native', returnsRows: true, recurs: false };
        return resultOf(await execute(session, statement, bound, call));
      },
      signal,
    ),
  );
  const script = (text: string): Promise<void> => {
    if (typeof text !== 'string')
      throw databaseErrors.invalid_query(`native.script takes a text; got ${kindOf(text)}.`);
    return run('write', async (session, call) => {
      call.onStatement?.(text);
      const statement: SqlStatement = { sql: text, kind: 'script', returnsRows: false, recurs: false };
      await execute(session, statement, [], call);
    });
  };
  return { kysely, columns: dialect.columns, script };
}

/** As Kysely wants it. */
function resultOf({ rows, matched, insertId }: SqlOutcome) {
  return {
    rows,
    ...(matched !== undefined && { numAffectedRows: BigInt(matched) }),
    ...(insertId !== undefined && { insertId }),
  };
}
