import { accounts, notes, people, person, things } from './entities.ts';
import { texts } from './corpus.ts';
import { codeOf } from './runner.ts';
import type { Suite } from './suite.ts';

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function crudCases({ describe, test, expect, features }: Suite): void {
  describe('rows', () => {
    test('an insert fills in what is managed and gives back what is stored', async (db) => {
      const repo = db.repo(people);
      const before = Date.now();
      const ann = await repo.insert(person(1));
      expect(UUID7.test(ann.id)).toBe(true);
      expect([ann.version, ann.name, ann.createdAt.getTime()]).toEqual([1, null, ann.updatedAt.getTime()]);
      expect(ann.createdAt.getTime() >= before && ann.createdAt.getTime() <= Date.now()).toBe(true);
      expect(await repo.get(ann.id)).toEqual(ann);
      expect(await repo.get('nobody')).toBe(null);
    });

    test('ids and times that are given are kept', async (db) => {
      const createdAt = new Date('2001-02-03T04:05:06.789Z');
      const row = await db.repo(people).insert(person(1, { id: 'chosen', createdAt }));
      expect([row.id, row.createdAt]).toEqual(['chosen', createdAt]);
      expect(await db.repo(people).get('chosen')).toEqual(row);
    });

    test('every value of every type comes back as it was', async (db) => {
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
        expect(await repo.get(stored.id)).toEqual(stored);
        for (const [field, value] of Object.entries(row)) expect(stored[field as keyof typeof stored]).toEqual(value);
      }
    });

    test('every text comes back as it was, and is found again by its value and as an id', async (db) => {
      const repo = db.repo(things);
      for (const text of texts) {
        const id = text === '' ? 'empty' : text.slice(0, 200);
        await repo.insert({ id, text });
        expect((await repo.get(id))?.text).toBe(text);
        const found = await repo.find({ where: { text } });
        expect(found.map((row) => row.id)).toEqual([id]);
      }
      expect(await repo.count()).toBe(texts.length);
    });

    test('a stored value is a copy: changing the object afterwards changes nothing', async (db) => {
      const repo = db.repo(things);
      const data = { list: [1] };
      const raw = new Uint8Array([1]);
      const stored = await repo.insert({ id: 'a', data, raw });
      data.list.push(2);
      raw[0] = 9;
      expect([stored.data, stored.raw]).toEqual([{ list: [1] }, new Uint8Array([1])]);
      expect(await repo.get('a')).toEqual(stored);
    });

    test('many rows are stored in one go, with their ids in order', async (db) => {
      const repo = db.repo(people);
      const ids = await repo.insertMany(Array.from({ length: 1200 }, (_, n) => person(n)));
      expect(ids.length).toBe(1200);
      expect(await repo.count()).toBe(1200);
      const third = await repo.get(ids[2] as string);
      expect(third?.email).toBe('person2@example.org');
      expect(await repo.insertMany([])).toEqual([]);
    });

    if (features.transactions) {
      test('of many rows none is stored when one is refused', async (db) => {
        const repo = db.repo(people);
        await repo.insert(person(500));
        const rows = Array.from({ length: 1000 }, (_, n) => person(n));
        expect(await codeOf(repo.insertMany(rows))).toBe('database.unique_violation');
        expect(await repo.count()).toBe(1);
      });
    }

    test('an update changes what it names, counts the version and moves updatedAt', async (db) => {
      const repo = db.repo(people);
      const ann = await repo.insert(person(1, { name: 'Ann', updatedAt: new Date(0) }));
      const updated = await repo.update(ann.id, {
        set: { name: 'Anna', email: 'anna@example.org' },
        inc: { logins: 3 },
      });
      expect(updated).toEqual({
        ...ann,
        name: 'Anna',
        email: 'anna@example.org',
        logins: 3,
        version: 2,
        updatedAt: updated.updatedAt,
      });
      expect(updated.updatedAt.getTime() > 0).toBe(true);
      expect(await repo.get(ann.id)).toEqual(updated);
      const cleared = await repo.update(ann.id, { set: { name: null, email: undefined } });
      expect([cleared.name, cleared.email, cleared.version]).toEqual([null, 'anna@example.org', 3]);
      expect((await repo.update(ann.id, {})).version).toBe(4);
    });

    test('an update that changes nothing still finds its row', async (db) => {
      const repo = db.repo(accounts);
      await repo.insert({ id: 'a', cents: 5n, moves: 0, rate: 0 });
      expect(await repo.update('a', {})).toEqual({ id: 'a', cents: 5n, moves: 0, rate: 0 });
      expect(await repo.update('a', { set: { cents: 5n } })).toEqual({ id: 'a', cents: 5n, moves: 0, rate: 0 });
      expect(await repo.updateMany({ id: 'a' }, { set: { cents: 5n } })).toEqual({ matched: 1 });
      expect(await codeOf(repo.update('b', {}))).toBe('database.not_found');
    });

    test('a row that is not there can not be updated, and is no reason to fail a delete', async (db) => {
      const repo = db.repo(people);
      expect(await codeOf(repo.update('nobody', { set: { name: 'x' } }))).toBe('database.not_found');
      expect(await codeOf(repo.update('no\0body', { set: { name: 'x' } }))).toBe('database.not_found');
      expect(await codeOf(repo.update('nobody', { set: { name: 'x' } }, { version: 1 }))).toBe('database.not_found');
      expect(await repo.delete('nobody')).toBe(false);
      expect(await repo.delete('nobody', { version: 1 })).toBe(false);
      expect([await repo.get('no\0body'), await repo.get('\ud800')]).toEqual([null, null]);
    });

    test('a version that is not the stored one is a conflict, for updates and deletes', async (db) => {
      const repo = db.repo(people);
      const ann = await repo.insert(person(1));
      await repo.update(ann.id, { set: { name: 'first' } }, { version: 1 });
      expect(await codeOf(repo.update(ann.id, { set: { name: 'second' } }, { version: 1 }))).toBe(
        'database.version_conflict',
      );
      expect(await codeOf(repo.delete(ann.id, { version: 1 }))).toBe('database.version_conflict');
      expect((await repo.get(ann.id))?.name).toBe('first');
      expect(await repo.delete(ann.id, { version: 2 })).toBe(true);
      expect(await repo.get(ann.id)).toBe(null);
    });

    test('numbers are added to in the database, and never rounded', async (db) => {
      const repo = db.repo(accounts);
      await repo.insert({ id: 'a', cents: 2n ** 53n, moves: 1, rate: 0.5 });
      expect(await repo.update('a', { inc: { cents: 1n, moves: -2, rate: 0.25 } })).toEqual({
        id: 'a',
        cents: 2n ** 53n + 1n,
        moves: -1,
        rate: 0.75,
      });
      await repo.update('a', { set: { cents: 2n ** 63n - 1n, rate: 1.7e308, moves: Number.MAX_SAFE_INTEGER } });
      expect(await codeOf(repo.update('a', { inc: { cents: 1n } }))).toBe('database.bad_data');
      expect(await codeOf(repo.update('a', { inc: { rate: 1.7e308 } }))).toBe('database.bad_data');
      expect(await codeOf(repo.update('a', { inc: { moves: 1 } }))).toBe('database.bad_data');
      expect((await repo.get('a'))?.cents).toBe(2n ** 63n - 1n);
    });

    test('updateMany and deleteMany touch what matches and count it', async (db) => {
      const repo = db.repo(people);
      await repo.insertMany([1, 2, 3, 4].map((n) => person(n, { logins: n })));
      expect(await repo.updateMany({ logins: { gte: 3 } }, { set: { name: 'often' }, inc: { logins: 10 } })).toEqual({
        matched: 2,
      });
      const changed = await repo.find({ where: { name: 'often' }, sort: [['logins', 'asc']] });
      expect(changed.map(({ logins, version }) => [logins, version])).toEqual([
        [13, 2],
        [14, 2],
      ]);
      expect(await repo.updateMany({ logins: 99 }, { set: { name: 'x' } })).toEqual({ matched: 0 });
      expect(await repo.deleteMany({ name: 'often' })).toEqual({ matched: 2 });
      expect(await repo.count()).toBe(2);
      expect(await repo.deleteMany({ id: { ne: null } })).toEqual({ matched: 2 });
    });

    test('a filter that matches everything is refused where it would be an accident', async (db) => {
      const repo = db.repo(people);
      await repo.insert(person(1));
      for (const where of [
        {},
        { $and: [] },
        { id: { nin: [] } },
        { $not: { $or: [] } },
        { $or: [{ logins: 1 }, {}] },
      ]) {
        expect(await codeOf(repo.deleteMany(where))).toBe('database.invalid_query');
        expect(await codeOf(repo.updateMany(where, { set: { name: 'x' } }))).toBe('database.invalid_query');
      }
      expect(await codeOf(repo.deleteMany(undefined as never))).toBe('database.invalid_query');
      expect(await repo.count()).toBe(1);
    });
  });

  describe('unique keys', () => {
    test('a taken key is a unique violation that names the fields and no value', async (db) => {
      const repo = db.repo(people);
      const ann = await repo.insert(person(1));
      await repo.insert(person(2));
      expect(await codeOf(repo.insert(person(9, { email: 'person1@example.org' })))).toBe('database.unique_violation');
      expect(await codeOf(repo.insert(person(9, { badge: 1 })))).toBe('database.unique_violation');
      expect(await codeOf(repo.insert(person(9, { id: ann.id })))).toBe('database.unique_violation');
      expect(await codeOf(repo.update(ann.id, { set: { badge: 2 } }))).toBe('database.unique_violation');
      expect(await repo.count()).toBe(2);
    });

    test('an upsert inserts or changes the row with that key, and leaves its identity alone', async (db) => {
      const repo = db.repo(people);
      const first = await repo.upsert(['email'], person(1, { name: 'first' }));
      expect([first.version, first.name]).toEqual([1, 'first']);
      const second = await repo.upsert(['email'], person(2, { email: first.email, name: 'second' }));
      expect(second).toEqual({ ...first, name: 'second', badge: 2, version: 2, updatedAt: second.updatedAt });
      const third = await repo.upsert(['badge', 'country'], person(2), { inc: { logins: 5 } });
      expect(third).toEqual({ ...second, logins: 5, version: 3, updatedAt: third.updatedAt });
      const byId = await repo.upsert(['id'], person(3, { id: 'me' }));
      expect((await repo.upsert(['id'], person(4, { id: byId.id }))).email).toBe('person4@example.org');
      expect(await repo.count()).toBe(2);
    });

    if (features.exactUpsert) {
      test('an upsert that meets another unique key is refused, and changes no other row', async (db) => {
        const repo = db.repo(people);
        const ann = await repo.insert(person(1));
        expect(await codeOf(repo.upsert(['email'], person(9, { badge: 1 })))).toBe('database.unique_violation');
        expect(await repo.get(ann.id)).toEqual(ann);
      });
    }

    test('an upsert needs one of the keys, with values', async (db) => {
      const repo = db.repo(people);
      expect(await codeOf(repo.upsert(['name'], person(1)))).toBe('database.invalid_query');
      expect(await codeOf(repo.upsert([], person(1)))).toBe('database.invalid_query');
      expect(await codeOf(repo.upsert(['id'], person(1)))).toBe('database.invalid_value');
    });
  });

  describe('soft delete', () => {
    test('a deleted row is out of sight of everything, until it is asked for', async (db) => {
      const repo = db.repo(notes);
      const { id } = await repo.insert({ slug: 'a', text: 'x' });
      const other = await repo.insert({ slug: 'b', text: 'x' });
      expect(await repo.delete(id)).toBe(true);
      expect(await repo.delete(id)).toBe(false);
      expect([await repo.get(id), await repo.count(), await repo.find()]).toEqual([null, 1, [other]]);
      expect((await repo.window({ size: 5 })).items).toEqual([other]);
      expect(await codeOf(repo.update(id, { set: { text: 'y' } }))).toBe('database.not_found');
      expect(await repo.updateMany({ text: 'x' }, { set: { text: 'y' } })).toEqual({ matched: 1 });
      expect(await repo.deleteMany({ slug: 'a' })).toEqual({ matched: 0 });
      const gone = await repo.get(id, { withDeleted: true });
      expect([gone?.text, gone?.deletedAt instanceof Date, gone?.version]).toEqual(['x', true, 2]);
      expect(await repo.count({}, { withDeleted: true })).toBe(2);
    });

    test('a deleted row can be restored, revived by an upsert, and removed for good', async (db) => {
      const repo = db.repo(notes);
      const { id } = await repo.insert({ slug: 'a', text: 'x' });
      await repo.delete(id);
      await repo.update(id, { set: { deletedAt: null } }, { withDeleted: true });
      expect((await repo.get(id))?.slug).toBe('a');
      await repo.delete(id);
      expect(await codeOf(repo.insert({ slug: 'a', text: 'y' }))).toBe('database.unique_violation');
      const revived = await repo.upsert(['slug'], { slug: 'a', text: 'z' });
      expect([revived.id, revived.text, revived.deletedAt]).toEqual([id, 'z', null]);
      await repo.delete(id);
      expect(await repo.delete(id, { hard: true })).toBe(true);
      expect(await repo.count({}, { withDeleted: true })).toBe(0);
    });
  });
}
