// Migrations of several processes on PostgreSQL: exclusive by a lock that goes with its holder.
import { once } from 'node:events';
import { createMigrator } from '@ent/database';
import type { PostgresUrlOptions } from '@ent/database/postgres';
import { describeWithServer } from '@ent/testkit/vitest';
import { beforeEach, expect, it } from 'vitest';
import { connect } from '../fixtures/connect.ts';
import { outcomeOf, steps } from '../fixtures/migrations.ts';
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
}
