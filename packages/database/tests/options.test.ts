// Options that nobody reads: each call refuses them, since who misspells one would get every row and not be told.
import { createDatabase, createMigrator, defineEntity, defineMigrations, runSeeds } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { rolledBack } from '@ent/database/test-helpers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryDatabase, people, rejection } from './fixtures/people.ts';

let db: Awaited<ReturnType<typeof memoryDatabase>>;
beforeEach(async () => {
  db = await memoryDatabase();
  await db.repo(people).insertMany([{ email: 'a' }, { email: 'b' }]);
});
afterEach(() => db.close());

describe('a repository', () => {
  // As JavaScript calls it.
  const methods: Record<string, (options: never) => Promise<unknown>> = {
    get: (options) => db.repo(people).get('x', options),
    find: (options) => db.repo(people).find(options),
    window: (options) => db.repo(people).window(options),
    stream: (options) => db.repo(people).stream(options).next(),
    count: (options) => db.repo(people).count(options),
    insert: (options) => db.repo(people).insert({ email: 'c' }, options),
    insertMany: (options) => db.repo(people).insertMany([{ email: 'c' }], options),
    update: (options) => db.repo(people).update('x', { set: { name: 'n' } }, options),
    updateMany: (options) => db.repo(people).updateMany({ set: { name: 'n' } }, options),
    upsert: (options) => db.repo(people).upsert(['email'], { email: 'c' }, undefined, options),
    delete: (options) => db.repo(people).delete('x', options),
    deleteMany: (options) => db.repo(people).deleteMany(options),
  };

  it.each(Object.keys(methods))('refuses in %s what is none of its options, and does nothing', async (method) => {
    const call = methods[method] as (options: unknown) => Promise<unknown>;
    for (const options of [
      { email: 'a' },
      { take: 1 },
      { tiemout: 5 },
      { size: 2 },
      { from: 'replica' },
      [],
      'a',
      null,
    ]) {
      const error = await rejection(call(options));
      expect({ options, code: error.code }).toEqual({ options, code: 'database.invalid_query' });
      expect(error.message).toContain(`people.${method}`);
    }
    expect(await db.repo(people).find({ where: { version: 1 } })).toHaveLength(2);
  });

  it.each(Object.keys(methods))('refuses in %s a signal that is none', async (method) => {
    const call = methods[method] as (options: unknown) => Promise<unknown>;
    for (const given of [{}, null, 'abort', new AbortController()]) {
      const error = await rejection(call({ signal: given }));
      expect(error.code).toBe('database.invalid_query');
      expect(error.message).toContain('signal must be an AbortSignal; got');
    }
  });

  it.each(['withDeleted', 'hard'])('refuses a %s that is neither true nor false', async (name) => {
    const taking = Object.entries(methods).filter(([method]) =>
      name === 'hard' ? method.startsWith('delete') : /^(?!insert|upsert|delete)/.test(method),
    );
    expect(taking.length).toBeGreaterThan(1);
    for (const [method, call] of taking) {
      for (const given of ['false', 'true', 0, 1, null]) {
        const error = await rejection(call({ [name]: given } as never));
        expect([error.code, error.message]).toEqual([
          'database.invalid_query',
          expect.stringContaining(`people.${method}: ${name} must be true or false; got`),
        ]);
      }
    }
  });

  it('says where a filter belongs, and what a misspelt option may mean', async () => {
    const repo = db.repo(people);
    const message = async (options: unknown): Promise<string> => (await rejection(repo.find(options as never))).message;
    expect(await message({ email: 'a' })).toBe(
      'people.find has no option "email" (it has signal, timeout, withDeleted, from, where, sort, select, limit, offset). Conditions on fields stand in "where": { where: { email: ... } }.',
    );
    expect(await message({ limitt: 1 })).toBe('people.find has no option "limitt" (did you mean limit?).');
    expect((await rejection(repo.deleteMany({} as never))).message).toBe('people: #/where is missing: which rows.');
  });

  it('takes an option that is undefined as not given', async () => {
    const options = { where: undefined, sort: undefined, limit: undefined, offset: undefined, signal: undefined };
    expect(await db.repo(people).find(options)).toHaveLength(2);
  });
});

describe('everything else', () => {
  it('refuses unknown options of calls as an invalid query', async () => {
    const migrator = createMigrator(db, []);
    const wrong = { tiemout: 5 } as never;
    const outcomes = await Promise.allSettled([
      db.transaction(async () => expect.unreachable(), wrong),
      db.ping(wrong),
      db.close(wrong),
      migrator.up(wrong),
      migrator.down(wrong),
      migrator.status(wrong),
      migrator.dryRun(wrong),
      migrator.repair(wrong),
    ]);
    const refused = { code: 'database.invalid_query', message: expect.stringContaining('no option "tiemout"') };
    expect(outcomes).toMatchObject(outcomes.map(() => ({ status: 'rejected', reason: refused })));
    await db.ping();
  });

  it('refuses values of a transaction that would change what it is', async () => {
    const wrong: object[] = [
      { propagation: 'nestde' },
      { propagation: null },
      { propagation: true },
      ...[Number.NaN, -1, 1.5, '3', null, Infinity].map((retries) => ({ retries })),
      ...['false', 'true', 0, 1, null].map((readOnly) => ({ readOnly })),
    ];
    for (const options of wrong) {
      const attempts = [db.transaction(async () => expect.unreachable(), options)];
      if ('readOnly' in options) attempts.push(rolledBack(db, async () => expect.unreachable(), options as never));
      attempts.push(db.transaction(async () => db.transaction(async () => expect.unreachable(), options)));
      for (const attempt of attempts) {
        const error = await rejection(attempt);
        expect({ options, code: error.code }).toEqual({ options, code: 'database.invalid_query' });
        expect(error.message).toMatch(/^(?:transaction|rolledBack): \w+ must be /);
      }
    }
    expect(await db.transaction(async () => 'done', { propagation: 'required', retries: 0, readOnly: false })).toBe(
      'done',
    );
  });

  it('refuses a choice of seeds that is no list, and a progress that nobody hears', async () => {
    for (const options of [{ only: 'a' }, { only: {} }, { onProgress: true }]) {
      const error = await rejection(
        runSeeds(db, [{ name: 'a', run: async () => expect.unreachable() }], options as never),
      );
      expect([error.code, error.message]).toEqual(['database.invalid_query', expect.stringMatching(/^runSeeds: /)]);
    }
  });

  it('refuses unknown options at set-up as an invalid definition', () => {
    const driver = sqlite({ file: ':memory:' });
    const set: (() => unknown)[] = [
      () => createDatabase({ driver, retry: 1 } as never),
      () => createDatabase(undefined as never),
      ...[5, null, Buffer.from('x')].map((cursorSecret) => () => createDatabase({ driver, cursorSecret } as never)),
      () => createMigrator(db, [], { tabel: 'x' } as never),
      () => sqlite({ file: ':memory:', readonly: true } as never),
      () => sqlite({ client: {}, file: 'x' } as never),
      () => sqlite(':memory:' as never),
      ...[undefined, null, {}, { prepare() {} }, 'app.db'].map((client) => () => sqlite({ client } as never)),
      () => defineEntity({ name: 'x', fields: { id: 'string' }, uniqe: [] } as never),
      () => defineMigrations([{ name: '1', up: async () => {}, donw: async () => {} } as never]),
    ];
    for (const attempt of set) {
      expect(attempt).toThrow(expect.objectContaining({ code: 'database.invalid_definition' }));
    }
  });
});
