// The seam fits a server: a PostgreSQL driver of one small file passes the conformance suite, migrates exclusively, and
// leaves nothing running. A second time with writes that read back, as MySQL needs them.
import { once } from 'node:events';
import { createDatabase, createMigrator } from '@ent/database';
import { type DatabaseHarness, testDatabaseDriver } from '@ent/database/testing';
import { uniqueName } from '@ent/testkit';
import { describeWithServer, itInShares } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../fixtures/connect.ts';
import { steps } from '../fixtures/migrations.ts';
import { runFixture } from '../fixtures/storage.ts';
import { postgres, postgresFeatures, type PostgresOptions } from '../throwaway/postgres.ts';

describeWithServer('postgres', (server) => {
  async function ask(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new Client(server.url);
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(statement, values);
    await client.end();
    return rows;
  }

  async function newPlace(more: Partial<PostgresOptions> = {}): Promise<PostgresOptions & { schema: string }> {
    const schema = uniqueName('ent');
    await ask(`create schema ${schema}`);
    return { url: server.url, schema, max: 5, ...more };
  }

  const harness = (writes: 'returning' | 'read-back'): DatabaseHarness => ({
    features: postgresFeatures,
    async create() {
      const place = await newPlace({ writes });
      return {
        connect: (options) => createDatabase({ ...options, driver: postgres(place) }),
        spawnWriter: () => runFixture('writer.ts', JSON.stringify(place)),
        remove: async () => void (await ask(`drop schema ${place.schema} cascade`)),
      };
    },
  });

  // PostgreSQL passes all of it in each run, by the driver that is published.
  itInShares('passes the conformance suite', 20, (runner) => testDatabaseDriver(runner, harness('returning')));

  const writing = /^(rows|unique keys|soft delete|concurrency|inner transactions)/;
  itInShares('passes the cases of the suite that write, with writes that read back', 8, ({ it: declare }) => {
    const some = (name: string, run: () => Promise<void>) => (writing.test(name) ? declare(name, run) : undefined);
    testDatabaseDriver({ it: some }, harness('read-back'));
  });

  describe('migrations of several processes', () => {
    let place: PostgresOptions;
    beforeEach(async () => {
      place = await newPlace();
    });

    const migrate = (...more: string[]) => runFixture('migrate.ts', JSON.stringify(place), ...more);
    async function outcomeOf(child: ReturnType<typeof migrate>): Promise<string[]> {
      const printed: Buffer[] = [];
      const errors: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
      const [code] = (await once(child, 'close')) as [number];
      if (code !== 0) throw new Error(Buffer.concat(errors).toString());
      return JSON.parse(Buffer.concat(printed).toString()) as string[];
    }
    const names = steps.map(({ name }) => name);
    async function logged(): Promise<unknown[]> {
      const db = connect(JSON.stringify(place));
      const rows = await db.native.kysely.selectFrom('log').select('name').execute();
      await db.close();
      return rows.map(({ name }) => name as unknown).sort();
    }

    it('apply each once', async () => {
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => outcomeOf(migrate())));
      expect(outcomes.flat().sort()).toEqual(names);
      expect(await logged()).toEqual(names);
    });

    it('go on when the one that has the lock is killed, and nothing of its step is left', async () => {
      const holder = migrate('hang');
      await once(holder.stdout, 'data');
      const others = Array.from({ length: 3 }, () => outcomeOf(migrate()));
      const waiting = `select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted`;
      await expect.poll(() => ask(waiting)).toEqual([{ n: 3 }]);
      holder.kill('SIGKILL');
      expect((await Promise.all(others)).flat().sort()).toEqual(names.slice(2));
      expect(await logged()).toEqual(names);
    });

    it('a dry run sends its statements and writes nothing', async () => {
      const db = connect(JSON.stringify(place));
      const migrator = createMigrator(db, steps.slice(0, 1));
      expect(await migrator.dryRun()).toEqual([
        {
          name: '0001_log',
          statements: ['create table "log" ("name" text collate "C")', 'insert into "log" ("name") values ($1)'],
        },
      ]);
      const tables = await ask('select tablename from pg_tables where schemaname = $1', [place.schema]);
      expect(tables).toEqual([]);
      await db.close();
    });
  });

  it('binds lists as arrays, their members as it binds those alone', async () => {
    const db = connect(JSON.stringify(await newPlace()));
    const { kysely } = db.native;
    const at = new Date('2026-01-02T03:04:05.678Z');
    const answer = await sql<Record<string, unknown>>`select
        ${2} = any(${[1, 2]}::int[]) as number, ${'b'} = any(${['a', 'b']}::text[]) as text,
        ${at} = any(${[null, at]}::timestamptz[]) as date, ${[[true, false]]}::boolean[] as nested`.execute(kysely);
    expect(answer.rows).toEqual([{ number: true, text: true, date: true, nested: [[true, false]] }]);
    for (const members of [[undefined], [{}], [new Date(Number.NaN)]]) {
      const refused = sql`select ${members}::text[]`.execute(kysely);
      await expect(refused).rejects.toThrow(/native: parameter 1, member 1, is/);
    }
    await db.close();
  });

  describe('a call that is given up', () => {
    let db: ReturnType<typeof connect>;
    beforeEach(async () => {
      db = connect(JSON.stringify(await newPlace()));
    });
    afterEach(() => db.close());
    const sleeping = `select count(*)::int as n from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid() and state = 'active'`;

    it('ends on the server too', async () => {
      const controller = new AbortController();
      const query = sql`select pg_sleep(60)`.execute(db.native.kysely, { signal: controller.signal });
      const failure = query.then(
        () => 'answered',
        () => 'given up',
      );
      await expect.poll(() => ask(sleeping)).toEqual([{ n: 1 }]);
      controller.abort(new Error('gone'));
      expect(await failure).toBe('given up');
      await expect.poll(() => ask(sleeping)).toEqual([{ n: 0 }]);
      await expect.poll(() => db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
    });
  });
});
