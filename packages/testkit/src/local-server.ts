import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { madeOnce } from './made-once.ts';
import { until } from './probe.ts';
import { userAmong } from './programs.ts';
import { type FaultProxy, startProxy } from './proxy.ts';
import { type Command, programFor, type Recipe, type Site } from './recipe.ts';
import type { Server, ServerName } from './server.ts';
import { type Exit, type Running, type Supervisor, supervisor } from './supervisor/client.ts';
import type { Place, ProcessUser } from './supervisor/protocol.ts';

const STOP_TIMEOUT_MS = 120_000;

/** Prepares and starts a server from local binaries. */
export async function startLocal(recipe: Recipe, args: readonly string[] = []): Promise<LocalServer> {
  for (let attempt = 1; ; attempt++) {
    const server = await LocalServer.create(recipe, args);
    try {
      await server.prepareAndStart();
      return server;
    } catch (error) {
      const portTaken = /address already in use/i.test(server.logTail(200));
      await server.close();
      // A program that is none of ours may have taken the port since we looked.
      if (!portTaken || attempt === 3) throw error;
    }
  }
}

/** A server of this machine, in its own folder and on its own port. */
export class LocalServer implements Server {
  readonly name: ServerName;
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly killable = true;
  readonly #recipe: Recipe;
  readonly #args: readonly string[];
  readonly #site: Site;
  readonly #user: ProcessUser | undefined;
  readonly #supervisor: Supervisor;
  readonly #logFile: string;
  readonly #helpers: Running[] = [];
  readonly #proxies: FaultProxy[] = [];
  #running: Running | undefined;
  #exit: Exit | undefined;
  #closed = false;

  static async create(recipe: Recipe, args: readonly string[]): Promise<LocalServer> {
    const user = userAmong(recipe.users);
    const own = supervisor();
    return new LocalServer(recipe, args, user, own, await own.reserve(user));
  }

  private constructor(
    recipe: Recipe,
    args: readonly string[],
    user: ProcessUser | undefined,
    own: Supervisor,
    place: Place,
  ) {
    this.#recipe = recipe;
    this.#args = args;
    this.#user = user;
    this.#supervisor = own;
    this.#logFile = join(place.dir, 'server.log');
    this.#site = {
      host: '127.0.0.1',
      port: place.port,
      sidePorts: [place.port + 5000, place.port + 10_000],
      dir: place.dir,
      write: (name, text) => {
        const file = join(place.dir, name);
        writeFileSync(file, text);
        if (user) chownSync(file, user.uid, user.gid);
        return file;
      },
      run: (command) => this.run(command),
      make: (folder, command) => madeOnce(folder, command, () => this.run(command)),
      helper: async (command) => {
        this.#helpers.push(await this.#supervisor.start(this.#program(command)));
      },
    };
    this.name = recipe.name;
    this.host = this.#site.host;
    this.port = place.port;
    this.url = recipe.url(this.#site);
  }

  async prepareAndStart(): Promise<void> {
    await this.#recipe.prepare?.(this.#site);
    await this.start();
  }

  async start(): Promise<void> {
    if (this.#closed) throw new Error(`${this.#recipe.title} at ${this.host}:${this.port} is closed for good.`);
    if (this.#running) return;
    const { file, args, env = {} } = this.#recipe.command(this.#site);
    this.#exit = undefined;
    const running = await this.#supervisor.start(this.#program({ file, args: [...args, ...this.#args], env }));
    this.#running = running;
    void running.exited.then((exit) => {
      if (this.#running !== running) return;
      this.#running = undefined;
      this.#exit = exit;
    });
    await until(
      `${this.#recipe.title} is ready`,
      this.#recipe.startTimeoutMs,
      () => this.#recipe.ping(this.#site),
      () => {
        if (this.#exit) throw new Error(`it ended at once (${this.#exit.signal ?? `exit code ${this.#exit.code}`})`);
      },
    ).catch(async (cause: unknown) => {
      const tail = this.logTail();
      await this.kill();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${this.#recipe.title} did not start: ${why}\n${tail}`, { cause });
    });
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    await this.resume(); // a stopped process does not see the signal
    await this.#supervisor.signal(running.pid, this.#recipe.stopSignal);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), STOP_TIMEOUT_MS);
    });
    const outcome = await Promise.race([running.exited, late]);
    clearTimeout(timer);
    if (outcome !== 'late') return;
    const tail = this.logTail();
    await this.kill();
    throw new Error(`${this.#recipe.title} had not stopped after ${STOP_TIMEOUT_MS} ms and was killed.\n${tail}`);
  }

  async kill(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    await this.#supervisor.signalTree(running.pid, 'SIGKILL');
    await running.exited;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async pause(): Promise<void> {
    if (!this.#running) throw new Error(`${this.#recipe.title} at ${this.host}:${this.port} does not run.`);
    await this.#supervisor.signalTree(this.#running.pid, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    if (this.#running) await this.#supervisor.signalTree(this.#running.pid, 'SIGCONT');
  }

  async control(...args: readonly string[]): Promise<void> {
    const command = this.#recipe.control?.(this.#site, args);
    if (command === undefined) throw new Error(`The testkit knows no program that controls ${this.#recipe.title}.`);
    await this.run(command);
  }

  logTail(lines = 30): string {
    try {
      return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } catch {
      return ''; // nothing was written yet
    }
  }

  async proxy(): Promise<FaultProxy> {
    const proxy = await startProxy(this.url);
    this.#proxies.push(proxy);
    return proxy;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await this.kill();
    for (const helper of this.#helpers) await this.#supervisor.signalTree(helper.pid, 'SIGKILL');
    await this.#supervisor.release(this.#site.dir);
  }

  /** Runs a program to its end in the server's folder and as its user. */
  async run(command: Command): Promise<void> {
    const code = await this.#supervisor.run(this.#program(command));
    if (code === 0) return;
    throw new Error(`${this.#recipe.title}: ${command.file} ended with code ${code}.\n${this.logTail()}`);
  }

  #program(command: Command): ReturnType<typeof programFor> {
    return programFor(command, this.#site, this.#user, this.#logFile);
  }
}
