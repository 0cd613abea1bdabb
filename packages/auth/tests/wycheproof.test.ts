// Project Wycheproof's vectors for JWS and JWK, through the verifier that a service has. Their payload is "foo", which
// is no set of claims: a token whose signature was accepted is refused for that, and for nothing else.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createAccessTokenVerifier,
  createKeyRing,
  createVerificationKeys,
  importSharedKey,
  type VerificationAlgorithm,
  type VerificationKeys,
} from '../src/index.ts';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: string;
  readonly result: 'valid' | 'invalid';
}

interface Jwk {
  readonly kty: string;
  readonly alg?: string;
  readonly crv?: string;
  readonly kid?: string;
}

interface Group {
  readonly comment: string;
  readonly key: Jwk | { readonly keys: readonly Jwk[] };
  readonly tests: readonly Vector[];
}

const groupsOf = (name: string): Group[] =>
  readFileSync(new URL(`fixtures/wycheproof/${name}.ndjson`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Group);

const keysOf = ({ key }: Group): readonly Jwk[] => ('keys' in key ? key.keys : [key]);

/** Valid ones that are refused on purpose: without any payload, or with a "?", which base64url has not. */
const REFUSED = new Set(['emptyPayload', 'InvalidCharacterInsertedInHeader', 'InvalidCharacterInsertedInPayload']);
/** Key 7 is of a chip that made weak primes (ROCA, CVE-2017-15361). Nobody below looks for that: it is the issuer's. */
const NOT_LOOKED_FOR = new Set(['rejectsKeyWithRocaVulnerability']);
/**
 * Valid ones that are refused as they stand, since the key says another algorithm than the token: "PS256" beside PS384,
 * and "ES521", which RFC 7518 has not. Without it they are good.
 */
const MISNAMED: Readonly<Record<string, VerificationAlgorithm>> = { Figure20: 'PS384', Figure27: 'ES512' };

type Outcome = 'accepted' | 'refused' | 'keys';

/** Whether the signature is accepted; `keys` for a set that is refused as a whole. */
async function outcome(
  jwks: readonly Jwk[],
  jws: string,
  algorithms?: readonly VerificationAlgorithm[],
): Promise<Outcome> {
  const keys = await createVerificationKeys({ keys: jwks }, algorithms && { algorithms }).catch(() => undefined);
  return keys === undefined ? 'keys' : verified(keys, jws);
}

/** The same with keys that are given as shared ones. */
async function outcomeOfShared(jwks: readonly Jwk[], jws: string): Promise<Outcome> {
  const read = async (): Promise<VerificationKeys> => {
    const [active, ...next] = await Promise.all(jwks.map(importSharedKey));
    return createKeyRing({ active: active as NonNullable<typeof active>, next });
  };
  const keys = await read().catch(() => undefined);
  return keys === undefined ? 'keys' : verified(keys, jws);
}

async function verified(keys: VerificationKeys, jws: string): Promise<Outcome> {
  const profile = { types: [null, 'jwt'] };
  const verifier = createAccessTokenVerifier({ issuer: 'https://issuer', audience: 'api', keys, profile });
  const error = await verifier.verify(jws).then(
    () => new Error('A token that has no claims was let in.'),
    (thrown: unknown) => thrown as Error,
  );
  expect(error).toMatchObject({ code: 'auth.token_invalid' });
  return (error.cause as { code?: string } | undefined)?.code === 'ERR_JWT_INVALID' ? 'accepted' : 'refused';
}

describe.each(groupsOf('json-web-signature'))('JWS of Wycheproof, $comment', (group) => {
  const keys = keysOf(group);
  const isShared = keys.some(({ kty }) => kty === 'oct');

  // 367 and 370, which are to be invalid by their padding, have none: they are the text of 357, which is valid.
  const good = new Set(group.tests.filter(({ result }) => result === 'valid').map(({ jws }) => jws));

  it.each(group.tests)('$tcId $comment: $result', async ({ jws, comment }) => {
    const algorithm = MISNAMED[comment];
    const isGood = good.has(jws) && !REFUSED.has(comment) && algorithm === undefined;
    const expected = isGood ? ['accepted'] : ['refused', 'keys'];
    // A shared secret verifies nothing as a key of a set, whatever it signed.
    if (isShared) expect(await outcome(keys, jws)).toBe('keys');
    expect(expected).toContain(await (isShared ? outcomeOfShared : outcome)(keys, jws));
    if (algorithm === undefined) return;
    const bare = keys.map(({ alg: _alg, ...key }) => key);
    expect(await outcome(bare, jws, [algorithm])).toBe('accepted');
  });
});

describe.each(groupsOf('json-web-key'))('JWK of Wycheproof, $comment', (group) => {
  const keys = keysOf(group);
  const isShared = keys.every(({ kty }) => kty === 'oct');

  it.each(group.tests)('$tcId $comment: $result', async ({ jws, comment, result }) => {
    const isGood = result === 'valid' || NOT_LOOKED_FOR.has(comment);
    const expected = isGood ? ['accepted'] : ['refused', 'keys'];
    if (isShared) expect(await outcome(keys, jws)).toBe('keys');
    expect(expected).toContain(await (isShared ? outcomeOfShared : outcome)(keys, jws));
  });
});
