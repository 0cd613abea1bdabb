// Random filters, nested three deep, on each driver: it finds the rows that the model of the conformance suite finds.
import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect } from 'vitest';
import { corpusRows, randomFilter } from '../../src/testing/corpus.ts';
import { createAll, things } from '../../src/testing/entities.ts';
import { matches } from '../../src/testing/model.ts';
import { memoryHarness } from '../fixtures/storage.ts';

describe.each([['sqlite', memoryHarness]])('%s', (_name, { create, features }) => {
  itInDepth('finds what the model finds', { full: 20_000, ci: 200, of: 'random filters' }, async ({ count, seed }) => {
    const storage = await create();
    const db = storage.connect();
    try {
      await createAll(db);
      const repo = db.repo(things);
      const rows = corpusRows();
      await repo.insertMany(rows);
      const random = randomOf(seed);
      for (let round = 0; round < count; round++) {
        const where = randomFilter(random, features, 3);
        const found = await repo.find({ where, sort: [['id', 'asc']] });
        const expected = rows.filter((row) => matches(row, where));
        expect({ where, ids: found.map(({ id }) => id) }).toEqual({ where, ids: expected.map(({ id }) => id) });
      }
    } finally {
      await db.close();
      await storage.remove();
    }
  });
});
