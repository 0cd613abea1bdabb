import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { databaseErrors } from '../../../errors.ts';
import type { BackupData, ThreadData } from './protocol.ts';

/**
 * Starts a thread. Its program is where the package exports it, since this module may have been put anywhere by who
 * built it; and beside the source.
 */
export function startThread(workerData: ThreadData | BackupData): Worker {
  if (import.meta.url.endsWith('.ts')) {
    const execArgv = ['--conditions=@ent/source'];
    return new Worker(new URL('../../sqlite-worker.ts', import.meta.url), {
      name: workerData.kind,
      workerData,
      execArgv,
    });
  }
  let program: string;
  try {
    program = createRequire(import.meta.url).resolve('@ent/database/sqlite-worker');
  } catch (cause) {
    throw databaseErrors.invalid_definition(
      'sqlite: a thread runs @ent/database/sqlite-worker, which is not installed here. A bundle leaves @ent/database outside of it, as it does better-sqlite3.',
      { cause },
    );
  }
  return new Worker(program, { name: workerData.kind, workerData, execArgv: argumentsOf(process.execArgv) });
}

/** How Node.js was started, but for what says how to read the text of `--eval`: a thread refuses that for a file. */
export function argumentsOf(given: readonly string[]): string[] {
  return given.filter((part, at) => !/^--input-type(?:=|$)/.test(part) && given[at - 1] !== '--input-type');
}
