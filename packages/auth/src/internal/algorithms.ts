import type { KeyObject } from 'node:crypto';

/** The algorithms that this package signs with: Ed25519 (RFC 8037) and ECDSA on P-256 (RFC 7518). */
export type SigningAlgorithm = 'EdDSA' | 'ES256';

/** The algorithms that it verifies by a public key: all of RFC 7518, and Ed25519. None has a shared secret. */
export type VerificationAlgorithm =
  | SigningAlgorithm
  | 'ES384'
  | 'ES512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'RS256'
  | 'RS384'
  | 'RS512';

/** The algorithms with a shared secret (RFC 7518, section 3.2): who can verify can sign too. */
export type SharedAlgorithm = 'HS256' | 'HS384' | 'HS512';

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
const BY_CURVE: Readonly<Record<string, readonly VerificationAlgorithm[]>> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
};
// Shorter ones can be broken (RFC 7518, section 3.3); a longer one makes each verification dear.
const RSA_BITS = { least: 2048, most: 8192 };

/** All of them. */
export const VERIFICATION_ALGORITHMS: readonly VerificationAlgorithm[] = ['EdDSA', 'ES256', 'ES384', 'ES512', ...RSA];

/** The bits of what each hash gives, which the secret must have at least. */
export const SHARED_BITS: Readonly<Record<SharedAlgorithm, number>> = { HS256: 256, HS384: 384, HS512: 512 };

/** The algorithms that a public key can be for; the first is the usual one. Empty for a key that is for none. */
export function algorithmsFor(key: KeyObject): readonly VerificationAlgorithm[] {
  if (key.asymmetricKeyType === 'ed25519') return ['EdDSA'];
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') return BY_CURVE[namedCurve] ?? [];
  const isUsual = modulusLength >= RSA_BITS.least && modulusLength <= RSA_BITS.most;
  return key.asymmetricKeyType === 'rsa' && isUsual ? RSA : [];
}
