import { createPublicKey, randomBytes, randomUUID, subtle, type webcrypto } from 'node:crypto';
import { authErrors } from './errors.ts';
import { SHARED_BITS, type SharedAlgorithm } from './internal/algorithms.ts';

export type { SharedAlgorithm };

/**
 * A secret that signs and verifies: each service that verifies by it can sign too. It is bound to one algorithm. It has
 * no public half, so no JWKS has it, and it cannot be exported.
 */
export interface SharedKey {
  /** The key's name in token headers, by which all services that hold it call it. It tells nothing of the secret. */
  readonly kid: string;
  readonly alg: SharedAlgorithm;
  readonly secretKey: webcrypto.CryptoKey;
}

/**
 * Reads a shared key: a JWK of the type `oct` (RFC 7518, section 6.4) with `kid` and `alg`, as an object or its JSON.
 * `k` is the secret, in base64url.
 *
 * Such a key is read by this function alone, and never from a JWKS.
 *
 * @throws `auth.configuration` for anything else, a secret that is shorter than what its hash gives (32, 48 or 64
 *   bytes), and one that is a public key; the message never contains it
 */
export async function importSharedKey(source: string | object): Promise<SharedKey> {
  const { kty, kid, alg, use = 'sig', key_ops: operations = ['sign', 'verify'], k } = parsed(source);
  if (kty !== 'oct' || use !== 'sig' || typeof kid !== 'string' || kid === '') {
    throw authErrors.configuration('A shared key is a JWK with "kty": "oct" and a "kid", for signatures.');
  }
  if (!isSharedAlgorithm(alg)) {
    throw authErrors.configuration(`The "alg" of a shared key must be one of ${Object.keys(SHARED_BITS).join(', ')}.`);
  }
  if (!Array.isArray(operations) || !['sign', 'verify'].every((each) => operations.includes(each))) {
    throw authErrors.configuration('"key_ops" of a shared key must have "sign" and "verify".');
  }
  const secret = Buffer.from(typeof k === 'string' ? k : '', 'base64url');
  if (typeof k !== 'string' || secret.toString('base64url') !== k) {
    throw authErrors.configuration('"k" of a shared key must be its secret in base64url, without padding.');
  }
  demandLength(alg, secret.length * 8);
  if (isPublished(secret)) {
    throw authErrors.configuration(
      'The secret of a shared key is a public key, a certificate or a PEM: anybody may have it.',
    );
  }
  const algorithm = { name: 'HMAC', hash: `SHA-${SHARED_BITS[alg]}` };
  const secretKey = await subtle.importKey('raw', secret, algorithm, false, ['sign', 'verify']);
  return Object.freeze({ kid, alg, secretKey });
}

/**
 * Makes a new shared key. `jwk` is what {@link importSharedKey} reads: a secret, to be handed to the other services and
 * kept somewhere safe.
 *
 * @example
 * ```ts
 * import { generateSharedKey } from '@ent/auth';
 *
 * const { key, jwk } = await generateSharedKey('HS256');
 * console.log(key.alg, JSON.parse(jwk).kid === key.kid); // HS256 true
 * ```
 */
export async function generateSharedKey(alg: SharedAlgorithm = 'HS256'): Promise<{ key: SharedKey; jwk: string }> {
  if (!isSharedAlgorithm(alg)) {
    throw authErrors.configuration(`generateSharedKey makes keys for ${Object.keys(SHARED_BITS).join(', ')}.`);
  }
  const k = randomBytes(SHARED_BITS[alg] / 8).toString('base64url');
  const jwk = JSON.stringify({ kty: 'oct', kid: randomUUID(), alg, use: 'sig', k });
  return { key: await importSharedKey(jwk), jwk };
}

/** By its algorithm, which is what decides how a key is used. */
export function isShared(key: { readonly alg: string }): key is SharedKey {
  return isSharedAlgorithm(key.alg);
}

/** Refuses a shared key that was not imported, of which nobody knows how long its secret is. */
export function demandSharedKey({ alg, secretKey }: SharedKey): void {
  if (!(secretKey instanceof CryptoKey) || secretKey.type !== 'secret') {
    throw authErrors.configuration(`A key of ${alg} must be a shared key, as of importSharedKey().`);
  }
  demandLength(alg, (secretKey.algorithm as webcrypto.HmacKeyAlgorithm).length);
}

export function isSharedAlgorithm(alg: unknown): alg is SharedAlgorithm {
  return typeof alg === 'string' && Object.hasOwn(SHARED_BITS, alg);
}

function demandLength(alg: SharedAlgorithm, bits: number): void {
  if (bits >= SHARED_BITS[alg]) return;
  throw authErrors.configuration(
    `The secret of ${alg} has ${bits / 8} bytes, and needs at least ${SHARED_BITS[alg] / 8} (RFC 7518, section 3.2).`,
  );
}

function parsed(source: string | object): Record<string, unknown> {
  let jwk: unknown = source;
  try {
    if (typeof source === 'string') jwk = JSON.parse(source);
  } catch {
    // Not as the cause: a message of JSON.parse quotes the text, and that is the secret.
    jwk = undefined;
  }
  if (typeof jwk === 'object' && jwk !== null) return jwk as Record<string, unknown>;
  throw authErrors.configuration('A shared key is a JWK of the type "oct", as an object or as its JSON.');
}

/** Whether the bytes are a key as one is published: PEM, DER or JSON. The bare numbers of one look like any secret. */
function isPublished(secret: Buffer): boolean {
  return (
    secret.includes('-----BEGIN ') ||
    succeeds(() => JSON.parse(secret.toString()) as unknown) ||
    succeeds(() => createPublicKey({ key: secret, format: 'der', type: 'spki' })) ||
    succeeds(() => createPublicKey({ key: secret, format: 'der', type: 'pkcs1' }))
  );
}

function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
