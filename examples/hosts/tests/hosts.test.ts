import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';
import type * as Lambda from '../src/lambda.ts';
import { GET } from '../src/next-route.ts';

const folder = join(import.meta.dirname, '../src');
// The others serve nothing themselves: modules, a route of Next.js, a function, and a program for the terminal.
const others = ['cli.ts', 'lambda.ts', 'middleware.ts', 'nest-module.ts', 'next-route.ts'];
const programs = readdirSync(folder).filter((file) => /\.(?:ts|cjs)$/.test(file) && !others.includes(file));

async function start(file: string): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=@ent/source', file], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> });
  const [url] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`))),
  ])) as [string];
  return url;
}

/** What each of them answers. */
async function expectAnswers(ask: (path: string, headers?: Record<string, string>) => Promise<Response>) {
  const found = await ask('/users/7', { 'x-request-id': 'example-1' });
  expect([found.status, await found.json()]).toEqual([200, { id: '7' }]);
  expect(Object.fromEntries(found.headers)).toMatchObject({
    'x-request-id': 'example-1',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  const broken = await ask('/users/broken');
  expect([broken.status, broken.headers.get('content-type')]).toEqual([
    500,
    expect.stringContaining('application/problem+json'),
  ]);
  expect(await broken.text()).not.toContain('nobody outside');
  expect(broken.headers.get('x-content-type-options')).toBe('nosniff');
}

describe('examples of hosts', () => {
  it.each(programs)('%s', async (file) => {
    const url = await start(file);
    await expectAnswers((path, headers = {}) => fetch(url + path, { headers }));
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
  });

  it('express-common.cjs stands in the guide as it is', () => {
    const guide = readFileSync(join(folder, '../../../docs/guides/with-express.md'), 'utf8');
    expect(guide).toContain(readFileSync(join(folder, 'express-common.cjs'), 'utf8'));
  });

  it('next-route.ts', async () => {
    await expectAnswers((path, headers = {}) => {
      const request = new Request(`http://localhost${path}`, { headers });
      return GET(request, { params: Promise.resolve({ id: path.slice('/users/'.length) }) });
    });
  });

  it('lambda.ts, bundled into one file', async () => {
    const outfile = join(temporaryFolder(), 'index.mjs');
    const entryPoints = [join(folder, 'lambda.ts')];
    const conditions = ['@ent/source'];
    await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', conditions, logLevel: 'error' });
    const { handler } = (await import(pathToFileURL(outfile).href)) as typeof Lambda;
    const ask = async (path: string, headers: Record<string, string> = {}): Promise<Response> => {
      const http = { method: 'GET', sourceIp: '192.0.2.1' };
      const requestContext = { domainName: 'id.execute-api.eu-west-1.amazonaws.com', http };
      const event = { rawPath: path, rawQueryString: '', headers, isBase64Encoded: false, requestContext };
      const { statusCode: status, headers: answered, body } = await handler(event);
      return new Response(Buffer.from(body, 'base64'), { status, headers: answered });
    };
    await expectAnswers(ask);
    expect((await ask('/nothing')).status).toBe(404);
  });

  it('cli.ts', () => {
    const cwd = temporaryFolder();
    const run = (env: Record<string, string>, ...args: string[]) => {
      const program = ['--conditions=@ent/source', join(folder, 'cli.ts'), ...args];
      const { status, stdout, stderr } = spawnSync(process.execPath, program, {
        cwd,
        env: { PATH: process.env['PATH'], ...env },
        encoding: 'utf8',
      });
      return { status, stdout, stderr };
    };
    expect(run({}, '--text=buy milk')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run({})).toEqual({ status: 0, stdout: expect.stringMatching(/^\S+Z buy milk\n$/), stderr: '' });
    const refused = run({ DATABASE_URL: 'oracle://x' });
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('DATABASE_URL');
  });
});

function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ent-hosts-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
