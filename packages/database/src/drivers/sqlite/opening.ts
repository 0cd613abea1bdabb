import { closeSync, mkdirSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { databaseErrors } from '../../errors.ts';
import type { SqliteClient } from './client.ts';
import { FullDiskError } from './errors.ts';
import { registerFunctions } from './functions.ts';

/** Connections of a file that read beside the one that writes. */
export const MAX_READERS = 4;
/** A few hundred pages: less may still take a small commit, and not the next one. */
const LEAST_BYTES = 1024 * 1024;

/** The connection that writes; it makes the file and its folder. */
export function openWriter(file: string, synchronous: 'normal' | 'full'): SqliteClient {
  expectNodeApi();
  if (file !== ':memory:') {
    mkdirSync(dirname(file), { recursive: true });
    makePrivate(file);
  }
  const client = new BetterSqlite3(file, { timeout: 0 });
  try {
    // WAL: readers and the writer do not wait for each other. It stays with the file.
    client.pragma('journal_mode = wal');
    client.pragma(`synchronous = ${synchronous}`);
    client.pragma('foreign_keys = on');
    registerFunctions(client);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** A connection that reads, on a file that the one that writes has opened before. */
export function openReader(file: string): SqliteClient {
  const client = new BetterSqlite3(file, { readonly: true, fileMustExist: true, timeout: 0 });
  registerFunctions(client);
  return client;
}

/**
 * Lets SQLite look again at what its indexes hold, where that has changed much, as it wants a connection to do that
 * ends (https://www.sqlite.org/lang_analyze.html). It reads a limited number of rows.
 */
export function optimize(client: SqliteClient): void {
  if (!client.open || client.readonly) return;
  try {
    client.pragma('optimize');
  } catch {
    // Somebody else writes just now: the next one that closes does it.
  }
}

/** Refuses where the disk of a file has no room for a commit any more. */
export function expectRoom(file: string): void {
  const { bavail, bsize, blocks } = statfsSync(file);
  // Some network file systems do not tell, and say 0 of 0.
  if (blocks > 0 && bavail * bsize < LEAST_BYTES) throw new FullDiskError();
}

/**
 * Makes the file, if there is none, for its owner alone: SQLite would let everybody read it. Its `-wal` and `-shm` get
 * the mode of the file.
 */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch {
    // It is there, or SQLite will say what is wrong.
  }
}

/**
 * better-sqlite3 13 is built for Node-API 10 and crashes the process on an older Node (WiseLibs/better-sqlite3#1514).
 */
function expectNodeApi(): void {
  if (Number(process.versions.napi) >= 10) return;
  throw databaseErrors.invalid_definition(
    `sqlite needs Node 22.14 or newer (Node-API 10); this is Node ${process.versions.node} with Node-API ${process.versions.napi}.`,
  );
}
