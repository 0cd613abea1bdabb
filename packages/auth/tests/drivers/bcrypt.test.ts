import { hash as hashOfLibrary } from '@node-rs/bcrypt';
import { describe, expect, it } from 'vitest';
import { argon2 } from '../../src/drivers/argon2.ts';
import { bcrypt } from '../../src/drivers/bcrypt.ts';
import { createPasswords } from '../../src/index.ts';
import { testPasswordDriver } from '../../src/testing.ts';
import { bcryptOfOurs, bcryptOfPython } from '../fixtures/python-hashes.ts';

const GOOD = 'correct horse battery staple';
const FLOOR = { cost: 10 };
const driver = bcrypt(FLOOR);
const [stored] = bcryptOfPython.map(({ hash }) => hash) as [string];

describe('bcrypt', () => {
  testPasswordDriver(
    { it },
    { make: () => driver, foreign: bcryptOfPython.filter(({ password }) => password.length < 72) },
  );

  it('writes version 2b at cost 12', async () => {
    expect(await bcrypt().hash(GOOD)).toMatch(/^\$2b\$12\$[./A-Za-z0-9]{53}$/);
    expect(bcrypt().decoy()).toMatch(/^\$2b\$12\$[./A-Za-z0-9]{53}$/);
  });

  it.each([...bcryptOfPython, ...bcryptOfOurs])('verifies $hash ($by)', async ({ password, hash }) => {
    expect(driver.inspect(hash)).toBe('current');
    expect(await driver.verify(password, hash)).toBe(true);
    expect(await driver.verify(password.slice(1), hash)).toBe(false);
  });

  it('finds cheaper hashes outdated, dearer ones current, and looks at no cost over the ceiling', () => {
    const at = (cost: string): string => driver.inspect(stored.replace('$10$', `$${cost}$`));
    expect(['04', '09', '10', '16'].map(at)).toEqual(['outdated', 'outdated', 'current', 'current']);
    for (const cost of ['00', '03', '17', '31', '99', '+4', '1', '010']) expect(at(cost)).toBe('unreadable');
    expect(bcrypt().inspect(stored)).toBe('outdated');
  });

  it.each([
    stored.replace('$2b', '$2x'),
    stored.replace('$2b', '$2'),
    stored.replace('$2b', '$3b'),
    stored.slice(0, -1),
    `${stored}A`,
    `${stored}\n`,
    // A salt and a digest whose last bits stand for nothing, and are set.
    `${stored.slice(0, 28)}v${stored.slice(29)}`,
    `${stored.slice(0, -1)}D`,
    stored.replace('$10$', '$10$='),
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    undefined,
    null,
    7,
  ])('never works on the hash %j', async (hash) => {
    expect(driver.inspect(hash as string)).toBe('unreadable');
    expect(await driver.verify(GOOD, hash as string)).toBe(false);
  });

  it.each([{ cost: 9 }, { cost: 17 }, { cost: 10.5 }, { cost: '12' as never }, { rounds: 12 } as never])(
    'refuses %j',
    (options) => {
      expect(() => bcrypt(options)).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
    },
  );

  it('cuts no password: what is over 72 bytes gets no hash, and belongs to none', async () => {
    const passwords = createPasswords({ driver });
    const full = 'é'.repeat(36);
    const hash = await passwords.hash(full);
    expect(await passwords.verify(full, hash)).toBe(true);
    const long = `${full}x`;
    expect(passwords.check(long)).toMatchObject([{ code: 'too_long', detail: 'must be at most 72 bytes long' }]);
    await expect(passwords.hash(long)).rejects.toMatchObject({ code: 'auth.password_rejected' });
    await expect(driver.hash(long)).rejects.toThrow();
    // The library takes it for the same password.
    expect(await hashOfLibrary(long, { salt: hash.slice(0, 29) })).toBe(hash);
    expect(await passwords.verify(long, hash)).toBe(false);
    expect(await driver.verify(long, hash)).toBe(false);
  });

  it('is upgraded to a higher cost with the next login', async () => {
    const passwords = createPasswords({ driver: bcrypt({ cost: 11 }) });
    const { ok, upgraded } = await passwords.verifyAndUpgrade(GOOD, stored);
    expect(ok).toBe(true);
    expect(upgraded).toMatch(/^\$2b\$11\$/);
    expect(await passwords.verifyAndUpgrade(GOOD, upgraded)).toEqual({ ok: true });
  });
});

describe('hashes of an older system', () => {
  it('are verified, and become those of the new one with the right password only', async () => {
    const passwords = createPasswords({ driver: argon2(), legacy: [driver] });
    expect(await passwords.verifyAndUpgrade(`${GOOD}!`, stored)).toEqual({ ok: false });
    const { ok, upgraded } = await passwords.verifyAndUpgrade(GOOD, stored);
    expect(ok).toBe(true);
    expect(upgraded).toMatch(/^\$argon2id\$/);
    expect(await passwords.verifyAndUpgrade(GOOD, upgraded)).toEqual({ ok: true });
    expect(await passwords.hash(GOOD)).toMatch(/^\$argon2id\$/);
  });

  it("are nobody's without their driver", async () => {
    expect(await createPasswords({ driver: argon2() }).verify(GOOD, stored)).toBe(false);
  });

  it('keep their limit, which is not that of the new one, and the other way round', async () => {
    const long = 'x'.repeat(73);
    const toArgon2 = createPasswords({ driver: argon2(), legacy: [driver] });
    const [, , { hash: of72 }] = bcryptOfOurs as [unknown, unknown, { hash: string }];
    expect(await toArgon2.verify('x'.repeat(72), of72)).toBe(true);
    expect(await toArgon2.verify(long, of72)).toBe(false);
    const longHash = await toArgon2.hash(long);
    expect(await toArgon2.verify(long, longHash)).toBe(true);
    // It cannot be hashed by bcrypt, and lets its owner in all the same.
    const toBcrypt = createPasswords({ driver, legacy: [argon2()] });
    expect(await toBcrypt.verifyAndUpgrade(long, longHash)).toEqual({ ok: true });
    const short = await toArgon2.hash(GOOD);
    expect((await toBcrypt.verifyAndUpgrade(GOOD, short)).upgraded).toMatch(/^\$2b\$/);
  });

  it.each([
    ['no list', 'bcrypt'],
    ['what is no driver', [{}]],
    ['nothing', [undefined]],
  ])('are not read by %s', (_name, legacy) => {
    expect(() => createPasswords({ driver, legacy: legacy as never })).toThrow(
      expect.objectContaining({ code: 'auth.configuration' }),
    );
  });
});
