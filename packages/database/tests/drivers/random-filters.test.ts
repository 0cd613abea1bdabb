// Random filters, nested three deep, on each driver: it finds the rows that the model of the conformance suite finds.
import type { DatabaseHarness } from '@ent/database/testing';
import { randomOf } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { describe, expect } from 'vitest';
import { corpusRows, randomFilter } from '../../src/testing/corpus.ts';
import { createAll, things } from '../../src/testing/entities.ts';
import { matches } from '../../src/testing/model.ts';
import { databaseHarness as mongodbHarness } from '../fixtures/mongodb.ts';
import { databaseHarness } from '../fixtures/mysql.ts';
import { memoryHarness } from '../fixtures/storage.ts';

function findsWhatTheModelFinds({ create, features }: DatabaseHarness, rounds: { full: number; ci: number }): void {
  itInDepth('finds what the model finds', { ...rounds, of: 'random filters' }, async ({ count, seed }) => {
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
}

describe('sqlite', () => {
  findsWhatTheModelFinds(memoryHarness, { full: 20_000, ci: 200 });
});

describeWithServer('mariadb', (server) => {
  const harness = databaseHarness(() => server.url);
  findsWhatTheModelFinds(harness, { full: 20_000, ci: 200 });
});

// FerretDB compares documents one by one.
describeWithServer('mongodb', (server) => {
  const harness = mongodbHarness(() => server.url);
  findsWhatTheModelFinds(harness, { full: 2000, ci: 50 });
});
