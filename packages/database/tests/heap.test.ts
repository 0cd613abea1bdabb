// A database lives as long as its process: nothing that it does may leave something behind.
import { bytesPerRound } from '@ent/testkit';
import { sql } from 'kysely';
import { beforeEach, expect, it } from 'vitest';
import { people, rejection } from './fixtures/people.ts';
import { useSqliteFile } from './fixtures/sqlite-file.ts';

const place = useSqliteFile();
let db: Awaited<ReturnType<typeof place.open>>;
const repo = () => db.repo(people);
beforeEach(async () => {
  db = await place.open();
  await repo().insert({ id: 'a', email: 'a' });
});

/** Less than a promise and a listener that would be kept; what the engine learns meanwhile is some 50. */
const LEAST = 150;
const flat = async (work: (round: number) => Promise<unknown>) =>
  expect(await bytesPerRound(2000, work)).toBeLessThan(LEAST);

it('many transactions, those that fail or are nested included, leave nothing in the heap', () =>
  flat(async (round) => {
    await db.transaction(async () => {
      await repo().update('a', { set: { age: round } });
      await db.transaction(() => repo().get('a'), { propagation: 'nested' });
      db.afterCommit(() => {});
    });
    await rejection(
      db.transaction(async () => {
        await repo().update('a', { set: { age: -1 } });
        throw new Error('back');
      }),
    );
    await db.transaction(() => repo().count(), { readOnly: true, timeout: '1h' });
  }));

it('many calls with a signal that lives on leave nothing in the heap', () => {
  const { signal } = new AbortController();
  return flat(async (round) => {
    await repo().get('a', { signal });
    await repo().find({ where: { email: `e${round}` }, signal, timeout: '1h' });
    await db.transaction(() => repo().get('a', { signal }), { signal });
    await sql`select ${round}`.execute(db.native.kysely);
  });
});

it('many calls that wait for a connection, or give up the wait, leave nothing in the heap', () =>
  flat(async () => {
    const controller = new AbortController();
    const [holding, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const writing = db.transaction(async () => {
      held.resolve();
      await holding.promise;
    });
    await held.promise;
    const waiting = [repo().update('a', { set: { age: 1 } }), repo().get('a')];
    const hasty = rejection(repo().update('a', { set: { age: 2 } }, { signal: controller.signal }));
    controller.abort(new Error('gone'));
    holding.resolve();
    await Promise.all([writing, hasty, ...waiting]);
  }));
