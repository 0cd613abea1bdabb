// Migrations of several processes on MySQL and MariaDB: exclusive by a lock that goes with its holder, and what is left
// of one that fails where DDL commits.
import { once } from 'node:events';
import { createMigrator, defineMigrations } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { describeWithServer } from '@ent/testkit/vitest';
import { beforeEach, expect, it } from 'vitest';
import { connect } from '../fixtures/connect.ts';
import { outcomeOf, steps } from '../fixtures/migrations.ts';
import { ask, newDatabase } from '../fixtures/mysql.ts';
import { rejection } from '../fixtures/people.ts';
import { runFixture } from '../fixtures/storage.ts';

const names = steps.map(({ name }) => name);

describeWithServer('mariadb', (server) => {
  let place: Awaited<ReturnType<typeof newDatabase>>;
  let argument: string;
  const argumentOf = ({ name: _name, ...options }: typeof place): string =>
    JSON.stringify({ driver: 'mysql', ...options });
  beforeEach(async () => {
    place = await newDatabase(server.url);
    argument = argumentOf(place);
  });

  const migrate = (...more: string[]) => runFixture('migrate.ts', argument, ...more);
  const logged = async (): Promise<unknown[]> =>
    (await ask(place.url, 'select name from log order by name')).map(({ name }) => name);
  const waiting = async (): Promise<number> =>
    (
      await ask(
        place.url,
        `select id from information_schema.processlist where db = database() and state = 'User lock'`,
      )
    ).length;

  it('eight at once apply each once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => outcomeOf(migrate())));
    expect(outcomes.flat().sort()).toEqual(names);
    expect(await logged()).toEqual(names);
  }, 300_000);

  it('when the one that has the lock is killed the others go on; what its step had done is there', async () => {
    const holder = migrate('hang');
    await once(holder.stdout, 'data');
    const others = Array.from({ length: 3 }, () => outcomeOf(migrate()).catch(String));
    await expect.poll(waiting, { timeout: 120_000 }).toBe(3);
    holder.kill('SIGKILL');
    // The table of the step is there and the ledger does not know it: each finds it in its way, and says so by name.
    for (const outcome of await Promise.all(others)) expect(outcome).toContain('Migration "0003_table" failed in up.');
    expect((await ask(place.url, 'select id from ent_migrations order by id')).map(({ id }) => id)).toEqual(
      names.slice(0, 2),
    );
    await ask(place.url, 'drop table t3');
    await ask(place.url, `delete from log where name = '0003_table'`);
    expect(await outcomeOf(migrate())).toEqual(names.slice(2));
    expect(await logged()).toEqual(names);
  }, 300_000);

  it('who waits is told which connection has the lock', async () => {
    const holder = migrate('hang');
    await once(holder.stdout, 'data');
    const db = connect(argument);
    const { code, message } = await rejection(createMigrator(db, steps, { timeout: 5000 }).up());
    await db.close();
    expect(code).toBe('database.timeout');
    expect(message).toMatch(
      /^transaction took longer than 5000 ms, waiting for another process that migrates: connection \d+ of \w+ from [\d.]+:\d+\.$/,
    );
    holder.kill('SIGKILL');
    await once(holder, 'close');
  });

  it('those of another database do not wait', async () => {
    const holder = migrate('hang');
    await once(holder.stdout, 'data');
    const other = connect(argumentOf(await newDatabase(server.url)));
    expect(await createMigrator(other, steps).up()).toEqual(names);
    await other.close();
    holder.kill('SIGKILL');
    await once(holder, 'close');
  });

  it('a step that fails is not in the ledger, what its statements did stays, and up begins it again', async () => {
    let isMended = false;
    const list = defineMigrations<SqlNative>([
      ...steps.slice(0, 1),
      {
        name: '0002_two',
        up: async ({ kysely, columns }) => {
          await kysely.schema.createTable('two').ifNotExists().addColumn('id', columns.id).execute();
          await kysely.insertInto('log').values({ name: 'begun' }).execute();
          if (!isMended) throw new Error('mine');
        },
      },
    ]);
    const db = connect(argument);
    const migrator = createMigrator(db, list);
    expect((await rejection(migrator.up())).code).toBe('database.migration_failed');
    expect(await logged()).toEqual(['0001_log', 'begun']);
    expect((await migrator.status()).map(({ state }) => state)).toEqual(['applied', 'pending']);
    isMended = true;
    expect(await migrator.up()).toEqual(['0002_two']);
    expect(await logged()).toEqual(['0001_log', 'begun', 'begun']);
    await db.close();
  });

  it('a dry run tells the statements and sends none', async () => {
    const db = connect(argument);
    expect(await createMigrator(db, steps.slice(0, 1)).dryRun()).toEqual([
      {
        name: '0001_log',
        statements: [
          'create table `log` (`name` longtext character set utf8mb4 /*M!100600 collate utf8mb4_nopad_bin */ /*!80017 collate utf8mb4_0900_bin */)',
          'insert into `log` (`name`) values (?)',
        ],
      },
    ]);
    expect(await ask(place.url, 'show tables')).toEqual([]);
    await db.close();
  });

  it('where they stand is told to who may create nothing', async () => {
    const db = connect(argument);
    await createMigrator(db, steps.slice(0, 2)).up();
    await db.close();
    await ask(server.url, `create user '${place.name}'@'%'`);
    await ask(server.url, `grant select on ${place.name}.* to '${place.name}'@'%'`);
    const url = new URL(place.url);
    [url.username, url.password] = [place.name, ''];
    const reader = connect(JSON.stringify({ driver: 'mysql', url: url.href }));
    const states = (await createMigrator(reader, steps).status()).map(({ state }) => state);
    expect(states).toEqual(['applied', 'applied', 'pending', 'pending', 'pending']);
    expect(await createMigrator(reader, steps.slice(0, 3)).dryRun()).toHaveLength(1);
    expect(await createMigrator(reader, steps.slice(0, 2)).up()).toEqual([]);
    await reader.close();
  });

  it('needs a database', async () => {
    const db = connect(JSON.stringify({ driver: 'mysql', url: place.url.replace(/\/[^/]*$/, '/') }));
    expect((await rejection(createMigrator(db, steps).up())).message).toBe(
      'mysql: name a database in the URL or the options; there is none to migrate.',
    );
    await db.close();
  });
});
