import { kindOf, refuseUnknown } from '@ent/internal';
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, type webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint, exportJWK, importJWK, type JWK } from 'jose';
import { authErrors } from './errors.ts';
import {
  algorithmsFor,
  type SigningAlgorithm,
  VERIFICATION_ALGORITHMS,
  type VerificationAlgorithm,
} from './internal/algorithms.ts';
import { demandSharedKey, isShared, type SharedKey } from './shared-keys.ts';

export type { SigningAlgorithm, VerificationAlgorithm };

/** A public key that checks signatures. It is bound to one algorithm: a token cannot choose another. */
export interface VerificationKey {
  /** The key's name in token headers: of a key of ours its RFC 7638 thumbprint. */
  readonly kid: string;
  readonly alg: VerificationAlgorithm;
  readonly publicKey: webcrypto.CryptoKey;
  /** The public key as it is published in a JWKS. */
  readonly jwk: Readonly<PublicJwk>;
}

/** A private key that signs, with its public half. The private half cannot be exported again. */
export interface SigningKey extends VerificationKey {
  readonly alg: SigningAlgorithm;
  readonly privateKey: webcrypto.CryptoKey;
}

/** A public key of a JWKS (RFC 7517). */
export interface PublicJwk {
  kty: string;
  /** Of an elliptic curve. */
  crv?: string;
  x?: string;
  y?: string;
  /** Of RSA. */
  n?: string;
  e?: string;
  kid: string;
  alg: string;
  use: string;
}

/** A JSON Web Key Set, as served under `/.well-known/jwks.json`. */
export interface Jwks {
  keys: PublicJwk[];
}

/** Where a verifier finds the key that a token names. A set that has to be fetched may answer later. */
export interface VerificationKeys {
  find(kid: string): VerificationKey | SharedKey | undefined | Promise<VerificationKey | SharedKey | undefined>;
}

/** The keys of an issuer: one that signs, and those that still, or already, verify. */
export interface SigningKeys extends VerificationKeys {
  readonly active: SigningKey | SharedKey;
  /** The public keys to publish: active, next and retiring. Shared keys are not among them. */
  jwks(): Jwks;
  /** The longest time that a token may live, since keys go; undefined for keys that stay. */
  readonly maxTtlMs?: number | undefined;
}

/** Keys that an application holds, and changes by a new ring. */
export interface KeyRing extends SigningKeys {
  find(kid: string): VerificationKey | SharedKey | undefined;
}

/** The members of {@link createKeyRing}. */
export interface KeyRingOptions {
  /** Signs new tokens. */
  active: SigningKey | SharedKey;
  /**
   * Will sign next. Published and accepted already, so that no verifier meets an unknown key on the day of the change.
   */
  next?: readonly (VerificationKey | SharedKey)[] | undefined;
  /** Signed before. Keep one here at least as long as an access token lives, then drop it. */
  retiring?: readonly (VerificationKey | SharedKey)[] | undefined;
}

/**
 * Reads a private key: PKCS #8 PEM, Ed25519 or P-256. The algorithm follows from the key.
 *
 * `\n` written out as two characters, as environment files often have it, is read as a line break.
 *
 * @throws `auth.configuration` for anything else; the message never contains the key
 */
export async function importKey(pem: string): Promise<SigningKey> {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem.replaceAll('\\n', '\n'), format: 'pem', type: 'pkcs8' });
  } catch (cause) {
    throw authErrors.configuration('The signing key is not an unencrypted PKCS #8 PEM private key.', { cause });
  }
  const alg = signingAlgorithmOf(key);
  const publicHalf = await importPublic(createPublicKey(key), alg);
  // Not extractable: from here on no code, and no heap dump of a JWK, gets at the private half.
  const privateKey = key.toCryptoKey(webCrypto[alg], false, ['sign']);
  return Object.freeze({ ...publicHalf, alg, privateKey });
}

/**
 * Reads a public key: SPKI PEM, or one key of a JWKS. For keys whose private half is
 * elsewhere: another service's, or one that is retiring.
 *
 * The key is bound to one algorithm: that of its `alg`; without one, that of its curve, or of RSA the first of
 * `algorithms` (`RS256`).
 *
 * @param algorithms which ones it may be for. Default: all of {@link VerificationAlgorithm}
 * @throws `auth.configuration` when it is no public key for one of them: of another kind, RSA under 2048 bits, private
 */
export async function importPublicKey(
  source: string | object,
  algorithms: readonly VerificationAlgorithm[] = VERIFICATION_ALGORITHMS,
): Promise<VerificationKey> {
  demandAlgorithms(algorithms, 'importPublicKey');
  if (typeof source === 'object' && source !== null && Object.hasOwn(source, 'd')) {
    throw authErrors.configuration('A private key was given where a public key is expected: remove "d" from the JWK.');
  }
  let key: KeyObject;
  try {
    key =
      typeof source === 'string'
        ? createPublicKey({ key: source.replaceAll('\\n', '\n'), format: 'pem', type: 'spki' })
        : createPublicKey({ key: source as JWK, format: 'jwk' });
  } catch (cause) {
    throw authErrors.configuration('The verification key is neither an SPKI PEM public key nor a public JWK.', {
      cause,
    });
  }
  const { alg: named, kid } = typeof source === 'object' ? (source as JWK) : ({} as JWK);
  const alg = algorithms.find((each) => algorithmsFor(key).includes(each) && (named ?? each) === each);
  if (alg === undefined) {
    throw authErrors.configuration(
      `A key of type ${key.asymmetricKeyType ?? 'unknown'} is for none of ${algorithms.join(', ')} as it is; RSA needs 2048 to 8192 bits.`,
    );
  }
  return importPublic(key, alg, kid);
}

/**
 * Makes a new key pair. Keep `pem` (PKCS #8) somewhere safe: tokens that it signed are refused once it is lost.
 *
 * @example
 * ```ts
 * import { generateKey } from '@ent/auth';
 *
 * const { key, pem } = await generateKey('EdDSA');
 * console.log(key.kid, pem.split('\n')[0]);
 * ```
 */
export async function generateKey(alg: SigningAlgorithm = 'EdDSA'): Promise<{ key: SigningKey; pem: string }> {
  if (!Object.hasOwn(webCrypto, alg)) {
    throw authErrors.configuration(`generateKey makes keys for ${Object.keys(webCrypto).join(' and ')}.`);
  }
  const { privateKey } =
    alg === 'EdDSA'
      ? await promisify(generateKeyPair)('ed25519', {})
      : await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  return { key: await importKey(pem), pem };
}

/**
 * The keys of an issuer. To change the signing key without refusing a valid token: publish the new one as `next`, later
 * make it `active` and the old one `retiring`, and after the lifetime of an access token drop the old one.
 *
 * ```ts
 * import { createKeyRing, generateKey } from '@ent/auth';
 *
 * const [old, current, next] = await Promise.all([generateKey(), generateKey(), generateKey()]);
 * const keys = createKeyRing({ active: current.key, next: [next.key], retiring: [old.key] });
 * console.log(keys.jwks().keys.length); // 3
 * ```
 *
 * @throws `auth.configuration` when a key is listed twice
 */
export function createKeyRing(options: KeyRingOptions): KeyRing {
  refuseUnknown(options, { active: true, next: true, retiring: true }, 'createKeyRing', authErrors.configuration);
  const { active, next = [], retiring = [] } = options;
  if (active?.kid === undefined || signingHalf(active) === undefined) {
    throw authErrors.configuration(
      'createKeyRing: "active" must be a key that signs, of importKey(), generateKey() or importSharedKey().',
    );
  }
  const all = [active, ...next, ...retiring];
  for (const key of all) if (isShared(key)) demandSharedKey(key);
  const byKid = indexByKid(all);
  return { active, find: (kid) => byKid.get(kid), jwks: () => publicHalves(all) };
}

/** What signs: the secret of a shared key, the private half of any other. */
export function signingHalf(key: SigningKey | SharedKey): webcrypto.CryptoKey {
  return isShared(key) ? key.secretKey : key.privateKey;
}

/**
 * What looks at signatures: the secret of a key with a shared algorithm, the public half of any other, and never one in
 * the place of the other.
 *
 * @throws `auth.configuration` for a shared key that was not imported
 */
export function verifyingHalf(key: VerificationKey | SharedKey): webcrypto.CryptoKey {
  if (!isShared(key)) return key.publicKey;
  demandSharedKey(key);
  return key.secretKey;
}

/** The keys to publish. A shared key has nothing that could be. */
export function publicHalves(keys: readonly (VerificationKey | SharedKey)[]): Jwks {
  return { keys: keys.flatMap((key) => (isShared(key) ? [] : [{ ...key.jwk }])) };
}

/** How the keys of a JWKS are read. */
export interface VerificationKeysOptions {
  /**
   * Which algorithms the keys may be for; keys for another one are passed over. An RSA key that does not say which one
   * it is for is bound to the first of RSA in this list. Default: all, of RSA first `RS256`.
   */
  algorithms?: readonly VerificationAlgorithm[] | undefined;
}

/**
 * The keys of somebody else's JWKS, for a service that verifies and does not issue. Keys of other kinds, for
 * encryption, without a name, and malformed ones are passed over, as RFC 7517, section 5 asks; a set without one usable
 * key is refused. Where the set can be fetched, `createRemoteKeys` keeps it up to date.
 *
 * ```ts
 * import { createAccessTokenVerifier, createKeyRing, createVerificationKeys, generateKey } from '@ent/auth';
 *
 * const jwks = createKeyRing({ active: (await generateKey()).key }).jwks(); // as the issuer publishes it
 * const keys = await createVerificationKeys(jwks);
 * const verifier = createAccessTokenVerifier({ issuer: 'https://auth', audience: 'https://api', keys });
 * console.log(typeof verifier.verify); // function
 * ```
 *
 * @throws `auth.configuration`
 */
export async function createVerificationKeys(
  jwks: { keys: readonly object[] },
  options: VerificationKeysOptions = {},
): Promise<VerificationKeys> {
  refuseUnknown(options, { algorithms: true }, 'createVerificationKeys', authErrors.configuration);
  const byKid = await readKeys(jwks, options.algorithms);
  return { find: (kid) => byKid.get(kid) };
}

/** The usable keys of a JWKS by their names; at least one. */
export async function readKeys(
  jwks: unknown,
  algorithms: readonly VerificationAlgorithm[] = VERIFICATION_ALGORITHMS,
): Promise<ReadonlyMap<string, VerificationKey>> {
  demandAlgorithms(algorithms, 'The keys of a JWKS');
  const given = (jwks as { keys?: unknown } | null | undefined)?.keys;
  if (!Array.isArray(given)) throw authErrors.configuration('A JWKS is an object with a list called "keys".');
  const imported = await Promise.all(given.map((jwk) => usableKey(jwk, algorithms)));
  const usable = imported.filter((key) => key !== undefined);
  if (usable.length === 0) {
    throw authErrors.configuration(`The JWKS holds no signature key with a "kid" for ${algorithms.join(', ')}.`);
  }
  return indexByKid(usable);
}

/**
 * Refuses what is no list of algorithms that keys can be bound to; `none` is not, and those with a shared secret only
 * where `possible` has them.
 */
export function demandAlgorithms(
  algorithms: readonly string[],
  what: string,
  possible: readonly string[] = VERIFICATION_ALGORITHMS,
): void {
  if (!Array.isArray(algorithms)) {
    throw authErrors.configuration(`${what}: "algorithms" must be a list; got ${kindOf(algorithms)}.`);
  }
  if (algorithms.length > 0 && algorithms.every((each: string) => possible.includes(each))) return;
  throw authErrors.configuration(`${what}: "algorithms" can hold ${possible.join(', ')}.`);
}

async function usableKey(
  jwk: unknown,
  algorithms: readonly VerificationAlgorithm[],
): Promise<VerificationKey | undefined> {
  if (typeof jwk !== 'object' || jwk === null || !isUsable(jwk)) return undefined;
  try {
    return await importPublicKey(jwk, algorithms);
  } catch {
    // One key that somebody wrote wrongly must not put all the others out.
    return undefined;
  }
}

const webCrypto = {
  EdDSA: { name: 'Ed25519' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
} as const;

function signingAlgorithmOf(key: KeyObject): SigningAlgorithm {
  const [alg] = algorithmsFor(key);
  if (alg === 'EdDSA' || alg === 'ES256') return alg;
  throw authErrors.configuration(
    `A key of type ${key.asymmetricKeyType ?? 'unknown'} cannot be used: make an Ed25519 key (openssl genpkey -algorithm ed25519) or an EC key on P-256.`,
  );
}

async function importPublic(key: KeyObject, alg: VerificationAlgorithm, kid?: string): Promise<VerificationKey> {
  const bare = await exportJWK(key);
  const jwk = { ...bare, kid: kid ?? (await calculateJwkThumbprint(bare)), alg, use: 'sig' } as PublicJwk;
  const publicKey = (await importJWK({ ...bare }, alg)) as webcrypto.CryptoKey;
  return Object.freeze({ kid: jwk.kid, alg, publicKey, jwk: Object.freeze(jwk) });
}

function isUsable({ kid, use = 'sig', key_ops: operations = ['verify'] }: JWK): boolean {
  const verifies = Array.isArray(operations) && operations.includes('verify');
  return typeof kid === 'string' && kid !== '' && use === 'sig' && verifies;
}

function indexByKid<Key extends { readonly kid: string }>(keys: readonly Key[]): Map<string, Key> {
  const byKid = new Map(keys.map((key) => [key.kid, key]));
  if (byKid.size !== keys.length) throw authErrors.configuration('Two keys of one set have the same "kid".');
  return byKid;
}
