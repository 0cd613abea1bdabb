import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { kindOf, refuseUnknown } from '@ent/internal';
import type { DatabaseDriver } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { demandHost } from '../../internal/demand-host.ts';
import { wrapped } from '../../internal/faults.ts';
import type { Hosted } from '../../internal/host.ts';
import { pathOf } from './path.ts';
import { threadEnded, unpackedError } from './thread/errors.ts';
import { startThread } from './thread/program.ts';
import type { BackupNews } from './thread/protocol.ts';

/** How far a backup is, in pages of the file. */
export interface BackupProgress {
  readonly totalPages: number;
  readonly remainingPages: number;
}

/** Options of {@link backup}. */
export interface BackupOptions {
  /** Hears after each thousand pages. What it throws stops the backup, and is what that rejects with. */
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
  /** Stops the backup. */
  readonly signal?: AbortSignal | undefined;
}

const files = new WeakMap<DatabaseDriver, () => string | undefined>();

/** Lets the database of a driver be backed up. Undefined for one that is in no file. */
export function letBackUp(driver: DatabaseDriver, file: () => string | undefined): void {
  files.set(driver, file);
}

/**
 * Copies a database to a new file, as it is at this moment: what is written meanwhile waits for nothing, and is not in
 * it. A thread of its own does the work. The file is there when all of it is; a backup that fails or is stopped leaves
 * nothing. Until it ends, SQLite cannot shorten the log (`-wal`) of the database.
 *
 * ```ts no-run
 * import { createDatabase } from '@ent/database';
 * import { backup, sqlite } from '@ent/database/sqlite';
 *
 * const db = createDatabase({ driver: sqlite({ file: './data/app.db' }) });
 * await backup(db, `./backups/${new Date().toISOString().slice(0, 10)}.db`);
 * ```
 *
 * https://www.sqlite.org/backup.html
 *
 * @param db the database, over the driver `sqlite`, of which at least one call was made
 * @param file a path at which there is nothing yet, in a folder that is there
 * @throws `database.invalid_query` where there is a file, `database.unsupported` for a database in memory,
 *   `database.unavailable` where one of the files cannot be opened
 */
export async function backup(db: Hosted, file: string, options: BackupOptions = {}): Promise<void> {
  refuseUnknown(options, { onProgress: true, signal: true }, 'backup', databaseErrors.invalid_query);
  const { onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw databaseErrors.invalid_query(`backup: onProgress must be a function; got ${kindOf(onProgress)}.`);
  }
  const { driver } = demandHost(db, 'backup');
  const find = files.get(driver);
  if (find === undefined) {
    throw databaseErrors.unsupported(`backup takes a database over the driver sqlite; this one has ${driver.name}.`);
  }
  const source = find();
  if (source === undefined)
    throw databaseErrors.unsupported('backup: the database is in memory, or not open any more.');
  const target = pathOf('backup', file);
  if (target === ':memory:') throw databaseErrors.invalid_query('backup: file must be a path.');
  options.signal?.throwIfAborted();
  expectNothing(target);
  // In the same folder, so that it gets its name in one step.
  const partial = `${target}.${randomUUID()}.partial`;
  try {
    make(partial);
    await copied(source, partial, options);
    await publish(partial, target);
  } catch (error) {
    await Promise.all(['', '-journal', '-wal', '-shm'].map((end) => rm(partial + end, { force: true })));
    throw wrapped(driver, error, { operation: 'backup' });
  }
}

/** For its owner alone. */
function make(partial: string): void {
  try {
    closeSync(openSync(partial, 'wx', 0o600));
  } catch (cause) {
    throw databaseErrors.unavailable('backup: the file cannot be made; look at its folder.', { cause });
  }
}

async function copied(file: string, target: string, { onProgress, signal }: BackupOptions): Promise<void> {
  const thread = startThread({ kind: 'ent-sqlite-backup', file, target });
  let reason: { readonly error: unknown } | undefined;
  let death = threadEnded(undefined);
  let isDone = false;
  const stop = (error: unknown): void => {
    reason ??= { error };
    thread.postMessage('stop');
  };
  const onAbort = (): void => stop(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  thread.on('message', (news: BackupNews) => {
    if ('failure' in news) {
      isDone = news.failure === undefined;
      if (news.failure !== undefined) death = unpackedError(news.failure);
      return;
    }
    if (reason !== undefined) return;
    try {
      onProgress?.(news);
    } catch (error) {
      stop(error);
    }
  });
  thread.on('error', (error) => {
    death = threadEnded(error);
  });
  // The connection is closed then, and nothing writes to the file any more.
  await new Promise((resolve) => {
    thread.on('exit', resolve);
  });
  signal?.removeEventListener('abort', onAbort);
  if (reason !== undefined) throw reason.error;
  if (!isDone) throw death;
}

/** Gives the file its name, where nothing has it: a rename would replace what came there meanwhile. */
async function publish(partial: string, target: string): Promise<void> {
  try {
    await link(partial, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw taken();
    // A file system where a file has one name, such as FAT.
    expectNothing(target);
    await rename(partial, target);
    return;
  }
  await rm(partial);
}

function expectNothing(target: string): void {
  if (existsSync(target)) throw taken();
}

function taken(): Error {
  return databaseErrors.invalid_query(
    'backup: there is a file of this name; remove it, or give the backup another one.',
  );
}
