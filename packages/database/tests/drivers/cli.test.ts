// The program ent-db with servers: two at once, one that is killed, one that is interrupted.
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { entDb, entDbHere, startEntDb } from '../fixtures/cli.ts';
import { useFiles } from '../fixtures/files.ts';
import { beside, placeOn } from '../fixtures/mongodb.ts';
import { ask as askMysql, newDatabase } from '../fixtures/mysql.ts';
import { ask as askPostgres, newSchema } from '../fixtures/postgres.ts';

const PATIENT = { timeout: 400_000 };
const files = useFiles();
const up = () => ['up', '--dir', files.path('m')];

/** A step that does a half and waits for a file; against the recorder, which answers nothing, it ends before. */
const waitsFor = (file: string, half: string, isReal: string): string => `
import { existsSync } from 'node:fs';
export async function up(native) {
  ${half}
  if (!(${isReal})) return;
  process.stderr.write('half\\n');
  while (!existsSync(${JSON.stringify(file)})) await new Promise((resolve) => setTimeout(resolve, 20));
}`;

/** The one that has the lock is killed while another waits, which is told whose it is, and then goes on. */
async function takesOver(url: string, named: RegExp): Promise<string> {
  const holder = startEntDb(up(), url);
  await expect.poll(() => holder.said.err, { timeout: 120_000 }).toMatch(/half\n/);
  const waiter = startEntDb(up(), url);
  await expect.poll(() => waiter.said.err, { timeout: 120_000 }).toMatch(named);
  // Once, however long that takes. On a busy machine it has told before that it waits for its connection.
  expect(waiter.said.err.match(new RegExp(named.source, 'g'))).toHaveLength(1);
  holder.child.kill('SIGKILL');
  await holder.ended;
  await files.write({ go: '' });
  const { code, out } = await waiter.ended;
  expect(code).toBe(0);
  return out.replaceAll(/ \(\d+ ms\)/g, '');
}

/** A step that sleeps is stopped by Ctrl-C, on the server too. */
async function isInterrupted(url: string, running: () => Promise<readonly unknown[]>): Promise<void> {
  const sleeper = startEntDb(up(), url);
  await expect.poll(running, { timeout: 120_000 }).toHaveLength(1);
  sleeper.child.kill('SIGINT');
  expect((await sleeper.ended).code).toBe(130);
  await expect.poll(running).toHaveLength(0);
}

const half = `await native.script("insert into log values ('half'); insert into log values ('other half')");`;
const isReal = `(await native.kysely.selectFrom('log').select('what').execute()).length > 0`;

describeWithServer('postgres', (server) => {
  const placed = async () => {
    const { searchPath } = await newSchema(server.url);
    const url = `${server.url}${server.url.includes('?') ? '&' : '?'}search_path=${searchPath}`;
    return { url, schema: searchPath, ask: (text: string) => askPostgres(server.url, text) };
  };

  it('takes over from one that is killed, of which nothing is left', PATIENT, async () => {
    const { url, schema, ask } = await placed();
    await files.write({ 'm/1.sql': 'create table log (what text);' });
    await files.write({ 'm/2.mjs': waitsFor(files.path('go'), half, isReal) });
    expect(await takesOver(url, /waiting for another process that migrates: backend \d+ .*of \w+/)).toBe('applied 2\n');
    expect(await ask(`select what from ${schema}.log`)).toEqual([{ what: 'half' }, { what: 'other half' }]);
  });

  it('is interrupted, and leaves nothing', PATIENT, async () => {
    const { url, schema, ask } = await placed();
    await files.write({ 'm/1.sql': `create table log (what text);\nselect pg_sleep(60), '${schema}';` });
    await isInterrupted(url, () =>
      ask(
        `select pid from pg_stat_activity where query like '%pg_sleep(60), ''${schema}''%' and pid <> pg_backend_pid() and state = 'active'`,
      ),
    );
    expect(await ask(`select 1 from pg_tables where schemaname = '${schema}' and tablename = 'log'`)).toEqual([]);
    expect(await entDbHere(['status', '--dir', files.path('m')], url)).toMatchObject({ code: 1 });
  });
});

describeWithServer('mariadb', (server) => {
  it('takes over from one that is killed', PATIENT, async () => {
    const { url } = await newDatabase(server.url);
    await files.write({ 'm/1.sql': 'create table log (what varchar(20));' });
    await files.write({ 'm/2.mjs': waitsFor(files.path('go'), half, isReal) });
    expect(await takesOver(url, /waiting for another process that migrates: connection \d+ of \w+ from /)).toBe(
      'applied 2\n',
    );
    // Nothing is rolled back: the step that was cut off has begun twice.
    expect(await askMysql(url, 'select what from log')).toHaveLength(4);
  });

  it('is interrupted, and goes on where it was', PATIENT, async () => {
    const { url, name } = await newDatabase(server.url);
    await files.write({
      'm/1.sql':
        'create table if not exists log (what int);\ninsert into log select sleep(60);\ninsert into log values (1);',
    });
    await isInterrupted(url, () =>
      askMysql(
        server.url,
        `select id from information_schema.processlist where db = '${name}' and info like '%sleep(60)%'`,
      ),
    );
    expect(await askMysql(url, 'select what from log')).toEqual([]);
    expect(await entDbHere(['status', '--dir', files.path('m')], url)).toMatchObject({ code: 1 });
  });
});

describeWithServer('mongodb', (server) => {
  it('applies code, refuses SQL, and takes over from one that is killed', PATIENT, async () => {
    const { database, transactions, decimals } = placeOn(server.url);
    const place = new URL(server.url);
    place.pathname = database;
    if (transactions === false) place.searchParams.set('transactions', 'false');
    if (decimals !== undefined) place.searchParams.set('decimals', decimals);
    const url = place.href;
    await files.write({
      'm/2.mjs': waitsFor(
        files.path('go'),
        `await native.collection('log').updateOne({ _id: 2 }, { $inc: { runs: 1 } }, { upsert: true });`,
        `(await native.collection('log').find().toArray()).length > 0`,
      ),
    });
    expect(await takesOver(url, /waiting for another process that migrates \(.+, process \d+\)/)).toBe('applied 2\n');
    const log = () => beside(server.url, (client) => client.db(database).collection('log').find().toArray());
    expect(await log()).toMatchObject([{ runs: 2 }]);
    await files.write({ 'm/3.sql': 'select 1' });
    expect(await entDb(up(), url)).toMatchObject({
      code: 5,
      err: expect.stringContaining('this database runs no SQL'),
    });
    expect(await entDbHere(['status', '--dir', files.path('m')], url)).toMatchObject({ code: 1 });
  });
});
