// One corpus of generated filters, sorts and pages for all databases, each in three time zones: all give the rows that
// the model of the conformance suite gives, in its order, and so the same as each other.
import assert from 'node:assert/strict';
import type { DatabaseHarness } from '@ent/database/testing';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { corpusRows } from '../../src/testing/corpus.ts';
import { createTables, things } from '../../src/testing/entities.ts';
import { databaseHarness as mongodbHarness } from '../fixtures/mongodb.ts';
import { databaseHarness as mysqlHarness } from '../fixtures/mysql.ts';
import { answerOf, ask, CORPUS, ordersDecimals, questionOf } from '../fixtures/one-corpus.ts';
import { schemaHarness } from '../fixtures/postgres.ts';
import { fileHarness, memoryHarness, threadHarness } from '../fixtures/storage.ts';

// New York has hours that come twice and hours that do not come; Monrovia was 44:30 minutes behind until 1972.
const ZONES = [
  ['UTC', 0],
  ['America/New_York', 300],
  ['Africa/Monrovia', 44],
] as const;

const codeOf = ({ code }: { code: unknown }): unknown => code;

/** @param ci how many of the questions are asked in every run of the tests */
function answersTheCorpus({ create, features }: DatabaseHarness, ci = 12): void {
  describe.each(ZONES)('with TZ=%s', (zone, minutesIn1960) => {
    const given = process.env['TZ'];
    beforeEach(() => {
      process.env['TZ'] = zone;
      expect(Math.floor(new Date(Date.UTC(1960, 0)).getTimezoneOffset())).toBe(minutesIn1960);
    });
    afterEach(() => {
      if (given === undefined) delete process.env['TZ'];
      else process.env['TZ'] = given;
    });

    itInDepth('answers as the model', { full: CORPUS, ci, of: 'questions' }, async ({ count, seed }) => {
      const storage = await create();
      const db = storage.connect();
      try {
        await createTables(db, things);
        const rows = corpusRows();
        await db.repo(things).insertMany(rows);
        const first = seed % (CORPUS - count + 1);
        for (let number = first; number < first + count; number += 1) {
          const question = questionOf(number);
          if (features.decimalOrder || !ordersDecimals(question)) {
            const expected = answerOf(rows, question);
            assert.deepEqual({ question, rows: await ask(db, question) }, { question, rows: expected });
          } else {
            const code = await ask(db, question).then(() => 'none', codeOf);
            assert.deepEqual({ question, code }, { question, code: 'database.invalid_query' });
          }
        }
      } finally {
        await db.close();
        await storage.remove();
      }
    });
  });
}

describe('sqlite in memory', () => {
  answersTheCorpus(memoryHarness);
});
describe('a sqlite file', () => {
  answersTheCorpus(fileHarness);
});
describe('a sqlite file in threads', () => {
  answersTheCorpus(threadHarness);
});
describeWithServer('postgres', (server) => answersTheCorpus(schemaHarness(() => server.url)));
describeWithServer('postgres-18', (server) => answersTheCorpus(schemaHarness(() => server.url)));
describeWithServer('mariadb', (server) => answersTheCorpus(mysqlHarness(() => server.url)));
// FerretDB compares documents one by one, and its requests wait for each other.
describeWithServer('mongodb', (server) =>
  answersTheCorpus(
    mongodbHarness(() => server.url),
    5,
  ),
);
