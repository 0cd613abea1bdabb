import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const mains = {
  orders: '../src/main.ts',
  provider: '../src/provider/main.ts',
  users: '../../user-service/src/main.ts',
} as const;

/** A running process of the example. */
export interface Running {
  /** e.g. `http://127.0.0.1:41234` */
  readonly url: string;
  readonly process: ChildProcess;
  /** Resolves when it is gone. */
  readonly ended: Promise<unknown>;
  /** Everything it printed so far, on both streams. */
  output(): string;
  /** Sends SIGTERM and waits for the end; gives the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL: no chance to clean up. */
  kill(): Promise<void>;
}

const { PATH, NODE_COMPILE_CACHE } = process.env;

/** Runs it without waiting for anything; the working directory is the folder, so that no `.env` is read. */
export function launch(name: keyof typeof mains, folder: string, env: Record<string, string>, args: string[] = []) {
  const main = fileURLToPath(new URL(mains[name], import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@ent/source', ...args, main], {
    cwd: folder,
    env: { PATH, NODE_COMPILE_CACHE, HOME: folder, PORT: '0', LOG_FORMAT: 'json', DRAIN_TIME: '10ms', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return { process: child, output: () => text };
}

/** Starts it and waits until it says where it listens. */
export async function start(...given: Parameters<typeof launch>): Promise<Running> {
  const { process: child, output } = launch(...given);
  const ended = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', () => {
      const match = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output());
      if (match?.[1] !== undefined) resolve(match[1]);
    });
    void ended.then(([code]) => reject(new Error(`${given[0]} ended with ${code} before it listened:\n${output()}`)));
  });
  return {
    url,
    process: child,
    ended,
    output,
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

/** A port that is free now: for a process that comes back where it was. */
export async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return String(typeof address === 'object' ? address?.port : undefined);
}
