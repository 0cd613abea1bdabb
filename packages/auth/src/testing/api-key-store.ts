import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { type Case, declareCases } from '@ent/internal';
import type { ApiKeyRecord, ApiKeyStore } from '../driver.ts';
import { pick } from './pick.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of API keys. */
export interface ApiKeyStoreHarness {
  /** The store to test. Called once a case; several may share one backend. */
  make(): ApiKeyStore | Promise<ApiKeyStore>;
}

const NOW = Date.UTC(2030, 0, 1, 12, 0, 0, 123);
const at = (ms: number): Date => new Date(NOW + ms);

function apiKey(more: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    id: randomBytes(8).toString('hex'),
    subject: `subject-${randomUUID()}`,
    name: 'deployments (ünïcödé 🔑)',
    hash: randomBytes(32).toString('base64url'),
    scopes: 'docs:read users:**',
    createdAt: at(0),
    expiresAt: at(1_000_000),
    lastUsedAt: null,
    revokedAt: null,
    successorId: null,
    ...more,
  };
}

const define = (name: string, run: (store: ApiKeyStore) => Promise<void>): Case<unknown, ApiKeyStore> => ({
  name,
  run,
});

const cases: readonly Case<unknown, ApiKeyStore>[] = [
  define('a key comes back as it was stored', async (store) => {
    for (const stored of [apiKey(), apiKey({ expiresAt: null, scopes: '**', lastUsedAt: at(5) })]) {
      await store.insert(stored);
      assert.deepEqual(pick(stored, await store.get(stored.id)), stored);
    }
    assert.equal(await store.get('0'.repeat(16)), undefined);
  }),

  define('a key is revoked once, by its own account', async (store) => {
    const stored = apiKey();
    await store.insert(stored);
    assert.equal(await store.revoke('somebody', stored.id, at(0)), false);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => store.revoke(stored.subject, stored.id, at(n))),
    );
    assert.equal(answers.filter(Boolean).length, 1);
    assert.deepEqual((await store.get(stored.id))?.revokedAt, at(answers.indexOf(true)));
    assert.equal(await store.revoke(stored.subject, '0'.repeat(16), at(0)), false);
  }),

  define('touching a key changes its last use only, and brings none back', async (store) => {
    for (let round = 0; round < 20; round++) {
      const stored = apiKey();
      await store.insert(stored);
      await Promise.all([store.touch(stored.id, at(5)), store.revoke(stored.subject, stored.id, at(6))]);
      const expected = { ...stored, lastUsedAt: at(5), revokedAt: at(6) };
      assert.deepEqual(pick(stored, await store.get(stored.id)), expected);
    }
    await store.touch('0'.repeat(16), at(5));
  }),

  define('of many successors at once a key gets one, and none once it is revoked', async (store) => {
    const stored = apiKey({ expiresAt: null });
    await store.insert(stored);
    assert.equal(await store.retire('somebody', stored.id, 'x', at(0)), false);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => store.retire(stored.subject, stored.id, `s${n}`, at(n))),
    );
    assert.equal(answers.filter(Boolean).length, 1);
    const winner = answers.indexOf(true);
    const expected = { ...stored, successorId: `s${winner}`, expiresAt: at(winner) };
    assert.deepEqual(pick(stored, await store.get(stored.id)), expected);
    const revoked = apiKey({ revokedAt: at(1) });
    await store.insert(revoked);
    assert.equal(await store.retire(revoked.subject, revoked.id, 'x', at(2)), false);
    assert.deepEqual(pick(revoked, await store.get(revoked.id)), revoked);
  }),

  define('the keys of an account are listed and revoked together, and no others', async (store) => {
    const { subject } = apiKey();
    const mine = [apiKey({ subject }), apiKey({ subject }), apiKey({ subject, revokedAt: at(1) })];
    const others = [apiKey(), apiKey({ subject: `${subject}x` }), apiKey({ subject: subject.toUpperCase() })];
    for (const one of [...mine, ...others]) await store.insert(one);
    const listed = (await store.list(subject)).map(({ id }) => id);
    assert.deepEqual(listed.sort(), mine.map(({ id }) => id).sort());
    assert.equal(await store.revokeSubject(subject, at(2)), 2);
    assert.equal(await store.revokeSubject(subject, at(3)), 0);
    const times = (await store.list(subject)).map(({ revokedAt }) => Number(revokedAt)).sort((a, b) => a - b);
    assert.deepEqual(times, [at(1), at(2), at(2)].map(Number));
    for (const { id } of others) assert.equal((await store.get(id))?.revokedAt, null);
  }),
];

/** The conformance suite for stores of API keys, under any test runner. */
export function testApiKeyStore(runner: TestRunner, harness: ApiKeyStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => run(await harness.make()));
}
