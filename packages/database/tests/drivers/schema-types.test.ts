// What `ent-db types` writes of the fifteen tables that plain SQL has made: it compiles, and the entities work.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createDatabase, type Database, type Entity } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entDbHere } from '../fixtures/cli.ts';
import { newDatabase } from '../fixtures/mysql.ts';
import { ask } from '../fixtures/postgres.ts';
import { type RentalsDatabase, rentalsIn, statementsOf } from '../fixtures/rentals.ts';
import { fill } from '../fixtures/rentals-rows.ts';
import { temporaryFolder } from '../fixtures/storage.ts';

type Row = Record<string, unknown>;
type AnyEntity = Entity<Row, Row, string>;

const PATIENT = 180_000;
const tsc = join(import.meta.dirname, '../../../../node_modules/.bin/tsc');

function declare(database: RentalsDatabase, urlOf: () => Promise<string>): void {
  const isPostgres = database === 'postgres';
  const table = (name: string): string => (isPostgres ? `rentals.${name}` : name);
  const schema = isPostgres ? ['--schema', 'rentals'] : [];
  let folder: string;
  let url: string;
  let db: Database<SqlNative>;
  let entities: Record<string, AnyEntity>;

  beforeAll(async () => {
    url = await urlOf();
    db = await openDatabase<SqlNative>(url);
    for (const statement of statementsOf(database)) await sql.raw(statement).execute(db.native.kysely);
    await fill(db, rentalsIn(isPostgres ? 'rentals' : undefined, database !== 'mariadb'));
    // Below the package, from where its own name and Kysely are found.
    const output = join(import.meta.dirname, '../../test-output');
    await mkdir(output, { recursive: true });
    folder = await mkdtemp(join(output, 'types-'));
    const written = await entDbHere(['types', '--entities', ...schema, '--out', join(folder, 'entities.ts')], url);
    expect(written).toMatchObject({ code: 0, err: '' });
    expect((await entDbHere(['types', ...schema, '--out', join(folder, 'tables.ts')], url)).code).toBe(0);
    entities = (await import(join(folder, 'entities.ts'))) as Record<string, AnyEntity>;
  }, PATIENT);
  afterAll(async () => {
    await db.close();
    await rm(folder, { recursive: true });
  });

  it('compiles, with the types that the columns have', { timeout: PATIENT }, async () => {
    await writeFile(
      join(folder, 'use.ts'),
      `import type { EntityOf, NewOf } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import type { film, staff } from './entities.ts';
import type { Tables } from './tables.ts';

export async function use(given: EntityOf<typeof film>, { email }: EntityOf<typeof staff>): Promise<unknown> {
  const minutes: number | null = given.length;
  const title: string = given.title;
  const none: null | string = email;
  const fresh: NewOf<typeof film> = { title, languageId: 1, rentalRate: ${database === 'sqlite' ? `'1'` : `'1.00'`} };
  // @ts-expect-error -- it has no such column
  void given.minutes;
  const { kysely } = (await openDatabase<SqlNative<Tables>>('sqlite::memory:')).native;
  const row = await kysely.selectFrom('${table('film')}').select(['title', 'length']).executeTakeFirstOrThrow();
  const [name, length]: [string, number | null] = [row.title, row.length];
  await kysely.insertInto('${table('country')}').values({ country: name }).execute();
  // @ts-expect-error -- there is no such table
  kysely.selectFrom('nothing');
  // @ts-expect-error -- the database computes it
  kysely.insertInto('${table('actor')}').values({ actor_id: 1, first_name: '', last_name: '', full_name: '' });
  return [minutes, none, fresh, length];
}
`,
    );
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../../../tsconfig.json', include: ['*.ts'], compilerOptions: { noEmit: true } }),
    );
    const compiled = await promisify(execFile)(tsc, ['-p', folder]).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(compiled.stdout).toBe('');
  });

  it('has an entity for each of the fifteen tables, over all columns but those of no type', () => {
    expect(Object.keys(entities).sort()).toEqual(
      'actor address category city country customer film filmActor filmCategory inventory language payment rental staff store'.split(
        ' ',
      ),
    );
    const { film, rental, customer } = entities;
    expect(film?.table).toBe(table('film'));
    expect(film?.fields.get('fulltext')?.type).toBe(isPostgres ? undefined : 'string');
    expect([film?.id, [...(rental?.id ?? [])].sort()]).toEqual([['filmId'], ['inventoryId', 'rentalDate']]);
    expect(customer?.unique).toEqual([['storeId', 'email']]);
    if (database !== 'sqlite') expect(film?.fields.get('rating')).toMatchObject({ as: 'enum', generated: true });
  });

  it('reads, updates, inserts and deletes the rows of each', { timeout: PATIENT }, async () => {
    for (const [name, entity] of Object.entries(entities)) {
      const repo = db.repo(entity);
      const rows = await repo.find();
      expect(rows.length, name).toBeGreaterThan(0);
      const row = rows[0] as Row;
      const keyOf = (of: Row): never =>
        (entity.id.length === 1
          ? of[entity.id[0] as string]
          : Object.fromEntries(entity.id.map((f) => [f, of[f]]))) as never;
      expect(await repo.get(keyOf(row)), name).toEqual(row);
      const set = Object.fromEntries(
        Object.entries(row).filter(([field]) => !entity.id.includes(field) && !entity.generated.includes(field)),
      );
      if (Object.keys(set).length > 0) expect(await repo.update(keyOf(row), { set }), name).toEqual(row);
      // Another one like it; what is unique in it is made so.
      const fresh = { ...set };
      const isComposite = entity.id.length > 1;
      for (const field of entity.id) {
        if (isComposite) fresh[field] = row[field];
        else if (!entity.generated.includes(field)) fresh[field] = anotherId(row[field]);
      }
      for (const key of entity.unique) {
        const field = key.at(-1) as string;
        if (typeof fresh[field] === 'string') fresh[field] = `${fresh[field]}2`;
      }
      if (isComposite) expect(await repo.delete(keyOf(row)), name).toBe(true);
      const inserted = await repo.insert(fresh);
      expect(await repo.get(keyOf(inserted)), name).toEqual(inserted);
      if (!isComposite) expect(await repo.delete(keyOf(inserted)), name).toBe(true);
      expect(await repo.count(), name).toBe(rows.length);
    }
  });
}

function anotherId(id: unknown): unknown {
  if (typeof id === 'bigint') return id + 100_000n;
  return typeof id === 'number' ? id + 100_000 : randomUUID();
}

describe('SQLite', () => {
  let folder: string;
  afterAll(() => rm(folder, { recursive: true }));
  declare('sqlite', async () => {
    folder = await temporaryFolder();
    return `sqlite:${join(folder, 'app.db')}`;
  });
});

describeWithServer('postgres', (server) => {
  declare('postgres', async () => {
    await ask(server.url, 'drop schema if exists rentals cascade');
    return server.url;
  });
});

describeWithServer('mariadb', (server) => {
  declare('mariadb', async () => {
    const { name, url } = await newDatabase(server.url);
    const maker = createDatabase<SqlNative>({ driver: (await import('@ent/database/mysql')).mysql({ url }) });
    await sql
      .raw(`alter database ${name} character set utf8mb4 collate utf8mb4_nopad_bin`)
      .execute(maker.native.kysely);
    await maker.close();
    return url;
  });
});

describeWithServer('mongodb', (server) => {
  it('has no types', async () => {
    const place = new URL(server.url);
    place.search = '?transactions=false&decimals=text';
    place.pathname = 'types';
    const { code, err } = await entDbHere(['types'], place.href);
    expect([code, err]).toEqual([2, expect.stringContaining('mongodb has no schema')]);
  });
});
