import { exponentialBackoff, pause } from '@ent/internal';
import type { DriverCall, Unlock } from '../../driver.ts';
import { controlOf } from '../../internal/sql/controls.ts';
import type { Session } from './session.ts';

const common = { kind: 'rows', returnsRows: true, recurs: false } as const;
// The schema may be made by the first migration: until then, all that look for the same ones wait for each other.
const KEY = `hashtextextended(coalesce(current_schema(), trim(both '"' from current_setting('search_path'))) || '.' || $1::text, 0)`;
const TRY = {
  inTransaction: { ...common, sql: `select pg_try_advisory_xact_lock(${KEY}) as got` },
  alone: { ...common, sql: `select pg_try_advisory_lock(${KEY}) as got` },
};
const UNLOCK = { ...common, sql: `select pg_advisory_unlock(${KEY})` };
const backoff = exponentialBackoff({ baseMs: 10, maxMs: 250 });

/** The server shows a key as two halves. https://www.postgresql.org/docs/current/view-pg-locks.html */
const HOLDER = {
  ...common,
  sql: `select a.pid, a.usename, a.application_name, a.client_addr, a.client_port
    from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
      and l.database = (select oid from pg_database where datname = current_database())
      and (l.classid::bigint << 32) | l.objid::bigint = ${KEY}`,
};

/**
 * Waits for the lock of this name; while it does, the call says whose it is. It asks again and again, each time in
 * another transaction, before which nothing was done in it: `CREATE INDEX CONCURRENTLY` of the holder waits for every
 * transaction that has a snapshot, and so for one that waits for the holder.
 *
 * In a transaction the lock is of that, also behind a pooler, and nobody has to give it back; else of the session.
 */
export async function takeLock(session: Session, name: string, call: DriverCall): Promise<Unlock> {
  const { inTransaction } = session;
  for (let tries = 1; ; tries += 1) {
    const [tried] = (await session.execute(inTransaction ? TRY.inTransaction : TRY.alone, [name])).rows;
    if (tried?.['got'] === 't' || tried?.['got'] === true) break;
    const [holder] = (await session.execute(HOLDER, [name])).rows;
    if (holder !== undefined) call.waitingFor = `another process that migrates: ${described(holder)}`;
    if (inTransaction) await session.execute(controlOf('rollback and chain'), []);
    await pause(backoff(tries), call.signal);
    call.signal.throwIfAborted();
  }
  return async (): Promise<void> => {
    if (!inTransaction) await session.execute(UNLOCK, [name]);
  };
}

/** What the server tells of it; of those of other users it tells less. */
function described({ pid, usename, application_name: program, client_addr: host, client_port: port }: Row): string {
  const from = host === null ? '' : ` from ${text(host)}:${text(port)}`;
  return `backend ${text(pid)}${program ? ` (${text(program)})` : ''} of ${text(usename)}${from}`;
}

type Row = Readonly<Record<string, unknown>>;

function text(value: unknown): string {
  return String(value);
}
