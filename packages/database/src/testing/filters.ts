import assert from 'node:assert/strict';
import { EntError } from '@ent/errors';
import type { Filter } from '../query.ts';
import { corpusRows, everyCondition, everySort, randomFilter, randomOf } from './corpus.ts';
import { type Thing, things } from './entities.ts';
import { matches, sorted } from './model.ts';
import { codeOf, type DatabaseCase } from './suite.ts';

const ids = (rows: readonly Thing[]): string[] => rows.map(({ id }) => id);

export const filterCases: readonly DatabaseCase[] = [
  {
    name: 'filters and sorts: every operator with every value finds the rows that the model finds',
    run: async ({ db, features }) => {
      const repo = db.repo(things);
      const rows = corpusRows();
      await repo.insertMany(rows);
      for (const where of everyCondition(features)) {
        const expected = rows.filter((row) => matches(row, where));
        const found = await repo.find({ where, sort: [['id', 'asc']] });
        assert.deepEqual({ where, ids: ids(found) }, { where, ids: ids(expected) });
        assert.deepEqual({ where, count: await repo.count({ where }) }, { where, count: expected.length });
      }
    },
  },

  {
    name: 'filters and sorts: 400 random filters, nested three deep, find the rows that the model finds',
    run: async ({ db, features }) => {
      const repo = db.repo(things);
      const rows = corpusRows();
      await repo.insertMany(rows);
      const random = randomOf(11);
      for (let round = 0; round < 400; round += 1) {
        const where = randomFilter(random, features, 3);
        const found = await repo.find({ where, sort: [['id', 'asc']] });
        assert.deepEqual({ where, ids: ids(found) }, { where, ids: ids(rows.filter((row) => matches(row, where))) });
      }
    },
  },

  {
    name: 'filters and sorts: every sort gives the order of the model: nulls smallest, strings by code point, ids last',
    run: async ({ db, features }) => {
      const repo = db.repo(things);
      const rows = corpusRows();
      await repo.insertMany(rows);
      for (const sort of everySort(features)) {
        const found = await repo.find({ sort });
        assert.deepEqual({ sort, ids: ids(found) }, { sort, ids: ids(sorted(rows, sort)) });
      }
    },
  },

  {
    name: 'filters and sorts: limit and offset cut the order',
    run: async ({ db }) => {
      const repo = db.repo(things);
      const rows = corpusRows();
      await repo.insertMany(rows);
      const order = sorted(rows, [['text', 'desc']]);
      for (const [limit, offset] of [
        [10, 0],
        [10, 115],
        [undefined, 7],
        [0, 0],
        [1000, undefined],
      ] as const) {
        const found = await repo.find({ sort: [['text', 'desc']], limit, offset });
        assert.deepEqual(
          ids(found),
          ids(order).slice(offset ?? 0, limit === undefined ? undefined : (offset ?? 0) + limit),
        );
      }
    },
  },

  {
    name: 'filters and sorts: a long list of values is taken, or refused before it is sent',
    run: async ({ db }) => {
      const repo = db.repo(things);
      await repo.insert({ id: 'a', int: 5 });
      const list = Array.from({ length: 2000 }, (_, index) => index);
      assert.equal(await repo.count({ where: { int: { in: list } } }), 1);
    },
  },

  {
    name: 'filters and sorts: thousands of conditions, and deep ones, are taken',
    run: async ({ db }) => {
      const repo = db.repo(things);
      await repo.insertMany([5, 6].map((int) => ({ id: `t${int}`, int })));
      const many = Array.from({ length: 2000 }, (_, index) => index + 6);
      assert.equal(await repo.count({ where: { $or: many.map((int) => ({ int })) } }), 1);
      assert.equal(await repo.count({ where: { $or: many.map((int) => ({ int: { gte: int }, flag: null })) } }), 1);
      assert.equal(await repo.count({ where: { $and: many.map((int) => ({ int: { ne: int } })) } }), 1);
      let deep: Filter<Thing> = { int: 5 };
      // As deep as filters may be, and each level as wide as chains are put together.
      const beside = Array.from({ length: 20 }, (): Filter<Thing> => ({ text: { ne: 'x' } }));
      for (let level = 0; level < 7; level += 1) deep = { $and: [{ $or: [deep, ...beside] }, ...beside] };
      assert.equal(await repo.count({ where: deep }), 2);
      let negated: Filter<Thing> = { int: 5 };
      for (let level = 0; level < 30; level += 1) negated = { $not: negated, text: null };
      assert.equal(await repo.count({ where: negated }), 1);
    },
  },

  {
    name: 'filters and sorts: a faulty filter is refused, and says where the fault is',
    run: async ({ db, features }) => {
      const repo = db.repo(things);
      const hostile = JSON.parse('{"__proto__":{"x":1}}') as Filter<Thing>;
      const deep = Array.from({ length: 50 }).reduce<unknown>((node) => ({ $not: node }), { int: 1 });
      const faulty: unknown[] = [
        { text: undefined },
        { text: { eq: undefined } },
        { nothing: 1 },
        { constructor: 1 },
        hostile,
        { text: 5 },
        { text: { gt: null } },
        { text: { matches: 'x' } },
        { text: {} },
        { text: { contains: 5 } },
        { text: 'nul\0' },
        { text: '\ud800' },
        { int: 1.5 },
        { int: { contains: '1' } },
        { int: { in: 5 } },
        { int: { gt: 1, ignoreCase: true } },
        { big: 5 },
        { big: 2n ** 63n },
        { price: 'abc' },
        { ratio: Number.NaN },
        { at: new Date(Number.NaN) },
        { at: '2020-01-01' },
        { data: { a: 1 } },
        { data: { gt: null } },
        { raw: { gt: new Uint8Array(1) } },
        { $and: { int: 1 } },
        { $or: 'x' },
        { $not: [] },
        { $where: 'true' },
        { '\ud800': 1 },
        [],
        'x',
        null,
        deep,
      ];
      // Also where no row is asked for.
      for (const limit of [undefined, 0]) {
        for (const where of faulty) {
          const code = await codeOf(repo.find({ where: where as Filter<Thing>, limit }));
          assert.deepEqual({ where, limit, code }, { where, limit, code: 'database.invalid_query' });
        }
      }
      const sorts: unknown[] = [
        'text',
        [['nothing', 'asc']],
        [['text', 'up']],
        [['data', 'asc']],
        [['raw', 'asc']],
        [
          ['int', 'asc'],
          ['int', 'desc'],
        ],
        [5],
      ];
      for (const sort of sorts)
        assert.equal(await codeOf(repo.find({ sort: sort as never })), 'database.invalid_query');
      for (const limit of [-1, 1.5, Number.NaN, '5'])
        assert.equal(await codeOf(repo.find({ limit: limit as number })), 'database.invalid_query');
      if (!features.decimalOrder) {
        assert.equal(await codeOf(repo.find({ sort: [['price', 'asc']] })), 'database.invalid_query');
        assert.equal(await codeOf(repo.find({ where: { price: { gt: '1' } } })), 'database.invalid_query');
      }
    },
  },

  {
    name: 'filters and sorts: a value that a database could change or lose is refused, all faults at once',
    run: async ({ db }) => {
      const repo = db.repo(things);
      const cycle: Record<string, unknown> = {};
      cycle['self'] = cycle;
      const faulty: Record<string, unknown>[] = [
        { text: 'nul\0' },
        { text: '\udc00' },
        { text: 5 },
        { int: 2 ** 53 },
        { int: '5' },
        { int: 5n },
        { big: 5 },
        { big: -(2n ** 63n) - 1n },
        { price: 1.5 },
        { price: '1e5' },
        { price: '9'.repeat(35) },
        { ratio: Number.POSITIVE_INFINITY },
        { ratio: Number.NaN },
        { flag: 1 },
        { at: 5 },
        { at: new Date(Number.NaN) },
        { at: new Date(8.64e15) },
        { data: cycle },
        { data: 5n },
        { data: () => {} },
        { raw: [1] },
        { raw: 'abc' },
        { id: '' },
        { id: 5 },
        { surplus: 1 },
        JSON.parse('{"__proto__":1}') as Record<string, unknown>,
      ];
      for (const row of faulty) {
        assert.deepEqual(
          { row: Object.keys(row), code: await codeOf(repo.insert(row)) },
          {
            row: Object.keys(row),
            code: 'database.invalid_value',
          },
        );
      }
      const error = await repo.insert({ text: 5, int: 'secret' } as never).catch((thrown: unknown) => thrown);
      const { issues } = error as { issues: readonly { pointer: string }[] };
      assert.deepEqual(
        issues.map(({ pointer }) => pointer),
        ['#/text', '#/int'],
      );
      assert.equal(await repo.count(), 0);
      await repo.insert({ id: 'a', int: 1 });
      // What its client reads, whichever call it is.
      const text = 'no\0text';
      const refused = await Promise.all(
        [
          repo.insert({ id: 'b', text }),
          repo.insertMany([{ id: 'b', text }]),
          repo.update('a', { set: { text } }),
          repo.updateMany({ set: { text } }, { where: { id: 'a' } }),
          repo.upsert(['id'], { id: 'a', text }),
          repo.upsert(['id'], { id: 'a' }, { set: { text } }),
        ].map(async (call) => {
          const thrown: unknown = await call.catch((reason: unknown) => reason);
          const { status, detail, errors } = EntError.from(thrown).toProblem();
          return { status, detail, errors };
        }),
      );
      const problemAt = (pointer: string) => {
        const detail = 'must be well-formed Unicode without U+0000';
        return { status: 422, detail: `${pointer} ${detail}.`, errors: [{ pointer, code: 'invalid_text', detail }] };
      };
      assert.deepEqual(refused, ['#/text', '#/0/text', ...Array<string>(4).fill('#/text')].map(problemAt));
      const patches: unknown[] = [
        { set: { id: 'b' } },
        { set: { surplus: 1 } },
        { inc: { int: 1 } },
        { inc: { text: 1 } },
        { text: 'x' },
        null,
        { set: 5 },
      ];
      for (const patch of patches)
        assert.equal(await codeOf(repo.update('a', patch as never)), 'database.invalid_value');
    },
  },
];
