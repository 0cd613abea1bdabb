// Migrations of several processes on PostgreSQL: exclusive by a lock that goes with its holder.
import { once } from 'node:events';
import { createMigrator, defineMigrations } from '@ent/database';
import type { PostgresUrlOptions } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../fixtures/connect.ts';
import { outcomeOf, steps } from '../fixtures/migrations.ts';
import { rejection } from '../fixtures/people.ts';
import { ask, newSchema } from '../fixtures/postgres.ts';
import { runFixture } from '../fixtures/storage.ts';

const names = steps.map(({ name }) => name);

// The same on both versions; what is about one schema or statement alone is asked of the older.
for (const version of ['postgres', 'postgres-18'] as const) {
  describeWithServer(version, (server) => migratesOn(server, version === 'postgres'));
}

function migratesOn(server: { readonly url: string }, isAll: boolean): void {
  let place: PostgresUrlOptions & { readonly searchPath: string };
  let argument: string;
  beforeEach(async () => {
    place = await newSchema(server.url);
    argument = JSON.stringify({ driver: 'postgres', ...place });
  });

  const migrate = (...more: string[]) => runFixture('migrate.ts', argument, ...more);
  const logged = async (): Promise<unknown[]> =>
    (await ask(server.url, `select name from ${place.searchPath}.log order by name`)).map(({ name }) => name);

  const atOnce = isAll ? 8 : 3;

  it(`${atOnce} at once apply each once`, async () => {
    const outcomes = await Promise.all(Array.from({ length: atOnce }, () => outcomeOf(migrate())));
    expect(outcomes.flat().sort()).toEqual(names);
    expect(await logged()).toEqual(names);
  }, 300_000);

  it('when the one that has the lock is killed the others go on, and nothing of its step is left', async () => {
    const holder = migrate('hang');
    await once(holder.stdout, 'data');
    const others = Array.from({ length: 3 }, () => outcomeOf(migrate()));
    // Each asks again and again, and holds no snapshot meanwhile.
    const waiting = `select count(*)::int as n from pg_stat_activity
      where state = 'idle in transaction' and backend_xmin is null and query = 'rollback and chain'`;
    await expect.poll(() => ask(server.url, waiting), { timeout: 120_000 }).toEqual([{ n: 3 }]);
    holder.kill('SIGKILL');
    expect((await Promise.all(others)).flat().sort()).toEqual(names.slice(2));
    expect(await logged()).toEqual(names);
  }, 300_000);

  if (!isAll) return;

  it('those of another schema do not wait', async () => {
    const holder = migrate('hang');
    await once(holder.stdout, 'data');
    const other = connect(JSON.stringify({ driver: 'postgres', ...(await newSchema(server.url)) }));
    expect(await createMigrator(other, steps).up()).toEqual(names);
    await other.close();
    holder.kill('SIGKILL');
    await once(holder, 'close');
  });

  it('a dry run sends its statements and writes nothing', async () => {
    const db = connect(argument);
    expect(await createMigrator(db, steps.slice(0, 1)).dryRun()).toEqual([
      {
        name: '0001_log',
        statements: ['create table "log" ("name" text collate "C")', 'insert into "log" ("name") values ($1)'],
      },
    ]);
    expect(await ask(server.url, 'select 1 from pg_tables where schemaname = $1', [place.searchPath])).toEqual([]);
    await db.close();
  });

  it('where they stand is told to who may create nothing, and while another process migrates', async () => {
    const db = connect(argument);
    await createMigrator(db, steps.slice(0, 2)).up();
    await db.close();
    const role = `${place.searchPath}_reader`;
    for (const statement of [
      `create role ${role} login`,
      `grant usage on schema ${place.searchPath} to ${role}`,
      `grant select on all tables in schema ${place.searchPath} to ${role}`,
    ]) {
      await ask(server.url, statement);
    }
    const url = new URL(server.url);
    url.username = role;
    const reader = connect(JSON.stringify({ driver: 'postgres', ...place, url: url.href }));
    const holder = migrate('hang');
    await once(holder.stdout, 'data');
    const states = (await createMigrator(reader, steps).status()).map(({ state }) => state);
    expect(states).toEqual(['applied', 'applied', 'pending', 'pending', 'pending']);
    expect(await createMigrator(reader, steps.slice(0, 2)).up()).toEqual([]);
    holder.kill('SIGKILL');
    await once(holder, 'close');
    await reader.close();
  });

  describe('in a schema that is not there', () => {
    const missing = () => {
      const searchPath = uniqueName('ent');
      return { searchPath, argument: JSON.stringify({ driver: 'postgres', ...place, searchPath }) };
    };
    const first = (schema: string) => ({
      name: '0000_schema',
      up: ({ kysely }: SqlNative) => kysely.schema.createSchema(schema).execute(),
    });

    it('the first one may make it, while others wait', async () => {
      const { searchPath, argument: there } = missing();
      const list = defineMigrations<SqlNative>([first(searchPath), ...steps]);
      const dbs = Array.from({ length: 4 }, () => connect(there));
      const [one] = dbs;
      expect(new Set((await createMigrator(one!, list).status()).map(({ state }) => state))).toEqual(
        new Set(['pending']),
      );
      expect(await createMigrator(one!, list).dryRun()).toHaveLength(list.length);
      const outcomes = await Promise.all(dbs.map((db) => createMigrator(db, list).up()));
      for (const db of dbs) await db.close();
      expect(outcomes.flat().sort()).toEqual(list.map(({ name }) => name));
      const tables = 'select tablename as name from pg_tables where schemaname = $1 order by 1';
      expect((await ask(server.url, tables, [searchPath])).map(({ name }) => name)).toEqual([
        'ent_migrations',
        'log',
        't2',
        't3',
        't4',
        't5',
      ]);
    });

    it.each([undefined, false] as const)('and that none makes they say so (transaction: %s)', async (transaction) => {
      const { searchPath, argument: there } = missing();
      const db = connect(there);
      const error = await rejection(createMigrator(db, [{ ...steps[0]!, transaction }]).up());
      await db.close();
      const told = error.code === 'database.migration_failed' ? (error.cause as Error) : error;
      expect(told).toMatchObject({
        code: 'database.query_failed',
        message: expect.stringContaining(`in the search_path: "${searchPath}"`) as string,
      });
    });
  });
}
