// What it costs user-service to be observed: the service as its users start it, read by a user with a token. Each
// subject is a process of its own, prepared by a file beside this one; the client is here, and what takes the traces.
// No request waits in the connection behind another one.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { benchBursts, type Child } from '../../../scripts/bench-bursts.ts';

interface Subject extends Child {
  readonly path: string;
  readonly token: string;
}

const folder = mkdtempSync(join(tmpdir(), 'ent-bench-observed-'));
const children: ChildProcess[] = [];
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Takes all that is sent, as a Collector does. */
const collector = createServer((req, res) => {
  req.resume().once('end', () => res.setHeader('content-type', 'application/json').end('{}'));
}).listen(0, '127.0.0.1');
await once(collector, 'listening');
const OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
const traces = { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER_ARG: '0.01' };

/** What is loaded before the service, and more of its settings. */
const SUBJECTS: Readonly<Record<string, readonly [preloads: readonly string[], env?: Record<string, string>]>> = {
  raw: [['without-metrics.ts']],
  '@ent: metrics': [[]],
  '@ent: traces of 1 %': [['without-metrics.ts'], traces],
  '@ent: metrics, and traces of 1 %': [[], traces],
  '@ent: metrics by OpenTelemetry': [['without-metrics.ts', 'meters.ts'], { COLLECTOR: OTEL_EXPORTER_OTLP_ENDPOINT }],
  'prom-client by hand, requests alone': [['without-metrics.ts', 'prom-client.ts']],
  '@opentelemetry/instrumentation-http, traces of 1 % of requests alone': [
    ['without-metrics.ts', 'instrumentation-http.ts'],
    { COLLECTOR: OTEL_EXPORTER_OTLP_ENDPOINT },
  ],
};

async function start(subject: string): Promise<Subject> {
  const [preloads, more] = SUBJECTS[subject] as (typeof SUBJECTS)[string];
  const home = mkdtempSync(join(folder, 'service-'));
  const log = join(home, 'log');
  const out = openSync(log, 'w');
  const child = fork(join(import.meta.dirname, '../src/main.ts'), {
    cwd: home,
    execArgv: [
      '--conditions=@ent/source',
      ...preloads.map((file) => `--import=${join(import.meta.dirname, 'observed', file)}`),
    ],
    stdio: ['ignore', out, 'inherit', 'ipc'],
    env: {
      PORT: '0',
      DATABASE_URL: `sqlite:${join(home, 'users.db')}`,
      LOG_FORMAT: 'json',
      ACCESS_TOKEN_TTL: '1h',
      RATE_LIMIT_PER_MINUTE: '1000000000',
      ...more,
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
  return { subject, child, port: Number(new URL(url).port), path: `/api/v1/users/${String(id)}`, token: String(token) };
}

async function posted(url: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

const subjects: Subject[] = [];
for (const subject of Object.keys(SUBJECTS)) subjects.push(await start(subject));
await benchBursts<Subject>(
  'user-service observed: GET /api/v1/users/{id}',
  ({ path, token }) => `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  subjects,
  { connections: 64, perConnection: 1 },
);
process.exit();
