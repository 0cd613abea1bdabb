import { describe, expect, it } from 'vitest';
import { createPasskeys } from '../src/passkeys.ts';
import { memoryPasskeyStore, memoryReplayStore } from '../src/stores.ts';
import { testPasskeyStore } from '../src/testing.ts';

describe('the memory store of passkeys', () => {
  testPasskeyStore({ it }, { make: () => memoryPasskeyStore() });
});

describe('createPasskeys', () => {
  const options = {
    store: memoryPasskeyStore(),
    replays: memoryReplayStore(),
    secret: 's'.repeat(32),
    rpId: 'example.com',
    rpName: 'Acme',
    origin: ['https://example.com', 'https://app.example.com', 'https://a.b.example.com:8443'],
  };

  it.each<[string, object]>([
    ['no store', { store: {} }],
    ['no memory of challenges', { replays: {} }],
    ['a short secret', { secret: 'short' }],
    ['no domain', { rpId: '' }],
    ['no name', { rpName: '' }],
    ['no page', { origin: [] }],
    ['a page of another domain', { origin: 'https://badexample.com' }],
    ['a page above the domain', { rpId: 'app.example.com', origin: 'https://example.com' }],
    ['an address in place of an origin', { origin: 'https://example.com/' }],
    ['another verification', { userVerification: 'discouraged' }],
    ['a long ceremony', { ttl: '2h' }],
    ['an unknown option', { rpID: 'example.com' }],
  ])('is not made with %s', (_name, more) => {
    const made = () => createPasskeys({ ...options, ...more });
    expect(made).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
  });

  it('asks for a passkey that needs no name, of the kinds that all browsers have', async () => {
    const passkeys = createPasskeys(options);
    const { options: asked } = await passkeys.register({ subject: 'ann', name: 'ann@example.com', displayName: 'Ann' });
    expect(asked).toMatchObject({
      rp: { id: 'example.com', name: 'Acme' },
      user: { name: 'ann@example.com', displayName: 'Ann' },
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      timeout: 300_000,
    });
    expect(asked.pubKeyCredParams.map(({ alg }) => alg)).toEqual(expect.arrayContaining([-8, -7, -257]));
    const { options: login } = await passkeys.authenticate();
    expect(login).toMatchObject({ rpId: 'example.com', userVerification: 'required' });
    expect(login.allowCredentials ?? []).toEqual([]);
    expect(login.challenge).not.toBe((await passkeys.authenticate()).options.challenge);
  });

  it('ASVS 6.7.2: a challenge has more than 64 bits, and no two are alike', async () => {
    const passkeys = createPasskeys(options);
    const asked = { subject: 'ann', name: 'ann@example.com', displayName: 'Ann' };
    const challenges = new Set<string>();
    for (let n = 0; n < 20; n++) {
      challenges.add((await passkeys.authenticate()).options.challenge);
      challenges.add((await passkeys.register(asked)).options.challenge);
    }
    expect(challenges.size).toBe(40);
    for (const challenge of challenges)
      expect(Buffer.from(challenge, 'base64url').length * 8).toBeGreaterThanOrEqual(128);
  });
});
