// What a replica set says that no server on the machine says: labels of errors, failovers, commits that nobody answers.
// It is a server that speaks MongoDB's protocol and answers what is written down here.
import { inspect } from 'node:util';
import { createDatabase, type Database, defineEntity, nullable } from '@ent/database';
import { mongodb, type MongodbNative, type MongodbUrlOptions, type RowChange, watch } from '@ent/database/mongodb';
import { createTables } from '@ent/database/testing';
import { type ScriptedMongodb, type ScriptedOptions, startScriptedMongodb } from '@ent/testkit/scripted-mongodb';
import { type ClientSession, Decimal128 } from 'mongodb';
import { afterEach, describe, expect, it } from 'vitest';
import { people, rejection } from '../fixtures/people.ts';

const ann = { id: 'ann', email: 'ann@example.org', name: 'Ann', tags: null, age: 1, version: 1 };
const TRANSIENT = ['TransientTransactionError'];
const CONFLICT = { ok: 0, code: 112, codeName: 'WriteConflict', errmsg: 'WriteConflict', errorLabels: TRANSIENT };
const NOT_PRIMARY = {
  ok: 0,
  code: 10107,
  codeName: 'NotWritablePrimary',
  errmsg: 'not primary',
  errorLabels: ['RetryableWriteError'],
};

let server: ScriptedMongodb;
let opened: Database<MongodbNative>[] = [];

async function open(
  driver: Partial<MongodbUrlOptions> = {},
  options: ScriptedOptions & { timeout?: string; transactionTimeout?: string } = {},
): Promise<Database<MongodbNative>> {
  const { timeout = '20s', transactionTimeout = '20s', ...scripted } = options;
  server = await startScriptedMongodb(scripted);
  const db = createDatabase<MongodbNative>({
    timeout,
    transactionTimeout,
    driver: mongodb({ url: server.url, ...driver }),
  });
  opened.push(db);
  return db;
}

afterEach(async () => {
  for (const db of opened) await db.close();
  opened = [];
  await server.close();
});

/** The commands of this name. */
const sent = (name: string) => server.commands.filter((command) => command.name === name).map(({ body }) => body);

describe('a transaction', () => {
  it('has one session and number, sees a snapshot, and is stored by a majority', async () => {
    const db = await open();
    await db.transaction(async () => {
      await db.repo(people).insert(ann);
      await db.native.collection('people').updateMany({}, { $set: { age: 2 } });
      await db.native.run(({ db: real, session, signal }) =>
        real.collection('people').deleteMany({}, { session, signal } as object),
      );
    });
    const [insert, update, remove, commit] = ['insert', 'update', 'delete', 'commitTransaction'].map(
      (name) => sent(name)[0],
    );
    expect(insert).toMatchObject({ startTransaction: true, autocommit: false, readConcern: { level: 'snapshot' } });
    for (const command of [update, remove, commit]) {
      expect(command).toMatchObject({ autocommit: false, txnNumber: insert?.['txnNumber'], lsid: insert?.['lsid'] });
      expect(command).not.toHaveProperty('startTransaction');
    }
    expect(commit).toMatchObject({ writeConcern: { w: 'majority' } });
    expect(sent('update')).toHaveLength(1);
  });

  it('cannot be ended or begun anew by the session that is handed out', async () => {
    const db = await open();
    const refusal = {
      code: 'database.unsupported',
      message: expect.stringContaining('a transaction is open') as string,
    };
    await db.transaction(async () => {
      await db.repo(people).insert(ann);
      for (const use of [
        (session: ClientSession) => session.commitTransaction(),
        (session: ClientSession) => session.abortTransaction(),
        (session: ClientSession) => session.endSession(),
        (session: ClientSession) => session[Symbol.asyncDispose](),
        (session: ClientSession) => session.withTransaction(async () => {}),
        async (session: ClientSession) => session.startTransaction(),
      ]) {
        const refused = db.native.run(async ({ session }) => use(session as ClientSession));
        expect(await rejection(refused)).toMatchObject(refusal);
      }
      await db.native.run(async ({ db: real, session, signal }) => {
        expect([session?.inTransaction(), session?.hasEnded]).toEqual([true, false]);
        await real.collection('people').deleteMany({}, { session, signal } as object);
      });
    });
    const [insert, remove, commit] = ['insert', 'delete', 'commitTransaction'].map((name) => sent(name)[0]);
    expect(remove).toMatchObject({ txnNumber: insert?.['txnNumber'], lsid: insert?.['lsid'], autocommit: false });
    expect(commit).toMatchObject({ txnNumber: insert?.['txnNumber'], lsid: insert?.['lsid'] });
    expect([sent('commitTransaction').length, sent('abortTransaction').length]).toEqual([1, 0]);
  });

  it('is run again, whole, after a conflict', async () => {
    const db = await open();
    server.next('insert', CONFLICT, CONFLICT);
    let runs = 0;
    await db.transaction(async () => {
      runs += 1;
      await db.repo(people).insert(ann);
    });
    expect(runs).toBe(3);
    expect(sent('abortTransaction')).toHaveLength(2);
    expect(sent('commitTransaction')).toHaveLength(1);
    expect(new Set(sent('insert').map(({ txnNumber }) => String(txnNumber))).size).toBe(3);
  });

  it('is run again where the connection is lost before its commit', async () => {
    const db = await open();
    server.next('insert', 'lose');
    let runs = 0;
    await db.transaction(async () => {
      runs += 1;
      await db.repo(people).insert(ann);
    });
    expect([runs, sent('insert').length, sent('commitTransaction').length]).toEqual([2, 2, 1]);
  });

  it('is run again where the server has forgotten it when it commits', async () => {
    const db = await open();
    server.next('commitTransaction', {
      ok: 0,
      code: 251,
      codeName: 'NoSuchTransaction',
      errmsg: 'Transaction 1 has been aborted.',
      errorLabels: TRANSIENT,
    });
    let runs = 0;
    await db.transaction(async () => {
      runs += 1;
      await db.repo(people).insert(ann);
    });
    expect([runs, sent('commitTransaction').length]).toEqual([2, 2]);
  });

  it('commits again, and does nothing else again, where its commit was not answered', async () => {
    const db = await open();
    server.next('commitTransaction', 'lose', 'lose', 'lose');
    let runs = 0;
    let stored = 0;
    await db.transaction(async () => {
      runs += 1;
      await db.repo(people).insert(ann);
      db.afterCommit(() => (stored += 1));
    });
    const commits = sent('commitTransaction');
    expect([runs, stored, commits.length]).toEqual([1, 1, 4]);
    expect(new Set(commits.map(({ txnNumber }) => String(txnNumber))).size).toBe(1);
  });

  it.each([
    ['is lost each time', 'lose'],
    ['is never answered', 'silence'],
    ['reaches no majority', { writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } }],
  ] as const)('whose commit %s is told as unknown, and not run again', async (_name, answer) => {
    const db = await open({}, { transactionTimeout: '4s' });
    server.always('commitTransaction', answer);
    let runs = 0;
    const error = await rejection(
      db.transaction(async () => {
        runs += 1;
        await db.repo(people).insert(ann);
      }),
    );
    expect([error.code, runs]).toEqual(['database.commit_unknown', 1]);
    server.always('commitTransaction', {});
    await db.repo(people).insert({ ...ann, id: 'bob', email: 'bob@example.org' });
    await expect.poll(() => db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
  });

  it('is run again where an upsert meets a row that another one has inserted since it began', async () => {
    const db = await open();
    server.next(
      'insert',
      { n: 0, writeErrors: [{ index: 0, code: 11000, errmsg: 'E11000 duplicate key error', keyPattern: { _id: 1 } }] },
      {
        n: 0,
        writeErrors: [{ index: 0, code: 11000, errmsg: 'E11000 duplicate key error', keyPattern: { email: 1 } }],
      },
    );
    const upsert = () => db.transaction(() => db.repo(people).upsert(['id'], ann, { set: { age: 2 } }));
    expect((await rejection(upsert())).code).toBe('database.unique_violation');
    expect([sent('insert').length, sent('abortTransaction').length]).toEqual([2, 2]);
    server.next('findAndModify', { value: { _id: 'ann', ...ann, age: 2 } });
    expect(await upsert()).toMatchObject({ age: 2 });
  });

  it('is also what one call is that changes several documents', async () => {
    const db = await open();
    server.next('update', CONFLICT);
    await db.repo(people).updateMany({ set: { age: 2 } }, { where: { age: 1 } });
    await db.repo(people).deleteMany({ where: { age: 2 } });
    await db.repo(people).insertMany([ann, { ...ann, id: 'bob' }]);
    for (const name of ['update', 'delete', 'insert']) {
      expect(sent(name).at(-1)).toMatchObject({ startTransaction: true, autocommit: false });
    }
    expect([sent('update').length, sent('commitTransaction').length]).toEqual([2, 3]);
  });
});

describe('a write', () => {
  it('is sent once more, under the same number, where its answer is lost', async () => {
    const db = await open();
    server.next('insert', 'lose');
    server.next('findAndModify', 'lose', { value: { _id: 'ann', ...ann } });
    await db.repo(people).insert(ann);
    await db.repo(people).update('ann', { set: { age: 2 } });
    for (const name of ['insert', 'findAndModify']) {
      const [first, second, ...more] = sent(name);
      expect(more).toEqual([]);
      expect(second?.['txnNumber']).toEqual(first?.['txnNumber']);
      expect(second?.['lsid']).toEqual(first?.['lsid']);
    }
  });

  it('is not sent a third time: whoever called decides', async () => {
    const db = await open();
    server.next('insert', 'lose', 'lose');
    expect(await rejection(db.repo(people).insert(ann))).toMatchObject({
      code: 'database.unavailable',
      retryable: 'idempotent',
    });
    expect(sent('insert')).toHaveLength(2);
  });

  it('goes to the new primary after a failover', async () => {
    const db = await open({}, { members: 3 });
    await db.ping();
    server.next('insert', () => {
      server.elect(1);
      return NOT_PRIMARY;
    });
    await db.repo(people).insert(ann);
    expect(server.commands.filter(({ name }) => name === 'insert').map(({ member }) => member)).toEqual([0, 1]);
  });

  it('that meets no primary tells so', async () => {
    const db = await open();
    server.always('insert', NOT_PRIMARY);
    const error = await rejection(db.repo(people).insert(ann));
    expect([error.code, error.message]).toEqual([
      'database.unavailable',
      'people.insert: the server is not the primary any more.',
    ]);
  });

  it('that meets a taken key names its fields, and no value', async () => {
    const db = await open();
    const taken = {
      index: 0,
      code: 11000,
      errmsg: 'E11000 duplicate key error collection: app.people index: email dup key: { email: "ann@example.org" }',
      keyPattern: { email: 1 },
      keyValue: { email: 'ann@example.org' },
    };
    server.next(
      'insert',
      { n: 0, writeErrors: [taken] },
      { n: 0, writeErrors: [{ ...taken, keyPattern: { _id: 1 } }] },
    );
    server.next('findAndModify', { ok: 0, ...taken });
    const errors = [
      await rejection(db.repo(people).insert(ann)),
      await rejection(db.repo(people).insertMany([ann, ann])),
      await rejection(db.repo(people).update('ann', { set: { email: 'ann@example.org' } })),
    ];
    expect(errors.map(({ code }) => code)).toEqual(Array.from(errors, () => 'database.unique_violation'));
    expect(errors.map((error) => (error as { details?: { fields?: unknown } }).details?.fields)).toEqual([
      ['email'],
      ['id'],
      ['email'],
    ]);
    expect(inspect(errors, { depth: null })).not.toContain('ann@example.org');
  });

  it.each([
    [50, 'database.timeout'],
    [121, 'database.check_violation'],
    [13, 'database.query_failed'],
    [18, 'database.unavailable'],
    [14_031, 'database.full'],
    [11_600, 'database.unavailable'],
    [2, 'database.query_failed'],
  ])('that is refused with %i is a %s, without what the server says of values', async (code, expected) => {
    const db = await open();
    server.always('insert', {
      ok: 0,
      code,
      codeName: 'Name',
      errmsg: code === 13 ? 'not authorized' : 'value: hunter2',
    });
    const error = await rejection(db.repo(people).insert(ann));
    expect(error.code).toBe(expected);
    expect(inspect(error, { depth: null }).includes('hunter2')).toBe([50, 18, 11_600].includes(code));
  });
});

describe('a call', () => {
  it('that is given up frees its connection, and the server ends it soon after the deadline', async () => {
    const db = await open();
    await db.ping();
    server.always('find', 'silence');
    const controller = new AbortController();
    const reason = new Error('gone');
    const aborted = rejection(db.repo(people).find({ signal: controller.signal }));
    await expect.poll(() => sent('find').length).toBe(1);
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    const late = await rejection(db.repo(people).find({ timeout: 2000 }));
    expect(late.code).toBe('database.timeout');
    const [, limited] = sent('find');
    expect(limited?.['maxTimeMS']).toBeGreaterThan(500);
    expect(limited?.['maxTimeMS']).toBeLessThanOrEqual(2500);
    // One that is ending keeps its place for a moment.
    await expect.poll(() => db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
    // The connections on which nothing was answered are closed: what is left are the monitor's and a free one.
    await expect.poll(() => server.connections()).toBeLessThanOrEqual(3);
    server.always('find', { cursor: { id: 0n, ns: 'app.people', firstBatch: [] } });
    expect(await db.repo(people).find()).toEqual([]);
  });

  it('fails where no server answers, in time, and the next one works when one does', async () => {
    // The library looks at a server at most every half second.
    const db = await open({ connectTimeout: '5s' });
    await db.ping();
    server.always('find', 'lose');
    expect(await rejection(db.repo(people).find())).toMatchObject({ code: 'database.unavailable' });
    server.always('find', { cursor: { id: 0n, ns: 'app.people', firstBatch: [] } });
    expect(await db.repo(people).find()).toEqual([]);
  });
});

describe('a server', () => {
  it('without transactions is refused, unless that is said', async () => {
    const db = await open({}, { standalone: true });
    const error = await rejection(db.ping());
    expect([error.code, error.message.includes('transactions: false')]).toEqual(['database.invalid_definition', true]);
    const told = createDatabase({ driver: mongodb({ url: server.url, transactions: false }) });
    opened.push(told);
    await told.ping();
    expect((await rejection(told.transaction(async () => {}))).code).toBe('database.unsupported');
  });

  it('gets unique keys that leave out rows that are deleted, and those without a value', async () => {
    const db = await open();
    const pages = defineEntity({
      name: 'pages',
      fields: { id: 'string', slug: 'string', code: nullable('int'), deletedAt: nullable('date') },
      unique: [['slug'], ['code']],
      deletedAt: 'deletedAt',
    });
    await createTables(db, pages);
    expect(sent('createIndexes').map(({ indexes }) => indexes)).toMatchObject([
      [{ key: { slug: 1 }, unique: true, partialFilterExpression: { deletedAt: null } }],
      [{ key: { code: 1 }, unique: true, partialFilterExpression: { deletedAt: null, code: { $type: 'number' } } }],
    ]);
  });

  it('makes the groups of an aggregate itself, and their sums are exact', async () => {
    const db = await open();
    const sum = Decimal128.fromString(String(Number.MAX_SAFE_INTEGER));
    const documents = [
      { _id: { name: null }, v0: 2, v1: sum, n1: 2, v2: 7 },
      { _id: { name: 'Ann' }, v0: 1, v1: Decimal128.fromString('0'), n1: 0, v2: null },
    ];
    server.next('aggregate', { cursor: { id: 0n, ns: 'app.people', firstBatch: documents } });
    const values = { rows: 'count', total: { sum: 'age' }, most: { max: 'age' } } as const;
    const groups = await db.repo(people).aggregate({ by: ['name'], values, where: { age: { gt: 5 } } });
    expect(groups).toEqual([
      { name: null, rows: 2, total: Number.MAX_SAFE_INTEGER, most: 7 },
      { name: 'Ann', rows: 1, total: 0, most: null },
    ]);
    const [match, group, sort] = (sent('aggregate')[0]?.['pipeline'] ?? []) as Record<
      string,
      Record<string, unknown>
    >[];
    expect([match, sort]).toEqual([{ $match: { age: { $gt: 5 } } }, { $sort: { '_id.name': 1 } }]);
    expect(group?.['$group']).toMatchObject({ v0: { $sum: 1 }, v2: { $max: '$age' } });
    expect(JSON.stringify(group)).toContain('$toDecimal');
    server.next('aggregate', { cursor: { id: 0n, ns: 'app.people', firstBatch: [] } });
    expect(await db.repo(people).aggregate({ values })).toEqual({ rows: 0, total: 0, most: null });
  });

  it('stores decimals as Decimal128, and adds to one only what is not rounded', async () => {
    const db = await open();
    const prices = defineEntity({ name: 'prices', fields: { id: 'string', price: 'decimal' } });
    await db.repo(prices).insert({ id: 'a', price: '19.90' });
    const [stored] = (sent('insert')[0]?.['documents'] ?? []) as { price: unknown }[];
    expect(stored?.price).toEqual(Decimal128.fromString('19.9'));
    const value = { _id: 'a', price: Decimal128.fromString('1E+3') };
    server.next('findAndModify', { value });
    const row = await db.repo(prices).update('a', { inc: { price: '0.1' as never } });
    expect(row.price).toBe('1000');
    expect(JSON.stringify(sent('findAndModify')[0]?.['query'])).toContain('$subtract');
  });
});

describe('watch', () => {
  const event = (token: string, operationType: string, fullDocument?: object) => ({
    _id: { _data: token },
    operationType,
    ns: { db: 'app', coll: 'people' },
    documentKey: { _id: 'ann' },
    fullDocument,
  });
  const batch = (id: bigint, ...firstBatch: object[]) => ({ cursor: { id, ns: 'app.people', firstBatch } });

  it('tells the changes of rows, goes on after a loss, and later by a token', async () => {
    const db = await open();
    const { id, ...fields } = ann;
    server.next('aggregate', batch(5n, event('1', 'insert', { _id: id, ...fields, more: 'x' }), event('2', 'drop')));
    server.next('getMore', 'lose');
    server.next('aggregate', batch(6n, event('3', 'delete')));
    server.always('getMore', 'silence');
    const changes: RowChange<unknown>[] = [];
    for await (const change of watch(db, people)) if (changes.push(change) === 2) break;
    expect(changes).toEqual([
      { type: 'insert', id: 'ann', row: ann, token: '{"_data":"1"}' },
      { type: 'delete', id: 'ann', row: null, token: '{"_data":"3"}' },
    ]);
    server.next('aggregate', batch(7n));
    const controller = new AbortController();
    const later = watch(db, people, { after: changes[1]?.token, signal: controller.signal }).next();
    await expect.poll(() => sent('aggregate').length).toBe(3);
    expect(sent('aggregate').map(({ pipeline }) => (pipeline as object[])[0])).toMatchObject([
      { $changeStream: { fullDocument: 'updateLookup' } },
      { $changeStream: { resumeAfter: { _data: '2' } } },
      { $changeStream: { resumeAfter: { _data: '3' } } },
    ]);
    controller.abort();
    expect(await later).toEqual({ done: true, value: undefined });
  });

  const LOST = { ok: 0, code: 286, codeName: 'ChangeStreamHistoryLost', errmsg: 'the oplog does not reach back' };

  it('that finds its changes forgotten tells of the gap, and goes on with what changes from then on', async () => {
    const db = await open();
    server.next('aggregate', batch(5n, event('1', 'delete')));
    // Cut off, and away for too long: the token of the last change is too old.
    server.next('getMore', 'lose', { cursor: { id: 6n, ns: 'app.people', nextBatch: [] } });
    server.next('aggregate', LOST, batch(6n));
    server.always('getMore', { cursor: { id: 6n, ns: 'app.people', nextBatch: [event('9', 'delete')] } });
    const seen: string[] = [];
    const options = { onGap: () => void seen.push(`gap after ${sent('aggregate').length}`) };
    for await (const { token } of watch(db, people, options)) if (seen.push(token) === 3) break;
    expect(seen).toEqual(['{"_data":"1"}', 'gap after 3', '{"_data":"9"}']);
    expect(sent('aggregate').map(({ pipeline }) => (pipeline as object[])[0])).toEqual([
      { $changeStream: { fullDocument: 'updateLookup' } },
      { $changeStream: { fullDocument: 'updateLookup', resumeAfter: { _data: '1' } } },
      { $changeStream: { fullDocument: 'updateLookup' } },
    ]);
  });

  it('ends with an error of its own where nobody is told of a gap, or the token is of another server', async () => {
    const db = await open();
    const after = '{"_data":"1"}';
    server.next('aggregate', LOST, { ...LOST, code: 260, codeName: 'InvalidResumeToken' });
    expect((await rejection(watch(db, people, { after }).next())).code).toBe('database.changes_lost');
    expect((await rejection(watch(db, people, { after }).next())).code).toBe('database.invalid_cursor');
    const gap = new Error('no');
    server.next('aggregate', LOST, batch(5n, event('2', 'delete')));
    const failing = watch(db, people, { after, onGap: () => Promise.reject(gap) });
    expect(await rejection(failing.next())).toBe(gap);
    const wrong = watch(db, people, { onGap: 5 as never });
    expect((await rejection(wrong.next())).code).toBe('database.invalid_query');
  });

  it('ends with the database, and refuses what it cannot do', async () => {
    const db = await open();
    server.always('getMore', 'silence');
    server.next('aggregate', batch(5n));
    const waiting = watch(db, people).next();
    await expect.poll(() => sent('getMore').length).toBe(1);
    expect((await rejection(watch(db, people, { after: 'x' }).next())).code).toBe('database.invalid_cursor');
    server.next('aggregate', { ok: 0, code: 40_573, errmsg: 'only supported on replica sets' });
    expect((await rejection(watch(db, people).next())).code).toBe('database.unsupported');
    server.next('aggregate', batch(8n, event('9', 'invalidate')));
    expect((await rejection(watch(db, people).next())).message).toContain('dropped or renamed');
    await db.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });
});
