// LISTEN and NOTIFY: what arrives, and what is told when something may not have.
import { createDatabase, type Database } from '@ent/database';
import { listen, notify, postgres, type Subscription } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import type { FaultProxy } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { people, rejection } from '../fixtures/people.ts';
import { ann, ask, useDatabases } from '../fixtures/postgres.ts';

const nothing = (): void => {};

describeWithServer('postgres', { killable: true }, (server) => {
  const { open, terminate, connections, schema } = useDatabases(server);
  let heard: string[];
  let gaps: number;
  let subscriptions: Subscription[];
  beforeEach(() => {
    heard = [];
    gaps = 0;
    subscriptions = [];
  });
  afterEach(async () => {
    await Promise.all(subscriptions.map((each) => each.close()));
  });

  async function hear(db: Database<SqlNative>, channel = schema()): Promise<Subscription> {
    const onGap = (): void => void (gaps += 1);
    const subscription = await listen(db, channel, (payload) => void heard.push(payload), { onGap });
    subscriptions.push(subscription);
    return subscription;
  }

  /** Until the listener hears again: what is sent before that is lost, as the gap said. */
  async function hearsAgain(db: Database<SqlNative>): Promise<void> {
    await expect.poll(() => gaps).toBe(1);
    heard.length = 0;
    await notify(db, schema(), 'again');
    await expect.poll(() => heard).toEqual(['again']);
    expect(gaps).toBe(1);
  }

  describe('notifications', () => {
    it('arrive in order when their transaction commits, and not when it rolls back', async () => {
      const db = await open();
      await hear(db);
      await db.transaction(async () => {
        await notify(db, schema(), 'one');
        await notify(db, schema(), 'one');
        await notify(db, schema(), 'two');
        await notify(db, 'another channel', 'x');
        await ask(server.url, 'select pg_notify($1, $2)', [schema(), 'before']);
        await expect.poll(() => heard).toEqual(['before']);
      });
      const failed = db.transaction(async () => {
        await notify(db, schema(), 'never');
        throw new Error('on second thought');
      });
      await rejection(failed);
      await notify(db, schema());
      await expect.poll(() => heard).toEqual(['before', 'one', 'two', '']);
      expect(gaps).toBe(0);
    });

    it('go by the name of the channel as it is', async () => {
      const db = await open();
      const odd = `Mixed "case"; ${schema()}`;
      await hear(db, odd);
      await notify(db, odd.toLowerCase(), 'other');
      await notify(db, odd, 'mine');
      await expect.poll(() => heard).toEqual(['mine']);
    });

    it('are heard outside of the transaction in which somebody began to listen', async () => {
      const db = await open();
      await db.repo(people).insert(ann);
      const found: unknown[] = [];
      const subscription = await db.transaction(() =>
        listen(db, schema(), async () => void found.push(await db.repo(people).count())),
      );
      subscriptions.push(subscription);
      await notify(db, schema());
      await expect.poll(() => found).toEqual([1]);
    });

    it('what a handler throws goes to onError, and the next one arrives', async () => {
      const db = await open();
      const errors: unknown[] = [];
      const handler = async (payload: string): Promise<void> => {
        heard.push(payload);
        if (payload === 'bad') throw new Error('bad');
      };
      subscriptions.push(await listen(db, schema(), handler, { onError: (error) => errors.push(error) }));
      await notify(db, schema(), 'bad');
      await notify(db, schema(), 'good');
      await expect.poll(() => heard).toEqual(['bad', 'good']);
      expect(errors).toEqual([new Error('bad')]);
    });
  });

  describe('a connection that is lost', () => {
    let proxy: FaultProxy;
    beforeEach(async () => {
      proxy = await server.proxy();
    });
    afterEach(() => proxy.close());

    it('because the server ends it: is made anew, and the gap is told', async () => {
      const db = await open();
      await hear(db);
      await terminate();
      await hearsAgain(db);
    });

    it('because the server is killed: is made anew when it is back, and the gap is told', async () => {
      const db = await open();
      await hear(db);
      await server.kill();
      await server.start();
      await hearsAgain(db);
    });

    it('because the network refuses for a while', async () => {
      const db = await open({ url: proxy.url });
      await hear(db);
      await proxy.refuse();
      proxy.cut();
      await ask(server.url, 'select pg_notify($1, $2)', [schema(), 'lost']);
      await proxy.heal();
      await hearsAgain(db);
      expect(heard).toEqual(['again']);
    });

    it('without a sign: is found out, and the gap is told', async () => {
      // As long as a check may take: a busy machine is no lost connection.
      const db = await open({ url: proxy.url, connectTimeout: 5000 });
      await hear(db);
      const before = proxy.accepted;
      proxy.blackhole();
      // The check that is not answered, and the connection that follows.
      await expect.poll(() => proxy.accepted).toBeGreaterThan(before);
      await proxy.heal();
      await hearsAgain(db);
    });
  });

  describe('the end', () => {
    it('close ends the connection, and nothing is heard any more', async () => {
      const db = await open({ max: 1 });
      const subscription = await hear(db);
      await expect.poll(connections).toBe(2);
      await subscription.close();
      await subscription.close();
      await expect.poll(connections).toBe(1);
      const others: string[] = [];
      subscriptions.push(await listen(db, schema(), (payload) => void others.push(payload)));
      await notify(db, schema(), 'late');
      await expect.poll(() => others).toEqual(['late']);
      expect(heard).toEqual([]);
    });

    it('comes with that of the database, also while it reconnects', async () => {
      const db = await open();
      await hear(db);
      await db.close();
      await expect.poll(connections).toBe(0);
      const other = await open({ url: (await server.proxy()).url });
      await hear(other);
      await server.stop();
      await other.close();
      await server.start();
      await expect.poll(connections).toBe(0);
      expect((await rejection(listen(other, 'x', nothing))).code).toBe('database.closed');
    });
  });

  describe('refuses', () => {
    it.each([
      ['an empty name', ''],
      ['a name that PostgreSQL would cut', 'x'.repeat(64)],
      ['a name of more bytes than characters', 'é'.repeat(32)],
      ['U+0000', 'a\0b'],
    ])('%s', async (_what, channel) => {
      const db = await open();
      expect((await rejection(listen(db, channel, nothing))).code).toBe('database.invalid_query');
      expect((await rejection(notify(db, channel))).code).toBe('database.invalid_query');
    });

    it('an unknown option, and a payload that is too long', async () => {
      const db = await open();
      const options = { onGaps: nothing } as object;
      expect((await rejection(listen(db, 'x', nothing, options))).code).toBe('database.invalid_query');
      expect((await rejection(notify(db, 'x', 'x'.repeat(8000)))).code).toBe('database.bad_data');
      await notify(db, 'x', 'x'.repeat(7999));
    });

    it('a server that is not there', async () => {
      const db = createDatabase({ driver: postgres({ url: 'postgres://postgres@127.0.0.1:1/postgres' }) });
      expect((await rejection(listen(db, 'x', nothing))).code).toBe('database.unavailable');
      await db.close();
    });

    it('another database', async () => {
      const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
      expect((await rejection(listen(db, 'x', nothing))).code).toBe('database.unsupported');
      expect((await rejection(notify(db, 'x'))).code).toBe('database.unsupported');
      await db.close();
    });
  });
});

describeWithServer('pgbouncer', (server) => {
  it('refuses to listen behind a pooler, which would lend the connection to others', async () => {
    const db = createDatabase({ driver: postgres({ url: server.url }) });
    const error = await rejection(listen(db, 'x', nothing));
    await db.close();
    expect([error.code, error.message]).toEqual([
      'database.unsupported',
      'listen: there is a pooler in between, which lends the connection to others. Listen with a database whose URL names the server itself.',
    ]);
  });
});
