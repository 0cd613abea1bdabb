import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { type Case, declareCases } from '@ent/internal';
import type { PasskeyRecord, PasskeyStore } from '../driver.ts';
import { pick } from './pick.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a store of passkeys. */
export interface PasskeyStoreHarness {
  /** The store to test. Called once a case; several may share one backend. */
  make(): PasskeyStore | Promise<PasskeyStore>;
}

const at = (ms: number): Date => new Date(Date.UTC(2030, 0, 1, 12, 0, 0, 123) + ms);

function passkey(more: Partial<PasskeyRecord> = {}): PasskeyRecord {
  return {
    id: randomBytes(32).toString('base64url'),
    // As long as they get.
    credentialId: randomBytes(1023).toString('base64url'),
    subject: `subject-${randomUUID()}`,
    userHandle: randomBytes(32).toString('base64url'),
    publicKey: randomBytes(600).toString('base64url'),
    counter: 0,
    transports: 'internal hybrid',
    synced: true,
    name: 'Telefon ünïcödé 🔑',
    createdAt: at(0),
    lastUsedAt: null,
    ...more,
  };
}

const define = (name: string, run: (store: PasskeyStore) => Promise<void>): Case<unknown, PasskeyStore> => ({
  name,
  run,
});

const cases: readonly Case<unknown, PasskeyStore>[] = [
  define('a passkey comes back as it was stored, and is stored once', async (store) => {
    const one = passkey();
    const other = passkey({ transports: '', synced: false, lastUsedAt: at(5), counter: 4_294_967_295 });
    for (const each of [one, other]) {
      assert.equal(await store.get(each.id), undefined);
      assert.equal(await store.insert(each), true);
      assert.deepEqual(pick(each, await store.get(each.id)), each);
    }
    const again = await Promise.all(
      Array.from({ length: 10 }, () => store.insert({ ...one, subject: 'somebody else', publicKey: 'a' })),
    );
    assert.deepEqual(new Set(again), new Set([false]));
    assert.deepEqual(pick(one, await store.get(one.id)), one);
  }),

  define('the passkeys of an account are listed, and no others', async (store) => {
    const { subject } = passkey();
    const mine = [passkey({ subject }), passkey({ subject })];
    const others = [passkey({ subject: subject.toUpperCase() }), passkey({ subject: `${subject}x` })];
    for (const each of [...mine, ...others]) await store.insert(each);
    const ids = (await store.list(subject)).map(({ id }) => id);
    assert.deepEqual(ids.sort(), mine.map(({ id }) => id).sort());
    assert.deepEqual(await store.list(`nobody-${randomUUID()}`), []);
  }),

  define('a counter goes up only, and of many at once one is first', async (store) => {
    const one = passkey({ counter: 5 });
    await store.insert(one);
    for (const counter of [0, 4, 5]) assert.equal(await store.use(one.id, counter, at(1)), false);
    assert.deepEqual(pick(one, await store.get(one.id)), one);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => store.use(one.id, 6, at(n))));
    assert.equal(answers.filter(Boolean).length, 1);
    const used = { ...one, counter: 6, lastUsedAt: at(answers.indexOf(true)) };
    assert.deepEqual(pick(used, await store.get(one.id)), used);
    assert.equal(await store.use(one.id, 4_294_967_295, at(2)), true);
    assert.equal(await store.use(randomUUID(), 7, at(1)), false);
  }),

  define('a counter that stays 0 is as good each time', async (store) => {
    const one = passkey();
    await store.insert(one);
    for (const ms of [1, 2]) assert.equal(await store.use(one.id, 0, at(ms)), true);
    const used = { ...one, lastUsedAt: at(2) };
    assert.deepEqual(pick(used, await store.get(one.id)), used);
  }),

  define('a passkey is removed by its account only', async (store) => {
    const [one, other] = [passkey(), passkey()];
    for (const each of [one, other]) await store.insert(each);
    assert.equal(await store.delete(other.subject, one.id), false);
    assert.equal(await store.delete(one.subject, one.id), true);
    assert.equal(await store.delete(one.subject, one.id), false);
    assert.equal(await store.get(one.id), undefined);
    assert.deepEqual(pick(other, await store.get(other.id)), other);
    assert.equal(await store.use(one.id, 1, at(1)), false);
  }),
];

/** The conformance suite for stores of passkeys, under any test runner. */
export function testPasskeyStore(runner: TestRunner, harness: PasskeyStoreHarness): void {
  declareCases(runner, undefined, cases, async (run) => run(await harness.make()));
}
