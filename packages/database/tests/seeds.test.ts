import { pathToFileURL } from 'node:url';
import { createDatabase, type Database, defineSeeds, loadSeeds, runSeeds } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { createTables } from '@ent/database/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { entDbHere, rowsOf } from './fixtures/cli.ts';
import { countries } from './fixtures/countries.ts';
import { useFiles } from './fixtures/files.ts';
import { rejection } from './fixtures/people.ts';

const files = useFiles();
let db: Database<SqlNative>;
beforeEach(async () => {
  db = createDatabase<SqlNative>({ driver: sqlite({ file: files.path('app.db') }) });
  await createTables(db, countries);
});
afterEach(() => db.close());

const all = async () =>
  (await db.repo(countries).find({ sort: [['id', 'asc']] })).map(({ id, name }) => `${id} ${name}`);
const upsert = (id: string, name: string) =>
  `insert into countries (id, name) values ('${id}', '${name}') on conflict (id) do update set name = excluded.name;`;

it('store what is missing and mend what differs, as often as they are run, and leave the rest', async () => {
  await files.write({
    'seeds/02_more.mjs': `
export const run = ({ script }) => script(${JSON.stringify(upsert('pf', 'French Polynesia'))});`,
    'seeds/01_countries.sql': `${upsert('nz', 'Aotearoa')}\n${upsert('to', 'Tonga')}`,
  });
  const seeds = [
    ...(await loadSeeds(files.path('seeds'))),
    { name: '03_code', run: () => db.repo(countries).upsert(['id'], { id: 'fj', name: 'Fiji' }) },
  ];
  const names = ['01_countries', '02_more', '03_code'];
  expect(await runSeeds(db, seeds)).toEqual(names);
  const seeded = ['fj Fiji', 'nz Aotearoa', 'pf French Polynesia', 'to Tonga'];
  expect(await all()).toEqual(seeded);
  await db.repo(countries).delete('to');
  await db.repo(countries).update('nz', { set: { name: 'changed' } });
  await db.repo(countries).insert({ id: 'ws', name: 'Samoa' });
  const told: string[] = [];
  const onProgress = (progress: object): void => void told.push(Object.values(progress).join(' '));
  expect(await runSeeds(db, seeds, { onProgress })).toEqual(names);
  expect(await all()).toEqual([...seeded, 'ws Samoa']);
  expect(told.slice(0, 3)).toEqual(['begun 01_countries 1 3', 'done 01_countries 1 3', 'begun 02_more 2 3']);
});

it('have repositories in a file too, in their transaction', async () => {
  const entity = pathToFileURL(import.meta.dirname).href;
  await files.write({
    'seeds/1.mjs': `
import { countries } from '${entity}/fixtures/countries.ts';
export const run = async (native, db) => {
  await db.repo(countries).upsert(['id'], { id: 'nz', name: 'Aotearoa' });
  if ((await db.repo(countries).count()) === 2) throw new Error('one too many');
};`,
  });
  const seeds = await loadSeeds(files.path('seeds'));
  await runSeeds(db, seeds);
  expect(await all()).toEqual(['nz Aotearoa']);
  await db.repo(countries).delete('nz');
  await db.repo(countries).insert({ id: 'ws', name: 'Samoa' });
  await rejection(runSeeds(db, seeds));
  expect(await all()).toEqual(['ws Samoa']);
});

it('leave nothing of one that fails, and keep those before it', async () => {
  await files.write({
    'seeds/1.sql': upsert('a', 'A'),
    'seeds/2.sql': `${upsert('b', 'B')}\ninsert into nowhere values (1);`,
    'seeds/3.sql': upsert('c', 'C'),
  });
  const failed = await rejection(runSeeds(db, await loadSeeds(files.path('seeds'))));
  expect(failed).toMatchObject({ code: 'database.seed_failed', details: { seed: '2' } });
  expect((failed.cause as Error).message).toMatch(/2\.sql, line 2: no such table: nowhere\.$/);
  expect(await all()).toEqual(['a A']);
});

it('are refused when they are not right, before any is run', async () => {
  const seed = { name: 'a', run: () => db.repo(countries).insert({ id: 'x', name: 'X' }) };
  for (const list of [[seed, seed], [{ name: '../a', run: seed.run }], [{ name: 'a' }], [{ ...seed, up: 1 }], 7]) {
    expect(() => defineSeeds(list as never)).toThrow(expect.objectContaining({ code: 'database.invalid_definition' }));
  }
  expect((await rejection(runSeeds(db, [seed], { only: ['b'] }))).code).toBe('database.invalid_query');
  expect((await rejection(runSeeds(db, [seed], { once: true } as never))).code).toBe('database.invalid_query');
  expect((await rejection(db.transaction(() => runSeeds(db, [seed])))).code).toBe('database.invalid_query');
  for (const [content, message] of [
    [{ '1.up.sql': 'x' }, '1.up.sql: a seed is NAME.sql or NAME.ts.'],
    [{ '1.sql': '-- transaction: false\nx' }, '1.sql, line 1: a seed is run in a transaction.'],
    [{ '1.sql': '-- foreign-keys: off\nx' }, '1.sql, line 1: foreign keys stay on in a seed.'],
    [{ '1.mjs': 'export const up = () => {};' }, '1.mjs exports "up"; it has run.'],
    [{ '2.mjs': 'export const run = 1;' }, '2.mjs must export a function "run".'],
  ] as const) {
    const folder = await files.write(content);
    expect((await rejection(loadSeeds(folder))).message).toContain(message);
    await Promise.all(Object.keys(content).map(files.remove));
  }
  expect(await all()).toEqual([]);
});

it('are run by ent-db, all or those that are named', async () => {
  await files.write({ 'seeds/1.sql': upsert('a', 'A'), 'seeds/2.sql': upsert('b', 'B') });
  const seed = (...args: string[]) =>
    entDbHere(['seed', ...args, '--dir', files.path('seeds')], `sqlite:${files.path('app.db')}`);
  expect(await seed('2')).toMatchObject({ code: 0, out: expect.stringMatching(/^ran 2 \(\d+ ms\)\n$/) });
  expect(await all()).toEqual(['b B']);
  expect(rowsOf(await seed('--json'))).toMatchObject([{ name: '1' }, { name: '2' }]);
  expect(await seed('3')).toMatchObject({ code: 2, err: expect.stringContaining('There is no seed "3".') });
  await files.write({ 'seeds/2.sql': 'nothing' });
  expect(await seed()).toMatchObject({ code: 5, err: expect.stringContaining('2.sql, line 1: near "nothing"') });
});
