// user-service as its users start it, for benchmarks: a process of its own, with an account and a token.
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Child } from './bench-bursts.ts';

const MAIN = join(import.meta.dirname, '../examples/user-service/src/main.ts');

/** Where a user is read, and by which token. */
export interface Served {
  readonly port: number;
  readonly path: string;
  readonly token: string;
}

/** Processes of a benchmark and their folders, which end with it. */
export class Services {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ent-bench-'));
  readonly #children: ChildProcess[] = [];

  constructor() {
    process.once('exit', () => {
      for (const child of this.#children) child.kill('SIGKILL');
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  /** A folder of its own. */
  folder(): string {
    return mkdtempSync(join(this.#folder, 'service-'));
  }

  add(child: ChildProcess): ChildProcess {
    this.#children.push(child);
    return child;
  }

  /**
   * Starts user-service on SQLite; its lines go into a file.
   *
   * @param env more of its settings
   * @param preloads files that are loaded before it
   */
  async userService(
    subject: string,
    env: Readonly<Record<string, string>>,
    preloads: readonly string[] = [],
  ): Promise<Child & Served> {
    const home = this.folder();
    const log = join(home, 'log');
    const out = openSync(log, 'w');
    const child = fork(MAIN, {
      cwd: home,
      execArgv: ['--conditions=@ent/source', ...preloads.map((file) => `--import=${file}`)],
      stdio: ['ignore', out, 'inherit', 'ipc'],
      env: {
        PORT: '0',
        DATABASE_URL: `sqlite:${join(home, 'users.db')}`,
        LOG_FORMAT: 'json',
        ACCESS_TOKEN_TTL: '1h',
        ...env,
      },
    });
    this.add(child);
    closeSync(out);
    let url: string | undefined;
    while (url === undefined) {
      if (child.exitCode !== null) throw new Error(`The service ended: ${readFileSync(log, 'utf8')}`);
      await setTimeout(50);
      url = /listening on (http:\/\/[\d.:]+)/.exec(readFileSync(log, 'utf8'))?.[1];
    }
    const account = { email: 'ada@example.com', password: 'tr0ub4dor and three' };
    const { id } = await posted(`${url}/api/v1/users/`, { ...account, name: 'Ada' });
    const { access_token: token } = await posted(`${url}/api/v1/auth/login`, account);
    return {
      subject,
      child,
      port: Number(new URL(url).port),
      path: `/api/v1/users/${String(id)}`,
      token: String(token),
    };
  }
}

async function posted(url: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}
