// A schema of fifteen tables that plain SQL has made, on each database in its own hand, by the same code.
import { createDatabase, type Database, isUniqueViolation } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import { postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rejection } from '../fixtures/people.ts';
import { newDatabase } from '../fixtures/mysql.ts';
import { type Rentals, type RentalsDatabase, rentalsIn, statementsOf } from '../fixtures/rentals.ts';
import { expectCorpus } from '../fixtures/rentals-corpus.ts';
import { fill, type Filled } from '../fixtures/rentals-rows.ts';

function declare(database: RentalsDatabase, open: () => Database<SqlNative> | Promise<Database<SqlNative>>): void {
  const entities: Rentals = rentalsIn(database === 'postgres' ? 'rentals' : undefined, database !== 'mariadb');
  const table = (name: string): string => (database === 'postgres' ? `rentals.${name}` : name);
  let db: Database<SqlNative>;
  let filled: Filled;
  const native = async (text: string) => (await sql.raw<Record<string, unknown>>(text).execute(db.native.kysely)).rows;

  beforeAll(async () => {
    db = await open();
    for (const statement of statementsOf(database)) await native(statement);
    filled = await fill(db, entities);
  });
  afterAll(() => db.close());

  it('has fifteen tables', () => {
    expect(new Set(Object.values(entities).map((entity) => entity.table)).size).toBe(15);
  });

  it.each(Object.keys(entities))('%s: orders, filters, pages and groups are those of the rows', async (name) => {
    const which = name as keyof Rentals;
    expect(await expectCorpus(db, entities[which], filled[which])).toBeGreaterThan(10);
  });

  it('reads back what the database makes up', async () => {
    const languages = db.repo(entities.languages);
    const [english] = await languages.find({ where: { name: 'English' } });
    expect(english?.lastUpdate).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const actor = await db.repo(entities.actors).insert({ actorId: 7n, firstName: 'Ann', lastName: 'Ó' });
    expect(actor.fullName).toBe('Ann Ó');
    const renamed = await db.repo(entities.actors).update(7n, { set: { lastName: 'Lee' } });
    expect(renamed.fullName).toBe('Ann Lee');
    const film = await db
      .repo(entities.films)
      .insert({ title: 'New', languageId: english?.languageId ?? 0, rentalRate: '1' });
    expect(film).toEqual({
      filmId: film.filmId,
      title: 'New',
      releaseYear: null,
      languageId: english?.languageId,
      rentalRate: '1',
      minutes: null,
      rating: 'G',
      specialFeatures: null,
      extra: null,
    });
    await db.repo(entities.films).delete(film.filmId);
    await db.repo(entities.actors).delete(7n);
  });

  it('leaves columns alone that no entity knows', async () => {
    await native(`update ${table('store')} set opened_by = 'somebody'`);
    await native(`update ${table('staff')} set notes = '{"mine": 1}'`);
    const stores = db.repo(entities.stores);
    const [store] = await stores.find({ limit: 1 });
    const { id, addressId } = store as NonNullable<typeof store>;
    await stores.update(id, { set: { addressId } });
    await stores.upsert(['id'], { id, addressId });
    await stores.updateMany({ set: { addressId } }, { where: { id } });
    const staff = db.repo(entities.staff);
    await staff.upsert(['email'], { firstName: 'Changed', email: 'staff0@example.org', storeId: id });
    expect(await native(`select distinct opened_by from ${table('store')}`)).toEqual([{ opened_by: 'somebody' }]);
    const [notes] = await native(`select notes from ${table('staff')} where email = 'staff0@example.org'`);
    expect(JSON.stringify(notes)).toContain('mine');
    const added = await staff.insert({ firstName: 'New', storeId: id });
    const [kept] = await native(`select notes from ${table('staff')} where staff_id = ${added.staffId}`);
    expect(JSON.stringify(kept)).toContain('kept');
    await staff.delete(added.staffId);
  });

  it('changes and deletes by a composite key, with its version', async () => {
    const rentals = db.repo(entities.rentals);
    const [rental] = await rentals.find({ where: { returnDate: null }, limit: 1 });
    const { inventoryId, rentalDate, revision } = rental as NonNullable<typeof rental>;
    const id = { rentalDate, inventoryId };
    const returnDate = new Date('2024-04-01T10:00:00Z');
    const changed = await rentals.update(id, { set: { returnDate } }, { version: revision });
    expect(changed).toEqual({ ...rental, returnDate, revision: 2 });
    const stale = await rejection(rentals.update(id, { set: { returnDate: null } }, { version: revision }));
    expect(stale.code).toBe('database.version_conflict');
    expect(await rentals.upsert(['inventoryId', 'rentalDate'], { ...id, customerId: 99 })).toMatchObject({
      customerId: 99,
      returnDate: null,
      revision: 3,
    });
    expect([await rentals.delete(id), await rentals.get(id)]).toEqual([true, null]);
  });

  it('tells of fields in errors, and refuses what a column would round', async () => {
    const customers = db.repo(entities.customers);
    const [one] = await customers.find({ limit: 1 });
    const taken = await rejection(customers.insert({ ...(one as NonNullable<typeof one>), customerId: 1 }));
    expect(isUniqueViolation(taken, 'storeId')).toBe(true);
    expect(isUniqueViolation(taken, 'store_id')).toBe(false);
    const taken2 = await rejection(db.repo(entities.languages).insert({ name: 'English' }));
    expect(taken2).toMatchObject({ details: { entity: 'languages', fields: ['name'] } });
    const orphan = { customerId: 4, amount: '1', paidAt: new Date(0) };
    expect(await rejection(db.repo(entities.payments).insert(orphan))).toMatchObject({
      code: 'database.foreign_key_violation',
    });
    const thirteen = await rejection(db.repo(entities.payments).insert({ ...orphan, customerId: 100, amount: '13' }));
    expect(thirteen.code).toBe('database.check_violation');
    const rounded = await rejection(db.repo(entities.payments).insert({ ...orphan, customerId: 100, amount: '0.999' }));
    expect(rounded).toMatchObject({ code: 'database.invalid_value', message: expect.stringContaining('#/amount') });
  });

  it('looks for integers that a column is too small for, and finds none', async () => {
    const films = db.repo(entities.films);
    const all = await films.count();
    expect([await films.get(2 ** 40), await films.delete(-(2 ** 40))]).toEqual([null, false]);
    expect(await films.find({ where: { minutes: { in: [2 ** 40, -1] } } })).toEqual([]);
    expect(await films.count({ where: { $or: [{ minutes: { lt: 2 ** 40 } }, { minutes: null }] } })).toBe(all);
    const added = { title: 'x', languageId: 1, rentalRate: '1', releaseYear: 2 ** 40 };
    if (database !== 'sqlite') {
      expect((await rejection(films.insert(added))).code).toBe('database.bad_data');
    }
  });

  it('adds up by groups', async () => {
    const byCustomer = await db.repo(entities.payments).aggregate({
      by: ['customerId'],
      values: { payments: 'count', first: { min: 'paidAt' }, weight: { sum: 'weight' } },
    });
    expect(byCustomer.map(({ customerId, payments }) => [customerId, payments])).toEqual([
      [98, 3],
      [99, 3],
      [100, 4],
    ]);
    expect(byCustomer[2]).toEqual({
      customerId: 100,
      payments: 4,
      first: new Date(Date.UTC(2024, 1, 28, 23, 30)),
      weight: 0,
    });
    expect(await db.repo(entities.films).exists({ where: { rating: 'NC-17' } })).toBe(true);
  });
}

describe('SQLite', () => {
  declare('sqlite', () => createDatabase({ driver: sqlite({ file: ':memory:' }) }));
});

describeWithServer('postgres', (server) => {
  declare('postgres', () => createDatabase({ driver: postgres({ url: server.url, max: 2 }) }));
});

describeWithServer('mariadb', (server) => {
  declare('mariadb', async () => {
    const { name, ...place } = await newDatabase(server.url);
    const db = createDatabase({ driver: mysql({ ...place, max: 2 }) });
    // By code point, as the tables of this library are; others sort and compare as their collation has it.
    await sql.raw(`alter database ${name} character set utf8mb4 collate utf8mb4_nopad_bin`).execute(db.native.kysely);
    return db;
  });
});
