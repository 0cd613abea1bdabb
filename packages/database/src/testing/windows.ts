import type { Sort } from '../query.ts';
import { corpusRows, everySort } from './corpus.ts';
import { type Thing, things } from './entities.ts';
import { sorted } from './model.ts';
import { codeOf } from './runner.ts';
import type { Suite } from './suite.ts';

const ids = (rows: readonly Thing[]): string[] => rows.map(({ id }) => id);

export function windowCases({ describe, test, expect, features }: Suite): void {
  describe('windows', () => {
    test('walking forward and back over every sort visits every row once, in order', async (db) => {
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
          const page: Awaited<ReturnType<typeof repo.window>> = await repo.window({ sort, size: 17, after });
          forward.push(...ids(page.items));
          pages.push(ids(page.items));
          after = page.next;
          before = page.prev;
        } while (after !== null);
        expect({ sort, forward }).toEqual({ sort, forward: expected });
        const back: string[][] = [pages.pop() as string[]];
        while (before !== null) {
          const page: Awaited<ReturnType<typeof repo.window>> = await repo.window({ sort, size: 17, before });
          back.unshift(ids(page.items));
          before = page.prev;
        }
        expect({ sort, back: back.flat() }).toEqual({ sort, back: expected });
      }
    });

    test('long texts make long cursors, which work', async (db) => {
      const repo = db.repo(things);
      const text = (n: number): string => `${'ü'.repeat(10_000)}${n}`;
      await repo.insertMany([1, 2, 3].map((n) => ({ id: `t${n}`, text: text(n) })));
      const { next } = await repo.window({ sort: [['text', 'asc']], size: 1 });
      expect(ids((await repo.window({ sort: [['text', 'asc']], size: 1, after: next })).items)).toEqual(['t2']);
    });

    test('ends have no cursor, and a filter goes with the window', async (db) => {
      const repo = db.repo(things);
      await repo.insertMany([1, 2, 3, 4].map((int) => ({ id: `t${int}`, int, flag: int > 1 })));
      const where = { flag: true };
      const first = await repo.window({ where, size: 2 });
      expect([ids(first.items), first.prev]).toEqual([['t2', 't3'], null]);
      const last = await repo.window({ where, size: 2, after: first.next });
      expect([ids(last.items), last.next, last.prev !== null]).toEqual([['t4'], null, true]);
      const again = await repo.window({ where, size: 2, before: last.prev });
      expect([ids(again.items), again.prev, again.next]).toEqual([['t2', 't3'], null, first.next]);
      expect(await repo.window({ where: { int: 99 }, size: 2 })).toEqual({ items: [], next: null, prev: null });
      expect((await repo.window({ where, size: 3 })).next).toBe(null);
    });

    test('rows that come and go meanwhile neither repeat nor hide others', async (db) => {
      const repo = db.repo(things);
      const sort: Sort<Thing> = [['int', 'desc']];
      await repo.insertMany(
        Array.from({ length: 60 }, (_, index) => ({ id: `old${String(index).padStart(2, '0')}`, int: index % 7 })),
      );
      const seen: string[] = [];
      let after: string | null = null;
      let round = 0;
      do {
        const page: Awaited<ReturnType<typeof repo.window>> = await repo.window({ sort, size: 7, after });
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
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((id) => id.startsWith('old')).length).toBe(60);
    });

    test('a cursor that was changed, or is of another query, is refused', async (db, { connect }) => {
      const repo = db.repo(things);
      await repo.insertMany([1, 2, 3].map((int) => ({ id: `t${int}`, int, text: 'x' })));
      const sort: Sort<Thing> = [['int', 'asc']];
      const { next } = await repo.window({ sort, size: 1 });
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
        expect({ after, code: await codeOf(repo.window({ sort, size: 1, after: after as string })) }).toEqual({
          after,
          code: 'database.invalid_cursor',
        });
      }
      for (const other of [[['int', 'desc']], [['text', 'asc']], []] as Sort<Thing>[]) {
        expect(await codeOf(repo.window({ sort: other, size: 1, after: cursor }))).toBe('database.invalid_cursor');
      }
      expect(await codeOf(repo.window({ sort, size: 1, after: cursor, before: cursor }))).toBe(
        'database.invalid_query',
      );
      for (const size of [0, -1, 1.5, undefined])
        expect(await codeOf(repo.window({ sort, size: size as number }))).toBe('database.invalid_query');
      if (!features.shared) return;
      const signed = connect({ cursorSecret: 'k1' });
      const { next: withSecret } = await signed.repo(things).window({ sort, size: 1 });
      expect((await signed.repo(things).window({ sort, size: 1, after: withSecret })).items.length).toBe(1);
      expect(await codeOf(signed.repo(things).window({ sort, size: 1, after: cursor }))).toBe(
        'database.invalid_cursor',
      );
      expect(await codeOf(repo.window({ sort, size: 1, after: withSecret }))).toBe('database.invalid_cursor');
    });

    test('a stream gives every row in order, and its loop may write', async (db) => {
      const repo = db.repo(things);
      const rows = corpusRows();
      await repo.insertMany(rows);
      const sort: Sort<Thing> = [['int', 'desc']];
      const seen: string[] = [];
      for await (const row of repo.stream({ sort, batchSize: 16 })) {
        seen.push(row.id);
        if (row.text !== null) await repo.update(row.id, { set: { text: 'seen' } });
      }
      expect(seen).toEqual(ids(sorted(rows, sort)));
      let count = 0;
      for await (const _row of repo.stream({ where: { text: 'seen' } })) {
        count += 1;
        if (count === 5) break;
      }
      expect(count).toBe(5);
      expect(db.stats().inUse).toBe(0);
    });
  });
}
