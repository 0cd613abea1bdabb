import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { databaseErrors } from '../../../errors.ts';
import type { BackupData, ThreadData } from './protocol.ts';

const PROGRAM = '@ent/database/sqlite-worker';

/**
 * Starts a thread. Its program is where the package exports it, since this module may have been put anywhere by who
 * built it; and beside the source.
 */
export function startThread(workerData: ThreadData | BackupData): Worker {
  // Bundlers take in what is named beside `import.meta.url` itself, and what `createRequire` of it resolves by name.
  const here = import.meta.url;
  if (here.endsWith('.ts')) {
    const source = new URL(here.replace(/sqlite\/thread\/[^/]+$/, 'sqlite-worker.ts'));
    return new Worker(source, { name: workerData.kind, workerData, execArgv: ['--conditions=@ent/source'] });
  }
  return new Worker(resolve(PROGRAM, here), {
    name: workerData.kind,
    workerData,
    execArgv: argumentsOf(process.execArgv),
  });
}

function resolve(program: string, from: string): string {
  try {
    return createRequire(from).resolve(program);
  } catch (cause) {
    throw databaseErrors.invalid_definition(
      `sqlite: a thread runs ${program}, which is not installed here. A bundle leaves @ent/database outside of it, as it does better-sqlite3.`,
      { cause },
    );
  }
}

/** How Node.js was started, but for what says how to read the text of `--eval`: a thread refuses that for a file. */
export function argumentsOf(given: readonly string[]): string[] {
  return given.filter((part, at) => !/^--input-type(?:=|$)/.test(part) && given[at - 1] !== '--input-type');
}
