// How values are stored on MongoDB, and what db.native makes of them.
import { createDatabase, defineEntity, nullable, stored, typed } from '@ent/database';
import { mongodb, watch } from '@ent/database/mongodb';
import { createTables } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { Binary, Long, MongoClient, ObjectId } from 'mongodb';
import { expect, it } from 'vitest';
import { beside, isReplicaSet, useDatabases } from '../fixtures/mongodb.ts';
import { people, rejection } from '../fixtures/people.ts';

const ann = { id: 'ann', email: 'ann@example.org', name: 'Ann', tags: ['a'], age: 1, version: 1 };
const values = defineEntity({
  name: 'all_values',
  fields: {
    id: 'string',
    int: nullable('int'),
    big: nullable('bigint'),
    double: nullable('double'),
    data: nullable(typed<unknown>('json')),
    raw: nullable('bytes'),
    at: nullable('date'),
  },
});

describeWithServer('mongodb', (server) => {
  const { open, place } = useDatabases(server);
  const documentOf = (id: string) =>
    beside(server.url, (client) =>
      client
        .db(place().database)
        .collection<{ _id: string }>('all_values')
        .findOne({ _id: id }, { promoteValues: false }),
    );

  it('integers are of 32 or 64 bits, doubles are doubles, and JSON is documents', async () => {
    const db = await open();
    await db
      .repo(values)
      .insert({ id: 'a', int: 5, big: 5n, double: 5, data: { list: [1, { b: null }] }, raw: new Uint8Array([1]) });
    await db.repo(values).insert({ id: 'b', int: 2 ** 31, big: 2n ** 62n, double: 0.1 });
    const [a, b] = [await documentOf('a'), await documentOf('b')];
    const types = (document: Record<string, { _bsontype?: string }> | null) =>
      ['int', 'big', 'double', 'raw'].map((name) => document?.[name]?._bsontype);
    expect(types(a as never)).toEqual(['Int32', 'Long', 'Double', 'Binary']);
    expect(types(b as never)).toEqual(['Long', 'Long', 'Double', undefined]);
    expect(await db.native.collection('all_values').findOne({ 'data.list.b': null, int: 5n })).toMatchObject({
      _id: 'a',
      int: 5,
      big: 5n,
      data: { list: [1, { b: null }] },
    });
  });

  it.each([
    [{ $set: { a: 1 } }],
    [{ 'a.b': 1, '': 2 }],
    [{ _bsontype: 'ObjectId', id: 'x' }],
    [JSON.parse('{"__proto__": {"x": 1}}') as unknown],
    [JSON.parse('['.repeat(300) + ']'.repeat(300)) as unknown],
    [[[1, 2], [3]]],
  ])('JSON that a document would not keep comes back as it was: %#', async (data) => {
    const db = await open();
    const repo = db.repo(values);
    await repo.insert({ id: 'a', data });
    await repo.insert({ id: 'b', data: { text: 'x' } });
    await repo.update('b', { set: { data } });
    for (const id of ['a', 'b']) expect(JSON.stringify((await repo.get(id))?.data)).toBe(JSON.stringify(data));
    expect(await repo.count({ where: { data: null } })).toBe(0);
  });

  it('what others have stored is read where it is such a value, and refused by name where it is not', async () => {
    const db = await open();
    const collection = db.native.collection<{ _id: string; [field: string]: unknown }>('all_values');
    const repo = db.repo(values);
    await collection.insertOne({ _id: 'fits', int: Long.fromNumber(7), big: 7, double: Long.fromNumber(2), more: 'x' });
    expect(await repo.get('fits')).toEqual({ id: 'fits', int: 7, big: 7n, double: 2, data: null, raw: null, at: null });
    await repo.update('fits', { set: { int: 8 } });
    expect(await collection.findOne({ _id: 'fits' })).toMatchObject({ int: 8, more: 'x' });
    const misfits = {
      int: 0.5,
      big: 'hunter2',
      double: 'hunter2',
      raw: 'hunter2',
      at: 'hunter2',
      data: new Binary(Buffer.from('x')),
    };
    for (const [field, value] of Object.entries(misfits)) {
      await collection.insertOne({ _id: field, [field]: value });
      const error = await rejection(repo.get(field));
      expect([error.code, error.message.includes(`"${field}"`), error.message.includes('hunter2')]).toEqual([
        'database.bad_data',
        true,
        false,
      ]);
    }
  });

  it('a list of db.native with a null in it is not null', async () => {
    const db = await open();
    const repo = db.repo(values);
    for (const [index, data] of [[null], [], [1, null], {}, { 0: null }, null].entries()) {
      await repo.insert({ id: `${index}`, data });
    }
    expect((await repo.find({ where: { data: null } })).map(({ id }) => id)).toEqual(['5']);
    expect(await repo.count({ where: { data: { ne: null } } })).toBe(5);
  });

  it('an id is the _id, as an ObjectId where that is said, and other fields have their columns', async () => {
    const db = await open();
    const cities = defineEntity({
      name: 'cities',
      naming: 'snake_case',
      fields: { key: stored('string', { as: 'objectId' }), longName: 'string' },
      id: 'key',
    });
    const key = '65f0c0ffee65f0c0ffee65f0';
    await createTables(db, cities);
    await db.repo(cities).insert({ key, longName: 'Zürich' });
    expect(await db.repo(cities).get(key)).toEqual({ key, longName: 'Zürich' });
    expect(await db.repo(cities).find({ where: { key: { in: [key] } }, select: ['longName'] })).toEqual([
      { longName: 'Zürich' },
    ]);
    expect(await db.native.collection('cities').findOne({})).toEqual({
      _id: ObjectId.createFromHexString(key),
      long_name: 'Zürich',
    });
  });

  it('50 additions at once all count', async () => {
    const db = await open();
    await db.repo(people).insert(ann);
    const collection = db.native.collection<{ _id: string; age: number }>('people');
    await Promise.all(Array.from({ length: 50 }, () => collection.updateOne({ _id: 'ann' }, { $inc: { age: 1 } })));
    expect((await db.repo(people).get('ann'))?.age).toBe(51);
  });

  it('db.native reads by the batch, while its loop does other things', async () => {
    const db = await open({ max: 1 });
    await db
      .repo(values)
      .insertMany(Array.from({ length: 250 }, (_, n) => ({ id: String(n).padStart(3, '0'), int: n })));
    const collection = db.native.collection<{ _id: string; int: number }>('all_values');
    let sum = 0;
    for await (const { _id, int } of collection.find({}, { sort: { _id: 1 }, batchSize: 100 })) {
      sum += int;
      if (int % 100 === 0) expect((await db.repo(values).get(_id))?.int).toBe(int);
    }
    expect(sum).toBe((249 * 250) / 2);
    for await (const { int } of collection.find({}, { batchSize: 10 })) if (int > 15) break;
    expect(await collection.find({ int: { $lt: 3 } }, { sort: { int: -1 } }).toArray()).toMatchObject([
      { int: 2 },
      { int: 1 },
      { int: 0 },
    ]);
    const grouped = collection.aggregate([
      { $match: { int: { $gte: 240 } } },
      { $group: { _id: null, n: { $sum: 1 } } },
    ]);
    expect(await grouped.toArray()).toEqual([{ _id: null, n: 10 }]);
    expect(db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
  });

  it('errors of db.native are those of the package', async () => {
    const db = await open();
    await db.repo(people).insert(ann);
    const again = db.native.collection('people').insertOne({ email: 'ann@example.org' });
    expect((await rejection(again)).code).toBe('database.unique_violation');
    expect((await rejection(db.native.command({ noSuchCommand: 1 }))).code).toBe('database.query_failed');
  });

  it.skipIf(isReplicaSet(process.env['ENT_TEST_MONGODB_URL']))('without change streams, watch is refused', async () => {
    const db = await open();
    expect((await rejection(watch(db, people).next())).code).toBe('database.unsupported');
  });

  it('a client of the application stays open, and is as it was', async () => {
    const client = new MongoClient(server.url);
    const { url: _url, ...options } = place();
    const db = createDatabase({ driver: mongodb({ client, ...options }) });
    await createTables(db, values);
    await db.repo(values).insert({ id: 'a', big: 2n ** 60n });
    expect((await db.repo(values).get('a'))?.big).toBe(2n ** 60n);
    expect(db.driver.client).toBe(client);
    await db.close();
    expect(client.listenerCount('connectionCreated')).toBe(0);
    expect(await client.db(options.database).collection('all_values').countDocuments()).toBe(1);
    await client.close();
  });
});
