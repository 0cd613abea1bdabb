import assert from 'node:assert/strict';
import type { Database } from '../database.ts';
import { defineEntity, type Entity, type EntityOf } from '../entity.ts';
import { nullable } from '../field.ts';
import type { Repository } from '../repository.ts';
import { acrossTenants, currentTenant, withTenant } from '../tenants.ts';
import { createTables } from './entities.ts';
import { codeOf, type DatabaseCase, rejection } from './suite.ts';

/** Rows of tenants, with all that is managed. */
const documents = defineEntity({
  name: 'ent_documents',
  tenant: 'org',
  fields: {
    id: 'string',
    org: 'string',
    slug: 'string',
    text: 'string',
    reads: 'int',
    deletedAt: nullable('date'),
    version: 'int',
  },
  unique: [['slug']],
  version: 'version',
  deletedAt: 'deletedAt',
});
type Document = EntityOf<typeof documents>;
type Documents = typeof documents extends Entity<infer T, infer New, 'id'> ? Repository<T, New> : never;

/** Each tenant counts its own rows. */
const invoices = defineEntity({
  name: 'ent_invoices',
  tenant: 'org',
  id: ['org', 'number'],
  fields: { org: 'int', number: 'int', cents: 'int' },
});

/** The same rows for two tenants, but for their ids. */
async function stored(db: Database): Promise<{ repo: Documents; ours: Document[]; theirs: Document[] }> {
  await createTables(db, documents);
  const repo = db.repo(documents);
  const store = async (): Promise<Document[]> => {
    await repo.insertMany(['a', 'b', 'c'].map((slug, at) => ({ slug, text: 'x', reads: at + 1 })));
    return repo.find({ sort: [['slug', 'asc']] });
  };
  return { repo, ours: await withTenant('ours', store), theirs: await withTenant('theirs', store) };
}

type Method = {
  [K in keyof Documents]: Documents[K] extends (...given: never) => unknown ? K : never;
}[keyof Documents];

/** Every method that there is: one that is added has to be here, or this does not compile. */
const calls: Readonly<Record<Method, (repo: Documents, id: string) => Promise<unknown>>> = {
  get: (repo, id) => repo.get(id),
  find: (repo) => repo.find(),
  window: (repo) => repo.window({ limit: 1 }),
  stream: (repo) => repo.stream().next(),
  count: (repo) => repo.count(),
  exists: (repo) => repo.exists(),
  aggregate: (repo) => repo.aggregate({ values: { rows: 'count' } }),
  insert: (repo) => repo.insert({ slug: 'new', text: 'y', reads: 0 }),
  insertMany: (repo) => repo.insertMany([{ slug: 'new', text: 'y', reads: 0 }]),
  update: (repo, id) => repo.update(id, { set: { text: 'y' } }),
  updateMany: (repo) => repo.updateMany({ set: { text: 'y' } }, { where: { id: { ne: null } } }),
  upsert: (repo) => repo.upsert(['slug'], { slug: 'a', text: 'y', reads: 0 }),
  delete: (repo, id) => repo.delete(id),
  deleteMany: (repo) => repo.deleteMany({ where: { id: { ne: null } } }),
};

const everything = (repo: Documents): Promise<Document[]> => repo.find({ sort: [['slug', 'asc']], withDeleted: true });

export const tenancyCases: readonly DatabaseCase[] = [
  {
    name: "tenancy: no call reads another tenant's rows",
    run: async ({ db }) => {
      const { repo, ours, theirs } = await stored(db);
      const [first] = theirs as [Document];
      await withTenant('ours', async () => {
        assert.equal(await repo.get(first.id), null);
        assert.equal(await repo.get(first.id, { withDeleted: true, select: ['id'] }), null);
        assert.deepEqual(await everything(repo), ours);
        assert.deepEqual(await repo.find({ where: { id: { in: theirs.map(({ id }) => id) } } }), []);
        assert.deepEqual(await repo.find({ where: { org: 'theirs' } }), []);
        const either = { $or: [{ org: 'theirs' }, { id: { ne: null } }] };
        assert.equal(await repo.count({ where: either }), 3);
        assert.equal(await repo.count({ where: { $not: { org: 'ours' } } }), 0);
        assert.equal(await repo.count(), 3);
        assert.equal(await repo.exists({ where: { id: first.id } }), false);
        assert.deepEqual((await repo.window({ sort: [['slug', 'asc']], limit: 10 })).items, ours);
        const streamed: Document[] = [];
        for await (const row of repo.stream({ sort: [['slug', 'asc']], batchSize: 2 })) streamed.push(row);
        assert.deepEqual(streamed, ours);
        const values = { rows: 'count', sum: { sum: 'reads' }, max: { max: 'org' } } as const;
        assert.deepEqual(await repo.aggregate({ values }), { rows: 3, sum: 6, max: 'ours' });
        const byOrg = await repo.aggregate({ by: ['org'], values: { rows: 'count' } });
        assert.deepEqual(byOrg, [{ org: 'ours', rows: 3 }]);
      });
    },
  },

  {
    name: "tenancy: no call changes another tenant's rows",
    run: async ({ db }) => {
      const { repo, theirs } = await stored(db);
      const [{ id, version }] = theirs as [Document];
      await withTenant('ours', async () => {
        assert.equal(await codeOf(repo.update(id, { set: { text: 'y' } })), 'database.not_found');
        assert.equal(await codeOf(repo.update(id, { inc: { reads: 1 } }, { version })), 'database.not_found');
        assert.equal(await codeOf(repo.update(id, {})), 'database.not_found');
        assert.equal(await codeOf(repo.update(id, {}, { withDeleted: true })), 'database.not_found');
        assert.equal(await repo.delete(id), false);
        assert.equal(await repo.delete(id, { version: 99 }), false);
        assert.equal(await repo.delete(id, { hard: true }), false);
        assert.deepEqual(await repo.updateMany({ inc: { reads: 1 } }, { where: { id } }), { matched: 0 });
        assert.deepEqual(await repo.updateMany({}, { where: { id } }), { matched: 0 });
        const all = { where: { id: { ne: null } } } as const;
        assert.deepEqual(await repo.updateMany({ set: { text: 'y' } }, all), { matched: 3 });
        assert.deepEqual(await repo.deleteMany(all), { matched: 3 });
        assert.deepEqual(await repo.updateMany({ set: { deletedAt: null } }, { ...all, withDeleted: true }), {
          matched: 3,
        });
        assert.deepEqual(await repo.deleteMany({ ...all, hard: true }), { matched: 3 });
      });
      assert.deepEqual(await withTenant('theirs', () => everything(repo)), theirs);
      // What is deleted there is not restored from here.
      await withTenant('theirs', () => repo.delete(id));
      const restored = withTenant('ours', () => repo.update(id, { set: { deletedAt: null } }, { withDeleted: true }));
      assert.equal(await codeOf(restored), 'database.not_found');
      assert.equal(await withTenant('theirs', () => repo.count()), 2);
    },
  },

  {
    name: 'tenancy: the unique keys are those of a tenant, and an upsert stays within it',
    run: async ({ db }) => {
      const { repo, theirs } = await stored(db);
      const [{ id }] = theirs as [Document];
      await withTenant('ours', async () => {
        const fresh = { slug: 'a', text: 'y', reads: 7 };
        assert.equal(await codeOf(repo.insert(fresh)), 'database.unique_violation');
        const changed = await repo.upsert(['slug'], fresh);
        assert.deepEqual([changed.org, changed.text, changed.version], ['ours', 'y', 2]);
        const counted = await repo.upsert(['org', 'slug'], { ...fresh, org: 'ours' }, { inc: { reads: 1 } });
        assert.deepEqual([counted.id, counted.reads], [changed.id, 8]);
        assert.equal((await repo.upsert(['slug'], { slug: 'd', text: 'y', reads: 0 })).org, 'ours');
        // Another tenant may have the id.
        assert.equal(await codeOf(repo.upsert(['id'], { ...fresh, id })), 'database.invalid_query');
        const taken = repo.upsert(['slug'], { id, slug: 'e', text: 'y', reads: 0 });
        assert.equal(await codeOf(taken), 'database.unique_violation');
        await repo.delete(changed.id);
        assert.equal((await repo.upsert(['slug'], fresh)).version, 1);
      });
      assert.deepEqual(await withTenant('theirs', () => everything(repo)), theirs);
    },
  },

  {
    name: "tenancy: rows get the tenant of their call, and another's is refused",
    run: async ({ db }) => {
      const { repo, theirs } = await stored(db);
      const fresh = (slug: string, org: string) => ({ slug, org, text: 'y', reads: 0 });
      await withTenant('ours', async () => {
        assert.equal((await repo.insert({ slug: 'd', text: 'y', reads: 0 })).org, 'ours');
        assert.equal((await repo.insert(fresh('e', 'ours'))).org, 'ours');
        const refusal = await rejection(repo.insertMany([fresh('f', 'ours'), fresh('g', 'theirs')]));
        const { code, issues } = refusal as { code?: string; issues?: readonly { pointer: string; code: string }[] };
        assert.equal(code, 'database.invalid_value');
        assert.deepEqual([issues?.length, issues?.[0]?.pointer, issues?.[0]?.code], [1, '#/1/org', 'other_tenant']);
        assert.equal(await codeOf(repo.insert(fresh('h', 'theirs'))), 'database.invalid_value');
        assert.equal(await codeOf(repo.upsert(['slug'], fresh('a', 'theirs'))), 'database.invalid_value');
        const [{ id }] = (await repo.find({ limit: 1 })) as [Document];
        for (const org of ['theirs', 'ours']) {
          assert.equal(await codeOf(repo.update(id, { set: { org } })), 'database.invalid_value');
          const moved = repo.updateMany({ set: { org } }, { where: { slug: 'a' } });
          assert.equal(await codeOf(moved), 'database.invalid_value');
          const patched = repo.upsert(['slug'], fresh('a', 'ours'), { set: { org } });
          assert.equal(await codeOf(patched), 'database.invalid_value');
        }
        assert.equal(await repo.count(), 5);
      });
      assert.deepEqual(await withTenant('theirs', () => everything(repo)), theirs);
    },
  },

  {
    name: 'tenancy: a call without a tenant is refused, whichever it is',
    run: async ({ db }) => {
      const { repo, ours, theirs } = await stored(db);
      const [{ id }] = ours as [Document];
      for (const [method, call] of Object.entries(calls)) {
        assert.equal(await codeOf(call(repo, id)), 'database.tenant_missing', method);
      }
      for (const none of ['', undefined, null, 0.5, {}]) {
        const refused = async (): Promise<unknown> => withTenant(none as string, () => 1);
        assert.equal(await codeOf(refused()), 'database.tenant_missing');
      }
      assert.equal(await codeOf(withTenant(7, () => repo.count())), 'database.invalid_value');
      assert.deepEqual(await withTenant('ours', () => everything(repo)), ours);
      assert.deepEqual(await withTenant('theirs', () => everything(repo)), theirs);
    },
  },

  {
    name: 'tenancy: across tenants all rows are there, and an insert says whose its row is',
    run: async ({ db }) => {
      const { repo, ours, theirs } = await stored(db);
      const [{ id }] = theirs as [Document];
      await acrossTenants(async () => {
        assert.equal(await repo.count(), 6);
        assert.deepEqual(await repo.get(id), theirs[0]);
        assert.equal((await repo.update(id, { inc: { reads: 1 } })).reads, 2);
        assert.equal(await codeOf(repo.insert({ slug: 'd', text: 'y', reads: 0 })), 'database.invalid_value');
        const { org } = await repo.insert({ slug: 'd', org: 'third', text: 'y', reads: 0 });
        assert.equal(org, 'third');
        const changed = await repo.upsert(['slug'], { slug: 'd', org: 'third', text: 'z', reads: 0 });
        assert.deepEqual([changed.org, changed.text], ['third', 'z']);
        assert.equal(await codeOf(repo.update(id, { set: { org: 'ours' } })), 'database.invalid_value');
        // The innermost counts.
        assert.deepEqual(await withTenant('ours', () => everything(repo)), ours);
        const byOrg = await repo.aggregate({ by: ['org'], values: { rows: 'count' } });
        assert.deepEqual(
          byOrg.map(({ rows }) => rows),
          [3, 3, 1],
        );
      });
    },
  },

  {
    name: 'tenancy: a cursor is good for the tenant that it was made for',
    run: async ({ db }) => {
      const { repo, ours } = await stored(db);
      const page = (after?: string | null) => repo.window({ sort: [['slug', 'asc']], limit: 2, after });
      const first = await withTenant('ours', () => page());
      assert.deepEqual((await withTenant('ours', () => page(first.next))).items, ours.slice(2));
      assert.equal(await codeOf(withTenant('theirs', () => page(first.next))), 'database.invalid_cursor');
      assert.equal(await codeOf(acrossTenants(() => page(first.next))), 'database.invalid_cursor');
    },
  },

  {
    name: 'tenancy: tenants that come at once, and one inside of another, see their own rows',
    run: async ({ db }) => {
      const { repo, ours, theirs } = await stored(db);
      await withTenant('ours', async () => {
        const reads = Array.from({ length: 20 }, (_, at) =>
          at % 2 === 0 ? everything(repo) : withTenant('theirs', () => everything(repo)),
        );
        for (const [at, rows] of (await Promise.all(reads)).entries()) assert.deepEqual(rows, at % 2 ? theirs : ours);
        assert.equal(currentTenant(), 'ours');
      });
      assert.equal(currentTenant(), undefined);
      // The rows of who asked, whoever takes them.
      const stream = withTenant('ours', () => repo.stream({ sort: [['slug', 'asc']], batchSize: 1 }));
      const streamed: Document[] = [];
      await withTenant('theirs', async () => {
        for await (const row of stream) streamed.push(row);
      });
      assert.deepEqual(streamed, ours);
    },
  },

  {
    name: 'tenancy: a transaction may be about several tenants, each by its own calls',
    when: ({ transactions }) => transactions,
    run: async ({ db }) => {
      const { repo } = await stored(db);
      const hooks: unknown[] = [];
      await db.transaction(async () => {
        assert.equal(await codeOf(repo.count()), 'database.tenant_missing');
        await withTenant('ours', async () => {
          await repo.deleteMany({ where: { slug: 'a' } });
          db.afterCommit(async () => hooks.push(currentTenant(), await repo.count()));
        });
        await withTenant('theirs', () => repo.insert({ slug: 'd', text: 'y', reads: 0 }));
      });
      assert.deepEqual(hooks, ['ours', 2]);
      assert.equal(await withTenant('theirs', () => repo.count()), 4);
    },
  },

  {
    name: 'tenancy: the tenant may be a part of the id, and a number',
    run: async ({ db }) => {
      await createTables(db, invoices);
      const repo = db.repo(invoices);
      for (const org of [1, 2]) {
        await withTenant(org, () =>
          repo.insertMany([
            { number: 1, cents: org },
            { number: 2, cents: org },
          ]),
        );
      }
      await withTenant(1, async () => {
        assert.deepEqual(await repo.get({ org: 1, number: 1 }), { org: 1, number: 1, cents: 1 });
        assert.equal(await repo.get({ org: 2, number: 1 }), null);
        assert.equal(await codeOf(repo.update({ org: 2, number: 1 }, { inc: { cents: 5 } })), 'database.not_found');
        assert.equal((await repo.update({ org: 1, number: 1 }, { inc: { cents: 5 } })).cents, 6);
        assert.equal(await repo.delete({ org: 2, number: 1 }), false);
        assert.equal((await repo.upsert(['number'], { number: 2, cents: 9 })).cents, 9);
        assert.equal(
          await codeOf(repo.updateMany({ inc: { org: 1 } as never }, { where: { number: 1 } })),
          'database.invalid_value',
        );
      });
      const theirs = await withTenant(2, () => repo.find({ sort: [['number', 'asc']] }));
      assert.deepEqual(
        theirs.map(({ cents }) => cents),
        [2, 2],
      );
    },
  },
];
