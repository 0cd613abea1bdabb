// Three instances are restarted one after the other behind nginx and HAProxy, with the files of infrastructure/, while
// clients of HTTP/1.1 and HTTP/2 keep on asking, and each instance is stopped in the middle of a slow download.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, freePorts } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';

const repository = join(import.meta.dirname, '../../../..');
const program = join(import.meta.dirname, '../programs/instance.ts');
const NAMES = ['one', 'two', 'three'] as const;
const SIZE = 20 * 1024 * 1024;
const CLIENTS = 3;

/** An answer, whichever protocol it came by. */
interface Answer {
  readonly status: number;
  readonly text: string;
}
type Ask = (method: 'GET' | 'POST', n: string) => Promise<Answer>;

const proxies = { nginx: findProgram('nginx'), haproxy: findProgram('haproxy') };
const missing = Object.entries(proxies).flatMap(([name, path]) => (path === undefined ? [name] : []));
const isRequired = /\b(?:all|nginx|haproxy)\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
const names = missing.join(' ');
const why = names === '' ? '' : ` (skipped: ${names} not installed; run scripts/install-services.sh ${names})`;

describe.skipIf(names !== '' && !isRequired)(`rolling restarts${why}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'ent-rolling-'));
  const ports = new Map<string, number>();
  const instances = new Map<string, ChildProcess>();
  const servers: ChildProcess[] = [];
  const said: string[] = [];

  /** Runs it until the end of the tests; what it says is told where something fails. */
  const run = (command: string, args: string[]): ChildProcess => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
    return child;
  };
  const startInstance = async (name: string): Promise<void> => {
    const port = ports.get(name)!;
    const child = run(process.execPath, ['--conditions=@ent/source', program, name, String(port)]);
    instances.set(name, child);
    await answering(child, `http://127.0.0.1:${port}/readyz`, said);
  };

  beforeAll(async () => {
    const free = await freePorts(7);
    for (const [i, name] of NAMES.entries()) ports.set(name, free[i]!);
    const [nginx, nginxHttp2, haproxy, haproxyHttp2] = free.slice(3);
    const configured = (file: string, http1: number, http2: number): string => {
      const given = readFileSync(join(repository, 'infrastructure', file), 'utf8');
      const moved = {
        8001: ports.get('one'),
        8002: ports.get('two'),
        8003: ports.get('three'),
        8080: http1,
        8081: http2,
      };
      return given.replace(/(?<=127\.0\.0\.1:)\d+/g, (port) => String(moved[Number(port) as keyof typeof moved]));
    };
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (of) => `${of}_temp_path ${folder}/${of};`,
    );
    const nginxFile = join(folder, 'nginx.conf');
    writeFileSync(
      nginxFile,
      `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr warn;
events {}
http { access_log off; ${temporary.join(' ')}
${configured('nginx/ent.conf', nginx!, nginxHttp2!)}}`,
    );
    const haproxyFile = join(folder, 'haproxy.cfg');
    writeFileSync(haproxyFile, configured('haproxy/haproxy.cfg', haproxy!, haproxyHttp2!));

    await Promise.all(NAMES.map(startInstance));
    servers.push(
      run(proxies.nginx!, ['-c', nginxFile, '-p', folder]),
      run(proxies.haproxy!, ['-db', '-f', haproxyFile]),
    );
    await Promise.all(
      [nginx, haproxy].map((port, i) => answering(servers[i]!, `http://127.0.0.1:${port}/readyz`, said)),
    );
    ports.set('nginx', nginx!).set('nginx HTTP/2', nginxHttp2!);
    ports.set('haproxy', haproxy!).set('haproxy HTTP/2', haproxyHttp2!);
  });

  afterAll(() => {
    for (const child of [...servers, ...instances.values()]) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  itInDepth('fail no request and cut no download', { full: 20, ci: 1, of: 'rolling restarts' }, async ({ count }) => {
    const failures: string[] = [];
    const served = new Map<string, number>();
    let isOver = false;
    /** One after the other on connections that are kept, as long as the restarts go on. */
    const client = async (name: string, ask: Ask): Promise<void> => {
      for (let n = 0; !isOver; n++) {
        const method = n % 3 === 0 ? 'POST' : 'GET';
        const right = method === 'POST' ? `201 {"n":"${n}"}` : `200 "${n}"`;
        const is = await ask(method, String(n)).then(({ status, text: body }) => `${status} ${body}`, String);
        if (is !== right) failures.push(`${name}: ${method} ${n}: ${is.slice(0, 200)}`);
        served.set(name, (served.get(name) ?? 0) + 1);
      }
    };
    const clients = ['nginx', 'haproxy'].flatMap((proxy) =>
      Array.from({ length: CLIENTS }).flatMap(() => [
        client(proxy, askerOf(ports.get(proxy)!)),
        client(`${proxy} HTTP/2`, http2AskerOf(ports.get(`${proxy} HTTP/2`)!)),
      ]),
    );
    onTestFinished(() => void (isOver = true));

    for (let round = 0; round < count; round++) {
      for (const name of NAMES) {
        const downloads = await Promise.all(
          ['nginx', 'haproxy'].flatMap((proxy) => [
            beginDownload(ports.get(proxy)!, name),
            beginHttp2Download(ports.get(`${proxy} HTTP/2`)!, name),
          ]),
        );
        const instance = instances.get(name)!;
        const exit = once(instance, 'exit');
        instance.kill('SIGTERM');
        const sizes = await Promise.all(downloads.map((download) => download.readSlowly()));
        expect([sizes, await exit]).toEqual([
          [SIZE, SIZE, SIZE, SIZE],
          [0, null],
        ]);
        await startInstance(name);
      }
    }
    isOver = true;
    await Promise.all(clients);
    expect(failures, said.join('').slice(-2000)).toEqual([]);
    expect(served.size).toBe(4);
    for (const [name, requests] of served) expect(requests, name).toBeGreaterThan(50 * count);
  });
});

/** Waits until it answers, or ends instead. */
async function answering(child: ChildProcess, url: string, said: readonly string[]): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${url} never answered:\n${said.join('')}`);
    const answer = await fetch(url, { headers: { connection: 'close' } }).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(50);
  }
}

/** A client of HTTP/1.1 with one connection, which is kept. */
function askerOf(port: number): Ask {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return async (method, n) => {
    const path = method === 'GET' ? `/work?n=${n}` : '/work';
    const headers = { 'content-type': 'application/json' };
    const req = request({ port, host: '127.0.0.1', agent, method, path, headers });
    req.end(method === 'POST' ? JSON.stringify({ n }) : undefined);
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    return { status: res.statusCode!, text: await text(res) };
  };
}

/** A client of HTTP/2 with one session, and a new one where the proxy says that it is over. */
function http2AskerOf(port: number): Ask {
  let session: ClientHttp2Session | undefined;
  onTestFinished(() => session?.destroy());
  return async (method, n) => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connectHttp2(`http://127.0.0.1:${port}`);
      // A stream that it takes along tells of it, too.
      session.on('error', () => {});
    }
    const path = method === 'GET' ? `/work?n=${n}` : '/work';
    const stream = session.request({ ':method': method, ':path': path, 'content-type': 'application/json' });
    stream.end(method === 'POST' ? JSON.stringify({ n }) : undefined);
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
    return { status: headers[':status'], text: await text(stream) };
  };
}

/** A download that has begun on one of the instances. */
async function beginDownload(port: number, instance: string): Promise<{ readSlowly(): Promise<number> }> {
  for (;;) {
    const req = request({ port, host: '127.0.0.1', path: '/download', agent: false }).end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    if (res.headers['x-instance'] === instance) return { readSlowly: () => readSlowly(res) };
    // The proxy chose another one: the next turn.
    res.destroy();
  }
}

/** The same by HTTP/2, on a session of its own. */
async function beginHttp2Download(port: number, instance: string): Promise<{ readSlowly(): Promise<number> }> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  // A stream that it takes along tells of it, too.
  session.on('error', () => {});
  for (;;) {
    const stream = session.request({ ':path': '/download' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    if (headers['x-instance'] === instance) return { readSlowly: () => readSlowly(stream) };
    stream.close(constants.NGHTTP2_CANCEL);
  }
}

/** Longer than the instance goes on serving after SIGTERM, by itself and not by a slow machine. */
async function readSlowly(res: Readable): Promise<number> {
  let size = 0;
  let pauses = 0;
  for await (const chunk of res) {
    size += (chunk as Buffer).length;
    // 20 pauses of 0.1 s.
    if (size / SIZE > pauses / 20) {
      pauses++;
      await sleep(100);
    }
  }
  return size;
}
