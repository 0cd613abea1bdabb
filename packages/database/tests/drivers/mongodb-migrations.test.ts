// Migrations of several processes on MongoDB: under a lock that is a document, and goes to another one when its holder
// is dead.
import { once } from 'node:events';
import { createDatabase, createMigrator, defineMigrations } from '@ent/database';
import { mongodb, type MongodbNative } from '@ent/database/mongodb';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { beforeEach, expect, it } from 'vitest';
import { names } from '../fixtures/migrate-mongodb.ts';
import { outcomeOf } from '../fixtures/migrations.ts';
import { beside, placeOn } from '../fixtures/mongodb.ts';
import { rejection } from '../fixtures/people.ts';
import { runFixture } from '../fixtures/storage.ts';

describeWithServer('mongodb', (server) => {
  let place: ReturnType<typeof placeOn>;
  let argument: string;
  beforeEach(() => {
    place = placeOn(server.url);
    argument = JSON.stringify({ driver: 'mongodb', ...place });
  });

  const migrate = (...more: string[]) => runFixture('migrate-mongodb.ts', argument, ...more);
  const documents = (collection: string) =>
    beside(server.url, (client) => client.db(place.database).collection(collection).find().sort({ _id: 1 }).toArray());

  it('eight at once apply each once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => outcomeOf(migrate())));
    expect(outcomes.flat().sort()).toEqual(names);
    expect(await documents('log')).toEqual(names.map((name) => ({ _id: name, runs: 1 })));
    expect(await documents('ent_locks')).toEqual([]);
  }, 300_000);

  it('who waits tells for whom; when that one is killed, the others go on', async () => {
    const holder = migrate('hang');
    await once(holder.stdout, 'data');
    const db = createDatabase({ driver: mongodb(place) });
    const hasty = createMigrator(db, [{ name: 'x', up: async () => {} }], { timeout: '5s' });
    const error = await rejection(hasty.up());
    expect(error.code).toBe('database.timeout');
    expect(error.message).toContain(`process ${holder.pid})`);
    await db.close();
    let begun = 0;
    const others = Array.from({ length: 3 }, () => outcomeOf(migrate(), () => void (begun += 1)));
    await expect.poll(() => begun, { timeout: 120_000 }).toBe(3);
    holder.kill('SIGKILL');
    expect((await Promise.all(others)).flat().sort()).toEqual(names.slice(2));
    // Nothing is rolled back: the step that was cut off has begun twice.
    expect(await documents('log')).toEqual(names.map((name) => ({ _id: name, runs: name === names[2] ? 2 : 1 })));
  }, 300_000);

  it('who has lost the lock does nothing more', async () => {
    const db = createDatabase({ driver: mongodb(place) });
    const steps = defineMigrations<MongodbNative>([
      {
        name: '0001',
        async up({ collection }) {
          if (db.stats().inUse === 0) return;
          // As another process does that has not heard of this one for too long.
          await beside(server.url, async (client) => {
            const locks = client.db(place.database).collection('ent_locks');
            expect((await locks.updateOne({}, { $set: { token: 'another' } })).matchedCount).toBe(1);
          });
          await expect
            .poll(
              () =>
                collection('log')
                  .insertOne({})
                  .then(
                    () => 'done',
                    () => 'refused',
                  ),
              { interval: 200 },
            )
            .toBe('refused');
          await collection('log').deleteMany({});
        },
      },
    ]);
    const error = await rejection(createMigrator(db, steps).up());
    expect([error.code, (error.cause as { code: string }).code]).toEqual([
      'database.migration_failed',
      'database.transaction_failed',
    ]);
    await db.close();
  });

  it('are recognised by what they send, indexes and validators included', async () => {
    const db = createDatabase({ driver: mongodb(place) });
    const steps = (unique: boolean) =>
      defineMigrations<MongodbNative>([
        {
          name: '0001',
          async up({ collection, command }) {
            await collection('users').createIndex({ email: 1 }, { unique });
            await collection('users').insertOne({ email: 'ann@example.org' });
            for await (const _document of collection('users').find({ email: 'ann@example.org' })) continue;
            await command({ ping: 1 });
          },
          down: ({ collection }) => collection('users').drop(),
        },
      ]);
    expect(await createMigrator(db, steps(true)).dryRun()).toEqual([
      {
        name: '0001',
        statements: [
          'users.createIndex {"email":1} {"unique":true}',
          'users.insertOne {"email":?}',
          'users.find {"email":?}',
          'command {"ping":1}',
        ],
      },
    ]);
    expect(await createMigrator(db, steps(true)).status()).toEqual([
      { name: '0001', state: 'pending', appliedAt: null },
    ]);
    // Nobody has written anything.
    expect(await beside(server.url, (client) => client.db(place.database).listCollections().toArray())).toEqual([]);
    expect(await createMigrator(db, steps(true)).up()).toEqual(['0001']);
    expect(await createMigrator(db, steps(true)).up()).toEqual([]);
    expect((await rejection(createMigrator(db, steps(false)).up())).code).toBe('database.migration_drift');
    expect(await createMigrator(db, steps(true)).down()).toEqual(['0001']);
    expect(await documents('users')).toEqual([]);
    await db.close();
  });

  it('of another ledger do not wait', async () => {
    const holder = migrate('hang');
    await once(holder.stdout, 'data');
    const db = createDatabase({ driver: mongodb(place) });
    const table = uniqueName('ledger');
    expect(await createMigrator(db, [{ name: 'x', up: async () => {} }], { table }).up()).toEqual(['x']);
    await db.close();
    holder.kill('SIGKILL');
    await once(holder, 'close');
  });
});
