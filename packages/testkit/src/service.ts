import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A process of a service that tests drive from outside. */
export interface ServiceProcess {
  readonly process: ChildProcess;
  /** Resolves when it is gone, with its exit code and the signal that ended it. */
  readonly ended: Promise<unknown[]>;
  /** Everything it printed so far, on both streams. */
  output(): string;
  /** Sends SIGTERM and waits for the end; gives the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL: no chance to clean up. */
  kill(): Promise<void>;
}

/** One that has said where it listens. */
export interface RunningService extends ServiceProcess {
  /** e.g. `http://127.0.0.1:41234` */
  readonly url: string;
}

/** How a service is run. */
export interface ServiceOptions {
  /** The working directory, and its home: with a folder of its own no `.env` is read. */
  readonly folder: string;
  /** Its settings. Of this process it gets the search path and the cache of what was compiled, and nothing else. */
  readonly env: Readonly<Record<string, string>>;
  /** Arguments of Node before the program, such as `--import`. */
  readonly args?: readonly string[];
}

/**
 * Runs a program of the repository from its sources, and waits for nothing.
 *
 * @param main its file
 */
export function runService(main: string, { folder, env, args = [] }: ServiceOptions): ServiceProcess {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const child = spawn(process.execPath, ['--conditions=@ent/source', ...args, main], {
    cwd: folder,
    env: { PATH, NODE_COMPILE_CACHE, HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  const ended = once(child, 'exit');
  return {
    process: child,
    ended,
    output: () => text,
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

/** Runs it and waits until it says where it listens. Rejects with what it said when it ends before. */
export async function startService(main: string, options: ServiceOptions): Promise<RunningService> {
  const service = runService(main, options);
  const url = await new Promise<string>((resolve, reject) => {
    service.process.stdout?.on('data', () => {
      const [, listening] = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(service.output()) ?? [];
      if (listening !== undefined) resolve(listening);
    });
    void service.ended.then(([code]) =>
      reject(new Error(`${main} ended with ${String(code)} before it listened:\n${service.output()}`)),
    );
  });
  return { ...service, url };
}
