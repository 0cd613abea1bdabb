import assert from 'node:assert/strict';
import { notes } from './entities.ts';
import { codeOf, type DatabaseCase } from './suite.ts';

export const softDeleteCases: readonly DatabaseCase[] = [
  {
    name: 'soft delete: a deleted row is out of sight of everything, until it is asked for',
    run: async ({ db }) => {
      const repo = db.repo(notes);
      const { id } = await repo.insert({ slug: 'a', text: 'x', reads: 0 });
      const other = await repo.insert({ slug: 'b', text: 'x', reads: 0 });
      assert.equal(await repo.delete(id), true);
      assert.equal(await repo.delete(id), false);
      assert.deepEqual([await repo.get(id), await repo.count(), await repo.find()], [null, 1, [other]]);
      assert.deepEqual((await repo.window({ limit: 5 })).items, [other]);
      assert.equal(await codeOf(repo.update(id, { set: { text: 'y' } })), 'database.not_found');
      assert.deepEqual(await repo.updateMany({ set: { text: 'y' } }, { where: { text: 'x' } }), { matched: 1 });
      assert.deepEqual(await repo.deleteMany({ where: { slug: 'a' } }), { matched: 0 });
      const gone = await repo.get(id, { withDeleted: true });
      assert.deepEqual([gone?.text, gone?.deletedAt instanceof Date, gone?.version], ['x', true, 2]);
      assert.equal(await repo.count({ withDeleted: true }), 2);
    },
  },

  {
    name: 'soft delete: a deleted row can be restored, and removed for good',
    run: async ({ db }) => {
      const repo = db.repo(notes);
      const { id } = await repo.insert({ slug: 'a', text: 'x', reads: 0 });
      await repo.delete(id);
      await repo.update(id, { set: { deletedAt: null } }, { withDeleted: true });
      assert.equal((await repo.get(id))?.slug, 'a');
      await repo.delete(id);
      assert.equal(await repo.delete(id, { hard: true }), true);
      assert.equal(await repo.count({ withDeleted: true }), 0);
    },
  },

  {
    name: 'soft delete: the unique keys of a deleted row are free, and taken again when it is restored',
    run: async ({ db }) => {
      const repo = db.repo(notes);
      const old = await repo.insert({ slug: 'a', text: 'x', reads: 0 });
      await repo.delete(old.id);
      const fresh = await repo.insert({ slug: 'a', text: 'y', reads: 0 });
      const restored = repo.update(old.id, { set: { deletedAt: null } }, { withDeleted: true });
      assert.equal(await codeOf(restored), 'database.unique_violation');
      assert.equal(await codeOf(repo.insert({ slug: 'a', text: 'z', reads: 0 })), 'database.unique_violation');
      assert.deepEqual(await repo.find(), [fresh]);
      // An id is that of one row for good.
      assert.equal(
        await codeOf(repo.insert({ id: old.id, slug: 'b', text: 'z', reads: 0 })),
        'database.unique_violation',
      );
    },
  },

  {
    name: 'soft delete: to an upsert a deleted row is absent, and nothing of it lives on',
    run: async ({ db }) => {
      const repo = db.repo(notes);
      const old = await repo.insert({ slug: 'a', text: 'x', reads: 5 });
      await repo.update(old.id, { set: { text: 'y' } });
      await repo.delete(old.id);
      const bySlug = await repo.upsert(['slug'], { slug: 'a', text: 'z', reads: 1 }, { inc: { reads: 1 } });
      assert.deepEqual([bySlug.text, bySlug.reads, bySlug.version, bySlug.deletedAt], ['z', 1, 1, null]);
      assert.notEqual(bySlug.id, old.id);
      assert.deepEqual(await repo.get(bySlug.id), bySlug);
      const again = await repo.upsert(['slug'], { slug: 'a', text: '-', reads: 1 }, { inc: { reads: 1 } });
      assert.deepEqual(again, { ...bySlug, reads: 2, version: 2 });
      await repo.delete(bySlug.id);
      const byId = await repo.upsert(['id'], { id: old.id, slug: 'b', text: 'w', reads: 7 }, { inc: { reads: 1 } });
      assert.deepEqual(byId, { id: old.id, slug: 'b', text: 'w', reads: 7, deletedAt: null, version: 1 });
      assert.deepEqual(await repo.find(), [byId]);
    },
  },
];
