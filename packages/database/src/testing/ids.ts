import assert from 'node:assert/strict';
import { defineEntity } from '../entity.ts';
import { generated } from '../field.ts';
import { createTables } from './entities.ts';
import { codeOf, type DatabaseCase } from './suite.ts';

const numbered = defineEntity({
  name: 'ent_numbered',
  fields: { number: 'int', label: 'string' },
  id: 'number',
  unique: [['label']],
});

const large = defineEntity({ name: 'ent_large', fields: { id: 'bigint', label: 'string' } });

/** The fields of the key are not the first ones, nor in their order. */
const seats = defineEntity({
  name: 'ent_seats',
  fields: { guest: 'string', seat: 'int', row: 'string', visits: 'int', version: 'int' },
  id: ['row', 'seat'],
  unique: [['guest']],
  version: 'version',
});

const counted = defineEntity({
  name: 'ent_counted',
  fields: { id: generated('int'), label: 'string', hits: 'int' },
  unique: [['label']],
});

const countedLarge = defineEntity({ name: 'ent_counted_large', fields: { id: generated('bigint'), label: 'string' } });

const seat = (row: string, n: number) => ({ row, seat: n, guest: `guest ${row}${n}`, visits: 0 });

export const idCases: readonly DatabaseCase[] = [
  {
    name: 'ids: numbers, of a field of any name',
    run: async ({ db }) => {
      await createTables(db, numbered, large);
      const repo = db.repo(numbered);
      assert.deepEqual(await repo.insert({ number: -7, label: 'a' }), { number: -7, label: 'a' });
      assert.deepEqual(
        await repo.insertMany([
          { number: 20, label: 'b' },
          { number: 3, label: 'c' },
        ]),
        [20, 3],
      );
      assert.deepEqual(await repo.get(20), { number: 20, label: 'b' });
      assert.deepEqual(await repo.update(3, { set: { label: 'd' } }), { number: 3, label: 'd' });
      assert.deepEqual(
        (await repo.find()).map(({ number }) => number),
        [-7, 3, 20],
      );
      assert.deepEqual(await repo.upsert(['number'], { number: 20, label: 'e' }), { number: 20, label: 'e' });
      assert.deepEqual(await repo.upsert(['label'], { number: 99, label: 'e' }), { number: 20, label: 'e' });
      assert.equal(await codeOf(repo.insert({ number: 20, label: 'f' })), 'database.unique_violation');
      assert.equal(await codeOf(repo.insert({ label: 'f' } as never)), 'database.invalid_value');
      assert.equal(await codeOf(repo.update(3, { set: { number: 4 } } as never)), 'database.invalid_value');
      assert.equal(await codeOf(repo.update(4, { set: { label: 'f' } })), 'database.not_found');
      assert.deepEqual([await repo.delete(3), await repo.delete(3), await repo.get(3)], [true, false, null]);
      for (const id of ['20', 20n, 1.5, null, undefined, { number: 20 }]) {
        assert.equal(await codeOf(repo.get(id as number)), 'database.invalid_query');
      }

      const big = db.repo(large);
      const ids = [2n ** 53n + 1n, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n];
      assert.deepEqual(await big.insertMany(ids.map((id) => ({ id, label: String(id) }))), ids);
      for (const id of ids) assert.deepEqual(await big.get(id), { id, label: String(id) });
      // No row can have it: a miss, not a fault.
      assert.deepEqual([await big.get(2n ** 63n), await big.delete(2n ** 64n)], [null, false]);
      assert.equal(await codeOf(big.get(5 as never)), 'database.invalid_query');
    },
  },

  {
    name: 'ids: a composite key is an object, in every call that takes an id',
    run: async ({ db }) => {
      await createTables(db, seats);
      const repo = db.repo(seats);
      const a1 = await repo.insert(seat('A', 1));
      assert.deepEqual(await repo.insertMany([seat('B', 1), seat('A', 2)]), [
        { row: 'B', seat: 1 },
        { row: 'A', seat: 2 },
      ]);
      assert.deepEqual(await repo.get({ row: 'A', seat: 1 }), a1);
      assert.equal(await repo.get({ seat: 2, row: 'B' }), null);
      const moved = await repo.update({ seat: 1, row: 'A' }, { inc: { visits: 2 } }, { version: 1 });
      assert.deepEqual(moved, { ...a1, visits: 2, version: 2 });
      const stale = repo.update({ row: 'A', seat: 1 }, { set: { visits: 9 } }, { version: 1 });
      assert.equal(await codeOf(stale), 'database.version_conflict');
      assert.equal(await codeOf(repo.update({ row: 'C', seat: 1 }, { inc: { visits: 1 } })), 'database.not_found');
      assert.equal(await codeOf(repo.insert({ ...seat('A', 1), guest: 'x' })), 'database.unique_violation');
      const kept = await repo.upsert(['seat', 'row'], { ...seat('A', 1), guest: 'another' });
      assert.deepEqual(kept, { ...moved, guest: 'another', visits: 0, version: 3 });
      // By another key, and the row keeps its id.
      const same = await repo.upsert(['guest'], { ...seat('Z', 9), guest: 'another', visits: 5 });
      assert.deepEqual(same, { ...kept, visits: 5, version: 4 });
      assert.equal(await repo.delete({ row: 'B', seat: 1 }), true);
      assert.equal(await repo.delete({ row: 'B', seat: 1 }), false);
      assert.equal(await repo.count(), 2);
      const faulty: unknown[] = [
        'A',
        1,
        null,
        [],
        { row: 'A' },
        { row: 'A', seat: '1' },
        { row: 'A', seat: 1, more: 1 },
      ];
      for (const id of faulty) assert.equal(await codeOf(repo.get(id as never)), 'database.invalid_query');
      for (const part of [{ row: 'B' }, { seat: 2 }]) {
        assert.equal(
          await codeOf(repo.update({ row: 'A', seat: 1 }, { set: part } as never)),
          'database.invalid_value',
        );
      }
    },
  },

  {
    name: 'ids: a composite key makes each order total, and pages by it shift nothing',
    run: async ({ db }) => {
      await createTables(db, seats);
      const repo = db.repo(seats);
      const all = ['C', 'A', 'B'].flatMap((row) => [2, 10, 1].map((n) => seat(row, n)));
      await repo.insertMany(all);
      const order = ['A1', 'A2', 'A10', 'B1', 'B2', 'B10', 'C1', 'C2', 'C10'];
      const namesOf = (rows: readonly { row: string; seat: number }[]): string[] => rows.map((at) => at.row + at.seat);
      assert.deepEqual(namesOf(await repo.find()), order);
      assert.deepEqual(namesOf(await repo.find({ sort: [['visits', 'desc']] })), [...order].reverse());
      assert.deepEqual(namesOf(await repo.find({ sort: [['seat', 'asc']], limit: 4 })), ['A1', 'B1', 'C1', 'A2']);
      const seen: string[] = [];
      let after: string | null = null;
      for (let pages = 0; pages < order.length; pages += 1) {
        const page: Awaited<ReturnType<typeof repo.window>> = await repo.window({ limit: 2, after });
        seen.push(...namesOf(page.items));
        after = page.next;
        if (after === null) break;
      }
      assert.deepEqual(seen, order);
      const streamed: string[] = [];
      for await (const at of repo.stream({ sort: [['visits', 'asc']], batchSize: 2 })) streamed.push(at.row + at.seat);
      assert.deepEqual(streamed, order);
    },
  },

  {
    name: 'ids: what the database fills in is read back, in the order of the rows',
    when: ({ generatedFields }) => generatedFields,
    run: async ({ db }) => {
      await createTables(db, counted, countedLarge);
      const repo = db.repo(counted);
      const first = await repo.insert({ label: 'first', hits: 0 });
      assert.equal(Number.isSafeInteger(first.id) && first.id > 0, true);
      assert.deepEqual(await repo.get(first.id), first);
      assert.deepEqual(await repo.insert({ id: 5000, label: 'given', hits: 0 }), { id: 5000, label: 'given', hits: 0 });
      const labels = Array.from({ length: 1100 }, (_, n) => `row ${n}`);
      const ids = await repo.insertMany(
        labels.map((label, n) => (n === 700 ? { id: 7_000, label, hits: n } : { label, hits: n })),
      );
      assert.deepEqual([ids.length, new Set(ids).size, ids[700]], [1100, 1100, 7000]);
      for (const n of [0, 1, 499, 500, 699, 700, 701, 1099]) {
        assert.equal((await repo.get(ids[n] as number))?.label, labels[n]);
      }
      assert.equal(await repo.count(), 1102);
      const added = await repo.upsert(['label'], { label: 'added', hits: 1 });
      assert.deepEqual(await repo.upsert(['label'], { label: 'added', hits: 2 }), { ...added, hits: 2 });
      assert.deepEqual(await repo.upsert(['label'], { label: 'added', hits: 2 }, { inc: { hits: 5 } }), {
        ...added,
        hits: 7,
      });
      assert.equal(await codeOf(repo.insert({ label: 'first', hits: 0 })), 'database.unique_violation');
      const big = await db.repo(countedLarge).insert({ label: 'x' });
      assert.equal(typeof big.id, 'bigint');
      assert.deepEqual(await db.repo(countedLarge).get(big.id), big);
    },
  },

  {
    name: 'ids: what the database fills in is part of the transaction around it',
    when: ({ generatedFields, transactions }) => generatedFields && transactions,
    run: async ({ db }) => {
      await createTables(db, counted);
      const repo = db.repo(counted);
      const kept = await db.transaction(async () => {
        const { id } = await repo.insert({ label: 'a', hits: 0 });
        await repo.update(id, { inc: { hits: 1 } });
        return (
          await repo.insertMany([
            { label: 'b', hits: 0 },
            { label: 'c', hits: 0 },
          ])
        )[1] as number;
      });
      assert.equal((await repo.get(kept))?.label, 'c');
      const failed = repo.insertMany([
        { label: 'd', hits: 0 },
        { label: 'a', hits: 0 },
      ]);
      assert.equal(await codeOf(failed), 'database.unique_violation');
      assert.equal(await repo.count(), 3);
    },
  },

  {
    name: 'ids: fields that nobody fills in are refused',
    when: ({ generatedFields }) => !generatedFields,
    run: async ({ db }) => {
      assert.equal(await codeOf((async () => db.repo(counted))()), 'database.unsupported');
    },
  },
];
