import * as argon2Library from 'argon2';
import { describe, expect, it } from 'vitest';
import { createAccessTokens, createKeyRing, createPasswords, generateKey } from '../../src/index.ts';
import { argon2 } from '../../src/drivers/argon2.ts';
import { formatArgon2, parseArgon2 } from '../../src/internal/phc.ts';
import { testPasswordDriver } from '../../src/testing.ts';
import { argon2OfOurs, argon2OfPython } from '../fixtures/python-hashes.ts';

const GOOD = 'correct horse battery staple';
const driver = argon2();

describe('argon2', () => {
  it('writes argon2id with OWASP parameters, in the order that every implementation reads', async () => {
    const hash = await driver.hash(GOOD);
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await driver.hash(GOOD)).not.toBe(hash);
    expect(await driver.verify(GOOD, hash)).toBe(true);
    expect(await driver.verify(`${GOOD} `, hash)).toBe(false);
    expect(await driver.verify('', hash)).toBe(false);
    expect(await argon2Library.verify(hash, GOOD)).toBe(true);
  });

  testPasswordDriver(
    { it },
    {
      make: () => driver,
      // From the reference implementation (phc-winner-argon2: src/test.c and README).
      foreign: [
        '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
        '$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG',
      ].map((hash) => ({ password: 'password', hash })),
    },
  );

  it.each([...argon2OfPython, ...argon2OfOurs])('verifies $hash ($by)', async ({ password, hash }) => {
    expect(driver.inspect(hash)).toBe('current');
    expect(await driver.verify(password, hash)).toBe(true);
    expect(await driver.verify(password.slice(1), hash)).toBe(false);
  });

  it('reads what the npm package writes by itself, and asks to write it anew', async () => {
    const own = await argon2Library.hash(GOOD, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
    expect(await driver.verify(GOOD, own)).toBe(true);
    const canonical = /m=\d+,t=\d+,p=\d+/.test(own);
    expect(driver.inspect(own)).toBe(canonical ? 'current' : 'outdated');
  });

  it('finds weaker and other hashes outdated, stronger ones current', () => {
    const at = (type: string, m: number, t: number, p: number, bytes = 32, salt = 16, version = 19) =>
      driver.inspect(
        formatArgon2({
          type,
          version,
          memory: m,
          iterations: t,
          parallelism: p,
          salt: Buffer.alloc(salt),
          digest: Buffer.alloc(bytes),
        }),
      );
    expect(at('argon2id', 19_456, 2, 1)).toBe('current');
    expect(at('argon2id', 65_536, 3, 4)).toBe('current');
    expect(at('argon2id', 19_455, 2, 1)).toBe('outdated');
    expect(at('argon2id', 19_456, 1, 1)).toBe('outdated');
    expect(at('argon2id', 19_456, 2, 1, 16)).toBe('outdated');
    expect(at('argon2id', 19_456, 2, 1, 32, 8)).toBe('outdated');
    expect(at('argon2id', 19_456, 2, 1, 32, 16, 16)).toBe('outdated');
    expect(at('argon2i', 65_536, 3, 4)).toBe('outdated');
    expect(at('argon2d', 65_536, 3, 4)).toBe('outdated');
    expect(argon2({ memoryKiB: 65_536 }).inspect(driver.decoy())).toBe('outdated');
  });

  it.each([
    '',
    'x',
    '$argon2id$',
    '$argon2id$v=19$m=19456,t=2,p=1$',
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ',
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$',
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$AAAA',
    '$argon2id$v=19$m=19456,t=2,p=1$c2E$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=19456,t=2$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=19456,t=2,t=2$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=19456,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=19456,t=2,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=20$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=1048577,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=19456,t=17,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=19456,t=2,p=17$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=4294967295,t=4294967295,p=16777215$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=8,t=1,p=2$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2x$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW',
    `$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$${'A'.repeat(600)}`,
    ' $argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc\n',
    undefined,
    null,
    7,
  ])('never works on the hash %j', async (hash) => {
    expect(driver.inspect(hash as string)).toBe('unreadable');
    expect(await driver.verify('password', hash as string)).toBe(false);
  });

  it('makes decoys that cost what a new hash costs and belong to no password', async () => {
    const decoy = parseArgon2(driver.decoy());
    const { type, version, memory, iterations, parallelism, salt, digest } = parseArgon2(await driver.hash(GOOD))!;
    expect(decoy).toMatchObject({ type, version, memory, iterations, parallelism });
    expect([decoy?.salt.length, decoy?.digest.length]).toEqual([salt.length, digest.length]);
    expect(await driver.verify('', driver.decoy())).toBe(false);
  });

  it('refuses parameters under the floor and over the ceiling', () => {
    for (const bad of [
      { memoryKiB: 19_455 },
      { memoryKiB: 8 },
      { iterations: 1 },
      { parallelism: 0 },
      { memoryKiB: 1_048_577 },
      { iterations: 17 },
      { iterations: 2.5 },
      { iterations: Number.NaN },
      { memoryKiB: '19456' as never },
    ]) {
      expect(() => argon2(bad)).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
    }
  });

  it('tells apart what only differs late, or in a NUL', async () => {
    const passwords = createPasswords({ driver });
    const long = 'a'.repeat(1023);
    const hash = await passwords.hash(`${long}b`);
    expect(await passwords.verify(`${long}c`, hash)).toBe(false);
    expect(await passwords.verify(`${long}b`, hash)).toBe(true);
    const withNul = await passwords.hash('before the nul\0after');
    expect(await passwords.verify('before the nul\0AFTER', withNul)).toBe(false);
    expect(await passwords.verify('before the nul', withNul)).toBe(false);
  });

  it('leaves threads to others: tokens are still verified while logins queue up', async () => {
    const passwords = createPasswords({ driver, maxWait: '5m' });
    const { key } = await generateKey();
    const tokens = createAccessTokens({ issuer: 'me', audience: 'me', keys: createKeyRing({ active: key }) });
    const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
    const hash = await passwords.hash(GOOD);
    let logins = 0;
    const storm = Promise.all(
      Array.from({ length: 40 }, async () => {
        await passwords.verify(GOOD, hash);
        logins++;
      }),
    );
    await tokens.verify(token);
    // Had the storm taken all threads, the token's turn would have come after the last login.
    expect(logins).toBeLessThan(40);
    await storm;
  });
});
