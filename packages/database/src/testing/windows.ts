import assert from 'node:assert/strict';
import type { Sort } from '../query.ts';
import { corpusRows, everySort } from './corpus.ts';
import { type Thing, things } from './entities.ts';
import { sorted } from './model.ts';
import { codeOf, type DatabaseCase } from './suite.ts';

const ids = (rows: readonly Thing[]): string[] => rows.map(({ id }) => id);

export const windowCases: readonly DatabaseCase[] = [
  {
    name: 'windows: walking forward and back over every sort visits every row once, in order',
    run: async ({ db, features }) => {
      const repo = db.repo(things);
      const rows = corpusRows();
      await repo.insertMany(rows);
      for (const sort of everySort(features)) {
        const expected = ids(sorted(rows, sort));
        const forward: string[] = [];
        const pages: string[][] = [];
        let after: string | null = null;
        let before: string | null = null;
        do {
          const page: Awaited<ReturnType<typeof repo.window>> = await repo.window({ sort, limit: 17, after });
          forward.push(...ids(page.items));
          pages.push(ids(page.items));
          after = page.next;
          before = page.prev;
        } while (after !== null);
        assert.deepEqual({ sort, forward }, { sort, forward: expected });
        const back: string[][] = [pages.pop() as string[]];
        while (before !== null) {
          const page: Awaited<ReturnType<typeof repo.window>> = await repo.window({ sort, limit: 17, before });
          back.unshift(ids(page.items));
          before = page.prev;
        }
        assert.deepEqual({ sort, back: back.flat() }, { sort, back: expected });
      }
    },
  },

  {
    name: 'windows: long texts make long cursors, which work',
    run: async ({ db }) => {
      const repo = db.repo(things);
      const text = (n: number): string => `${'ü'.repeat(10_000)}${n}`;
      await repo.insertMany([1, 2, 3].map((n) => ({ id: `t${n}`, text: text(n) })));
      const { next } = await repo.window({ sort: [['text', 'asc']], limit: 1 });
      assert.deepEqual(ids((await repo.window({ sort: [['text', 'asc']], limit: 1, after: next })).items), ['t2']);
    },
  },

  {
    name: 'windows: ends have no cursor, and a filter goes with the window',
    run: async ({ db }) => {
      const repo = db.repo(things);
      await repo.insertMany([1, 2, 3, 4].map((int) => ({ id: `t${int}`, int, flag: int > 1 })));
      const where = { flag: true };
      const first = await repo.window({ where, limit: 2 });
      assert.deepEqual([ids(first.items), first.prev], [['t2', 't3'], null]);
      const last = await repo.window({ where, limit: 2, after: first.next });
      assert.deepEqual([ids(last.items), last.next, last.prev !== null], [['t4'], null, true]);
      const again = await repo.window({ where, limit: 2, before: last.prev });
      assert.deepEqual([ids(again.items), again.prev, again.next], [['t2', 't3'], null, first.next]);
      assert.deepEqual(await repo.window({ where: { int: 99 }, limit: 2 }), { items: [], next: null, prev: null });
      assert.equal((await repo.window({ where, limit: 3 })).next, null);
    },
  },

  {
    name: 'windows: rows that come and go meanwhile neither repeat nor hide others',
    run: async ({ db }) => {
      const repo = db.repo(things);
      const sort: Sort<Thing> = [['int', 'desc']];
      await repo.insertMany(
        Array.from({ length: 60 }, (_, index) => ({ id: `old${String(index).padStart(2, '0')}`, int: index % 7 })),
      );
      const seen: string[] = [];
      let after: string | null = null;
      let round = 0;
      do {
        const page: Awaited<ReturnType<typeof repo.window>> = await repo.window({ sort, limit: 7, after });
        seen.push(...ids(page.items));
        await repo.insertMany([
          { id: `new${round}a`, int: 99 },
          { id: `new${round}b`, int: round % 7 },
        ]);
        const gone = page.items.at(-1);
        if (gone !== undefined) await repo.delete(gone.id);
        after = page.next;
        round += 1;
      } while (after !== null);
      assert.equal(new Set(seen).size, seen.length);
      assert.equal(seen.filter((id) => id.startsWith('old')).length, 60);
    },
  },

  {
    name: 'windows: a cursor that was changed, or is of another query, is refused',
    run: async ({ db, connect, features }) => {
      const repo = db.repo(things);
      await repo.insertMany([1, 2, 3].map((int) => ({ id: `t${int}`, int, text: 'x' })));
      const sort: Sort<Thing> = [['int', 'asc']];
      const { next } = await repo.window({ sort, limit: 1 });
      const cursor = next as string;
      const faulty: unknown[] = [
        '',
        'x',
        '!!',
        `${cursor}=`,
        `${cursor} `,
        cursor.slice(0, -1),
        cursor.slice(1),
        `${cursor}A`,
        5,
        {},
        'a'.repeat(10_000),
      ];
      for (let index = 0; index < cursor.length; index += 1) {
        const other = cursor[index] === 'A' ? 'B' : 'A';
        faulty.push(cursor.slice(0, index) + other + cursor.slice(index + 1));
      }
      for (const after of faulty) {
        assert.deepEqual(
          { after, code: await codeOf(repo.window({ sort, limit: 1, after: after as string })) },
          {
            after,
            code: 'database.invalid_cursor',
          },
        );
      }
      for (const other of [[['int', 'desc']], [['text', 'asc']], []] as Sort<Thing>[]) {
        assert.equal(await codeOf(repo.window({ sort: other, limit: 1, after: cursor })), 'database.invalid_cursor');
      }
      assert.equal(
        await codeOf(repo.window({ sort, limit: 1, after: cursor, before: cursor })),
        'database.invalid_query',
      );
      for (const limit of [0, -1, 1.5, undefined])
        assert.equal(await codeOf(repo.window({ sort, limit: limit as number })), 'database.invalid_query');
      if (!features.shared) return;
      const signed = connect({ cursorSecret: 'k1' });
      const { next: withSecret } = await signed.repo(things).window({ sort, limit: 1 });
      assert.equal((await signed.repo(things).window({ sort, limit: 1, after: withSecret })).items.length, 1);
      assert.equal(
        await codeOf(signed.repo(things).window({ sort, limit: 1, after: cursor })),
        'database.invalid_cursor',
      );
      assert.equal(await codeOf(repo.window({ sort, limit: 1, after: withSecret })), 'database.invalid_cursor');
    },
  },

  {
    name: 'windows: a stream gives every row in order, and its loop may write',
    run: async ({ db }) => {
      const repo = db.repo(things);
      const rows = corpusRows();
      await repo.insertMany(rows);
      const sort: Sort<Thing> = [['int', 'desc']];
      const seen: string[] = [];
      for await (const row of repo.stream({ sort, batchSize: 16 })) {
        seen.push(row.id);
        if (row.text !== null) await repo.update(row.id, { set: { text: 'seen' } });
      }
      assert.deepEqual(seen, ids(sorted(rows, sort)));
      let count = 0;
      for await (const _row of repo.stream({ where: { text: 'seen' } })) {
        count += 1;
        if (count === 5) break;
      }
      assert.equal(count, 5);
      assert.equal(db.stats().inUse, 0);
    },
  },
];
