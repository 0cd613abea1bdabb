import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process of its own that runs a file of `fixtures/` with a task. It tells by its standard output, or messages. */
export function startProcess(fixture: string, task: object): ChildProcess {
  const file = fileURLToPath(new URL(`fixtures/${fixture}`, import.meta.url));
  const args = ['--conditions=@ent/source', file, JSON.stringify(task)];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
}
