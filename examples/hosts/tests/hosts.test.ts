import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GET } from '../src/next-route.ts';

const folder = join(import.meta.dirname, '../src');
// The others are no programs of Node.js: a module, a route of Next.js, and what scripts/check-samples.ts runs.
const others = ['middleware.ts', 'nest-module.ts', 'next-route.ts'];
const programs = readdirSync(folder).filter((file) => file.endsWith('.ts') && !others.includes(file));

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

  it('next-route.ts', async () => {
    await expectAnswers((path, headers = {}) => {
      const request = new Request(`http://localhost${path}`, { headers });
      return GET(request, { params: Promise.resolve({ id: path.slice('/users/'.length) }) });
    });
  });
});
