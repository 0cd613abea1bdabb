// Row-level security: a role that is not the owner of the tables, and a policy that looks at the tenant of the
// transaction.
import { acrossTenants, createDatabase, type Database, withTenant } from '@ent/database';
import { copyOut, postgres, type PostgresUrlOptions } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hostileTenants, shelves } from '../fixtures/hostile-tenants.ts';
import { ask, newSchema } from '../fixtures/postgres.ts';
import { policyOf } from '../fixtures/row-security.ts';
import { useUnhandled } from '../fixtures/well.ts';

interface Tables {
  shelves: { id: string; org: string; slug: string; n: number; deletedAt: Date | null };
}

describeWithServer('postgres', (server) => {
  let schema: string;
  let role: string;
  let opened: Database<SqlNative<Tables>>[];
  useUnhandled();
  beforeEach(async () => {
    opened = [];
    const place = await newSchema(server.url);
    schema = place.searchPath;
    role = `${schema}_app`;
    const owner = createDatabase({ driver: postgres(place) });
    await createTables(owner, shelves);
    await owner.close();
    for (const statement of await policyOf(`${schema}.shelves`, role)) await ask(server.url, statement);
  });
  afterEach(async () => {
    for (const db of opened) await db.close();
    await ask(server.url, `drop schema ${schema} cascade`);
    await ask(server.url, `drop role ${role}`);
  });

  function open(options: Partial<PostgresUrlOptions> = {}): Database<SqlNative<Tables>> {
    const url = new URL(server.url);
    url.username = role;
    const driver = postgres<Tables>({
      url: url.href,
      searchPath: schema,
      max: 3,
      tenantSetting: 'app.tenant',
      ...options,
    });
    const db = createDatabase({ timeout: '120s', transactionTimeout: '120s', retries: 100, driver });
    opened.push(db);
    return db;
  }

  const slugs = async (db: Database<SqlNative<Tables>>): Promise<string[]> => {
    const rows = await db.native.kysely.selectFrom('shelves').select('slug').orderBy('slug').execute();
    return rows.map(({ slug }) => slug);
  };

  /** The rows `ours` and `theirs` of the tenants `a` and `b`. */
  async function stored(db: Database<SqlNative<Tables>>): Promise<void> {
    await withTenant('a', () => db.repo(shelves).insert({ slug: 'ours', n: 1 }));
    await withTenant('b', () => db.repo(shelves).insert({ slug: 'theirs', n: 1 }));
  }

  it('what is written natively sees the rows of its tenant, and changes no others', async () => {
    const db = open({ max: 1 });
    const { kysely } = db.native;
    await stored(db);
    expect(await withTenant('a', () => slugs(db))).toEqual(['ours']);
    expect(await withTenant('b', () => slugs(db))).toEqual(['theirs']);
    expect(await slugs(db)).toEqual([]);
    await withTenant('a', async () => {
      const changed = await kysely.updateTable('shelves').set({ n: 2 }).executeTakeFirst();
      expect(changed.numUpdatedRows).toBe(1n);
      const another = kysely.insertInto('shelves').values({ id: 'x', org: 'b', slug: 'y', n: 1 }).execute();
      await expect(another).rejects.toMatchObject({ code: 'database.query_failed', cause: { code: '42501' } });
      await expect(kysely.updateTable('shelves').set({ org: 'b' }).execute()).rejects.toThrow();
      const { rows } = await sql<{ tenant: string }>`select current_setting('app.tenant') as tenant`.execute(kysely);
      expect(rows).toEqual([{ tenant: 'a' }]);
      const copied: Buffer[] = [];
      for await (const chunk of copyOut(db, 'copy shelves (slug) to stdout')) copied.push(chunk as Buffer);
      expect(Buffer.concat(copied).toString()).toBe('ours\n');
    });
    // The connection that all of this went through knows nothing of it any more.
    expect(await slugs(db)).toEqual([]);
    expect(db.stats()).toMatchObject({ total: 1, inUse: 0 });
    expect(await acrossTenants(() => slugs(db))).toEqual([]);
  });

  it('in a transaction each call is its own tenant, also around savepoints', async () => {
    const db = open();
    await stored(db);
    await db.transaction(async () => {
      expect(await slugs(db)).toEqual([]);
      expect(await withTenant('a', () => slugs(db))).toEqual(['ours']);
      expect(await slugs(db)).toEqual([]);
      await withTenant('a', async () => {
        const undone = db.transaction(
          async () => {
            expect(await withTenant('b', () => slugs(db))).toEqual(['theirs']);
            throw new Error('undone');
          },
          { propagation: 'nested' },
        );
        await expect(undone).rejects.toThrow('undone');
        expect(await slugs(db)).toEqual(['ours']);
        await db.transaction(() => withTenant('b', () => slugs(db)), { propagation: 'nested' });
        expect(await slugs(db)).toEqual(['ours']);
        await withTenant('b', () => db.repo(shelves).insert({ slug: 'x', n: 1 }));
      });
      expect(await withTenant('b', () => slugs(db))).toEqual(['theirs', 'x']);
    });
    expect(await slugs(db)).toEqual([]);
  });

  it('a call that fails, or is given up, leaves the tenant to nobody', async () => {
    const db = open({ max: 1 });
    await stored(db);
    await withTenant('a', async () => {
      await expect(sql`select 1 / 0 from shelves`.execute(db.native.kysely)).rejects.toThrow();
    });
    expect(await slugs(db)).toEqual([]);
    await withTenant('a', async () => {
      const signal = AbortSignal.timeout(50);
      await expect(sql`select pg_sleep(60)`.execute(db.native.kysely, { signal })).rejects.toThrow();
    });
    expect(await slugs(db)).toEqual([]);
    expect(await withTenant('b', () => slugs(db))).toEqual(['theirs']);
  });

  it('what is read piece by piece is of the tenant who asked for it, whoever reads it', async () => {
    const db = open();
    await stored(db);
    const asked = () =>
      withTenant('a', () => ({
        rows: db.repo(shelves).stream({ batchSize: 1 }),
        copy: copyOut(db, 'copy shelves (slug) to stdout'),
      }));
    const read = async ({ rows, copy }: ReturnType<typeof asked>): Promise<string[]> => {
      const found: string[] = [];
      for await (const { slug } of rows) found.push(slug);
      const copied: Uint8Array[] = [];
      for await (const piece of copy) copied.push(piece);
      return [...found, Buffer.concat(copied).toString()];
    };
    for (const tenant of ['a', 'b']) {
      expect(await withTenant(tenant, () => read(asked()))).toEqual(['ours', 'ours\n']);
      expect(await db.transaction(() => withTenant(tenant, () => read(asked())))).toEqual(['ours', 'ours\n']);
    }
    expect(await read(asked())).toEqual(['ours', 'ours\n']);
    const ofNobody = { ...asked(), copy: copyOut(db, 'copy shelves (slug) to stdout') };
    expect(await withTenant('b', () => read(ofNobody))).toEqual(['ours', '']);
  });

  it('a driver that is not told to tells the database nothing', async () => {
    const db = open({ tenantSetting: undefined });
    expect(await withTenant('a', () => db.repo(shelves).count())).toBe(0);
    await expect(withTenant('a', () => db.repo(shelves).insert({ slug: 'x', n: 1 }))).rejects.toMatchObject({
      code: 'database.query_failed',
    });
  });

  itInDepth(
    'no row of another tenant is met, by what is written natively either',
    { full: 40, ci: 3, of: 'steps of 200 tenants' },
    async ({ count, seed }) => {
      const native = (db: Database) =>
        (db as Database<SqlNative<Tables>>).native.kysely
          .selectFrom('shelves')
          .select(['org', 'slug'])
          .where('deletedAt', 'is', null)
          .orderBy('slug')
          .execute();
      await hostileTenants(open(), { tenants: 200, steps: count, seed, native });
    },
  );
});
