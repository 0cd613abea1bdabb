import assert from 'node:assert/strict';
import { accounts, people, person, things } from './entities.ts';
import { texts } from './corpus.ts';
import { codeOf, type DatabaseCase } from './suite.ts';

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const crudCases: readonly DatabaseCase[] = [
  {
    name: 'rows: an insert fills in what is managed and gives back what is stored',
    run: async ({ db }) => {
      const repo = db.repo(people);
      const before = Date.now();
      const ann = await repo.insert(person(1));
      assert.equal(UUID7.test(ann.id), true);
      assert.deepEqual([ann.version, ann.name, ann.createdAt.getTime()], [1, null, ann.updatedAt.getTime()]);
      assert.equal(ann.createdAt.getTime() >= before && ann.createdAt.getTime() <= Date.now(), true);
      assert.deepEqual(await repo.get(ann.id), ann);
      assert.equal(await repo.get('nobody'), null);
    },
  },

  {
    name: 'rows: ids and times that are given are kept',
    run: async ({ db }) => {
      const createdAt = new Date('2001-02-03T04:05:06.789Z');
      const row = await db.repo(people).insert(person(1, { id: 'chosen', createdAt }));
      assert.deepEqual([row.id, row.createdAt], ['chosen', createdAt]);
      assert.deepEqual(await db.repo(people).get('chosen'), row);
    },
  },

  {
    name: 'rows: every value of every type comes back as it was',
    run: async ({ db }) => {
      const repo = db.repo(things);
      const rows = [
        { text: 'x', int: Number.MAX_SAFE_INTEGER, big: 2n ** 53n + 1n, price: '0.1', ratio: 0.1 + 0.2, flag: true },
        {
          int: Number.MIN_SAFE_INTEGER,
          big: -(2n ** 63n),
          price: '-12345678901234567890.12345',
          ratio: 5e-324,
          flag: false,
        },
        { big: 2n ** 63n - 1n, ratio: -1.7976931348623157e308, at: new Date(-1), raw: new Uint8Array([0, 255, 128]) },
        {
          at: new Date('9999-12-31T23:59:59.999Z'),
          raw: new Uint8Array(0),
          data: { nested: [1, { ключ: null }], 'q\'"': '\\' },
        },
        { at: new Date('0001-01-01T00:00:00.000Z'), data: [] },
        { data: 'just text' },
        { data: 0 },
        { data: false },
        {},
      ];
      for (const row of rows) {
        const stored = await repo.insert(row);
        assert.deepEqual(await repo.get(stored.id), stored);
        for (const [field, value] of Object.entries(row)) assert.deepEqual(stored[field as keyof typeof stored], value);
      }
    },
  },

  {
    name: 'rows: every text comes back as it was, and is found again by its value and as an id',
    run: async ({ db }) => {
      const repo = db.repo(things);
      for (const text of texts) {
        const id = text === '' ? 'empty' : text.slice(0, 200);
        await repo.insert({ id, text });
        assert.equal((await repo.get(id))?.text, text);
        const found = await repo.find({ where: { text } });
        assert.deepEqual(
          found.map((row) => row.id),
          [id],
        );
      }
      assert.equal(await repo.count(), texts.length);
    },
  },

  {
    name: 'rows: a stored value is a copy: changing the object afterwards changes nothing',
    run: async ({ db }) => {
      const repo = db.repo(things);
      const data = { list: [1] };
      const raw = new Uint8Array([1]);
      const stored = await repo.insert({ id: 'a', data, raw });
      data.list.push(2);
      raw[0] = 9;
      assert.deepEqual([stored.data, stored.raw], [{ list: [1] }, new Uint8Array([1])]);
      assert.deepEqual(await repo.get('a'), stored);
    },
  },

  {
    name: 'rows: many rows are stored in one go, with their ids in order',
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ids = await repo.insertMany(Array.from({ length: 1200 }, (_, n) => person(n)));
      assert.equal(ids.length, 1200);
      assert.equal(await repo.count(), 1200);
      const third = await repo.get(ids[2] as string);
      assert.equal(third?.email, 'person2@example.org');
      assert.deepEqual(await repo.insertMany([]), []);
    },
  },

  {
    name: 'rows: of many rows none is stored when one is refused',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const repo = db.repo(people);
      await repo.insert(person(500));
      const rows = Array.from({ length: 1000 }, (_, n) => person(n));
      assert.equal(await codeOf(repo.insertMany(rows)), 'database.unique_violation');
      assert.equal(await repo.count(), 1);
    },
  },

  {
    name: 'rows: an update changes what it names, counts the version and moves updatedAt',
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ann = await repo.insert(person(1, { name: 'Ann', updatedAt: new Date(0) }));
      const updated = await repo.update(ann.id, {
        set: { name: 'Anna', email: 'anna@example.org' },
        inc: { logins: 3 },
      });
      assert.deepEqual(updated, {
        ...ann,
        name: 'Anna',
        email: 'anna@example.org',
        logins: 3,
        version: 2,
        updatedAt: updated.updatedAt,
      });
      assert.equal(updated.updatedAt.getTime() > 0, true);
      assert.deepEqual(await repo.get(ann.id), updated);
      const cleared = await repo.update(ann.id, { set: { name: null, email: undefined } });
      assert.deepEqual([cleared.name, cleared.email, cleared.version], [null, 'anna@example.org', 3]);
      assert.equal((await repo.update(ann.id, {})).version, 4);
    },
  },

  {
    name: 'rows: an update that changes nothing still finds its row',
    run: async ({ db }) => {
      const repo = db.repo(accounts);
      await repo.insert({ id: 'a', cents: 5n, moves: 0, rate: 0 });
      assert.deepEqual(await repo.update('a', {}), { id: 'a', cents: 5n, moves: 0, rate: 0 });
      assert.deepEqual(await repo.update('a', { set: { cents: 5n } }), { id: 'a', cents: 5n, moves: 0, rate: 0 });
      assert.deepEqual(await repo.updateMany({ set: { cents: 5n } }, { where: { id: 'a' } }), { matched: 1 });
      assert.equal(await codeOf(repo.update('b', {})), 'database.not_found');
    },
  },

  {
    name: 'rows: a row that is not there cannot be updated, and is no reason to fail a delete',
    run: async ({ db }) => {
      const repo = db.repo(people);
      assert.equal(await codeOf(repo.update('nobody', { set: { name: 'x' } })), 'database.not_found');
      assert.equal(await codeOf(repo.update('no\0body', { set: { name: 'x' } })), 'database.not_found');
      assert.equal(await codeOf(repo.update('nobody', { set: { name: 'x' } }, { version: 1 })), 'database.not_found');
      assert.equal(await repo.delete('nobody'), false);
      assert.equal(await repo.delete('nobody', { version: 1 }), false);
      assert.deepEqual([await repo.get('no\0body'), await repo.get('\ud800')], [null, null]);
    },
  },

  {
    name: 'rows: a version that is not the stored one is a conflict, for updates and deletes',
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ann = await repo.insert(person(1));
      await repo.update(ann.id, { set: { name: 'first' } }, { version: 1 });
      assert.equal(
        await codeOf(repo.update(ann.id, { set: { name: 'second' } }, { version: 1 })),
        'database.version_conflict',
      );
      assert.equal(await codeOf(repo.delete(ann.id, { version: 1 })), 'database.version_conflict');
      assert.equal((await repo.get(ann.id))?.name, 'first');
      assert.equal(await repo.delete(ann.id, { version: 2 }), true);
      assert.equal(await repo.get(ann.id), null);
    },
  },

  {
    name: 'rows: numbers are added to in the database, and never rounded',
    run: async ({ db }) => {
      const repo = db.repo(accounts);
      await repo.insert({ id: 'a', cents: 2n ** 53n, moves: 1, rate: 0.5 });
      assert.deepEqual(await repo.update('a', { inc: { cents: 1n, moves: -2, rate: 0.25 } }), {
        id: 'a',
        cents: 2n ** 53n + 1n,
        moves: -1,
        rate: 0.75,
      });
      await repo.update('a', { set: { cents: 2n ** 63n - 1n, rate: 1.7e308, moves: Number.MAX_SAFE_INTEGER } });
      assert.equal(await codeOf(repo.update('a', { inc: { cents: 1n } })), 'database.bad_data');
      assert.equal(await codeOf(repo.update('a', { inc: { rate: 1.7e308 } })), 'database.bad_data');
      assert.equal(await codeOf(repo.update('a', { inc: { moves: 1 } })), 'database.bad_data');
      assert.equal((await repo.get('a'))?.cents, 2n ** 63n - 1n);
    },
  },

  {
    name: 'rows: updateMany and deleteMany touch what matches and count it',
    run: async ({ db }) => {
      const repo = db.repo(people);
      await repo.insertMany([1, 2, 3, 4].map((n) => person(n, { logins: n })));
      assert.deepEqual(
        await repo.updateMany({ set: { name: 'often' }, inc: { logins: 10 } }, { where: { logins: { gte: 3 } } }),
        {
          matched: 2,
        },
      );
      const changed = await repo.find({ where: { name: 'often' }, sort: [['logins', 'asc']] });
      assert.deepEqual(
        changed.map(({ logins, version }) => [logins, version]),
        [
          [13, 2],
          [14, 2],
        ],
      );
      assert.deepEqual(await repo.updateMany({ set: { name: 'x' } }, { where: { logins: 99 } }), { matched: 0 });
      assert.deepEqual(await repo.deleteMany({ where: { name: 'often' } }), { matched: 2 });
      assert.equal(await repo.count(), 2);
      assert.deepEqual(await repo.deleteMany({ where: { id: { ne: null } } }), { matched: 2 });
    },
  },

  {
    name: 'rows: a filter that matches everything is refused where it would be an accident',
    run: async ({ db }) => {
      const repo = db.repo(people);
      await repo.insert(person(1));
      for (const where of [
        {},
        { $and: [] },
        { id: { nin: [] } },
        { $not: { $or: [] } },
        { $or: [{ logins: 1 }, {}] },
      ]) {
        assert.equal(await codeOf(repo.deleteMany({ where })), 'database.invalid_query');
        assert.equal(await codeOf(repo.updateMany({ set: { name: 'x' } }, { where })), 'database.invalid_query');
      }
      // Nor does a filter that is missing, lost, or not where it belongs.
      for (const options of [undefined, {}, { where: undefined }, { where: null }, { logins: 1 }]) {
        assert.equal(await codeOf(repo.deleteMany(options as never)), 'database.invalid_query');
        assert.equal(await codeOf(repo.updateMany({ set: { name: 'x' } }, options as never)), 'database.invalid_query');
      }
      assert.equal(
        await codeOf(repo.updateMany({ logins: 1 } as never, { set: {} } as never)),
        'database.invalid_query',
      );
      assert.equal(await repo.count(), 1);
    },
  },

  {
    name: 'unique keys: a taken key is a unique violation that names the fields and no value',
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ann = await repo.insert(person(1));
      await repo.insert(person(2));
      assert.equal(await codeOf(repo.insert(person(9, { email: 'person1@example.org' }))), 'database.unique_violation');
      assert.equal(await codeOf(repo.insert(person(9, { badge: 1 }))), 'database.unique_violation');
      assert.equal(await codeOf(repo.insert(person(9, { id: ann.id }))), 'database.unique_violation');
      assert.equal(await codeOf(repo.update(ann.id, { set: { badge: 2 } })), 'database.unique_violation');
      assert.equal(await repo.count(), 2);
    },
  },

  {
    name: 'unique keys: an upsert inserts or changes the row with that key, and leaves its identity alone',
    run: async ({ db }) => {
      const repo = db.repo(people);
      const first = await repo.upsert(['email'], person(1, { name: 'first' }));
      assert.deepEqual([first.version, first.name], [1, 'first']);
      const second = await repo.upsert(['email'], person(2, { email: first.email, name: 'second' }));
      assert.deepEqual(second, { ...first, name: 'second', badge: 2, version: 2, updatedAt: second.updatedAt });
      const third = await repo.upsert(['badge', 'country'], person(2), { inc: { logins: 5 } });
      assert.deepEqual(third, { ...second, logins: 5, version: 3, updatedAt: third.updatedAt });
      const byId = await repo.upsert(['id'], person(3, { id: 'me' }));
      assert.equal((await repo.upsert(['id'], person(4, { id: byId.id }))).email, 'person4@example.org');
      assert.equal(await repo.count(), 2);
    },
  },

  {
    name: 'unique keys: an upsert that meets another unique key is refused, and changes no other row',
    when: ({ exactUpsert }) => exactUpsert,
    run: async ({ db }) => {
      const repo = db.repo(people);
      const ann = await repo.insert(person(1));
      assert.equal(await codeOf(repo.upsert(['email'], person(9, { badge: 1 }))), 'database.unique_violation');
      assert.deepEqual(await repo.get(ann.id), ann);
    },
  },

  {
    name: 'unique keys: an upsert needs one of the keys, with values',
    run: async ({ db }) => {
      const repo = db.repo(people);
      assert.equal(await codeOf(repo.upsert(['name'], person(1))), 'database.invalid_query');
      assert.equal(await codeOf(repo.upsert([], person(1))), 'database.invalid_query');
      assert.equal(await codeOf(repo.upsert(['id'], person(1))), 'database.invalid_value');
    },
  },
];
