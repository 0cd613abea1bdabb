import { createDatabase, databaseErrors, defineEntity } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { createTables } from '@ent/database/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import {
  channels,
  createMessaging,
  type HandlerContext,
  type Message,
  type MessagingDriver,
  type ProcessOperation,
  type SubscribeOptions,
} from '../src/index.ts';
import { createInbox, type Inbox } from '../src/inbox.ts';
import { manualClock } from '../src/testing.ts';
import { migrate, useOutbox } from './outbox-support.ts';
import { ordinary } from './support.ts';

const open = useOutbox();
const totals = defineEntity({ name: 'totals', fields: { id: 'string', sum: 'int' } });
const context = (group = 'g'): HandlerContext => ({ group, attempt: 1, signal: new AbortController().signal });
const message = (id: string, more: Partial<Message> = {}): Message => ({
  id,
  topic: 't',
  type: 't',
  source: 's',
  subject: undefined,
  time: new Date(),
  data: 1,
  headers: {},
  correlationId: id,
  causationId: undefined,
  key: undefined,
  ...more,
});

const setUp = async (options: Partial<Parameters<typeof createInbox>[0]> = {}) => {
  const place = await open();
  await createTables(place.db, totals);
  const sums = place.db.repo(totals);
  await sums.insert({ id: 'all', sum: 0 });
  const inbox: Inbox = createInbox({ db: place.db, ...options });
  let runs = 0;
  const handler = inbox.once(async ({ data }: Message) => {
    runs++;
    await sums.update('all', { inc: { sum: Number(data) } });
    if (data === 100) throw new Error('no');
  });
  return { ...place, inbox, handler, sum: async () => (await sums.get('all'))!.sum, runs: () => runs };
};

describe('an inbox', () => {
  it('has the effect of a message once for each group, topic, source and id', async () => {
    const { handler, sum, runs } = await setUp();
    for (let n = 0; n < 3; n++) await handler(message('a'), context());
    expect([await sum(), runs()]).toEqual([1, 1]);
    await handler(message('b'), context());
    await handler(message('a'), context('other'));
    await handler(message('a', { topic: 'u' }), context());
    await handler(message('a', { source: 'elsewhere' }), context());
    expect(await sum()).toBe(5);
  });

  it('forgets a message whose handler failed, with all that it wrote', async () => {
    const { handler, sum, runs } = await setUp();
    await expect(handler(message('a', { data: 100 }), context())).rejects.toThrow('no');
    expect(await sum()).toBe(0);
    await handler(message('a', { data: 5 }), context());
    expect([await sum(), runs()]).toEqual([5, 2]);
  });

  it('lets a duplicate that comes meanwhile wait for the first, and pass', async () => {
    const { handler, sum, runs } = await setUp();
    await Promise.all(Array.from({ length: 20 }, () => handler(message('a'), context())));
    expect([await sum(), runs()]).toEqual([1, 1]);
  });

  it('rolls back when the time of the handler is up', async () => {
    const { inbox, db, sum } = await setUp();
    const aborted = new AbortController();
    const handler = inbox.once(async () => {
      await db.repo(totals).update('all', { inc: { sum: 1 } });
      aborted.abort(new Error('too late'));
      await new Promise((resolve) => setImmediate(resolve));
    });
    const call = handler(message('a'), { group: 'g', attempt: 1, signal: aborted.signal });
    await expect(call).rejects.toThrow('too late');
    expect(await sum()).toBe(0);
  });

  it('publishes by an outbox on the same database once, too', async () => {
    const { inbox, outbox, relay, publish, messaging, arrived, db } = await setUp();
    await relay();
    const handler = inbox.once(async ({ data }) => void (await outbox.publish('next', data)));
    const next: unknown[] = [];
    await messaging.subscribe('next', { group: 'g' }, (one) => next.push(one));
    await publish(7, { id: 'm1' });
    await expect.poll(() => arrived.length).toBe(1);
    for (let n = 0; n < 3; n++) await handler(arrived[0]!, context());
    await db.transaction(async () => void (await outbox.publish('next', 'last')));
    await expect.poll(() => next.length).toBe(2);
    expect(next).toMatchObject([{ data: 7 }, { data: 'last' }]);
  });

  it('remembers for its retention, and forgets a few at a time', async () => {
    const clock = manualClock();
    const { inbox, handler, sum } = await setUp({ clock, retention: '1d' });
    for (let n = 0; n < 600; n++) await handler(message(`m${n}`), context());
    await clock.advance(23 * 3_600_000);
    expect(await inbox.clean()).toBe(0);
    await handler(message('m0'), context());
    await clock.advance(3 * 3_600_000);
    // By itself, after some message.
    await handler(message('late'), context());
    await expect.poll(() => inbox.clean()).toBe(0);
    expect(await sum()).toBe(601);
    await handler(message('m0'), context());
    expect(await sum()).toBe(602);
  });

  it('refuses what is no set-up', async () => {
    const { db } = await open();
    expect(() => createInbox({} as never)).toThrow('"db"');
    expect(() => createInbox({ db, retension: '1d' } as never)).toThrow('retention');
    expect(() => createInbox({ db, retention: 'soon' })).toThrow('retention');
  });
});

describe('the time of a handler in an inbox', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  const setUpGroup = async (
    options: Partial<SubscribeOptions>,
    handler: () => Promise<unknown>,
    { driver = memory(), transactionTimeout = 30_000 }: { driver?: MessagingDriver; transactionTimeout?: number } = {},
  ) => {
    const db = createDatabase<SqlNative>({ driver: sqlite({ file: ':memory:' }), transactionTimeout });
    await migrate(db);
    const messaging = createMessaging({ driver });
    ends.push(
      () => messaging.close({ timeout: 1 }),
      () => db.close(),
    );
    const { once } = createInbox({ db });
    const subscription = await messaging.subscribe('t', { group: 'g', maxAttempts: 1, ...options }, once(handler));
    return { messaging, subscription };
  };
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  it('is that of its subscription, and not that of a transaction of the database', async () => {
    const { messaging, subscription } = await setUpGroup({}, () => sleep(300), { transactionTimeout: 50 });
    await messaging.publish('t', 1);
    await expect.poll(() => subscription.stats()).toMatchObject({ running: 0, handled: 1, deadLettered: 0 });
  });

  it('ends with an error that names the option, and its transaction with it', async () => {
    const errors: unknown[] = [];
    const listen = (operation: unknown): void => void errors.push((operation as ProcessOperation).error);
    channels.process.asyncEnd.subscribe(listen);
    ends.push(async () => {
      channels.process.asyncEnd.unsubscribe(listen);
    });
    const { messaging, subscription } = await setUpGroup({ timeout: 50 }, () => sleep(60_000));
    await messaging.publish('t', 1);
    await expect.poll(() => subscription.stats()).toMatchObject({ deadLettered: 1 });
    expect(errors).toMatchObject([
      { code: 'messaging.timeout', message: expect.stringContaining('"timeout" of 50 ms') },
    ]);
  });

  it.each([
    ['retrying', () => memory()],
    ['plain', () => ordinary(memory())],
  ])('begins when its transaction does: a backlog makes no dead letters (%s broker)', async (_name, driver) => {
    // There is one writer: the last of them waits for longer than a handler may take.
    const options = { concurrency: 6, timeout: 400, backoff: { base: 1 } };
    const { messaging, subscription } = await setUpGroup(options, () => sleep(200), { driver: driver() });
    await messaging.publishMany(
      't',
      Array.from({ length: 6 }, (_, data) => ({ data })),
    );
    await expect.poll(() => subscription.stats(), { timeout: 10_000 }).toMatchObject({ handled: 6 });
    expect(await subscription.stats()).toMatchObject({ failed: 0, deadLettered: 0, dead: 0 });
    expect((await subscription.stats()).postponed).toBeGreaterThan(0);
  });

  it.each([
    ['is away', databaseErrors.unavailable('It is away.'), 'messaging.busy'],
    ['has no connection free', databaseErrors.pool_timeout('None is free.'), 'messaging.busy'],
    ['has no table for it', databaseErrors.query_failed('There is no such table.'), 'database.query_failed'],
  ])('does not begin where the database %s', async (_what, failure, code) => {
    const { db } = await open();
    const { features } = db;
    const away = {
      features,
      repo: (entity: never) => db.repo(entity),
      afterCommit: () => {},
      transaction: () => Promise.reject(failure),
    } as never;
    const handler = createInbox({ db: away }).once(() => {});
    await expect(handler(message('a'), context())).rejects.toMatchObject({ code });
  });

  it('has begun where the handler itself fails so: that counts', async () => {
    const { inbox } = await setUp();
    const failure = databaseErrors.unavailable('Another one is away.');
    const handler = inbox.once(() => Promise.reject(failure));
    await expect(handler(message('a'), context())).rejects.toBe(failure);
  });
});
