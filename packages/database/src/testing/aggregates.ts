import assert from 'node:assert/strict';
import { defineEntity } from '../entity.ts';
import { nullable, stored } from '../field.ts';
import { accounts, createTables, notes, people, person, things } from './entities.ts';
import { codeOf, type DatabaseCase } from './suite.ts';

/** Stored under other names: `state` and `kind` have each other's. */
const orders = defineEntity({
  name: 'ent_orders',
  table: 'ent_order_rows',
  naming: 'snake_case',
  fields: {
    id: 'string',
    state: stored('string', { column: 'kind' }),
    kind: stored(nullable('int'), { column: 'state' }),
    unitCents: 'bigint',
    placedAt: nullable('date'),
  },
});

export const aggregateCases: readonly DatabaseCase[] = [
  {
    name: 'aggregates: of no rows the count and the sums are 0, everything else is null, and there are no groups',
    run: async ({ db }) => {
      const values = {
        rows: 'count',
        flags: { count: 'flag' },
        ints: { sum: 'int' },
        bigs: { sum: 'big' },
        ratios: { sum: 'ratio' },
        mean: { avg: 'int' },
        least: { min: 'text' },
        last: { max: 'at' },
      } as const;
      const repo = db.repo(things);
      const nothing = { rows: 0, flags: 0, ints: 0, bigs: 0n, ratios: 0, mean: null, least: null, last: null };
      assert.deepEqual(await repo.aggregate({ values }), nothing);
      assert.deepEqual(await repo.aggregate({ values, where: { int: { in: [] } } }), nothing);
      assert.deepEqual(await repo.aggregate({ values, by: ['text'] }), []);
      await repo.insert({ id: 'all null' });
      assert.deepEqual(await repo.aggregate({ values }), { ...nothing, rows: 1 });
      assert.deepEqual(await repo.aggregate({ values, by: ['text'] }), [{ text: null, ...nothing, rows: 1 }]);
      assert.deepEqual([await repo.exists(), await repo.exists({ where: { int: 1 } })], [true, false]);
    },
  },

  {
    name: 'aggregates: over a filter, passing over null, exact beyond 2^53',
    run: async ({ db }) => {
      const repo = db.repo(things);
      await repo.insertMany([
        { id: 'a', int: 1, big: 2n ** 53n, ratio: 0.5, text: 'B', flag: true, at: new Date(5) },
        { id: 'b', int: 2, big: 1n, ratio: 0.25, text: 'a', flag: false, at: new Date(-5) },
        { id: 'c', int: null, big: 2n, text: '😀', at: null },
        { id: 'd', int: Number.MAX_SAFE_INTEGER - 3, big: null, text: '\ufffd' },
        { id: 'e', int: 5, big: 2n ** 62n },
      ]);
      const where = { id: { ne: 'e' } };
      const values = {
        rows: 'count',
        counted: { count: 'int' },
        int: { sum: 'int' },
        big: { sum: 'big' },
        ratio: { sum: 'ratio' },
        meanBig: { avg: 'big' },
        meanRatio: { avg: 'ratio' },
        leastText: { min: 'text' },
        mostText: { max: 'text' },
        leastBig: { min: 'big' },
        mostInt: { max: 'int' },
        first: { min: 'at' },
        last: { max: 'at' },
      } as const;
      assert.deepEqual(await repo.aggregate({ where, values }), {
        rows: 4,
        counted: 3,
        int: Number.MAX_SAFE_INTEGER,
        big: 2n ** 53n + 3n,
        ratio: 0.75,
        meanBig: '3002399751580331.66666666666666666667',
        meanRatio: 0.375,
        leastText: 'B',
        // By code point: by UTF-16 it would be the other one.
        mostText: '😀',
        leastBig: 1n,
        mostInt: Number.MAX_SAFE_INTEGER - 3,
        first: new Date(-5),
        last: new Date(5),
      });
      assert.equal(await codeOf(repo.aggregate({ values: { int: { sum: 'int' } } })), 'database.bad_data');
      const { mean } = await repo.aggregate({ values: { mean: { avg: 'int' } } });
      assert.equal(mean, (Number.MAX_SAFE_INTEGER + 5) / 4);
      await repo.insert({ id: 'f', big: 2n ** 62n });
      assert.equal(await codeOf(repo.aggregate({ values: { big: { sum: 'big' } } })), 'database.bad_data');
      await repo.updateMany({ set: { big: null, ratio: 1.7e308 } }, { where: { id: { ne: null } } });
      assert.equal(await codeOf(repo.aggregate({ values: { ratio: { sum: 'ratio' } } })), 'database.bad_data');
      assert.equal(await codeOf(repo.aggregate({ values: { ratio: { avg: 'ratio' } } })), 'database.bad_data');
    },
  },

  {
    name: 'aggregates: decimals are exact, where the database has them',
    run: async ({ db, features }) => {
      const repo = db.repo(things);
      const prices = ['0.1', '0.2', '12345678901234567890.123456789', '-1.50'];
      await repo.insertMany(prices.map((price, n) => ({ id: `${n}`, price })));
      const values = {
        total: { sum: 'price' },
        mean: { avg: 'price' },
        least: { min: 'price' },
        most: { max: 'price' },
      } as const;
      if (!features.decimalOrder) {
        for (const [name, value] of Object.entries(values)) {
          assert.equal(await codeOf(repo.aggregate({ values: { [name]: value } })), 'database.invalid_query');
        }
        return;
      }
      assert.deepEqual(await repo.aggregate({ values }), {
        total: '12345678901234567888.923456789',
        mean: '3086419725308641972.23086419725',
        least: '-1.5',
        most: '12345678901234567890.123456789',
      });
      const small = await repo.aggregate({ values, where: { price: { lt: '1' } } });
      assert.deepEqual(small, { total: '-1.2', mean: '-0.4', least: '-1.5', most: '0.2' });
    },
  },

  {
    name: 'aggregates: groups are the values of their fields, null too, in order',
    run: async ({ db }) => {
      await createTables(db, orders);
      const repo = db.repo(orders);
      const rows = [
        ['a', 'open', 2, 5n],
        ['b', 'Open', null, 1n],
        ['c', 'open', null, 7n],
        ['d', 'open ', 2, 9n],
        ['e', 'open', 2, 20n],
        ['f', 'Open', 1, 3n],
      ] as const;
      await repo.insertMany(
        rows.map(([id, state, kind, unitCents]) => ({
          id,
          state,
          kind,
          unitCents,
          placedAt: new Date(Number(unitCents)),
        })),
      );
      assert.deepEqual(await repo.aggregate({ by: ['state'], values: { n: 'count', cents: { sum: 'unitCents' } } }), [
        { state: 'Open', n: 2, cents: 4n },
        { state: 'open', n: 3, cents: 32n },
        { state: 'open ', n: 1, cents: 9n },
      ]);
      const both = await repo.aggregate({
        by: ['kind', 'state'],
        values: { last: { max: 'placedAt' }, mean: { avg: 'unitCents' } },
        where: { unitCents: { gt: 1n } },
      });
      assert.deepEqual(both, [
        { kind: null, state: 'open', last: new Date(7), mean: '7' },
        { kind: 1, state: 'Open', last: new Date(3), mean: '3' },
        { kind: 2, state: 'open', last: new Date(20), mean: '12.5' },
        { kind: 2, state: 'open ', last: new Date(9), mean: '9' },
      ]);
      // A value may have the name of a column.
      assert.deepEqual(await repo.aggregate({ by: ['kind'], values: { state: 'count' }, where: { state: 'Open' } }), [
        { kind: null, state: 1 },
        { kind: 1, state: 1 },
      ]);
    },
  },

  {
    name: 'aggregates: deleted rows do not count, until they are asked for',
    run: async ({ db }) => {
      const repo = db.repo(notes);
      await repo.insertMany(['a', 'b'].map((slug) => ({ id: slug, slug, text: '', reads: 2 })));
      await repo.delete('a');
      const values = { n: 'count', reads: { sum: 'reads' } } as const;
      assert.deepEqual(await repo.aggregate({ values }), { n: 1, reads: 2 });
      assert.deepEqual(await repo.aggregate({ values, withDeleted: true }), { n: 2, reads: 4 });
      const of = { where: { slug: 'a' } };
      assert.deepEqual([await repo.exists(of), await repo.exists({ ...of, withDeleted: true })], [false, true]);
    },
  },

  {
    name: 'aggregates: what makes no sense is refused before it is sent',
    run: async ({ db }) => {
      const repo = db.repo(things);
      const faulty: unknown[] = [
        {},
        { values: {} },
        { values: 'count' },
        { values: { n: 'sum' } },
        { values: { n: { sum: 'text' } } },
        { values: { n: { avg: 'at' } } },
        { values: { n: { min: 'flag' } } },
        { values: { n: { max: 'data' } } },
        { values: { n: { sum: 'missing' } } },
        { values: { n: { median: 'int' } } },
        { values: { n: { sum: 'int', min: 'int' } } },
        { values: { n: 'count' }, by: 'text' },
        { values: { n: 'count' }, by: ['missing'] },
        { values: { n: 'count' }, by: ['data'] },
        { values: { n: 'count' }, by: ['text', 'text'] },
        { values: { text: 'count' }, by: ['text'] },
        { values: { n: 'count' }, sum: 'int' },
      ];
      for (const options of faulty) {
        const refused = await codeOf(repo.aggregate(options as never));
        assert.deepEqual([options, refused], [options, 'database.invalid_query']);
      }
    },
  },

  {
    name: 'select: only what is asked for is answered, and pages go by what is not',
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ids = await repo.insertMany([3, 1, 2].map((n) => person(n, { logins: n, name: `n${n}` })));
      assert.deepEqual(await repo.get(ids[1] as string, { select: ['email', 'logins'] }), {
        email: 'person1@example.org',
        logins: 1,
      });
      assert.deepEqual(await repo.find({ select: ['name'], sort: [['logins', 'desc']], where: { badge: { gt: 1 } } }), [
        { name: 'n3' },
        { name: 'n2' },
      ]);
      const first = await repo.window({ select: ['name'], sort: [['logins', 'asc']], limit: 2 });
      const next = await repo.window({ select: ['name'], sort: [['logins', 'asc']], limit: 2, after: first.next });
      assert.deepEqual([first.items, next.items], [[{ name: 'n1' }, { name: 'n2' }], [{ name: 'n3' }]]);
      const streamed: object[] = [];
      const all = repo.stream({ select: ['badge'], sort: [['logins', 'asc']], batchSize: 1 });
      for await (const row of all) streamed.push(row);
      assert.deepEqual(streamed, [{ badge: 1 }, { badge: 2 }, { badge: 3 }]);
      const big = db.repo(accounts);
      await big.insert({ id: 'a', cents: 2n ** 53n + 1n, moves: 1, rate: 0 });
      assert.deepEqual(await big.find({ select: ['cents'] }), [{ cents: 2n ** 53n + 1n }]);
      for (const select of [[], 'name', ['missing'], ['name', 'name'], [5]]) {
        assert.equal(await codeOf(repo.find({ select: select as never })), 'database.invalid_query');
        assert.equal(await codeOf(repo.get('x', { select: select as never })), 'database.invalid_query');
      }
    },
  },

  {
    name: 'select: rows by a thousand ids, in one call',
    run: async ({ db }) => {
      const repo = db.repo(accounts);
      const ids = await repo.insertMany(
        Array.from({ length: 1500 }, (_, n) => ({ cents: BigInt(n), moves: n, rate: 0 })),
      );
      const wanted = ids.filter((_, n) => n % 3 < 2);
      const found = await repo.find({ where: { id: { in: [...wanted].reverse() } }, select: ['id'] });
      assert.deepEqual(found.map(({ id }) => id).sort(), [...wanted].sort());
    },
  },
];
