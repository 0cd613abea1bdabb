// Keys of tables of MySQL and MariaDB: ids that are UUIDs, as bytes and as text, and what refers to a row.
import { createDatabase, type Database, defineEntity, stored } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, newDatabase } from '../fixtures/mysql.ts';
import { rejection } from '../fixtures/people.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describeWithServer('mariadb', (server) => {
  let db: Database<SqlNative>;
  let url: string;
  beforeEach(async () => {
    ({ url } = await newDatabase(server.url));
    db = createDatabase({ driver: mysql({ url }) });
  });
  afterEach(() => db.close());

  describe.each([
    ['binary(16)', 'binary(16)', 'hex(id)'],
    ['uuid', 'char(36)', `upper(replace(id, '-', ''))`],
  ] as const)('ids as %s, stored as %s', (as, column, inHex) => {
    const notes = defineEntity({
      name: 'notes',
      fields: { id: stored('string', { as }), owner: stored('string', { as }), n: 'int' },
      unique: [['owner']],
    });
    const ids = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);
    const owner = (n: number): string => `00000000-0000-7000-8000-00000000000${n}`;

    it.each(['made by createTables', 'there already'])('of a table that is %s', async (how) => {
      const there = `create table notes (id ${column} primary key, owner ${column} not null unique, n bigint not null)`;
      await (how === 'there already' ? ask(url, there) : createTables(db, notes));
      const [told] = await ask(
        url,
        `select column_type as type from information_schema.columns where table_schema = database() and column_name = 'id'`,
      );
      expect(told).toEqual({ type: column });
      const repo = db.repo(notes);
      const first = await repo.insert({ owner: owner(1), n: 1 });
      expect(first.id).toMatch(UUID);
      expect(await ask(url, `select ${inHex} as id from notes`)).toEqual([
        { id: first.id.replaceAll('-', '').toUpperCase() },
      ]);
      const [second] = await repo.insertMany([{ owner: owner(2), n: 2 }]);
      expect(ids(await repo.find({ sort: [['id', 'asc']] }))).toEqual([first.id, second]);
      expect(ids(await repo.find({ where: { id: { gt: first.id } } }))).toEqual([second]);
      expect(ids(await repo.find({ where: { id: { in: [first.id, owner(9)] } } }))).toEqual([first.id]);
      const { items, next } = await repo.window({ sort: [['id', 'desc']], limit: 1 });
      expect(ids(items)).toEqual([second]);
      expect(ids((await repo.window({ sort: [['id', 'desc']], limit: 1, after: next })).items)).toEqual([first.id]);
      // A UUID is the same in capitals.
      expect(await repo.get(first.id.toUpperCase())).toEqual(first);
      expect(await repo.update(first.id, { inc: { n: 5 } })).toEqual({ ...first, n: 6 });
      expect(await repo.upsert(['owner'], { owner: owner(2), n: 9 })).toEqual({ id: second, owner: owner(2), n: 9 });
      expect((await rejection(repo.insert({ id: first.id, owner: owner(3), n: 3 }))).code).toBe(
        'database.unique_violation',
      );
      expect((await rejection(repo.insert({ id: 'no uuid', owner: owner(3), n: 3 }))).code).toBe(
        'database.invalid_value',
      );
      expect([await repo.delete(first.id), await repo.delete(first.id)]).toEqual([true, false]);
    });
  });

  describe('a row that is still referred to is a foreign key violation to delete', () => {
    const refused = { code: 'database.foreign_key_violation', status: 409 };
    const houses = defineEntity({ name: 'houses', fields: { id: 'string', n: 'int' } });
    const flats = defineEntity({
      name: 'flats',
      fields: { street: 'int', number: 'int', n: 'int' },
      id: ['street', 'number'],
    });

    it.each(['restrict', 'no action'])('where the key says %s', async (rule) => {
      await createTables(db, houses, flats);
      const text = 'varchar(255) character set utf8mb4 collate utf8mb4_nopad_bin';
      await ask(
        url,
        `create table rooms (house ${text}, constraint of_house foreign key (house) references houses (id) on delete ${rule})`,
      );
      await ask(
        url,
        `create table doors (a bigint, b bigint, foreign key (a, b) references flats (street, number) on delete ${rule})`,
      );
      await db.repo(houses).insertMany([
        { id: 'kept', n: 1 },
        { id: 'free', n: 1 },
      ]);
      await db.repo(flats).insertMany([
        { street: 1, number: 1, n: 1 },
        { street: 1, number: 2, n: 1 },
      ]);
      await ask(url, `insert into rooms values ('kept')`);
      await ask(url, 'insert into doors values (1, 1)');

      const error = await rejection(db.repo(houses).delete('kept'));
      expect(error).toMatchObject({ ...refused, details: { constraint: 'of_house' } });
      expect(await rejection(db.repo(houses).deleteMany({ where: { n: 1 } }))).toMatchObject(refused);
      expect(await rejection(db.native.kysely.deleteFrom('houses').execute())).toMatchObject(refused);
      expect(await rejection(db.repo(flats).delete({ street: 1, number: 1 }))).toMatchObject(refused);
      expect(await rejection(db.repo(flats).deleteMany({ where: { street: 1 } }))).toMatchObject(refused);
      // Inside of a transaction it fails that, since its caller has not passed it on.
      expect(await rejection(db.transaction(() => db.repo(houses).delete('kept')))).toMatchObject(refused);

      expect(await db.repo(houses).delete('free')).toBe(true);
      expect(await db.repo(flats).delete({ street: 1, number: 2 })).toBe(true);
      expect([await db.repo(houses).count(), await db.repo(flats).count()]).toEqual([1, 1]);
    });
  });
});
