import { createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { argon2 } from '../src/drivers/argon2.ts';
import { bcrypt } from '../src/drivers/bcrypt.ts';
import { channels, createPasswords, type PasswordsOptions } from '../src/index.ts';

const GOOD = 'nine otters paint the harbour';
const [one, two] = ['1'.repeat(32), '2'.repeat(32)];
const driver = argon2();
const make = (pepper?: PasswordsOptions['pepper'], more: Partial<PasswordsOptions> = {}) =>
  createPasswords({ driver, pepper, ...more });

describe('a pepper', () => {
  it('goes into the hash, which says which one it was', async () => {
    const passwords = make({ keys: { a: one }, active: 'a' });
    const stored = await passwords.hash(GOOD);
    expect(stored).toMatch(/^\$pepper\$id=a\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwords.verify(GOOD, stored)).toBe(true);
    expect(await passwords.verify(`${GOOD}!`, stored)).toBe(false);
    expect(await passwords.verifyAndUpgrade(GOOD, stored)).toEqual({ ok: true });
    // Without the key the hash alone belongs to no password.
    const inner = stored.slice('$pepper$id=a'.length);
    expect(await driver.verify(GOOD, inner)).toBe(false);
    // And with it others find the same: HKDF of the key, HMAC-SHA-256 in base64.
    const key = Buffer.from(hkdfSync('sha256', one, '', '@ent/auth password pepper a', 32));
    expect(await driver.verify(createHmac('sha256', key).update(GOOD).digest('base64'), inner)).toBe(true);
  });

  it('is changed without a new password: old hashes verify, and are replaced at the next login', async () => {
    const before = await make({ keys: { a: one }, active: 'a' }).hash(GOOD);
    const passwords = make({ keys: { a: one, b: two }, active: 'b' });
    const { ok, upgraded } = await passwords.verifyAndUpgrade(GOOD, before);
    expect(ok).toBe(true);
    expect(upgraded).toMatch(/^\$pepper\$id=b\$argon2id\$/);
    const after = make({ keys: { b: two }, active: 'b' });
    expect(await after.verify(GOOD, upgraded)).toBe(true);
    expect(await after.verify(GOOD, before)).toBe(false);
  });

  it('is added to hashes without one, and taken away again', async () => {
    const plain = await make().hash(GOOD);
    const added = await make({ keys: { a: one }, active: 'a' }).verifyAndUpgrade(GOOD, plain);
    expect(added.upgraded).toMatch(/^\$pepper\$id=a\$/);
    const removed = await make({ keys: { a: one }, active: null }).verifyAndUpgrade(GOOD, added.upgraded);
    expect(removed.upgraded).toMatch(/^\$argon2id\$/);
    expect(await make().verifyAndUpgrade(GOOD, removed.upgraded)).toEqual({ ok: true });
  });

  it('keeps its hashes to itself: no other id, key or envelope makes them belong to the password', async () => {
    const passwords = make({ keys: { a: one, b: two }, active: 'a' });
    const stored = await passwords.hash(GOOD);
    const inner = stored.slice('$pepper$id=a'.length);
    for (const wrong of [
      inner,
      `$pepper$id=b${inner}`,
      `$pepper$id=c${inner}`,
      `$pepper$id=a${stored}`,
      `$pepper$id=${inner}`,
    ]) {
      expect(await passwords.verify(GOOD, wrong)).toBe(false);
    }
    expect(await make({ keys: { a: two }, active: 'a' }).verify(GOOD, stored)).toBe(false);
  });

  it('that is not known is told apart on the channel, and takes as much work as any', async () => {
    const stored = await make({ keys: { a: one }, active: 'a' }).hash(GOOD);
    const verified: string[] = [];
    const counting = {
      ...driver,
      verify: (password: string, hash: string) => {
        verified.push(hash);
        return driver.verify(password, hash);
      },
    };
    const told: unknown[] = [];
    const listener = { asyncEnd: (operation: { outcome?: unknown }) => told.push(operation.outcome) };
    channels.password.subscribe(listener as never);
    expect(await make({ keys: { b: two }, active: 'b' }, { driver: counting }).verify(GOOD, stored)).toBe(false);
    channels.password.unsubscribe(listener as never);
    expect(told).toEqual(['unreadable_hash']);
    expect(verified).toHaveLength(1);
  });

  it('lets bcrypt take passwords of any length, of which it sees all', async () => {
    const passwords = make({ keys: { a: one }, active: 'a' }, { driver: bcrypt({ cost: 10 }) });
    const long = 'x'.repeat(100);
    const stored = await passwords.hash(`${long}1`);
    expect(await passwords.verify(`${long}1`, stored)).toBe(true);
    expect(await passwords.verify(`${long}2`, stored)).toBe(false);
    // Hashes from before are still of 72 bytes at most.
    const old = await bcrypt({ cost: 10 }).hash('x'.repeat(72));
    expect(await passwords.verify('x'.repeat(72), old)).toBe(true);
    expect(await passwords.verify('x'.repeat(73), old)).toBe(false);
  });

  it('is one password in both normal forms', async () => {
    const passwords = make({ keys: { a: one }, active: 'a' });
    const stored = await passwords.hash('crème brûlée crème'.normalize('NFD'));
    expect(await passwords.verify('crème brûlée crème'.normalize('NFC'), stored)).toBe(true);
  });

  it.each<[string, object]>([
    ['keys', { active: 'a' }],
    ['keys', { keys: [one], active: null }],
    ['id', { keys: { 'a b': one }, active: null }],
    ['id', { keys: { '': one }, active: null }],
    ['active', { keys: { a: one }, active: 'b' }],
    ['active', { keys: { a: one } }],
    ['active', { keys: {}, active: 'toString' }],
    ['secret', { keys: { a: 'short' }, active: 'a' }],
    ['actve', { keys: { a: one }, actve: 'a' }],
  ])('cannot be made with this %s: %j', (name, pepper) => {
    expect(() => make(pepper as never)).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
    expect(() => make(pepper as never)).toThrow(name);
  });
});
