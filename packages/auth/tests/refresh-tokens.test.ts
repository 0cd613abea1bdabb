import { describe, expect, it } from 'vitest';
import { deriveSecret } from '../src/index.ts';
import { isRefreshToken, newNonce, newRefreshToken, secretKey, successorOf, tokenId } from '../src/refresh-tokens.ts';

describe('a refresh token', () => {
  it('is 256 random bits, and is stored as a hash that says nothing about it', () => {
    const tokens = new Set(Array.from({ length: 1000 }, newRefreshToken));
    expect(tokens.size).toBe(1000);
    for (const token of tokens) {
      expect(isRefreshToken(token)).toBe(true);
      expect(Buffer.from(token, 'base64url')).toHaveLength(32);
      expect(tokenId(token)).not.toContain(token.slice(0, 8));
    }
    // SHA-256 of "abc", from FIPS 180-2.
    expect(Buffer.from(tokenId('abc'), 'base64url').toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});

describe('the successor of a token', () => {
  const secret = secretKey('s'.repeat(32));
  const [token, nonce] = [newRefreshToken(), newNonce()];

  it('is the same for everybody who knows all three parts', () => {
    expect(successorOf(token, nonce, secret)).toBe(successorOf(token, nonce, secretKey('s'.repeat(32))));
    expect(isRefreshToken(successorOf(token, nonce, secret))).toBe(true);
  });

  it('is another one without any of them', () => {
    const all = [
      successorOf(token, nonce, secret),
      successorOf(newRefreshToken(), nonce, secret),
      successorOf(token, newNonce(), secret),
      successorOf(token, nonce, secretKey('t'.repeat(32))),
      successorOf(token, nonce, secretKey(deriveSecret('s'.repeat(32), 'refresh-tokens'))),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('is not what is stored', () => {
    const successor = successorOf(token, nonce, secret);
    expect([token, nonce, tokenId(token), tokenId(successor)]).not.toContain(successor);
  });
});
