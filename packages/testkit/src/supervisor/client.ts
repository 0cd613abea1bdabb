import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command, Notice, Place, ProcessUser, Program } from './protocol.ts';

/** How a program ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A program that the supervisor started. */
export interface Running {
  readonly pid: number;
  /** Settles when it has ended, for whatever reason. */
  readonly exited: Promise<Exit>;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Far more than any request takes (`run` makes a database): a hung supervisor must not hang the tests without a word.
 */
const ANSWER_TIMEOUT_MS = 600_000;

/** This process's end of the channel to its supervisor (see `process.ts`); one is started when the first server is. */
export class Supervisor {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exits = new Map<number, (exit: Exit) => void>();
  #lastId = 0;
  #failure: Error | undefined;

  constructor() {
    // Not fork(): it would pass on this process's own flags, such as a test runner's loaders.
    // Node 22 warns that it strips types.
    const args = ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./process.ts', import.meta.url))];
    this.#child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '' },
      detached: true,
    });
    this.#child.on('message', (notice: Notice) => this.#hear(notice));
    this.#child.once('error', (error) => this.#fail(error));
    this.#child.once('exit', (code, signal) => this.#fail(new Error(`it ended (${signal ?? code})`)));
    // Neither the supervisor nor its channel keeps a finished test process alive; only open requests do.
    this.#child.unref();
    this.#child.channel?.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  reserve(user: ProcessUser | undefined): Promise<Place> {
    return this.#ask({ op: 'reserve', user }) as Promise<Place>;
  }

  async start(program: Program): Promise<Running> {
    const { promise: exited, resolve } = Promise.withResolvers<Exit>();
    const pid = (await this.#ask({ op: 'start', program }, resolve)) as number;
    return { pid, exited };
  }

  run(program: Program): Promise<number> {
    return this.#ask({ op: 'run', program }) as Promise<number>;
  }

  async signal(pid: number, signal: NodeJS.Signals): Promise<void> {
    await this.#ask({ op: 'signal', pid, signal });
  }

  async signalTree(pid: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    await this.#ask({ op: 'signalTree', pid, signal });
  }

  async release(dir: string): Promise<void> {
    await this.#ask({ op: 'release', dir });
  }

  #ask(command: Command, onExit?: (exit: Exit) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      const id = ++this.#lastId;
      // Registered before the program starts: the notice of its end may come right behind the answer.
      if (onExit) this.#exits.set(id, onExit);
      const timer = setTimeout(
        () => this.#settle(id)?.reject(new Error(`The testkit supervisor did not answer "${command.op}" in time.`)),
        ANSWER_TIMEOUT_MS,
      );
      this.#waiting.set(id, { resolve, reject, timer });
      this.#child.channel?.ref();
      this.#child.send({ ...command, id }, (error) => error && this.#fail(error));
    });
  }

  #hear(notice: Notice): void {
    if (notice.kind === 'exit') {
      this.#exits.get(notice.id)?.({ code: notice.code, signal: notice.signal });
      this.#exits.delete(notice.id);
      return;
    }
    const waiting = this.#settle(notice.id);
    if (notice.kind === 'answer') waiting?.resolve(notice.value);
    else waiting?.reject(new Error(notice.message));
  }

  /** Takes a request off the list; what keeps this process alive goes with the last. */
  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    clearTimeout(waiting?.timer);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#child.channel?.unref();
    return waiting;
  }

  #fail(cause: Error): void {
    this.#failure ??= new Error(`The testkit supervisor is gone: ${cause.message}`, { cause });
    for (const id of this.#waiting.keys()) this.#settle(id)?.reject(this.#failure);
    // Its last act is to end the servers.
    for (const exit of this.#exits.values()) exit({ code: null, signal: 'SIGKILL' });
    this.#exits.clear();
  }
}

let current: Supervisor | undefined;

/** The supervisor of this process; a new one after the last was ended. What one started must be asked of that one. */
export function supervisor(): Supervisor {
  if (!current || current.failed) current = new Supervisor();
  return current;
}
