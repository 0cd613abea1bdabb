import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Held } from '../programs/measured-server.ts';

/** A server in a process of its own, and what that holds. */
export interface Measured {
  readonly port: number;
  readonly url: string;
  /** After a collection. */
  held(): Promise<Held>;
  /** Without one: for what is asked for often. */
  look(): Promise<Held>;
}

/** Starts one for a test. */
export async function startMeasured(): Promise<Measured> {
  const program = join(import.meta.dirname, '../programs/measured-server.ts');
  const child = fork(program, { execArgv: ['--conditions=@ent/source', '--expose-gc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    held: () => ask(child, 'held'),
    look: () => ask(child, 'look'),
  };
}

async function ask(child: ChildProcess, message: 'held' | 'look'): Promise<Held> {
  child.send(message);
  const [held] = (await once(child, 'message')) as [Held];
  return held;
}
