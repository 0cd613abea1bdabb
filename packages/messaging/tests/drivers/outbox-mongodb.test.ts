// The outbox and the inbox on MongoDB. What a transaction is there is told by a server that answers by a script; what
// is left without transactions by FerretDB; and all of it by the replica set that ENT_TEST_MONGODB_URL names.
import { createDatabase, createMigrator, type Database, defineEntity } from '@ent/database';
import { mongodb, type MongodbNative, watch } from '@ent/database/mongodb';
import { uniqueName } from '@ent/testkit';
import { type ScriptedMongodb, startScriptedMongodb } from '@ent/testkit/scripted-mongodb';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memory } from '../../src/drivers/memory.ts';
import { createInbox, createInboxTable, dropInboxTable } from '../../src/inbox.ts';
import { createMessaging, type Message, type Messaging } from '../../src/index.ts';
import {
  changesNotifier,
  createOutbox,
  createOutboxTables,
  dropOutboxTables,
  outboxEntities,
  type OutboxOptions,
  type RelayOptions,
} from '../../src/outbox.ts';
import { refusing } from '../outbox-support.ts';

const counters = defineEntity({ name: 'counters', fields: { id: 'string', n: 'int' } });
const context = { group: 'g', attempt: 1, signal: new AbortController().signal };

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A broker in memory with a group that takes everything. */
async function openBroker(refuses: (data: unknown) => boolean = () => false) {
  const broker = memory();
  const messaging: Messaging = createMessaging({
    driver: refusing(broker, ({ body }) => refuses(JSON.parse(Buffer.from(body).toString()))),
  });
  ends.push(() => messaging.close({ timeout: 1 }));
  const arrived: Message[] = [];
  await messaging.subscribe('t', { group: 'g' }, (message) => void arrived.push(message));
  return { messaging, arrived };
}

describe('a transaction of a replica set', () => {
  const TAKEN = { code: 112, codeName: 'WriteConflict', errmsg: 'WriteConflict' };
  const CONFLICT = { ok: 0, ...TAKEN, errorLabels: ['TransientTransactionError'] };
  let server: ScriptedMongodb;
  let db: Database<MongodbNative>;
  beforeEach(async () => {
    server = await startScriptedMongodb();
    db = createDatabase<MongodbNative>({ driver: mongodb({ url: server.url }) });
    ends.push(
      () => server.close(),
      () => db.close(),
    );
  });
  /** The commands that write, in their order, with the number of their transaction. */
  const writes = () =>
    server.commands
      .filter(({ name }) => /^(?:insert|update|findAndModify|commitTransaction|abortTransaction)$/.test(name))
      .map(({ name, body }) => ({ name, on: String(body[name]), number: String(body['txnNumber']), body }));

  it('has the message, its place among those of its key and the change', async () => {
    const outbox = createOutbox({ db });
    server.next('findAndModify', { value: { _id: 'key:k', count: 7, owner: null, at: new Date() } });
    await db.transaction(async () => {
      await db.repo(counters).insert({ id: 'a', n: 1 });
      await outbox.publish('t', { a: 1 }, { id: 'm', key: 'k' });
    });
    const all = writes();
    expect(all.map(({ name, on }) => `${name} ${on}`)).toEqual([
      'insert counters',
      'findAndModify ent_outbox_marks',
      'insert ent_outbox',
      'commitTransaction 1',
    ]);
    expect(new Set(all.map(({ number }) => number)).size).toBe(1);
    for (const { body } of all) expect(body).toMatchObject({ autocommit: false });
    expect(all[2]?.body['documents']).toMatchObject([{ messageId: 'm', orderKey: 'k', position: 7, attempts: 0 }]);
  });

  it('that does not commit leaves no message, and tells no relay', async () => {
    let told = 0;
    const notifier = { notify: async () => (told += 1), listen: async () => ({ close: () => {} }) };
    const outbox = createOutbox({ db, notifier });
    const failing = db.transaction(async () => {
      await outbox.publish('t', 1);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(writes().map(({ name }) => name)).toEqual(['insert', 'abortTransaction']);
    expect(told).toBe(0);
    await db.transaction(() => outbox.publish('t', 2));
    expect(told).toBe(1);
    await expect(outbox.publish('t', 3)).rejects.toMatchObject({ code: 'messaging.no_transaction' });
  });

  it('is run again, whole, where another one publishes by its key', async () => {
    const outbox = createOutbox({ db });
    server.next('findAndModify', CONFLICT);
    let runs = 0;
    await db.transaction(async () => {
      runs += 1;
      await outbox.publish('t', 1, { key: 'k' });
    });
    expect(runs).toBe(2);
    const inserted = writes().filter(({ name, on }) => name === 'insert' && on === 'ent_outbox');
    expect(inserted).toHaveLength(1);
    expect(inserted[0]?.number).toBe(writes().at(-1)?.number);
  });

  it('wakes the relays of other processes by a change stream', async () => {
    const insert = {
      _id: { _data: '1' },
      operationType: 'insert',
      ns: { db: 'app', coll: 'ent_outbox' },
      documentKey: { _id: 'a' },
    };
    const cursor = { id: 5n, ns: 'app.ent_outbox' };
    server.next('aggregate', { cursor: { ...cursor, firstBatch: [] } });
    server.always('getMore', { cursor: { ...cursor, nextBatch: [] } });
    const { messages } = outboxEntities();
    const notifier = changesNotifier((signal) => watch(db, messages, { signal }));
    const { messaging } = await openBroker();
    const relay = createOutbox({ db, notifier }).relay(messaging, { poll: '1h' });
    const looks = () => server.commands.filter(({ body }) => body['find'] === 'ent_outbox').length;
    await relay.start();
    ends.push(() => relay.close({ timeout: 1 }));
    // Of its own accord at its start.
    await expect.poll(looks).toBe(1);
    server.next('getMore', { cursor: { ...cursor, nextBatch: [insert] } });
    await expect.poll(looks).toBe(2);
    expect(server.commands.find(({ name }) => name === 'aggregate')?.body).toMatchObject({ aggregate: 'ent_outbox' });
  });

  it('of an inbox has what the handler writes, and is rolled back with it', async () => {
    const handler = createInbox({ db }).once(async ({ data }: Message) => {
      await db.repo(counters).insert({ id: 'a', n: 1 });
      if (data === 'no') throw new Error('no');
    });
    const message = { topic: 't', source: 's', id: 'm', data: 'yes' } as unknown as Message;
    await handler(message, context);
    const all = writes();
    expect(all.map(({ name, on }) => `${name} ${on}`)).toEqual([
      'findAndModify ent_inbox',
      'insert ent_inbox',
      'insert counters',
      'commitTransaction 1',
    ]);
    expect(new Set(all.map(({ number }) => number)).size).toBe(1);
    await expect(handler({ ...message, data: 'no' }, context)).rejects.toThrow('no');
    expect(writes().at(-1)?.name).toBe('abortTransaction');
    // It came before.
    server.next('findAndModify', { value: { _id: 'x', times: 2, at: new Date() } });
    const before = writes().length;
    await handler(message, context);
    expect(
      writes()
        .slice(before)
        .map(({ name }) => name),
    ).toEqual(['findAndModify', 'commitTransaction']);
  });
});

describeWithServer('mongodb', (server) => {
  const NO_TRANSACTIONS = 'ENT_TEST_MONGODB_URL names no replica set';
  const isReal = process.env['ENT_TEST_MONGODB_URL']?.includes('replicaSet=') === true;
  let db: Database<MongodbNative>;
  beforeEach(async () => {
    const weaker = isReal ? {} : ({ transactions: false, decimals: 'text' } as const);
    db = createDatabase<MongodbNative>({
      driver: mongodb({ url: server.url, database: uniqueName('ent'), ...weaker }),
    });
    ends.push(async () => {
      await db.native.command({ dropDatabase: 1 });
      await db.close();
    });
    await createMigrator(db, migrations).up();
  });
  const migrations = [
    { name: '0001_outbox', up: createOutboxTables, down: dropOutboxTables },
    { name: '0002_inbox', up: createInboxTable, down: dropInboxTable },
  ].map(({ name, up, down }) => ({
    name,
    up: (native: MongodbNative) => up(native),
    down: (native: MongodbNative) => down(native),
  }));
  const outboxOf = (options: Partial<OutboxOptions> = {}) => createOutbox({ db, transactions: isReal, ...options });
  const startRelay = async (messaging: Messaging, options: RelayOptions = {}, outbox = outboxOf()): Promise<void> => {
    const relay = outbox.relay(messaging, options);
    await relay.start();
    ends.push(() => relay.close({ timeout: 1 }));
  };
  const publish = (data: unknown, key?: string, outbox = outboxOf()): Promise<unknown> => {
    const work = () => outbox.publish('t', data, { key });
    return isReal ? db.transaction(work) : work();
  };

  it('gets its collections and indexes by migrations, which go back', async () => {
    const indexes = async (name: string): Promise<unknown> =>
      (await db.native.run(({ db: real }) => real.collection(name).indexes())).map(({ key }) => key as object);
    expect(await indexes('ent_outbox')).toEqual([{ _id: 1 }, { dueAt: 1, _id: 1 }, { orderKey: 1, position: 1 }]);
    expect(await indexes('ent_outbox_marks')).toEqual([{ _id: 1 }, { at: 1 }]);
    expect(await indexes('ent_inbox')).toEqual([{ _id: 1 }, { at: 1 }]);
    await createMigrator(db, migrations).down({ steps: 2 });
    const collections = await db.native.run(({ db: real }) => real.listCollections().toArray());
    expect(collections.map(({ name }) => name).filter((name) => /outbox|inbox/.test(name))).toEqual([]);
  });

  it('sends what is published, by one relay at a time, in the order of its keys', async () => {
    const { messaging, arrived } = await openBroker();
    for (let relay = 0; relay < 2; relay += 1) await startRelay(messaging, { batch: 4, poll: 20 });
    const series = async (key: string): Promise<void> => {
      for (let n = 0; n < 10; n += 1) await publish(`${key}${n}`, key);
    };
    await Promise.all([series('a'), series('b'), series('c')]);
    await expect.poll(() => arrived.length).toBe(30);
    for (const key of ['a', 'b', 'c']) {
      const ofKey = arrived.map(({ data }) => String(data)).filter((data) => data.startsWith(key));
      expect(ofKey).toEqual(Array.from({ length: 10 }, (_, n) => `${key}${n}`));
    }
    await expect.poll(() => outboxOf().lag()).toEqual({ waiting: 0, oldest: null, parked: 0 });
  });

  it('parks what is refused while others get through, and sends it when it is told to', async () => {
    let isRefused = true;
    const { messaging, arrived } = await openBroker((data) => isRefused && data === 'bad');
    const outbox = outboxOf();
    await publish('bad');
    await publish('good');
    await startRelay(messaging, { maxAttempts: 1 }, outbox);
    await expect.poll(() => outbox.lag()).toMatchObject({ waiting: 0, parked: 1 });
    expect(arrived.map(({ data }) => data)).toEqual(['good']);
    isRefused = false;
    expect(await outbox.retryParked()).toBe(1);
    await expect.poll(() => arrived.map(({ data }) => data)).toEqual(['good', 'bad']);
  });

  it.skipIf(isReal)('without transactions is refused unless it was asked for, and an inbox always', async () => {
    const refusal = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return error;
      }
    };
    expect(refusal(() => createOutbox({ db }))).toMatchObject({
      code: 'messaging.invalid_options',
      message: expect.stringContaining('transactions: false') as string,
    });
    expect(refusal(() => createInbox({ db }))).toMatchObject({ code: 'messaging.invalid_options' });
  });

  it('sends what many transactions publish at once by one key in the order of their commits', async ({ skip }) => {
    skip(!isReal, NO_TRANSACTIONS);
    const { messaging, arrived } = await openBroker();
    const stored = db.repo(counters);
    await stored.insert({ id: 'one', n: 0 });
    for (const batch of [3, 5]) await startRelay(messaging, { batch, poll: 20 });
    const outbox = outboxOf();
    const series = async (): Promise<void> => {
      for (let round = 0; round < 15; round += 1) {
        await db.transaction(async () => {
          const { n } = await stored.update('one', { inc: { n: 1 } });
          await outbox.publish('t', n, { key: 'one' });
        });
      }
    };
    await Promise.all([series(), series(), series(), series()]);
    await expect.poll(() => arrived.length).toBe(60);
    expect(arrived.map(({ data }) => data)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
  });

  it('has the effect of a message once, however many handle it at the same time', async ({ skip }) => {
    skip(!isReal, NO_TRANSACTIONS);
    const stored = db.repo(counters);
    await stored.insert({ id: 'sum', n: 0 });
    const handler = createInbox({ db }).once(async () => void (await stored.update('sum', { inc: { n: 1 } })));
    const message = { topic: 't', source: 's', id: 'm', data: 1 } as unknown as Message;
    await Promise.all(Array.from({ length: 20 }, () => handler(message, context)));
    expect(await stored.get('sum')).toEqual({ id: 'sum', n: 1 });
  });
});
