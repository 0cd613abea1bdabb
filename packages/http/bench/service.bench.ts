// A whole service, read by a user with a token: the example of this repository, the same service on other frameworks,
// and the least that `node:http` can do. Each is a process of its own, the client is here. No request waits in the
// connection behind another one.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { benchBursts, type Child } from '../../../scripts/bench-bursts.ts';
import { peers, type Served } from './service/servers.ts';
import { LIMIT, ORIGIN } from './service/work.ts';

type Subject = Child & Served;

const folder = mkdtempSync(join(tmpdir(), 'ent-bench-service-'));
const children: ChildProcess[] = [];
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function folderOf(name: string): string {
  return mkdtempSync(join(folder, `${name.replaceAll(' ', '-')}-`));
}

async function startPeer(subject: string): Promise<Subject> {
  const child = fork(join(import.meta.dirname, 'service/servers.ts'), [subject, folderOf(subject)]);
  children.push(child);
  const [served] = (await once(child, 'message')) as [Served];
  return { subject, child, ...served };
}

/** The example as it is started by its users; its lines go into a file, as those of the others do. */
async function startOurs(subject: string): Promise<Subject> {
  const [home, main] = [folderOf(subject), join(import.meta.dirname, '../../../examples/user-service/src/main.ts')];
  const log = join(home, 'log');
  const out = openSync(log, 'w');
  const child = fork(main, {
    cwd: home,
    stdio: ['ignore', out, 'inherit', 'ipc'],
    env: {
      PORT: '0',
      DATABASE_URL: `sqlite:${join(home, 'users.db')}`,
      LOG_FORMAT: 'json',
      ACCESS_TOKEN_TTL: '1h',
      RATE_LIMIT_PER_MINUTE: String(LIMIT),
      CORS_ORIGINS: ORIGIN,
    },
  });
  children.push(child);
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
  return { subject, child, port: Number(new URL(url).port), path: `/api/v1/users/${id}`, token: token as string };
}

async function posted(url: string, body: object): Promise<Record<string, string>> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, string>;
}

const [raw, ...others] = await Promise.all(peers.map(startPeer));
await benchBursts<Subject>(
  'user-service: GET /api/v1/users/{id}',
  ({ path, token }) => `GET ${path} HTTP/1.1\r\nHost: a\r\nOrigin: ${ORIGIN}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  [raw as Subject, await startOurs('@ent user-service'), ...others],
  { connections: 64, perConnection: 1 },
);
process.exit();
