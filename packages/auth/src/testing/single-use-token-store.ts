import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { type Case, declareCases, until } from '@ent/internal';
import type { SingleUseTokenRecord, SingleUseTokenStore } from '../driver.ts';
import { pick } from './pick.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of single-use tokens. */
export interface SingleUseTokenStoreHarness {
  /** The store to test. Called once a case; several may share one backend. */
  make(): SingleUseTokenStore | Promise<SingleUseTokenStore>;
  /**
   * The backend removes by itself what has lived from `createdAt` to `expiresAt`, so that `deleteExpired` has nothing
   * to do; the suite waits for that. Default `false`.
   */
  readonly expiresByItself?: boolean | undefined;
}

const NOW = Date.UTC(2030, 0, 1, 12, 0, 0, 123);
const at = (ms: number): Date => new Date(NOW + ms);

function token(more: Partial<SingleUseTokenRecord> = {}): SingleUseTokenRecord {
  return {
    id: randomBytes(32).toString('base64url'),
    purpose: 'email-verification',
    subject: `subject-${randomUUID()}`,
    data: 'ünïcödé 🔑@example.org',
    createdAt: at(0),
    expiresAt: at(1_000_000),
    consumedAt: null,
    ...more,
  };
}

type When = (harness: SingleUseTokenStoreHarness) => boolean;

const define = (
  name: string,
  run: (store: SingleUseTokenStore) => Promise<void>,
  when: When = () => true,
): Case<SingleUseTokenStoreHarness, SingleUseTokenStore> => ({ name, run, when });

const expiresByItself: When = (harness) => harness.expiresByItself === true;

const cases: readonly Case<SingleUseTokenStoreHarness, SingleUseTokenStore>[] = [
  define('a token comes back as it was stored; ids differ by case', async (store) => {
    const stored = token({ id: `aB${randomBytes(20).toString('hex')}` });
    const twin = token({ id: stored.id.toUpperCase(), data: null });
    await store.insert(stored);
    assert.equal(await store.get(twin.id), undefined);
    await store.insert(twin);
    for (const one of [stored, twin]) assert.deepEqual(pick(one, await store.get(one.id)), one);
    assert.equal(await store.get('unknown'), undefined);
  }),

  define('a token is used once, whoever comes first, and keeps that time', async (store) => {
    const stored = token();
    await store.insert(stored);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => store.consume(stored.id, at(n))));
    assert.equal(answers.filter(Boolean).length, 1);
    assert.equal(await store.consume(stored.id, at(99)), false);
    const expected = { ...stored, consumedAt: at(answers.indexOf(true)) };
    assert.deepEqual(pick(stored, await store.get(stored.id)), expected);
    assert.equal(await store.consume('unknown', at(0)), false);
  }),

  define('the tokens of an account for one purpose end together, and no others', async (store) => {
    const { subject, purpose } = token();
    const mine = [token({ subject }), token({ subject }), token({ subject, consumedAt: at(1) })];
    const others = [
      token({ subject, purpose: 'password-reset' }),
      token({ subject: `${subject}x` }),
      token({ subject: subject.toUpperCase() }),
    ];
    for (const one of [...mine, ...others]) await store.insert(one);
    assert.equal(await store.consumeAll(purpose, subject, at(2)), 2);
    assert.equal(await store.consumeAll(purpose, subject, at(3)), 0);
    const times = await Promise.all(mine.map(async ({ id }) => Number((await store.get(id))?.consumedAt)));
    assert.deepEqual(times, [at(2), at(2), at(1)].map(Number));
    for (const { id } of others) assert.equal((await store.get(id))?.consumedAt, null);
  }),

  define(
    'expired tokens are removed, and no others',
    async (store) => {
      // Long ago, so that what other cases have stored is not expired.
      const limit = new Date(Date.UTC(2001, 0, 1));
      const some = [-1, 0, 1].map((ms) => token({ expiresAt: new Date(limit.getTime() + ms) }));
      for (const one of some) await store.insert(one);
      assert.ok((await store.deleteExpired(limit)) >= 1);
      const kept = await Promise.all(some.map(async ({ id }) => (await store.get(id)) !== undefined));
      assert.deepEqual(kept, [false, true, true]);
      // Leave nothing behind that the next run would count.
      await store.deleteExpired(new Date(limit.getTime() + 1000));
    },
    (harness) => !expiresByItself(harness),
  ),

  define(
    'expired tokens go by themselves, and no others',
    async (store) => {
      const { subject, purpose } = token();
      const [brief, long] = [token({ subject, expiresAt: at(50) }), token({ subject })];
      for (const one of [brief, long]) await store.insert(one);
      await until(async () => (await store.get(brief.id)) === undefined, 'the token is gone');
      assert.equal(await store.consume(brief.id, at(51)), false);
      assert.equal(await store.get(brief.id), undefined);
      assert.deepEqual(pick(long, await store.get(long.id)), long);
      assert.equal(await store.consumeAll(purpose, subject, at(52)), 1);
      assert.equal(await store.deleteExpired(at(53)), 0);
    },
    expiresByItself,
  ),
];

/** The conformance suite for stores of single-use tokens, under any test runner. */
export function testSingleUseTokenStore(runner: TestRunner, harness: SingleUseTokenStoreHarness): void {
  declareCases(runner, harness, cases, async (run) => run(await harness.make()));
}
