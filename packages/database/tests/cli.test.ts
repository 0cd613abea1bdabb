// The program ent-db, on SQLite; with servers: drivers/cli.test.ts.
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { main } from '@ent/database/cli';
import { expect, it } from 'vitest';
import { entDb, entDbHere, rowsOf, type Run, startEntDb } from './fixtures/cli.ts';
import { useFiles } from './fixtures/files.ts';
import { rejection } from './fixtures/people.ts';

const files = useFiles();
const PATIENT = { timeout: 300_000 };

it('tells what is wrong with a command, with exit code 2, and nothing of the URL', PATIENT, async () => {
  await files.write({ 'migrations/1.sql': 'create table a (x)', 'bad/1.sql': 'select 1;\n-- down\n' });
  const url = 'postgres://user:secret-4711@127.0.0.1:1/app';
  const results: Run[] = [];
  for (const args of [
    [],
    ['frobnicate'],
    ['constructor'],
    ['up', '--steps', '1'],
    ['up', '--nothing'],
    ['up', 'x'],
    ['down', '--steps', 'many'],
    ['down', '--steps', '0'],
    ['create'],
    ['create', '../x'],
    ['up', '--timeout', 'soon'],
    ['up', '--dir', files.path('nowhere')],
    ['up', '--dir', files.path('bad')],
    ['status', '--url', 'nowhere:secret-4711'],
    ['status', '--url', 'postgres://user:secret-4711@127.0.0.1:1/app?nothing=1'],
    ['--help'],
  ]) {
    results.push(await entDbHere(args.includes('--dir') ? args : [...args, '--dir', files.path('migrations')], url));
  }
  results.push(await entDbHere(['up', '--dir', files.path('migrations')]));
  results.push(await entDbHere(['up', '--dir', files.path('migrations')], ''));
  expect(results.map(({ code }) => code)).toEqual([...Array(15).fill(2), 0, 2, 2]);
  for (const { err, out } of results) expect(err + out).not.toContain('4711');
  const [, unknown] = results;
  expect(unknown?.err).toBe('ent-db: There is no command "frobnicate". See ent-db --help.\n');
  expect(results[11]?.err).toContain('nowhere cannot be read (ENOENT)');
  expect(results[12]?.err).toContain('bad/1.sql, line 2: "-- down"');
  expect(results[16]?.err).toContain('Give --url, or set DATABASE_URL. A .env file is read by: node --env-file=.env ');
  expect(results[15]?.out).toContain('ent-db dry-run');
});

it('tells that the server cannot be reached, with exit code 3', PATIENT, async () => {
  await files.write({ 'migrations/1.sql': 'create table a (x)' });
  for (const scheme of ['postgres', 'mysql', 'mongodb']) {
    const url = `${scheme}://ann:secret-4711@127.0.0.1:1/app`;
    const { code, err } = await entDbHere(['up', '--dir', files.path('migrations')], url);
    const [first = ''] = err.split('\n');
    expect([code, first]).toEqual([
      3,
      expect.stringMatching(/127\.0\.0\.1:1 \(ECONNREFUSED\)\. \(database\.unavailable\)$/),
    ]);
    expect(err).not.toContain('4711');
  }
});

it('creates, applies, shows, reverts', PATIENT, async () => {
  // Where no option says otherwise, in a process of its own.
  const made = await entDb(['create', 'users'], 'sqlite:./app.db', files.path());
  const run = (...args: string[]) =>
    entDbHere([...args, '--dir', files.path('migrations')], `sqlite:${files.path('app.db')}`);
  expect([made.code, made.out]).toEqual([
    0,
    expect.stringMatching(/^migrations\/(\d{14}_users)\.up\.sql\nmigrations\/\1\.down\.sql\n$/),
  ]);
  const [up = '', down = ''] = made.out.split('\n');
  // What is not written yet is not taken for something that does nothing.
  expect(await run('up')).toMatchObject({ code: 2, err: expect.stringContaining('is empty') });
  await files.write({ [up]: 'create table users (id text);', [down]: 'drop table users;' });
  const name = up.replace(/^migrations\/|\.up\.sql$/g, '');
  expect(await run('status')).toMatchObject({ code: 1, out: expect.stringMatching(`${name} +pending +-\n$`) });
  expect(await run('dry-run')).toMatchObject({ code: 0, out: `-- ${name}\ncreate table users (id text);\n\n` });
  const applied = await entDb(['up', '--json'], 'sqlite:./app.db', files.path());
  expect([applied.code, rowsOf(applied)]).toEqual([0, [{ name, direction: 'up', ms: expect.any(Number) }]]);
  expect(applied.err).toBe(`applying ${name}, 1 of 1\n`);
  expect(await run('up')).toMatchObject({ code: 0, out: '', err: 'ent-db: nothing is pending.\n' });
  const status = await run('status', '--json');
  expect([status.code, rowsOf(status)]).toEqual([0, [{ name, state: 'applied', appliedAt: expect.any(String) }]]);
  expect(await run('down')).toMatchObject({
    code: 0,
    out: expect.stringMatching(`^reverted ${name} \\(\\d+ ms\\)\n$`),
  });
  expect(await run('down')).toMatchObject({ code: 0, out: '', err: 'ent-db: nothing was applied.\n' });

  const other = `migrations/${basename((await run('create', 'second', '--ts')).out.trim())}`;
  expect(await run('up')).toMatchObject({ code: 5, err: expect.stringContaining('_second is not written yet.') });
  expect(await readdir(files.path('migrations'))).toEqual([up, down, other].map((file) => file.slice(11)).sort());
});

it('says of each migration that it has begun, also of those between the first and the last', PATIENT, async () => {
  const run = (...args: string[]) => entDbHere([...args, '--dir', files.path('m')], `sqlite:${files.path('app.db')}`);
  for (const name of ['1', '2', '3']) {
    await files.write({
      [`m/${name}.up.sql`]: `create table t${name} (x);`,
      [`m/${name}.down.sql`]: `drop table t${name};`,
    });
  }
  expect((await run('up')).err).toBe('applying 1, 1 of 3\napplying 2, 2 of 3\napplying 3, 3 of 3\n');
  expect((await run('down', '--steps', '3')).err).toBe(
    'reverting 3, 1 of 3\nreverting 2, 2 of 3\nreverting 1, 3 of 3\n',
  );
});

it('has a code for drift, for bad SQL and for what cannot be reverted', PATIENT, async () => {
  const run = (...args: string[]) => entDbHere([...args, '--dir', files.path('m')], `sqlite:${files.path('app.db')}`);
  await files.write({ 'm/1.sql': 'create table a (x);', 'm/2.sql': 'create table b (x);' });
  expect((await run('up')).code).toBe(0);
  await files.write({ 'm/1.sql': 'create table a (y);', 'm/3.sql': 'create table c (x);\n\ncreat table d (x);' });
  const drift = await run('up');
  expect([drift.code, drift.err]).toEqual([
    4,
    expect.stringMatching(/have changed: 1\..* in a terminal ent-db repair\./),
  ]);
  expect(await run('status')).toMatchObject({ code: 4, out: expect.stringMatching(/^1 +changed .*\n2 +applied/m) });
  expect(await run('down')).toMatchObject({ code: 4 });
  expect(await run('repair')).toMatchObject({ code: 0, out: 'accepted 1\n' });
  expect(await run('repair')).toMatchObject({ code: 0, err: 'ent-db: nothing had changed.\n' });
  const failed = await run('up');
  expect([failed.code, failed.err]).toEqual([
    5,
    expect.stringMatching(
      /Migration "3" failed in up\. \(database\.migration_failed\)\n {2}.*m\/3\.sql, line 3: near "creat"/,
    ),
  ]);
  await files.remove('m/3.sql');
  await files.remove('m/2.sql');
  expect(await run('status')).toMatchObject({ code: 0, out: expect.stringMatching(/^2 +missing /m) });
  expect(await run('down')).toMatchObject({ code: 1, err: expect.stringContaining('it is not in the list') });
});

it('tells once what an import of a .js that is a .ts wants instead', PATIENT, async () => {
  await files.write({
    'src/entities.ts': 'export const table: string = "a";',
    'src/names.ts': 'export { table } from "./entities";',
    'm/1.ts': `import { table } from '../src/entities.js';\nexport const up = ({ script }) => script('create table ' + table + ' (x)');`,
  });
  const up = () => entDb(['up', '--dir', 'm'], 'sqlite::memory:', files.path());
  const { code, err } = await up();
  expect([code, err.match(/Cannot find module/g)?.length]).toEqual([2, 1]);
  expect(err).toMatch(/^ent-db: m\/1\.ts cannot be loaded: .*There is src\/entities\.ts, .*"rewriteRelativeImportExt/);
  await files.write({ 'm/1.ts': `import { table } from '../src/names.ts';\nexport const up = () => {};` });
  expect((await up()).err).toContain('There is src/entities.ts, ');
  await files.write({ 'm/1.ts': `import '../src/nothing.js';\nexport const up = () => {};` });
  expect((await up()).err).toMatch(/Cannot find module '.*nothing\.js' imported from .*1\.ts \(database\.invalid_def/);
  await files.write({
    'm/1.ts': `import { table } from '../src/entities.ts';\nexport const up = ({ script }) => script('create table ' + table + ' (x)');`,
  });
  expect(await up()).toMatchObject({ code: 0 });
});

it('does each once in two processes, after one was killed', PATIENT, async () => {
  const url = `sqlite:${files.path('app.db')}`;
  await files.write({
    'm/1.sql': 'create table log (what);',
    'm/2.mjs': `
import { existsSync } from 'node:fs';
export async function up({ kysely, script }) {
  await script("insert into log values ('2')");
  // Against the recorder, which answers nothing, it ends here.
  if ((await kysely.selectFrom('log').select('what').execute()).length === 0) return;
  process.stderr.write('half\\n');
  while (!existsSync(${JSON.stringify(files.path('go'))})) await new Promise((resolve) => setTimeout(resolve, 20));
}`,
    'm/3.sql': `insert into log values ('3');`,
  });
  const args = ['up', '--dir', files.path('m')];
  const holder = startEntDb(args, url);
  await expect.poll(() => holder.said.err, { timeout: 120_000 }).toMatch(/half\n/);
  holder.child.kill('SIGKILL');
  expect((await holder.ended).code).toBe(null);
  await files.write({ go: '' });
  const [one, two] = await Promise.all([entDb(args, url), entDb(args, url)]);
  expect([one.code, two.code]).toEqual([0, 0]);
  const applied = `${one.out}${two.out}`.split('\n').filter((line) => line !== '');
  expect(applied.map((line) => line.split(' ')[1]).sort()).toEqual(['2', '3']);
});

it('runs in a process of another', async () => {
  expect((await rejection(main('up' as never))).code).toBe('database.invalid_definition');
  expect((await entDbHere(['help'])).code).toBe(0);
});
