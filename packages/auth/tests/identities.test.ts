import { describe, expect, it } from 'vitest';
import { createIdentities } from '../src/identities.ts';
import { memoryIdentityStore } from '../src/stores.ts';
import { testIdentityStore } from '../src/testing.ts';

describe('the memory store of logins elsewhere', () => {
  testIdentityStore({ it }, { make: () => memoryIdentityStore() });
});

const login = { issuer: 'https://a.example.com', subject: 'u1' };

describe('a login elsewhere', () => {
  it('belongs to the account that it was linked to, and to no other', async () => {
    const identities = createIdentities({ store: memoryIdentityStore() });
    expect(await identities.accountOf(login)).toBeUndefined();
    await identities.link('ann', login);
    await identities.link('ann', login);
    expect(await identities.accountOf(login)).toBe('ann');
    await expect(identities.link('bob', login)).rejects.toMatchObject({ code: 'auth.identity_taken', status: 409 });
    expect(await identities.accountOf(login)).toBe('ann');
    expect(await identities.list('bob')).toEqual([]);
  });

  it('ASVS 10.5.2: a login is its issuer and subject together, however they are cut', async () => {
    const identities = createIdentities({ store: memoryIdentityStore() });
    await identities.link('ann', login);
    const others = [
      { ...login, issuer: 'https://b.example.com' },
      { ...login, subject: 'U1' },
      { issuer: `${login.issuer}","u`, subject: '1' },
      { issuer: login.issuer.slice(0, -1), subject: `m${login.subject}` },
    ];
    for (const other of others) expect(await identities.accountOf(other)).toBeUndefined();
  });

  it('ASVS 6.8.1: whoever has the same name at another issuer gets another account, or none', async () => {
    const identities = createIdentities({ store: memoryIdentityStore() });
    const elsewhere = { ...login, issuer: 'https://b.example.com' };
    await identities.link('ann', login);
    expect(await identities.accountOf(elsewhere)).toBeUndefined();
    await identities.link('bob', elsewhere);
    expect([await identities.accountOf(login), await identities.accountOf(elsewhere)]).toEqual(['ann', 'bob']);
  });

  it('of many accounts that link it at once has one', async () => {
    const identities = createIdentities({ store: memoryIdentityStore() });
    const accounts = Array.from({ length: 20 }, (_, n) => `account-${n}`);
    const answers = await Promise.allSettled(accounts.map((account) => identities.link(account, login)));
    const linked = accounts.filter((_, n) => answers[n]?.status === 'fulfilled');
    expect(linked).toEqual([await identities.accountOf(login)]);
  });

  it('is one of several of an account, which ends it alone', async () => {
    let time = 0;
    const identities = createIdentities({ store: memoryIdentityStore(), now: () => time++ });
    const second = { issuer: 'https://b.example.com', subject: 'u1' };
    await identities.link('ann', login);
    await identities.link('ann', second);
    expect((await identities.list('ann')).map(({ issuer }) => issuer)).toEqual([login.issuer, second.issuer]);
    expect(await identities.unlink('bob', login)).toBe(false);
    expect(await identities.unlink('ann', login)).toBe(true);
    expect(await identities.unlink('ann', login)).toBe(false);
    expect(await identities.accountOf(login)).toBeUndefined();
    await identities.link('bob', login);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no issuer', { subject: 'a' }],
    ['an empty subject', { issuer: 'https://a.example.com', subject: '' }],
    ['a number', { issuer: 'https://a.example.com', subject: 7 }],
  ])('is not %s', async (_name, given) => {
    const identities = createIdentities({ store: memoryIdentityStore() });
    await expect(identities.accountOf(given as never)).rejects.toMatchObject({ code: 'auth.configuration' });
    await expect(identities.link('ann', given as never)).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('is found nowhere without a store', () => {
    const made = () => createIdentities({ store: {} as never });
    expect(made).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
  });
});
