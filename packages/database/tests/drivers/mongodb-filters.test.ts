// MongoDB's API by the filters and sorts of the conformance suite.
import { testDatabaseDriver } from '@ent/database/testing';
import { randomOf } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import { corpusRows, everyCondition } from '../../src/testing/corpus.ts';
import { createAll, things } from '../../src/testing/entities.ts';
import { matches } from '../../src/testing/model.ts';
import { databaseHarness } from '../fixtures/mongodb.ts';

/** FerretDB compares documents one by one, and its requests wait for each other. */
const TIMEOUT_MS = 300_000;
/** What takes it some minutes is done in parts below. */
const LONG = /every operator with every value/;

describeWithServer('mongodb', (server) => {
  const harness = databaseHarness(() => server.url);
  describe('by the conformance suite', () => {
    testDatabaseDriver(
      {
        it: (name, body) =>
          name.startsWith('filters') && !LONG.test(name) ? it(`${name}`, body, TIMEOUT_MS) : undefined,
      },
      harness,
    );
  });

  const every = everyCondition(harness.features);
  itInDepth(
    'each operator with each value finds what the model finds',
    { full: every.length, ci: 100, of: 'filters' },
    async ({ count, seed }) => {
      const storage = await harness.create();
      const db = storage.connect();
      try {
        await createAll(db);
        const rows = corpusRows();
        await db.repo(things).insertMany(rows);
        const random = randomOf(seed);
        const shuffled = every.map((where) => ({ where, at: random() })).sort((a, b) => a.at - b.at);
        for (const { where } of shuffled.slice(0, count)) {
          const expected = rows.filter((row) => matches(row, where)).map(({ id }) => id);
          const found = await db.repo(things).find({ where, sort: [['id', 'asc']] });
          expect({ where, ids: found.map(({ id }) => id) }).toEqual({ where, ids: expected });
          expect(await db.repo(things).count({ where })).toBe(expected.length);
        }
      } finally {
        await db.close();
        await storage.remove();
      }
    },
  );
});
