import { createHmac, createSecretKey, hash, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { authErrors } from './errors.ts';

/**
 * A server secret: at least 32 bytes, as bytes or as text with that much entropy (64 hexadecimal digits, for example).
 */
export type Secret = string | Uint8Array;

const TOKEN = /^[A-Za-z0-9_-]{43}$/;
const MIN_SECRET_BYTES = 32;

/**
 * A secret for one purpose, derived from other key material (HKDF-SHA256, RFC 5869): an application with a signing key
 * needs no second setting for the secret of its refresh tokens. The same input gives the same secret in each process.
 *
 * @throws `auth.configuration` when the material is shorter than 32 bytes or the purpose is empty
 *
 * @example
 * ```ts
 * import { deriveSecret, generateKey } from '@ent/auth';
 *
 * const { pem } = await generateKey();
 * console.log(deriveSecret(pem, 'refresh-tokens').length);
 * ```
 */
export function deriveSecret(material: Secret, purpose: string): Uint8Array {
  if (purpose === '')
    throw authErrors.configuration('A derived secret needs a purpose, which keeps it apart from others.');
  return new Uint8Array(hkdfSync('sha256', secretBytes(material), '', `@ent/auth ${purpose}`, 32));
}

/** A new refresh token: 256 random bits, base64url. */
export function newRefreshToken(): string {
  return randomBytes(32).toString('base64url');
}

/** 128 random bits, base64url. */
export function newNonce(): string {
  return randomBytes(16).toString('base64url');
}

export function isRefreshToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value);
}

/**
 * What is stored in place of a token. A plain SHA-256 is right here, unlike for a password: 256 random bits cannot be
 * guessed, so that there is nothing for a slow hash or a salt to slow down.
 */
export function tokenId(token: string): string {
  return hash('sha256', token, 'base64url');
}

/** The secret, checked, as a key for {@link successorOf}. Made once: node takes longer for it than for an HMAC. */
export function secretKey(secret: Secret): KeyObject {
  return createSecretKey(secretBytes(secret));
}

function secretBytes(secret: Secret): Uint8Array {
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : secret;
  if (!(bytes instanceof Uint8Array) || bytes.byteLength < MIN_SECRET_BYTES) {
    throw authErrors.configuration(
      `A secret must be at least ${MIN_SECRET_BYTES} bytes long (openssl rand -hex 32 makes one).`,
    );
  }
  return bytes;
}

/**
 * The successor of a token: HMAC-SHA256 under the server's secret over the spent token and the nonce stored with it.
 *
 * Why it is derived and not drawn: a client whose answer got lost sends the spent token again and has to be given the
 * *same* successor, yet the store keeps hashes only. Computing it again needs three things that are never in one place:
 * - the spent token, which only the client has (the store has its hash);
 * - the server's secret, so that a thief of a spent token, or of the whole store, cannot compute the next token;
 * - the nonce in the store, so that a thief of the secret and of an old token still cannot.
 * HMAC is a pseudo-random function (RFC 2104; the KDF use is NIST SP 800-108): without them the 256 bits are as good as
 * random. And since everybody computes the same value, any number of refreshes at once, and a crash between two writes,
 * end in one successor without a lock or a transaction.
 */
export function successorOf(token: string, nonce: string, secret: KeyObject): string {
  // The prefix keeps this use of the secret apart from any other; the parts have fixed lengths, so no two inputs meet.
  return createHmac('sha256', secret).update(`@ent/auth refresh successor 1\0${token}${nonce}`).digest('base64url');
}
