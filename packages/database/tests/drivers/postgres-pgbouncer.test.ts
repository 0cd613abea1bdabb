// PostgreSQL behind PgBouncer in transaction mode: each transaction, and each statement outside of one, may run on
// another connection of the server.
import { createDatabase } from '@ent/database';
import { postgres, postgresFeatures } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { createTables, type DatabaseHarness, testDatabaseDriver } from '@ent/database/testing';
import { uniqueName } from '@ent/testkit';
import { describeWithServer, itInShares } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { people, rejection } from '../fixtures/people.ts';
import { ann, ask, isWell, sleep } from '../fixtures/postgres.ts';
import { runFixture } from '../fixtures/storage.ts';

describeWithServer('pgbouncer', (server) => {
  const urlOf = (database: string): string => server.url.replace(/\/postgres$/, `/${database}`);
  async function newDatabase(): Promise<string> {
    const name = uniqueName('ent');
    await ask(server.direct.url, `create database ${name}`);
    return name;
  }

  describe('by the conformance suite', () => {
    let name: string | undefined;
    const harness: DatabaseHarness = {
      features: postgresFeatures,
      // One database for all cases, which come one after the other: making one takes long.
      async create() {
        name ??= await newDatabase();
        const direct = server.direct.url.replace(/\/postgres$/, `/${name}`);
        const place = { url: urlOf(name), max: 5 };
        return {
          connect: (options) => createDatabase({ ...options, driver: postgres(place) }),
          spawnWriter: () => runFixture('writer.ts', JSON.stringify({ driver: 'postgres', ...place })),
          remove: async () => void (await ask(direct, 'drop schema public cascade; create schema public')),
        };
      },
    };
    // What filters and windows find is no matter of connections.
    const isLong = (each: string): boolean => /^(?:filters|windows)/.test(each);
    testDatabaseDriver({ it: (each, run) => (isLong(each) ? undefined : it(`${each}`, run)) }, harness);
    itInShares('finds what the model finds', 1, ({ it: declare }) =>
      testDatabaseDriver({ it: (each, run) => (isLong(each) ? declare(each, run) : undefined) }, harness),
    );
  });

  it('a searchPath is refused, since it would be left to others', async () => {
    const db = createDatabase({ driver: postgres({ url: server.url, searchPath: 'app' }) });
    const error = await rejection(db.ping());
    expect([error.code, error.message]).toEqual([
      'database.invalid_definition',
      'postgres: there is a pooler in between, which does not keep a search_path. Set it for the user: alter role ... set search_path = ...',
    ]);
    await db.close();
  });

  it('nothing is prepared, and one who insists on it is healed', async () => {
    const url = urlOf(await newDatabase());
    const db = createDatabase<SqlNative>({ driver: postgres({ url }) });
    await createTables(db, people);
    await db.repo(people).insert(ann);
    const read = async (handle: typeof db): Promise<void> => {
      const all = Array.from({ length: 10 }, () => handle.repo(people).get('ann'));
      expect((await Promise.all(all)).map((row) => row?.name)).toEqual(all.map(() => 'Ann'));
    };
    for (let round = 0; round < 3; round += 1) await read(db);
    const { rows } = await sql<{ n: number }>`select count(*)::int as n from pg_prepared_statements`.execute(
      db.native.kysely,
    );
    expect(rows).toEqual([{ n: 0 }]);
    await db.close();

    const stubborn = createDatabase<SqlNative>({ driver: postgres({ url, prepare: true }) });
    for (let round = 0; round < 5; round += 1) await read(stubborn);
    await stubborn.close();
  });

  it('a call that is given up is cancelled on the server behind it', async () => {
    const db = createDatabase<SqlNative>({ driver: postgres({ url: server.url, max: 2 }) });
    const asleep = `select 1 from pg_stat_activity where query like 'select pg_sleep(60)%' and state = 'active'`;
    const controller = new AbortController();
    const aborted = rejection(sleep(db, controller.signal));
    await expect.poll(() => ask(server.direct.url, asleep)).toHaveLength(1);
    controller.abort(new Error('gone'));
    await aborted;
    await expect.poll(() => ask(server.direct.url, asleep)).toEqual([]);
    await isWell(db);
    await db.close();
  });
});
