import { hash } from 'node:crypto';
import type { DriverCall, Unlock } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import type { Session } from './session.ts';

/** How long the server is asked to wait at a time, in seconds; then we look who holds the lock now. */
const WAIT_S = 10;

/**
 * A lock of the server by name (GET_LOCK), which goes with the connection. All databases of a server share the names,
 * so that of ours is part of it; and they have 64 characters.
 */
export async function lock(session: Session, name: string, call: DriverCall): Promise<Unlock> {
  const [row] = await ask(session, 'select database() as value');
  const database = row?.['value'];
  if (typeof database !== 'string') {
    throw databaseErrors.invalid_definition(
      'mysql: name a database in the URL or the options; there is none to migrate.',
    );
  }
  const key = `ent_${hash('sha256', `${database}.${name}`).slice(0, 48)}`;
  for (let seconds = 0; ; seconds = WAIT_S) {
    const [got] = await ask(session, 'select get_lock(?, ?) as value', [key, seconds]);
    if (got?.['value'] === 1) break;
    const holder = await holderOf(session, key);
    if (holder !== undefined) call.waitingFor = `another process that migrates: ${holder}`;
  }
  return async () => {
    await ask(session, 'select release_lock(?) as value', [key]);
  };
}

/** Who holds it, as the server's own list has them, which shows those of our user. */
async function holderOf(session: Session, key: string): Promise<string | undefined> {
  const [holder] = await ask(
    session,
    'select id, user, host from information_schema.processlist where id = is_used_lock(?)',
    [key],
  );
  if (holder === undefined) return undefined;
  return `connection ${String(holder['id'])} of ${String(holder['user'])} from ${String(holder['host'])}`;
}

async function ask(session: Session, sql: string, values: readonly unknown[] = []) {
  const { rows } = await session.execute({ sql, kind: 'rows', returnsRows: true, recurs: true }, values);
  return rows;
}
