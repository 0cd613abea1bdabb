import assert from 'node:assert/strict';
import { EntError } from '@ent/errors';
import { defineEntity } from '../entity.ts';
import { nullable, stored, typed } from '../field.ts';
import { createTables } from './entities.ts';
import { codeOf, type DatabaseCase, rejection } from './suite.ts';

/** Nothing is called in the database as it is here; `text` and `other` have each other's names. */
const mapped = defineEntity({
  name: 'entMapped',
  table: 'ent_mapped_rows',
  naming: 'snake_case',
  fields: {
    theId: stored('string', { column: 'pk' }),
    loginName: 'string',
    text: stored(nullable('string'), { column: 'other' }),
    other: stored('bigint', { column: 'text' }),
    lastSeen: stored(nullable('date'), { column: 'Last-Seen' }),
    madeAt: 'date',
    changedAt: 'date',
    goneAt: nullable('date'),
    rowVersion: 'int',
  },
  id: 'theId',
  unique: [['loginName']],
  createdAt: 'madeAt',
  updatedAt: 'changedAt',
  deletedAt: 'goneAt',
  version: 'rowVersion',
});

const row = (n: number) => ({
  theId: `id${n}`,
  loginName: `user${n}`,
  text: n % 2 === 0 ? `Text ${n}` : null,
  other: BigInt(n),
  lastSeen: n % 3 === 0 ? null : new Date(n * 1000),
});

const natives = defineEntity({
  name: 'ent_natives',
  fields: {
    id: stored('string', { as: 'uuid' }),
    packed: stored(nullable('string'), { as: 'binary(16)' }),
    state: stored(nullable(typed<'off' | 'on'>('string')), { as: 'enum' }),
    day: stored(nullable('string'), { as: 'date' }),
    exact: stored(nullable('string'), { as: 'timestamptz' }),
    local: stored(nullable('string'), { as: 'timestamp' }),
    price: stored(nullable('decimal'), { as: 'numeric(7,2)' }),
    at: stored(nullable('date'), { as: 'timestamp' }),
    second: stored(nullable('date'), { as: 'datetime' }),
    iso: stored(nullable('date'), { as: 'text' }),
    unix: stored(nullable('date'), { as: 'unixepoch' }),
    data: stored(nullable('json'), { as: 'jsonb' }),
    tags: stored(nullable(typed<(string | null)[]>('json')), { as: 'text[]' }),
    sizes: stored(nullable(typed<number[]>('json')), { as: 'int[]' }),
    rates: stored(nullable(typed<number[]>('json')), { as: 'double[]' }),
    flags: stored(nullable(typed<boolean[]>('json')), { as: 'boolean[]' }),
  },
});

const uuid = (n: number): string => `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;

const full = {
  id: uuid(1),
  packed: 'ffffffff-ffff-4fff-bfff-ffffffffffff',
  state: 'on',
  day: '2024-02-29',
  exact: '2024-03-10T02:30:00.123456Z',
  local: '0001-01-01T00:00:00.000001Z',
  price: '99999.99',
  at: new Date('1960-01-01T00:00:00.007Z'),
  second: new Date('2024-03-10T02:30:00Z'),
  iso: new Date('2024-03-10T02:30:00.123Z'),
  unix: new Date('1969-12-31T23:59:59Z'),
  data: { b: [1, null, 'ü'], a: {} },
  tags: ['', 'a "b" \\c', 'NULL', null, '{x,y}'],
  sizes: [0, -1, Number.MAX_SAFE_INTEGER],
  rates: [0.1, -1e308, 5e-324],
  flags: [true, false],
} as const;

export const storageCases: readonly DatabaseCase[] = [
  {
    name: 'storage: a field that is stored under another name has its own in rows, filters, sorts and patches',
    run: async ({ db }) => {
      await createTables(db, mapped);
      const repo = db.repo(mapped);
      const first = await repo.insert(row(1));
      assert.deepEqual(first, { ...first, ...row(1), goneAt: null, rowVersion: 1 });
      assert.deepEqual(await repo.get('id1'), first);
      await repo.insertMany(Array.from({ length: 8 }, (_, n) => row(n + 2)));
      const idsOf = (rows: readonly { theId: string }[]): string[] => rows.map(({ theId }) => theId);
      const found = async (where: NonNullable<Parameters<typeof repo.find>[0]>['where']) =>
        idsOf(await repo.find({ where })).join();
      assert.equal(await found({ text: { startsWith: 'text 8', ignoreCase: true } }), 'id8');
      assert.equal(await found({ other: { gte: 8n } }), 'id8,id9');
      assert.equal(await found({ lastSeen: null, text: { ne: null } }), 'id6');
      assert.equal(await found({ $not: { other: { in: [1n, 2n, 3n, 4n, 5n, 6n, 7n] } } }), 'id8,id9');
      assert.equal(await repo.count({ where: { text: { contains: 'Text' } } }), 4);
      assert.deepEqual(idsOf(await repo.find({ sort: [['lastSeen', 'desc']], limit: 3, offset: 1 })), [
        'id7',
        'id5',
        'id4',
      ]);
      const page = await repo.window({ sort: [['text', 'asc']], limit: 5 });
      const next = await repo.window({ sort: [['text', 'asc']], limit: 5, after: page.next });
      assert.deepEqual([...idsOf(page.items), ...idsOf(next.items)].join(), 'id1,id3,id5,id7,id9,id2,id4,id6,id8');
      const changed = await repo.update('id1', { set: { text: 'new' }, inc: { other: 10n } }, { version: 1 });
      assert.deepEqual(changed, { ...first, text: 'new', other: 11n, rowVersion: 2, changedAt: changed.changedAt });
      assert.deepEqual(await repo.updateMany({ set: { lastSeen: null } }, { where: { other: { lt: 5n } } }), {
        matched: 3,
      });
      assert.equal(await repo.delete('id2'), true);
      assert.deepEqual([await repo.get('id2'), await repo.count()], [null, 8]);
      assert.deepEqual(await repo.deleteMany({ where: { other: { gt: 7n } }, hard: true }), { matched: 3 });
    },
  },

  {
    name: 'storage: an upsert by a key that is stored under another name, over a deleted row too',
    run: async ({ db }) => {
      await createTables(db, mapped);
      const repo = db.repo(mapped);
      const first = await repo.upsert(['loginName'], row(1));
      const second = await repo.upsert(['loginName'], { ...row(2), loginName: 'user1' });
      assert.deepEqual(second, { ...row(2), ...second, theId: 'id1', madeAt: first.madeAt, rowVersion: 2 });
      const third = await repo.upsert(['theId'], row(1), { inc: { other: 40n } });
      assert.deepEqual(third, { ...second, other: 42n, rowVersion: 3, changedAt: third.changedAt });
      await repo.delete('id1');
      const fresh = await repo.upsert(['loginName'], { ...row(3), loginName: 'user1' });
      assert.deepEqual(fresh, { ...fresh, ...row(3), loginName: 'user1', rowVersion: 1, goneAt: null });
    },
  },

  {
    name: 'storage: an error names fields, not columns',
    run: async ({ db }) => {
      await createTables(db, mapped);
      const repo = db.repo(mapped);
      await repo.insert(row(1));
      const error = await rejection(repo.insert({ ...row(2), loginName: 'user1' }));
      if (!EntError.is(error)) throw error;
      const { fields = ['loginName'] } = error.details as { readonly fields?: readonly string[] };
      assert.deepEqual([error.code, fields], ['database.unique_violation', ['loginName']]);
      const invalid = await rejection(repo.insert({ ...row(2), text: 5 } as never));
      assert.match(String(invalid), /#\/text /);
    },
  },

  {
    name: 'storage: native types of columns keep every value that their fields take',
    run: async ({ db }) => {
      await createTables(db, natives);
      const repo = db.repo(natives);
      assert.deepEqual(await repo.insert(full as never), full);
      assert.deepEqual(await repo.get(full.id), full);
      const empty = await repo.insert({ id: uuid(2) });
      assert.deepEqual(await repo.get(uuid(2)), empty);
      const { id: _id, ...values } = full;
      assert.deepEqual(await repo.update(uuid(2), { set: values as never }), { ...full, id: uuid(2) });
      assert.deepEqual(await repo.update(uuid(2), { set: { tags: [], data: 'text', price: '-0.01' } }), {
        ...full,
        id: uuid(2),
        tags: [],
        data: 'text',
        price: '-0.01',
      });
      for (const [field, value] of Object.entries(values)) {
        if (['data', 'tags', 'sizes', 'rates', 'flags'].includes(field)) continue;
        const expected = field === 'price' ? [full.id] : [full.id, uuid(2)];
        const found = await repo.find({ where: { [field]: value } });
        assert.deepEqual([field, found.map(({ id }) => id)], [field, expected]);
        const none = await repo.count({ where: { [field]: { ne: value } } });
        assert.deepEqual([field, none], [field, 2 - expected.length]);
        const listed = await repo.count({ where: { [field]: { in: [value, null] } } });
        assert.deepEqual([field, listed], [field, expected.length]);
      }
      // One form for each: a UUID in capitals, an instant without its zeros.
      const other = await repo.insert({
        id: uuid(3),
        packed: full.packed.toUpperCase(),
        exact: '2024-03-10T02:30:00Z',
        local: '2024-03-10T02:30:00.5Z',
      });
      assert.deepEqual(
        [other.packed, other.exact, other.local],
        [full.packed, '2024-03-10T02:30:00.000000Z', '2024-03-10T02:30:00.500000Z'],
      );
      assert.deepEqual(await repo.get(uuid(3)), other);
    },
  },

  {
    name: 'storage: native types of columns have the order of their fields, in filters, sorts and pages',
    run: async ({ db, features }) => {
      await createTables(db, natives);
      const repo = db.repo(natives);
      // Declared in this order a column of labels would put "on" first.
      const values = {
        packed: [uuid(1), uuid(2), 'ffffffff-ffff-4fff-bfff-ffffffffffff'],
        state: ['off', 'on', 'standby'],
        day: ['0001-01-01', '2024-02-29', '9999-12-31'],
        exact: ['1969-12-31T23:59:59.999999Z', '2024-03-10T02:30:00.123456Z', '2024-03-10T02:30:00.123457Z'],
        local: ['0001-01-01T00:00:00.000000Z', '2024-03-10T02:30:00.000001Z', '2024-03-10T02:30:01.000000Z'],
        price: ['-10', '9.5', '10'],
        at: [new Date(-1), new Date(0), new Date(1)],
        second: [new Date(-1000), new Date(0), new Date(1_700_000_000_000)],
        iso: [new Date(-1), new Date(0), new Date(1_700_000_000_001)],
        unix: [new Date(-1000), new Date(0), new Date(1_700_000_000_000)],
      };
      const field = <N extends keyof typeof values>(name: N, n: number) => values[name][n] ?? null;
      const names = Object.keys(values) as (keyof typeof values)[];
      // The last row has null everywhere.
      const rows = [2, 0, 3, 1].map((n) => ({
        id: uuid(n),
        ...Object.fromEntries(names.map((name) => [name, field(name, n)])),
      }));
      await repo.insertMany(rows);
      for (const name of names) {
        if (name === 'price' && !features.decimalOrder) continue;
        const sort = [[name, 'asc']] as never;
        const idsOf = (found: readonly { id: string }[]): string[] => found.map(({ id }) => id);
        const expected = [3, 0, 1, 2].map(uuid);
        assert.deepEqual([name, idsOf(await repo.find({ sort }))], [name, expected]);
        const page = await repo.window({ sort, limit: 2 });
        const rest = await repo.window({ sort, limit: 2, after: page.next });
        assert.deepEqual([name, [...idsOf(page.items), ...idsOf(rest.items)]], [name, expected]);
        const above = await repo.find({
          where: { [name]: { gt: field(name, 0), lte: field(name, 2) } },
          sort,
        });
        assert.deepEqual([name, idsOf(above)], [name, [1, 2].map(uuid)]);
      }
    },
  },

  {
    name: 'storage: what a native type of column would round, cut or not take is refused before it is sent',
    run: async ({ db }) => {
      await createTables(db, natives);
      const repo = db.repo(natives);
      const faulty: readonly Record<string, unknown>[] = [
        { packed: 'abc' },
        { day: '2024-02-30' },
        { day: '0000-01-01' },
        { day: '2024-2-1' },
        { exact: '2024-03-10 02:30:00' },
        { exact: '2024-03-10T02:30:00.1234567Z' },
        { exact: '2024-03-10T02:30:00+01:00' },
        { local: '2024-02-30T00:00:00Z' },
        { price: '1.234' },
        { price: '100000' },
        { price: '0.001' },
        { second: new Date(1) },
        { unix: new Date(-1) },
        { tags: 'a' },
        { tags: [1] },
        { tags: ['nul\0'] },
        { sizes: [1.5] },
        { sizes: [2 ** 53] },
        { rates: ['1'] },
        { flags: [0] },
        { id: 'not a uuid' },
      ];
      for (const values of faulty) {
        const refused = await codeOf(repo.insert({ id: uuid(1), ...values }));
        assert.deepEqual([values, refused], [values, 'database.invalid_value']);
      }
      assert.equal(await repo.count(), 0);
      // No row has it; and a UUID has no beginning that is text.
      assert.equal(await repo.get('not a uuid'), null);
      assert.equal(await codeOf(repo.find({ where: { id: 'not a uuid' } })), 'database.invalid_query');
      assert.equal(await codeOf(repo.find({ where: { id: { startsWith: '0' } } })), 'database.invalid_query');
      assert.equal(
        await codeOf(repo.find({ where: { day: { eq: '2024-01-01', ignoreCase: true } } })),
        'database.invalid_query',
      );
      // An id of this kind that is not given is made up, as of text.
      const { id } = await repo.insert({ price: '1.50' });
      assert.deepEqual([(await repo.get(id))?.price, id.length], ['1.5', 36]);
    },
  },
];
