import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const { PATH, NODE_COMPILE_CACHE } = process.env;

export const admin = { email: 'root@example.com', password: 'correct horse battery staple' };

/** A running process of the service, with a folder of its own. */
export interface Service {
  /** e.g. `http://127.0.0.1:41234` */
  url: string;
  /** Everything it printed so far, on both streams. */
  output(): string;
  process: ChildProcess;
  /** Sends SIGTERM and waits for the end; gives the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL: no chance to clean up. */
  kill(): Promise<void>;
}

/** A folder for the database and keys of one test file; removed by `remove`. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'ent-user-service-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The settings of a test service: its folder, a free port, an administrator, cheap enough for a small machine. */
export function settings(folder: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    PORT: '0',
    DATABASE_URL: `sqlite:${join(folder, 'users.db')}`,
    ADMIN_EMAIL: admin.email,
    ADMIN_PASSWORD: admin.password,
    LOG_FORMAT: 'json',
    DRAIN_TIME: '100ms',
    ...more,
  };
}

/** Runs the service without waiting for anything; the working directory is the folder, so that no `.env` is read. */
export function run(folder: string, env: Record<string, string>): { process: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--conditions=@ent/source', main], {
    cwd: folder,
    env: { PATH, NODE_COMPILE_CACHE, HOME: folder, NODE_ENV: 'test', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return { process: child, output: () => text };
}

/** Starts the service and waits until it says where it listens. */
export async function start(folder: string, env: Record<string, string> = settings(folder)): Promise<Service> {
  const { process: child, output } = run(folder, env);
  const url = await new Promise<string>((resolve, reject) => {
    const look = (): void => {
      const [, listening] = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output()) ?? [];
      if (listening !== undefined) resolve(listening);
    };
    child.stdout?.on('data', look);
    child.once('exit', (code) => reject(new Error(`the service ended with ${code} before it listened:\n${output()}`)));
  });
  const ended = once(child, 'exit');
  return {
    url,
    output,
    process: child,
    async stop() {
      child.kill('SIGTERM');
      return (await ended)[0] as number | null;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
