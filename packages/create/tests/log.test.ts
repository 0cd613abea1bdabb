// What a new service writes to its log, on each host, run as `npm start` does; and its migrations, as a step of their
// own.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { answersOf, type Choices } from '../src/choices.ts';
import { writeService } from '../src/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'ent-create-log-'));
symlinkSync(join(import.meta.dirname, '..', 'node_modules'), join(folder, 'node_modules'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Line = Readonly<Record<string, unknown>>;

interface Started {
  readonly url: string;
  /** Its SQLite file. */
  readonly file: string;
  readonly key: string;
  /** The first line of its log that fits, which is waited for. */
  logged(fits: (line: Line) => boolean): Promise<Line>;
  lines(): Line[];
}

async function start(choices: Partial<Choices>): Promise<Started> {
  const cwd = join(folder, Object.values(choices).join('-'));
  await writeService({ folder: cwd, name: 'shop', ...choices });
  const child = spawn(process.execPath, ['--conditions=@ent/source', 'src/main.ts'], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'development', PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (told += text));
  const lines = (): Line[] =>
    told
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []));
  const logged = async (fits: (line: Line) => boolean): Promise<Line> => {
    await expect.poll(() => lines().some(fits), { timeout: 30_000, message: told }).toBe(true);
    return lines().find(fits)!;
  };
  const { message } = await logged((line) => String(line['message']).startsWith('listening on'));
  // It comes after that line.
  const keyOf = (): string => /first API key: (\S+)\n/.exec(told)?.[1] ?? '';
  if (choices.auth === 'api-keys') await expect.poll(keyOf, { timeout: 30_000 }).not.toBe('');
  return {
    url: String(message).replace('listening on ', ''),
    file: join(cwd, 'data', 'shop.db'),
    key: keyOf(),
    logged,
    lines,
  };
}

describe.each(answersOf('host') as Choices['host'][])('a new service on %s', (host) => {
  it('logs each request, and what failed by the name that its caller was told', async () => {
    const { url, file, logged, lines } = await start({ host });
    expect((await fetch(`${url}/livez`)).headers.get('content-type')).toContain('application/health+json');
    expect((await fetch(`${url}/notes`)).status).toBe(200);
    const fine = await logged((each) => each['url.path'] === '/notes');
    expect(fine).toMatchObject({ 'log.level': 'info', 'http.response.status_code': 200, 'http.route': '/notes' });

    const wrong = await fetch(`${url}/notes`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"text":',
    });
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: 'middleware.body_unparsable' }]);

    const db = createDatabase({ driver: sqlite({ file }) });
    await db.native.kysely.schema.dropTable('notes').execute();
    await db.close();
    const failed = await fetch(`${url}/notes`);
    expect(failed.status).toBe(500);
    const { instance } = (await failed.json()) as { instance: string };
    const line = await logged((each) => each['http.response.status_code'] === 500);
    expect(line).toMatchObject({
      'log.level': 'error',
      'client.address': '127.0.0.1',
      'labels.error.type': 'database.query_failed',
      'labels.instance': instance,
    });
    expect(line['error']).toMatchObject({
      message: expect.stringContaining('no such table: notes') as string,
      stack_trace: expect.stringMatching(/\n +at .*:\d+:\d+/) as string,
    });
    // A probe that is well is no line.
    expect(lines().filter((each) => each['url.path'] === '/livez')).toEqual([]);
  });

  it('logs who called, and why an API key was refused', async () => {
    const { url, key, logged } = await start({ host, auth: 'api-keys' });
    const ask = async (given: string): Promise<number> =>
      (await fetch(`${url}/notes`, { headers: { authorization: `Bearer ${given}` } })).status;
    expect(await ask(key)).toBe(200);
    expect(await logged((each) => each['http.response.status_code'] === 200)).toMatchObject({ 'labels.user': 'first' });
    expect(await ask('shop_nobody')).toBe(401);
    const refused = await logged((each) => each['http.response.status_code'] === 401);
    expect(refused).toMatchObject({ 'labels.error.type': 'auth.token_invalid', 'labels.reason': 'malformed' });
    expect(refused).not.toHaveProperty(['labels.user']);
  });
});

it('brings its database up to date as a step of its own, and names the file of a setting that is wrong', async () => {
  const cwd = join(folder, 'migrated');
  await writeService({ folder: cwd });
  const run = (env: Record<string, string>) =>
    spawnSync(process.execPath, ['--conditions=@ent/source', 'src/migrate.ts'], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'development', ...env },
      encoding: 'utf8',
    });
  expect(run({}).stdout).toBe('Applied: 0001_notes, 0002_outbox\n');
  expect(run({}).stdout).toBe('The database is up to date.\n');
  const { status, stderr } = run({ DATABASE_URL: 'postgres://app@127.0.0.1/app' });
  expect(status).toBe(78);
  expect(stderr).toContain('begins with sqlite:');
  expect(stderr).toContain('src/config.ts');
});
