// Examples of RFC 7515, 7519, 7638, 8037 and 9068, through what a service uses. Those of RFC 9449 stand in
// dpop.test.ts, those of RFC 4226 and 6238 in totp.test.ts.
import { compactVerify, importJWK, type JWK, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  createAccessTokenVerifier,
  createVerificationKeys,
  importKey,
  importPublicKey,
  importSharedKey,
  type Jwks,
} from '../src/index.ts';
import { createPrivateKey } from 'node:crypto';

/** RFC 7515, appendix A: the keys and tokens of A.2, A.3 and A.4. */
const rs256 = {
  kty: 'RSA',
  n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
  e: 'AQAB',
  d: 'Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ',
  p: '4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc',
  q: 'uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc',
  dp: 'BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0',
  dq: 'h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU',
  qi: 'IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U',
};
const es256 = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
};
const es512 = {
  kty: 'EC',
  crv: 'P-521',
  x: 'AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk',
  y: 'ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2',
  d: 'AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C',
};
const signed = {
  RS256: {
    key: rs256,
    jws: 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw',
  },
  ES256: {
    key: es256,
    jws: 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
  },
  ES512: {
    key: es512,
    jws: 'eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn',
  },
} as const;
/** A.1, which is RFC 7519, section 3.1, too, and A.5, which is its section 6.1. */
const HS256 =
  'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const UNSECURED =
  'eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.';
/** What they say: A.1, A.2, A.3 and A.5. */
const CLAIMS = { iss: 'joe', exp: 1_300_819_380, 'http://example.com/is_root': true };

/** RFC 8037, appendix A: the private key, and what it signed. */
const ed25519 = {
  kty: 'OKP',
  crv: 'Ed25519',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
};
const ED25519 =
  'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg';

const publicOf = ({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...jwk }: JWK): object => jwk;
const payloadOf = async (jws: string, key: object): Promise<string> => {
  const { publicKey } = await importPublicKey(publicOf(key));
  return Buffer.from((await compactVerify(jws, publicKey)).payload).toString();
};
const jwksOf = (key: object, kid: string, alg: string): Jwks =>
  ({ keys: [{ ...publicOf(key), kid, alg, use: 'sig' }] }) as unknown as Jwks;

/** A verifier of tokens as the examples have them: of joe, for everybody who reads RFCs. */
async function verifierOf(jwks: Jwks, now: number) {
  const keys = await createVerificationKeys(jwks);
  const profile = { types: [null, 'jwt'] };
  return createAccessTokenVerifier({
    issuer: 'joe',
    audience: 'readers',
    keys,
    profile,
    clockTolerance: 0,
    now: () => now * 1000,
  });
}
const refused = (reason: string) => ({ code: 'auth.token_invalid', details: { reason } });

describe('RFC 7515', () => {
  it.each(['RS256', 'ES256'] as const)(
    'appendix A: the signature by %s is good, and with another payload none',
    async (alg) => {
      const { key, jws } = signed[alg];
      expect(JSON.parse(await payloadOf(jws, key))).toEqual(CLAIMS);
      const [header, , signature] = jws.split('.');
      await expect(payloadOf(`${header}.e30.${signature}`, key)).rejects.toThrow('signature verification failed');
    },
  );

  it('appendix A.1: the signature by HS256 is good, and with another payload or key none', async () => {
    const k = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow';
    const jwk = { kty: 'oct', kid: 'a1', alg: 'HS256', k };
    const { secretKey } = await importSharedKey(jwk);
    const { payload } = await compactVerify(HS256, secretKey);
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual(CLAIMS);
    const [header, , signature] = HS256.split('.');
    const other = await importSharedKey({ ...jwk, k: k.replace('A', 'B') });
    for (const [jws, by] of [
      [`${header}.e30.${signature}`, secretKey],
      [HS256, other.secretKey],
    ] as const) {
      await expect(compactVerify(jws, by)).rejects.toThrow('signature verification failed');
    }
  });

  it('appendix A.4: the signature by ES512 is good, and its key is for no other algorithm', async () => {
    expect(await payloadOf(signed.ES512.jws, es512)).toBe('Payload');
    expect((await importPublicKey(publicOf(es512))).alg).toBe('ES512');
    await expect(importPublicKey(publicOf(es512), ['ES256'])).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('appendix A: a token that names no key, has a shared secret, or no signature is refused', async () => {
    const verifier = await verifierOf(jwksOf(rs256, 'a2', 'RS256'), CLAIMS.exp - 1);
    for (const jws of [signed.RS256.jws, signed.ES256.jws, signed.ES512.jws, HS256, UNSECURED]) {
      await expect(verifier.verify(jws)).rejects.toMatchObject({ code: 'auth.token_invalid' });
    }
  });

  it('appendix A.6 and A.7: the two serializations in JSON are no tokens', async () => {
    const verifier = await verifierOf(jwksOf(es256, 'a3', 'ES256'), CLAIMS.exp - 1);
    const [header, payload, signature] = signed.ES256.jws.split('.');
    const one = { protected: header, header: { kid: 'a3' }, signature };
    for (const json of [
      { payload, ...one },
      { payload, signatures: [one] },
    ]) {
      await expect(verifier.verify(JSON.stringify(json))).rejects.toMatchObject(refused('malformed'));
      await expect(verifier.verify(json as never)).rejects.toMatchObject(refused('malformed'));
    }
  });
});

describe('RFC 7519', () => {
  const sign = async (claims: object): Promise<string> =>
    new SignJWT({ sub: 'ann', aud: 'readers', iat: CLAIMS.exp - 60, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: 'a3' })
      .sign(await importJWK(es256, 'ES256'));

  it('section 3.1: its claims are those of the principal, until the second that exp says', async () => {
    const token = await sign(CLAIMS);
    const before = await verifierOf(jwksOf(es256, 'a3', 'ES256'), CLAIMS.exp - 1);
    expect(await before.verify(token)).toMatchObject({
      issuer: 'joe',
      subject: 'ann',
      expiresAt: new Date(CLAIMS.exp * 1000),
      claims: { 'http://example.com/is_root': true },
    });
    const then = await verifierOf(jwksOf(es256, 'a3', 'ES256'), CLAIMS.exp);
    await expect(then.verify(token)).rejects.toMatchObject(refused('expired'));
  });

  it('section 4.1.3: of several audiences one has to be the own, and case counts', async () => {
    const verifier = await verifierOf(jwksOf(es256, 'a3', 'ES256'), CLAIMS.exp - 1);
    expect((await verifier.verify(await sign({ ...CLAIMS, aud: ['writers', 'readers'] }))).subject).toBe('ann');
    for (const aud of [['writers'], 'Readers', []]) {
      await expect(verifier.verify(await sign({ ...CLAIMS, aud }))).rejects.toMatchObject(refused('claim_aud'));
    }
  });

  it('sections 3.1 and 6.1: the tokens of the examples, by a shared secret and by none, are refused', async () => {
    // Also where the public key, as text, or the empty text were taken for a secret.
    const verifier = await verifierOf(jwksOf(es256, 'a3', 'ES256'), CLAIMS.exp - 1);
    for (const token of [HS256, UNSECURED]) {
      await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'auth.token_invalid' });
    }
  });
});

it('RFC 7638, section 3.1: a key without a name is called by its thumbprint', async () => {
  const key = await importPublicKey({
    kty: 'RSA',
    n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
    e: 'AQAB',
    alg: 'RS256',
  });
  expect(key.kid).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});

describe('RFC 8037', () => {
  it('appendix A.3: the thumbprint of the Ed25519 key is its name, of both halves', async () => {
    const pem = createPrivateKey({ key: ed25519, format: 'jwk' }).export({ format: 'pem', type: 'pkcs8' }) as string;
    const both = [await importKey(pem), await importPublicKey(publicOf(ed25519))];
    expect(both.map(({ kid, alg }) => [kid, alg])).toEqual(
      Array<string[]>(2).fill(['kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', 'EdDSA']),
    );
  });

  it('appendix A.4 and A.5: the signature is good, and the one that our key makes', async () => {
    expect(await payloadOf(ED25519, ed25519)).toBe('Example of Ed25519 signing');
    const pem = createPrivateKey({ key: ed25519, format: 'jwk' }).export({ format: 'pem', type: 'pkcs8' }) as string;
    const { privateKey } = await importKey(pem);
    const input = ED25519.slice(0, ED25519.lastIndexOf('.'));
    const signature = await crypto.subtle.sign('Ed25519', privateKey, Buffer.from(input));
    expect(`${input}.${Buffer.from(signature).toString('base64url')}`).toBe(ED25519);
  });
});

it('RFC 9068, section 3: the token of the example is an access token, for its audience alone', async () => {
  const kid = 'RjEwOwOA';
  const token = await new SignJWT({
    iss: 'https://authorization-server.example.com/',
    sub: '5ba552d67',
    aud: 'https://rs.example.com/',
    exp: 1_639_528_912,
    iat: 1_618_354_090,
    jti: 'dbe39bf3a3ba4238a513f51d6e1691c4',
    client_id: 's6BhdRkqt3',
    scope: 'openid profile reademail',
  })
    .setProtectedHeader({ typ: 'at+JWT', alg: 'RS256', kid })
    .sign(await importJWK(rs256, 'RS256'));
  const options = {
    issuer: 'https://authorization-server.example.com/',
    keys: await createVerificationKeys(jwksOf(rs256, kid, 'RS256')),
    now: () => 1_618_354_100_000,
  };
  const verifier = createAccessTokenVerifier({ ...options, audience: 'https://rs.example.com/' });
  expect(await verifier.verify(token)).toMatchObject({
    subject: '5ba552d67',
    tokenId: 'dbe39bf3a3ba4238a513f51d6e1691c4',
    scopes: ['openid', 'profile', 'reademail'],
    claims: { client_id: 's6BhdRkqt3' },
  });
  const other = createAccessTokenVerifier({ ...options, audience: 'https://rs.example.com' });
  await expect(other.verify(token)).rejects.toMatchObject(refused('claim_aud'));
});
