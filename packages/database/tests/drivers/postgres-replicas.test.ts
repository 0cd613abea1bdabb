// Reads on standbys of PostgreSQL: where they go, what they show, and what comes of a standby that fails.
import { channels, createDatabase, type Database, type DatabaseOptions, type ReplicaOperation } from '@ent/database';
import { postgres, type PostgresUrlOptions } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { runWithContext } from '@ent/internal';
import type { FaultProxy, Server } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { people, rejection } from '../fixtures/people.ts';
import { ann, ask, newSchema, sleep } from '../fixtures/postgres.ts';

type Told = ReplicaOperation & { readonly ended: boolean };

describeWithServer('postgres-standby', { killable: true }, (server) => {
  let opened: Database[];
  let told: Told[];
  let schema: string;
  const listener = {
    start: (event: ReplicaOperation): void => void told.push({ ...event, ended: false }),
    asyncEnd: ({ replica }: ReplicaOperation): void => void told.push({ ...told.at(-1)!, replica, ended: true }),
    end: () => {},
    asyncStart: () => {},
    error: () => {},
  };
  beforeEach(async () => {
    opened = [];
    told = [];
    schema = (await newSchema(server.url)).searchPath;
    channels.replica.subscribe(listener);
  });
  afterEach(async () => {
    channels.replica.unsubscribe(listener);
    for (const db of opened) await db.close();
    for (const standby of server.standbys) {
      await standby.resume();
      await standby.start();
      await ask(standby.url, 'select pg_wal_replay_resume()');
    }
  });

  const addressOf = ({ host, port }: { readonly host: string; readonly port: number }): string => `${host}:${port}`;
  const standby = (index: number): Server => server.standbys[index] as Server;

  async function open(
    driver: Partial<PostgresUrlOptions> = {},
    options: Partial<DatabaseOptions<SqlNative>> = {},
  ): Promise<Database<SqlNative>> {
    const replicas = server.standbys.map(addressOf);
    const made = postgres({ url: server.url, searchPath: schema, max: 3, replicas, ...driver });
    const db = createDatabase<SqlNative>({ ...options, driver: made });
    opened.push(db);
    await createTables(db, people);
    return db;
  }

  /** Which server answers a read of this context. */
  async function place(db: Database<SqlNative>): Promise<string> {
    const { rows } = await sql<{ port: number }>`select inet_server_port() as port`.execute(db.native.kysely);
    const port = rows[0]?.port;
    return port === server.primaryNode.port
      ? 'primary'
      : `standby ${server.standbys.findIndex((s) => s.port === port)}`;
  }

  /** Reads in contexts of their own, until they go to these places. */
  async function readsGoTo(db: Database<SqlNative>, ...places: string[]): Promise<void> {
    const seen = async (): Promise<string[]> => {
      const found = await Promise.all(Array.from({ length: 8 }, () => inContext(() => place(db))));
      return [...new Set(found)].sort();
    };
    await expect.poll(seen, { timeout: 20_000 }).toEqual(places);
  }

  const inContext = <T>(work: () => T): T => runWithContext({}, work);

  describe('reads outside of transactions', () => {
    it('go to all standbys, and all else to the primary', async () => {
      const db = await open();
      await readsGoTo(db, 'standby 0', 'standby 1');
      await inContext(async () => {
        expect(await db.transaction(() => place(db))).toBe('primary');
        expect(await db.transaction(() => place(db), { readOnly: true })).toBe('primary');
      });
      await inContext(() => db.repo(people).insert(ann));
      expect(await ask(server.url, `select id from ${schema}.people`)).toEqual([{ id: 'ann' }]);
      expect(told).toEqual([]);
    });

    it('a ping asks the primary', async () => {
      const db = await open({}, { timeout: 1000 });
      await readsGoTo(db, 'standby 0', 'standby 1');
      await server.primaryNode.pause();
      try {
        expect(await inContext(() => place(db))).toMatch('standby');
        expect((await rejection(db.ping())).code).toBe('database.timeout');
      } finally {
        await server.primaryNode.resume();
      }
    });

    it('by a URL', async () => {
      const url = `${server.url}?replicas=${server.standbys.map(addressOf).join()}&maxReplicaLag=5s`;
      const db = await open({ url, replicas: undefined });
      await readsGoTo(db, 'standby 0', 'standby 1');
    });
  });

  describe('a context that has written', () => {
    it('reads what it wrote, by each kind of write, while the standbys are behind', async () => {
      const db = await open({ maxReplicaLag: '2m' });
      const repo = db.repo(people);
      await readsGoTo(db, 'standby 0', 'standby 1');
      for (const { url } of server.standbys) await ask(url, 'select pg_wal_replay_pause()');
      await inContext(async () => {
        await repo.insert(ann);
        expect(await repo.get('ann')).toMatchObject({ name: 'Ann' });
      });
      await inContext(async () => {
        await db.transaction(async () => {
          await repo.update('ann', { set: { name: 'B' } });
          db.afterCommit(async () => expect(await repo.get('ann')).toMatchObject({ name: 'B' }));
        });
        expect(await repo.get('ann')).toMatchObject({ name: 'B' });
      });
      await inContext(async () => {
        await sql`update people set name = 'C'`.execute(db.native.kysely);
        expect(await repo.get('ann')).toMatchObject({ name: 'C' });
      });
      await inContext(async () => {
        // The part of a request that writes may have a context of its own.
        await inContext(async () => {
          await Promise.resolve();
          await repo.update('ann', { set: { name: 'D' } });
        });
        expect(await repo.get('ann')).toMatchObject({ name: 'D' });
      });
      // Who has not written may see the past.
      expect(await inContext(() => repo.get('ann'))).toBe(null);
    });

    it('reads from the standbys again when they show that', async () => {
      const db = await open();
      const repo = db.repo(people);
      await readsGoTo(db, 'standby 0', 'standby 1');
      await inContext(async () => {
        await repo.insert(ann);
        await expect.poll(() => place(db), { timeout: 10_000 }).toMatch('standby');
        expect(await repo.get('ann')).toMatchObject({ name: 'Ann' });
      });
    });

    it('also where nothing has a context of its own', async () => {
      const db = await open();
      const repo = db.repo(people);
      await readsGoTo(db, 'standby 0', 'standby 1');
      for (const { url } of server.standbys) await ask(url, 'select pg_wal_replay_pause()');
      for (let n = 0; n < 20; n += 1) {
        await repo.insert({ ...ann, id: `${n}`, email: `${n}` });
        expect(await repo.count()).toBe(n + 1);
      }
    });

    it('sees its own writes among many that write and read at once', async () => {
      const db = await open();
      const repo = db.repo(people);
      await readsGoTo(db, 'standby 0', 'standby 1');
      const places = new Set<string>();
      const one = async (worker: number): Promise<void> => {
        for (let n = 0; n < 40; n += 1) {
          await inContext(async () => {
            const id = `${worker}-${n}`;
            places.add(await place(db));
            await repo.insert({ ...ann, id, email: id });
            expect((await repo.get(id))?.id).toBe(id);
          });
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, worker) => one(worker)));
      expect([...places].some((each) => each.startsWith('standby'))).toBe(true);
    });
  });

  describe('what a standby refuses', () => {
    it('is asked of the primary: a function that writes, and a table that is not there yet', async () => {
      const db = await open();
      await sql`create sequence numbers`.execute(db.native.kysely);
      await readsGoTo(db, 'standby 0', 'standby 1');
      const next = async (): Promise<unknown> =>
        (await sql<{ n: number }>`select nextval('numbers') as n`.execute(db.native.kysely)).rows[0]?.n;
      expect([await inContext(next), await inContext(next)]).toEqual([1, 2]);
      // And who has called it reads from the primary.
      expect(await inContext(async () => [await place(db), await next(), await place(db)])).toEqual([
        expect.stringMatching('standby'),
        3,
        'primary',
      ]);
      for (const { url } of server.standbys) await ask(url, 'select pg_wal_replay_pause()');
      await ask(server.url, `create table ${schema}.later as select 1 as one`);
      const { rows } = await inContext(() => sql`select one from later`.execute(db.native.kysely));
      expect(rows).toEqual([{ one: 1 }]);
      const missing = inContext(() => sql`select one from nowhere`.execute(db.native.kysely));
      expect((await rejection(missing)).code).toBe('database.query_failed');
    });

    it('because it was killed in the middle', async () => {
      const db = await open({ replicas: [addressOf(standby(0))] });
      await readsGoTo(db, 'standby 0');
      const count = sql<{ n: number }>`select count(*)::int as n from people, pg_sleep(0.5)`;
      const reading = inContext(() => count.execute(db.native.kysely));
      const running = `select 1 from pg_stat_activity where query like '%pg_sleep(0.5)%' and pid <> pg_backend_pid()`;
      await expect.poll(() => ask(standby(0).url, running)).toHaveLength(1);
      await standby(0).kill();
      expect((await reading).rows).toEqual([{ n: 0 }]);
    });

    it('what took too long is not asked again', async () => {
      const db = await open({}, { timeout: 300 });
      await readsGoTo(db, 'standby 0', 'standby 1');
      expect((await rejection(inContext(() => sleep(db)))).code).toBe('database.timeout');
      const still = `select query from pg_stat_activity where query like 'select pg_sleep%' and state <> 'idle'`;
      for (const { url } of [server, ...server.standbys]) await expect.poll(() => ask(url, still)).toEqual([]);
    });
  });

  describe('a standby that fails', () => {
    it('is left out while it is down, which is told, and is read from again', async () => {
      const db = await open();
      await readsGoTo(db, 'standby 0', 'standby 1');
      await standby(1).kill();
      await readsGoTo(db, 'standby 0');
      const replica = addressOf(standby(1));
      await expect
        .poll(() => told)
        .toMatchObject([{ replica, reason: 'unavailable', ended: false, system: 'postgresql' }]);
      await standby(1).start();
      await readsGoTo(db, 'standby 0', 'standby 1');
      expect(told).toMatchObject([{ ended: false }, { replica, ended: true }]);
    });

    it('when all are down, the primary answers', async () => {
      const db = await open();
      await readsGoTo(db, 'standby 0', 'standby 1');
      await Promise.all(server.standbys.map((each) => each.kill()));
      for (let n = 0; n < 20; n += 1) expect(await inContext(() => place(db))).toBe('primary');
      await standby(0).start();
      await readsGoTo(db, 'standby 0');
    });

    it('is left out while it is too far behind, which is told', async () => {
      const db = await open({ maxReplicaLag: '1s' });
      await readsGoTo(db, 'standby 0', 'standby 1');
      await ask(standby(0).url, 'select pg_wal_replay_pause()');
      await inContext(() => db.repo(people).insert(ann));
      await readsGoTo(db, 'standby 1');
      const replica = addressOf(standby(0));
      await expect
        .poll(() => inContext(() => place(db)).then(() => told), { timeout: 10_000 })
        .toMatchObject([{ replica, reason: 'lag', ended: false }]);
      await ask(standby(0).url, 'select pg_wal_replay_resume()');
      await readsGoTo(db, 'standby 0', 'standby 1');
      expect(told).toMatchObject([{ ended: false }, { replica, ended: true }]);
    });

    it('without a sign holds up no read for long', async () => {
      const proxy: FaultProxy = await standby(0).proxy();
      const db = await open({ replicas: [addressOf(proxy), addressOf(standby(1))], connectTimeout: 500 });
      await readsGoTo(db, 'standby 0', 'standby 1');
      proxy.blackhole();
      // Those that are on their way there end at their deadline.
      await expect
        .poll(() => Promise.all(Array.from({ length: 6 }, () => inContext(() => place(db)))).catch(() => []), {
          timeout: 25_000,
        })
        .toEqual(Array(6).fill('standby 1'));
      expect(told).toMatchObject([{ replica: addressOf(proxy), reason: 'unavailable' }]);
      await proxy.heal();
      await readsGoTo(db, 'standby 0', 'standby 1');
    });
  });

  it('counts the connections of all, and ends all of them', async () => {
    const db = await open({ applicationName: schema });
    await readsGoTo(db, 'standby 0', 'standby 1');
    expect(db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
    expect(db.stats().total).toBeGreaterThanOrEqual(3);
    await db.close();
    for (const { url } of [server, ...server.standbys]) {
      const own = 'select pid from pg_stat_activity where application_name = $1';
      await expect.poll(() => ask(url, own, [schema])).toEqual([]);
    }
  });
});
