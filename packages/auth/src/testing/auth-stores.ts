import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { type Case, declareCases, until } from '@ent/internal';
import type { AuthStores, RefreshTokenRecord, SessionRecord } from '../driver.ts';
import { pick } from './pick.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about stores of sessions and refresh tokens. */
export interface AuthStoresHarness {
  /**
   * The stores to test. Called once a case; several may share one backend, as the cases use ids of their own and remove
   * only what they have made expire.
   */
  make(): AuthStores | Promise<AuthStores>;
  /**
   * The backend removes by itself what has lived from `createdAt` to `expiresAt`, so that `deleteExpired` has nothing
   * to do; the suite waits for that. Default `false`.
   */
  readonly expiresByItself?: boolean | undefined;
}

const NOW = Date.UTC(2030, 0, 1, 12, 0, 0, 123);
const at = (ms: number): Date => new Date(NOW + ms);

function session(more: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: randomUUID(),
    subject: `subject-${randomUUID()}`,
    createdAt: at(0),
    lastUsedAt: at(0),
    expiresAt: at(1_000_000),
    revokedAt: null,
    revokedReason: null,
    amr: 'pwd otp',
    userAgent: 'Mozilla/5.0 (ünïcödé 🔑)',
    address: '2001:db8::1',
    jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
    ...more,
  };
}

function token(more: Partial<RefreshTokenRecord> = {}): RefreshTokenRecord {
  return {
    id: randomBytes(32).toString('base64url'),
    sessionId: randomUUID(),
    nonce: randomBytes(16).toString('base64url'),
    createdAt: at(0),
    expiresAt: at(1_000_000),
    spentAt: null,
    successorId: null,
    ...more,
  };
}

type When = (harness: AuthStoresHarness) => boolean;

const define = (
  name: string,
  run: (stores: AuthStores) => Promise<void>,
  when: When = () => true,
): Case<AuthStoresHarness, AuthStores> => ({ name, run, when });

const expiresByItself: When = (harness) => harness.expiresByItself === true;

const cases: readonly Case<AuthStoresHarness, AuthStores>[] = [
  define('a session comes back as it was stored', async ({ sessions }) => {
    for (const stored of [
      session(),
      session({ userAgent: null, address: null, jkt: null, amr: '' }),
      session({ amr: '' }),
    ]) {
      await sessions.insert(stored);
      assert.deepEqual(pick(stored, await sessions.get(stored.id)), stored);
    }
    assert.equal(await sessions.get(randomUUID()), undefined);
  }),

  define('a session is revoked once, whoever comes first, and keeps that time and reason', async ({ sessions }) => {
    const stored = session();
    await sessions.insert(stored);
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => sessions.revoke(stored.id, at(n), `reason ${n}`)),
    );
    assert.equal(results.filter(Boolean).length, 1);
    const winner = results.indexOf(true);
    assert.equal(await sessions.revoke(stored.id, at(99), 'late'), false);
    const revoked = { ...stored, revokedAt: at(winner), revokedReason: `reason ${winner}` };
    assert.deepEqual(pick(stored, await sessions.get(stored.id)), revoked);
    assert.equal(await sessions.revoke(randomUUID(), at(0), 'unknown'), false);
  }),

  define('touching a session changes its last use only, and brings none back', async ({ sessions }) => {
    for (let round = 0; round < 20; round++) {
      const stored = session();
      await sessions.insert(stored);
      await Promise.all([
        sessions.touch(stored.id, at(5)),
        sessions.revoke(stored.id, at(6), 'theft'),
        sessions.touch(stored.id, at(5)),
      ]);
      assert.deepEqual(pick(stored, await sessions.get(stored.id)), {
        ...stored,
        lastUsedAt: at(5),
        revokedAt: at(6),
        revokedReason: 'theft',
      });
    }
    await sessions.touch(randomUUID(), at(5));
  }),

  define('the sessions of an account are listed and revoked together, and no others', async ({ sessions }) => {
    const { subject } = session();
    const mine = [session({ subject }), session({ subject }), session({ subject })] as const;
    const others = [session(), session({ subject: `${subject}x` }), session({ subject: subject.toUpperCase() })];
    for (const one of [...mine, ...others]) await sessions.insert(one);
    await sessions.revoke(mine[0].id, at(1), 'before');
    const listed = (await sessions.list(subject)).map(({ id }) => id);
    assert.deepEqual(listed.sort(), mine.map(({ id }) => id).sort());
    assert.equal(await sessions.revokeSubject(subject, at(2), 'all', mine[1].id), 1);
    assert.equal((await sessions.get(mine[0].id))?.revokedReason, 'before');
    assert.equal((await sessions.get(mine[1].id))?.revokedAt, null);
    assert.equal((await sessions.get(mine[2].id))?.revokedReason, 'all');
    assert.equal(await sessions.revokeSubject(subject, at(3), 'all'), 1);
    assert.equal(await sessions.revokeSubject(subject, at(4), 'all'), 0);
    for (const { id } of others) assert.equal((await sessions.get(id))?.revokedAt, null);
  }),

  define(
    'expired sessions and tokens are removed, and no others',
    async ({ sessions, refreshTokens }) => {
      // Long ago, so that what other cases have stored is not expired.
      const limit = new Date(Date.UTC(2001, 0, 1));
      const expiries = [-1, 0, 1].map((ms) => ({ expiresAt: new Date(limit.getTime() + ms) }));
      const someSessions = expiries.map((more) => session(more));
      const someTokens = expiries.map((more) => token(more));
      for (const one of someSessions) await sessions.insert(one);
      for (const one of someTokens) await refreshTokens.insert(one);
      assert.ok((await sessions.deleteExpired(limit)) >= 1);
      assert.ok((await refreshTokens.deleteExpired(limit)) >= 1);
      const kept = async (store: { get(id: string): Promise<object | undefined> }, records: { id: string }[]) =>
        Promise.all(records.map(async ({ id }) => (await store.get(id)) !== undefined));
      assert.deepEqual(await kept(sessions, someSessions), [false, true, true]);
      assert.deepEqual(await kept(refreshTokens, someTokens), [false, true, true]);
      // Leave nothing behind that the next run would count.
      await sessions.deleteExpired(new Date(limit.getTime() + 1000));
      await refreshTokens.deleteExpired(new Date(limit.getTime() + 1000));
    },
    (harness) => !expiresByItself(harness),
  ),

  define(
    'expired sessions and tokens go by themselves, and no others',
    async ({ sessions, refreshTokens }) => {
      const { subject } = session();
      const [brief, long] = [session({ subject, expiresAt: at(50) }), session({ subject })];
      const [briefToken, longToken] = [token({ expiresAt: at(50) }), token()];
      for (const one of [brief, long]) await sessions.insert(one);
      for (const one of [briefToken, longToken]) await refreshTokens.insert(one);
      await until(async () => (await sessions.get(brief.id)) === undefined, 'the session is gone');
      await until(async () => (await refreshTokens.get(briefToken.id)) === undefined, 'the token is gone');
      assert.equal(await sessions.revoke(brief.id, at(51), 'late'), false);
      await sessions.touch(brief.id, at(51));
      assert.equal(await sessions.get(brief.id), undefined);
      assert.equal(await refreshTokens.spend(briefToken.id, at(51), 'late'), undefined);
      assert.deepEqual(pick(long, await sessions.get(long.id)), long);
      assert.deepEqual(pick(longToken, await refreshTokens.get(longToken.id)), longToken);
      assert.deepEqual(
        (await sessions.list(subject)).map(({ id }) => id),
        [long.id],
      );
      assert.equal(await sessions.revokeSubject(subject, at(52), 'all'), 1);
      assert.equal(await sessions.deleteExpired(at(53)), 0);
      assert.equal(await refreshTokens.deleteExpired(at(53)), 0);
    },
    expiresByItself,
  ),

  define('a token comes back as it was stored; ids differ by case', async ({ refreshTokens }) => {
    const stored = token({ id: `aB${randomBytes(20).toString('hex')}` });
    const twin = token({ id: stored.id.toUpperCase() });
    assert.equal(await refreshTokens.insert(stored), true);
    assert.equal(await refreshTokens.get(twin.id), undefined);
    assert.equal(await refreshTokens.insert(twin), true);
    assert.deepEqual(pick(stored, await refreshTokens.get(stored.id)), stored);
    assert.equal(await refreshTokens.get('unknown'), undefined);
  }),

  define('of tokens with the same id that are added at once the first stays', async ({ refreshTokens }) => {
    const { id } = token();
    const candidates = Array.from({ length: 50 }, () => token({ id }));
    const added = await Promise.all(candidates.map((one) => refreshTokens.insert(one)));
    assert.equal(added.filter(Boolean).length, 1);
    const winner = candidates[added.indexOf(true)] as RefreshTokenRecord;
    assert.deepEqual(pick(winner, await refreshTokens.get(id)), winner);
    assert.equal(await refreshTokens.insert(token({ id })), false);
  }),

  define('a token is spent once, and everybody is told by whom', async ({ refreshTokens }) => {
    for (let round = 0; round < 5; round++) {
      const stored = token();
      await refreshTokens.insert(stored);
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, n) => refreshTokens.spend(stored.id, at(n), `successor ${n}`)),
      );
      const winners = answers.flatMap((answer, n) => (answer?.first ? [n] : []));
      assert.equal(winners.length, 1, `${winners.length} calls were told that they came first`);
      const [winner] = winners as [number];
      const spent = { ...stored, spentAt: at(winner), successorId: `successor ${winner}` };
      for (const answer of answers) assert.deepEqual(pick(stored, answer?.record), spent);
      const late = await refreshTokens.spend(stored.id, at(999), 'late');
      assert.deepEqual([late?.first, pick(stored, late?.record)], [false, spent]);
      assert.deepEqual(pick(stored, await refreshTokens.get(stored.id)), spent);
    }
    assert.equal(await refreshTokens.spend('unknown', at(0), 'x'), undefined);
  }),

  define('spending one token leaves all others as they are', async ({ refreshTokens }) => {
    const sessionId = randomUUID();
    const [one, two] = [token({ sessionId }), token({ sessionId })];
    await refreshTokens.insert(one);
    await refreshTokens.insert(two);
    await refreshTokens.spend(one.id, at(1), two.id);
    assert.deepEqual(pick(two, await refreshTokens.get(two.id)), two);
  }),
];

/**
 * The conformance suite for stores of sessions and refresh tokens, under any test runner.
 *
 * @example
 * ```ts no-run
 * import { memoryStores } from '@ent/auth/stores';
 * import { testAuthStores } from '@ent/auth/testing';
 * import { it } from 'vitest';
 *
 * testAuthStores({ it }, { make: () => memoryStores() });
 * ```
 */
export function testAuthStores(runner: TestRunner, harness: AuthStoresHarness): void {
  declareCases(runner, harness, cases, async (run) => run(await harness.make()));
}
