import { chain } from '@ent/internal';
import type { Awaitable, BeginOptions, DriverCall } from '../../driver.ts';
import { controlOf } from '../../internal/sql/controls.ts';
import type { Connection } from './connection.ts';

/** Reads the file, where `select 1` would not. */
export const TOUCH = 'select 1 from sqlite_schema limit 1';

/** Writers take the lock at once: a transaction that reads first and then fails to write could only start again. */
export function begin(
  connection: Connection,
  { readOnly, foreignKeys }: Pick<BeginOptions, 'readOnly' | 'foreignKeys'>,
  call: DriverCall,
): Awaitable<void> {
  const begun = (): void => {
    connection.inTransaction = true;
  };
  if (foreignKeys === 'off') connection.suspendForeignKeys();
  if (!readOnly) return chain(control(connection, 'begin immediate', call), begun);
  connection.refuseWrites(true);
  // SQLite takes its snapshot with the first read; this is it.
  const began = chain(control(connection, 'begin', call), () => touch(connection, call));
  return chain(began, begun);
}

export function commit(connection: Connection, call: DriverCall): Awaitable<void> {
  connection.expectTransaction();
  connection.expectForeignKeys();
  return chain(control(connection, 'commit', call), () => connection.resumeForeignKeys());
}

/** Reads the file, where `select 1` would not. */
export function touch(connection: Connection, call: DriverCall): Awaitable<void> {
  return control(connection, TOUCH, call);
}

function control(connection: Connection, text: string, call: DriverCall): Awaitable<void> {
  return chain(connection.execute(call, controlOf(text), []), () => {});
}
