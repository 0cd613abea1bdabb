import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { type Case, declareCases } from '@ent/internal';
import type { IdentityRecord, IdentityStore } from '../driver.ts';
import { pick } from './pick.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of logins elsewhere. */
export interface IdentityStoreHarness {
  /** The store to test. Called once a case; several may share one backend. */
  make(): IdentityStore | Promise<IdentityStore>;
}

function identity(more: Partial<IdentityRecord> = {}): IdentityRecord {
  return {
    id: randomBytes(32).toString('base64url'),
    issuer: 'https://login.example.com/realms/ünïcödé',
    // OpenID Connect, section 2: up to 255 characters.
    externalSubject: 'aZ09|-_.'.repeat(31),
    subject: `subject-${randomUUID()}`,
    createdAt: new Date(Date.UTC(2030, 0, 1, 12, 0, 0, 123)),
    ...more,
  };
}

const define = (name: string, run: (store: IdentityStore) => Promise<void>): Case<unknown, IdentityStore> => ({
  name,
  run,
});

const cases: readonly Case<unknown, IdentityStore>[] = [
  define('an identity comes back as it was stored', async (store) => {
    const one = identity();
    assert.equal(await store.get(one.id), undefined);
    assert.equal(await store.insert(one), true);
    assert.deepEqual(pick(one, await store.get(one.id)), one);
  }),

  define('it is stored once: of many at once one is first, and stays', async (store) => {
    const { id } = identity();
    const all = Array.from({ length: 20 }, () => identity({ id }));
    const answers = await Promise.all(all.map((each) => store.insert(each)));
    assert.equal(answers.filter(Boolean).length, 1);
    const winner = all[answers.indexOf(true)] as IdentityRecord;
    assert.equal(await store.insert(identity({ id })), false);
    assert.deepEqual(pick(winner, await store.get(id)), winner);
  }),

  define('those of an account are listed and removed, and no others', async (store) => {
    const { subject } = identity();
    const mine = [identity({ subject }), identity({ subject })] as const;
    const others = [identity({ subject: subject.toUpperCase() }), identity({ subject: `${subject}x` })];
    for (const each of [...mine, ...others]) await store.insert(each);
    const listed = async (): Promise<string[]> => (await store.list(subject)).map(({ id }) => id).sort();
    assert.deepEqual(await listed(), mine.map(({ id }) => id).sort());
    for (const { id } of others) assert.equal(await store.delete(subject, id), false);
    assert.equal(await store.delete(subject, mine[0].id), true);
    assert.equal(await store.delete(subject, mine[0].id), false);
    assert.deepEqual(await listed(), [mine[1].id]);
    assert.equal(await store.insert(mine[0]), true);
  }),
];

/** The conformance suite for stores of logins elsewhere, under any test runner. */
export function testIdentityStore(runner: TestRunner, harness: IdentityStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => run(await harness.make()));
}
