import assert from 'node:assert/strict';
import { type Case, declareCases } from '@ent/internal';
import type { PasswordDriver } from '../driver.ts';
import type { TestRunner } from './runner.ts';

/** What the suite needs to know about a password driver. */
export interface PasswordDriverHarness {
  /** The driver, as cheap as it may be. */
  make(): PasswordDriver;
  /** Hashes of `password` that somebody else's implementation made, which the driver has to verify. */
  readonly foreign?: readonly { readonly password: string; readonly hash: string }[];
}

interface Tools {
  readonly driver: PasswordDriver;
  readonly foreign: NonNullable<PasswordDriverHarness['foreign']>;
}

const define = (name: string, run: (tools: Tools) => Promise<void>): Case<unknown, Tools> => ({ name, run });

const cases: readonly Case<unknown, Tools>[] = [
  define('a password verifies against its own hash, and no other one does', async ({ driver }) => {
    const limit = driver.features.maxPasswordBytes ?? 1024;
    const passwords = [
      '',
      'a',
      'A',
      'A ',
      'pässwörd',
      '🔑',
      'nul\0a',
      'nul\0b',
      'x'.repeat(limit - 1),
      'x'.repeat(limit),
    ];
    for (const [at, password] of passwords.entries()) {
      const hash = await driver.hash(password);
      assert.equal(driver.inspect(hash), 'current');
      assert.equal(await driver.verify(password, hash), true, `password ${at} does not verify`);
      const next = passwords[(at + 1) % passwords.length] as string;
      assert.equal(await driver.verify(next, hash), false, `password ${at} is confused with the next`);
    }
  }),

  define('two hashes of one password differ', async ({ driver }) => {
    assert.notEqual(await driver.hash('same'), await driver.hash('same'));
  }),

  define('a hash is bounded, printable ASCII, and holds no password', async ({ driver }) => {
    const hash = await driver.hash('a secret of many words');
    assert.match(hash, /^[\x21-\x7e]{20,255}$/);
    assert.ok(!hash.includes('secret'));
  }),

  define('damaged and foreign hashes never verify, and nothing is thrown', async ({ driver }) => {
    const hash = await driver.hash('password');
    for (const text of ['', 'x', '$', ' ', `${hash} `, ` ${hash}`, `${hash}\n`, `${hash}$`, '$1$x$y', hash.slice(1)]) {
      assert.equal(driver.inspect(text), 'unreadable', `${JSON.stringify(text)} was taken for a hash`);
      assert.equal(await driver.verify('password', text), false);
    }
    // Cut off somewhere, it may still be a hash, but then of nothing.
    for (let length = 1; length < hash.length; length += 4) {
      assert.equal(await driver.verify('password', hash.slice(0, length)), false);
    }
  }),

  define('one changed character of the hash is another hash', async ({ driver }) => {
    const hash = await driver.hash('password');
    // Not the very last: its low bits may be padding.
    for (const at of [hash.length - 2, hash.length - 10, hash.length - 20]) {
      const changed = hash.slice(0, at) + (hash[at] === 'A' ? 'B' : 'A') + hash.slice(at + 1);
      assert.equal(await driver.verify('password', changed), false);
    }
  }),

  define('a decoy is a readable, current hash that no password belongs to', async ({ driver }) => {
    const [one, two] = [driver.decoy(), driver.decoy()];
    assert.notEqual(one, two);
    assert.equal(driver.inspect(one), 'current');
    assert.equal(one.length, (await driver.hash('password')).length);
    for (const password of ['', 'password', one]) assert.equal(await driver.verify(password, one), false);
  }),

  define("other implementations' hashes verify", async ({ driver, foreign }) => {
    for (const { password, hash } of foreign) {
      assert.notEqual(driver.inspect(hash), 'unreadable', hash);
      assert.equal(await driver.verify(password, hash), true, hash);
      assert.equal(await driver.verify(`${password}x`, hash), false, hash);
    }
  }),
];

/** The conformance suite for password drivers, under any test runner. */
export function testPasswordDriver(runner: TestRunner, harness: PasswordDriverHarness): void {
  declareCases(runner, undefined, cases, (run) => run({ driver: harness.make(), foreign: harness.foreign ?? [] }));
}
