import type { DriverCall } from '../../driver.ts';
import type { Session } from './session.ts';

/**
 * How far a server has come, in bytes of its write-ahead log.
 * https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP
 */
export const positions = {
  async written(session: Session, _call: DriverCall): Promise<bigint> {
    const position = await ask(session, WRITTEN);
    // After a record that ends with its page the server tells where the next one will begin, behind the header of a
    // page that is not there yet: where no standby is until somebody writes.
    return position % PAGE === HEADER ? position - HEADER : position;
  },
  shown: (session: Session, _call: DriverCall): Promise<bigint> => ask(session, SHOWN),
  covers: (shown: bigint, written: bigint): boolean => shown >= written,
};

const PAGE = 8192n;
const HEADER = 24n;
const common = { kind: 'rows', returnsRows: true, recurs: true } as const;
/** What was inserted and not what was written: with `synchronous_commit = off` others see a commit before that. */
const WRITTEN = { ...common, sql: `select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as position` };
/** Null for a server that follows nobody, such as a standby that was promoted: its log is another one. */
const SHOWN = {
  ...common,
  sql: `select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() - '0/0'::pg_lsn end as position`,
};

async function ask(session: Session, statement: typeof WRITTEN): Promise<bigint> {
  const { rows } = await session.execute(statement, []);
  const position = rows[0]?.['position'];
  if (typeof position !== 'string') throw new Error('The server is no standby.');
  return BigInt(position);
}
