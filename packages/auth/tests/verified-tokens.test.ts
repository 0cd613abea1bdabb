import { generateKeyPairSync, sign } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createAccessTokens,
  createAccessTokenVerifier,
  createKeyRing,
  createSessions,
  generateKey,
  type VerificationKey,
} from '../src/index.ts';
import { memoryStores } from '../src/stores.ts';

const START = Date.UTC(2026, 0, 1);
const about = { issuer: 'https://auth.example.com', audience: 'https://api.example.com' };
const { key } = await generateKey('EdDSA');
const other = await generateKey('EdDSA');

const signatures = vi.spyOn(SubtleCrypto.prototype, 'verify');
beforeEach(() => void signatures.mockClear());

function setUp(cacheSize?: number) {
  const clock = { time: START };
  const now = (): number => clock.time;
  const tokens = createAccessTokens({ ...about, keys: createKeyRing({ active: key }), now, cacheSize });
  const issue = async (n = 1): Promise<string> =>
    (await tokens.issue({ subject: `u${n}`, sessionId: `s${n}`, claims: { tenant: { id: n } } })).token;
  return { tokens, clock, issue, now };
}

describe('a token that was verified', () => {
  it('is not verified again, and gives an equal principal', async () => {
    const { tokens, issue } = setUp();
    const token = await issue();
    const first = await tokens.verify(token);
    expect(await tokens.verify(token)).toEqual(first);
    // As another request has it: the same text, and not the same string.
    expect(await tokens.verify(Buffer.from(token).toString())).toEqual(first);
    expect(signatures).toHaveBeenCalledTimes(1);
  });

  it('gives each request a principal that another one cannot change', async () => {
    const { tokens, issue } = setUp();
    const token = await issue();
    const first = await tokens.verify(token);
    first.expiresAt?.setFullYear(1999);
    expect(() => ((first.claims['tenant'] as { id: number }).id = 2)).toThrow(TypeError);
    expect(() => (first.roles as string[]).push('admin')).toThrow(TypeError);
    const second = await tokens.verify(token);
    expect(second.expiresAt).toEqual(new Date(START + 900_000));
    expect(second.claims).toEqual({ tenant: { id: 1 } });
  });

  it('is refused from its end on, by the clock of each call', async () => {
    const { tokens, issue, clock } = setUp();
    const token = await issue();
    await tokens.verify(token);
    clock.time = START + 904_999;
    await tokens.verify(token);
    clock.time = START + 905_000;
    await expect(tokens.verify(token)).rejects.toMatchObject({ details: { reason: 'expired' } });
    clock.time = START + 904_999;
    await tokens.verify(token);
    // And before its beginning, by a clock that was set back.
    clock.time = START - 6000;
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'auth.token_invalid' });
  });

  it.each<
    [string, (found: VerificationKey | undefined) => VerificationKey | undefined | Promise<VerificationKey | undefined>]
  >([
    ['at once', (found) => found],
    ['later', async (found) => found],
  ])('is refused once its key is gone, or stands for another one (keys that are found %s)', async (_, find) => {
    const { issue, now } = setUp();
    const token = await issue();
    let known: VerificationKey | undefined = key;
    const verifier = createAccessTokenVerifier({ ...about, keys: { find: () => find(known) }, now });
    await verifier.verify(token);
    await verifier.verify(token);
    expect(signatures).toHaveBeenCalledTimes(1);
    known = undefined;
    await expect(verifier.verify(token)).rejects.toMatchObject({ details: { reason: 'unknown_key' } });
    known = { ...other.key, kid: key.kid };
    await expect(verifier.verify(token)).rejects.toMatchObject({ details: { reason: 'signature' } });
    known = key;
    await verifier.verify(token);
  });

  it('is no reason to let it in while its key cannot be asked for', async () => {
    const { issue, now } = setUp();
    const token = await issue();
    let down = false;
    const find = async (): Promise<VerificationKey> => {
      if (down) throw new Error('connect ECONNREFUSED');
      return key;
    };
    const verifier = createAccessTokenVerifier({ ...about, keys: { find }, now });
    await verifier.verify(token);
    down = true;
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'auth.store_failed' });
  });

  it('is refused once its session has ended', async () => {
    const { tokens } = setUp();
    const sessions = createSessions({ accessTokens: tokens, stores: memoryStores(), secret: 'x'.repeat(32) });
    const { accessToken, sessionId } = await sessions.start({ subject: 'u1' });
    await sessions.verify(accessToken);
    await sessions.verify(accessToken);
    await sessions.revoke(sessionId);
    await expect(sessions.verify(accessToken)).rejects.toMatchObject({ details: { reason: 'session' } });
  });

  it('does nothing for a token that differs in one character', async () => {
    const { tokens, issue } = setUp();
    const token = await issue();
    await tokens.verify(token);
    for (const at of [0, token.indexOf('.') + 3, token.length - 20]) {
      const forged = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      await expect(tokens.verify(forged)).rejects.toMatchObject({ code: 'auth.token_invalid' });
    }
  });
});

describe('a forgery that looks like a token that was verified', () => {
  const claimsOf = (token: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as Record<string, unknown>;
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('is refused: the same beginning with another signature', async () => {
    const { tokens, issue } = setUp();
    const token = await issue();
    await tokens.verify(token);
    const end = token.lastIndexOf('.') + 1;
    const { privateKey } = generateKeyPairSync('ed25519');
    const signed = Buffer.from(token.slice(0, end - 1));
    for (const forged of [
      token.slice(0, end) + sign(null, signed, privateKey).toString('base64url'),
      // All of the signature but its first character, so that whatever finds tokens by their ends finds this one.
      `${token.slice(0, end)}${token[end] === 'A' ? 'B' : 'A'}${token.slice(end + 1)}`,
    ]) {
      await expect(tokens.verify(forged)).rejects.toMatchObject({ details: { reason: 'signature' } });
    }
  });

  it('is refused: another body under the whole signature', async () => {
    const { tokens, issue } = setUp();
    const token = await issue();
    await tokens.verify(token);
    const [head, , signature] = token.split('.') as [string, string, string];
    for (const change of [{ sub: 'admin' }, { roles: ['admin'] }, { exp: 9_999_999_999 }, { sid: 's2' }]) {
      const forged = `${head}.${encoded({ ...claimsOf(token), ...change })}.${signature}`;
      await expect(tokens.verify(forged)).rejects.toMatchObject({ details: { reason: 'signature' } });
    }
    // And it took nothing away from the right one.
    signatures.mockClear();
    expect((await tokens.verify(token)).subject).toBe('u1');
    expect(signatures).not.toHaveBeenCalled();
  });

  it('is refused: a token that another verifier knows, of this key and for another audience', async () => {
    const { issue, tokens, now } = setUp();
    const token = await issue();
    await tokens.verify(token);
    const keys = createKeyRing({ active: key });
    const elsewhere = createAccessTokenVerifier({ ...about, audience: 'https://other.example.com', keys, now });
    await expect(elsewhere.verify(token)).rejects.toMatchObject({ details: { reason: 'claim_aud' } });
  });
});

describe('what is remembered', () => {
  it('stays bounded in a flood of distinct tokens, good ones and forged ones, and what is in use stays', async () => {
    const { tokens, issue } = setUp(20);
    const often = await issue(0);
    await tokens.verify(often);
    for (let n = 1; n <= 60; n++) {
      const token = await issue(n);
      await tokens.verify(token);
      const at = token.lastIndexOf('.') + 1;
      const forged = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      await expect(tokens.verify(forged)).rejects.toMatchObject({ code: 'auth.token_invalid' });
      if (n % 5 === 0) await tokens.verify(often);
    }
    // Each good one once and each forged one once: the one in use was never looked at again.
    expect(signatures).toHaveBeenCalledTimes(1 + 2 * 60);
    signatures.mockClear();
    for (let n = 0; n < 5; n++) await tokens.verify(often);
    expect(signatures).not.toHaveBeenCalled();
  });

  it('is bounded, and the least recently used give way', async () => {
    const { tokens, issue } = setUp(4);
    const all = await Promise.all(Array.from({ length: 20 }, (_, n) => issue(n)));
    const [often, ...rest] = all as [string, ...string[]];
    for (const token of rest) {
      await tokens.verify(often);
      await tokens.verify(token);
    }
    expect(signatures).toHaveBeenCalledTimes(20);
    await tokens.verify(rest[0] as string);
    expect(signatures).toHaveBeenCalledTimes(21);
  });

  it('is nothing with a size of 0, and no token that was refused', async () => {
    const { tokens, issue } = setUp(0);
    const token = await issue();
    await tokens.verify(token);
    await tokens.verify(token);
    expect(signatures).toHaveBeenCalledTimes(2);

    const remembering = setUp();
    const [head, body] = (await remembering.issue()).split('.') as [string, string];
    const { privateKey } = generateKeyPairSync('ed25519');
    const forged = `${head}.${body}.${sign(null, Buffer.from(`${head}.${body}`), privateKey).toString('base64url')}`;
    for (let i = 0; i < 2; i++) {
      await expect(remembering.tokens.verify(forged)).rejects.toMatchObject({ details: { reason: 'signature' } });
    }
    expect(signatures).toHaveBeenCalledTimes(4);
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5'])('has no size of %s', (cacheSize) => {
    expect(() => setUp(cacheSize as number)).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
  });
});
