// The processes of the demo: how each is started, and how all of them end.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const examples = join(import.meta.dirname, '../../examples');

/** A program of the examples. */
export interface Program {
  readonly name: string;
  /** Below `examples/`. */
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs programs, shows what they say line by line, and ends them. */
export class Programs {
  /** Where each that has one shows how it is. */
  readonly livePages = new Map<string, string>();
  readonly #folder: string;
  readonly #say: (name: string, line: string) => void;
  readonly #running: { readonly name: string; readonly child: ChildProcess; readonly ended: Promise<unknown> }[] = [];
  #stopping = false;

  /**
   * @param folder where databases and keys are; each program gets one below it
   * @param say is given each line of each program
   */
  constructor(folder: string, say: (name: string, line: string) => void) {
    this.#folder = folder;
    this.#say = say;
  }

  /**
   * Starts one and waits until it says where it listens.
   *
   * @throws when it ends before
   */
  async start({ name, main, env }: Program): Promise<string> {
    const cwd = join(this.#folder, name);
    mkdirSync(cwd, { recursive: true });
    const child = spawn(process.execPath, ['--conditions=@ent/source', join(examples, main)], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: cwd, LOG_FORMAT: 'pretty', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'exit');
    this.#running.push({ name, child, ended });
    return new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          this.#say(name, line);
          const page = /the live page is (http:\/\/\S+)/.exec(line)?.[1];
          if (page !== undefined) this.livePages.set(name, page);
          const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
          if (url !== undefined) resolve(url);
        });
      }
      void ended.then(([code]) => reject(new Error(`${name} ended with ${String(code)} before it listened`)));
    });
  }

  /** Rejects when one of them ends without having been told to. */
  async untilOneEnds(): Promise<never> {
    const name = await Promise.race(this.#running.map(({ ended, name: which }) => ended.then(() => which)));
    if (this.#stopping) return new Promise<never>(() => {});
    throw new Error(`${name} ended`);
  }

  /** Ends them, the last one first, so that none loses what it stands on. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { child, ended } of this.#running.toReversed()) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    }
  }
}
