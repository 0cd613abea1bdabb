import { hash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EntError } from '@ent/errors';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { allowInsecureRequests, DPoP, isDPoPNonceError, protectedResourceRequest } from 'oauth4webapi';
import { beforeAll, describe, expect, it } from 'vitest';
import { createDpop, type Dpop, type DpopOptions, type DpopRequest } from '../src/dpop.ts';
import {
  createAccessTokens,
  createAccessTokenVerifier,
  createKeyRing,
  createSessions,
  generateKey,
  type ProofOfPossession,
  type SigningKey,
  stepUp,
  toTokenResponse,
  trustedPrincipal,
} from '../src/index.ts';
import { memoryReplayStore, memoryStores } from '../src/stores.ts';

const START = Date.UTC(2030, 0, 1);
const ORIGIN = 'https://api.example.com';

interface Holder {
  readonly jkt: string;
  readonly jwk: JWK;
  readonly prove: (claims?: object, header?: object) => Promise<string>;
}

/** A client with a key. */
async function holder(alg = 'ES256'): Promise<Holder> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return {
    jwk,
    jkt: await calculateJwkThumbprint(jwk),
    prove: (claims = {}, header = {}) =>
      new SignJWT({ jti: randomUUID(), htm: 'GET', htu: `${ORIGIN}/docs`, iat: START / 1000, ...claims })
        .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk, ...header })
        .sign(privateKey),
  };
}
const ath = (token: string): string => hash('sha256', token, 'base64url');

let key: SigningKey;
let client: Holder;
let thief: Holder;
beforeAll(async () => {
  ({ key } = await generateKey());
  [client, thief] = await Promise.all([holder(), holder()]);
});

function setUp(more: Partial<DpopOptions> = {}) {
  const clock = { time: START };
  const now = (): number => clock.time;
  const accessTokens = createAccessTokens({ issuer: 'me', audience: 'me', keys: createKeyRing({ active: key }), now });
  const sessions = createSessions({ accessTokens, stores: memoryStores(), secret: 's'.repeat(32) });
  const dpop = createDpop({ origin: ORIGIN, replays: memoryReplayStore(), now, ...more });
  const ask = (token: string, proof?: string, request: Partial<DpopRequest> = {}) =>
    dpop.authenticate(
      { method: 'GET', url: '/docs?page=2', authorization: `DPoP ${token}`, dpop: proof, ...request },
      (sent, by) => sessions.verify(sent, by),
    );
  const login = (of: Holder = client) => sessions.start({ subject: 'ann', proof: { jkt: of.jkt } });
  return { clock, accessTokens, sessions, dpop, ask, login };
}

const refused = (reason: string, error = 'invalid_dpop_proof') => ({
  code: 'auth.token_invalid',
  status: 401,
  details: { reason },
  headers: { 'www-authenticate': expect.stringMatching(new RegExp(`^DPoP algs="[^"]+", error="${error}"$`)) },
});

describe('the examples of RFC 9449', () => {
  // Figures 2, 9, 12 and 13.
  const header =
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19';
  const tokenProof = `${header}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg`;
  const resourceProof = `${header}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA`;
  const token = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
  const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';

  it('are a proof for the token request of section 5', async () => {
    const replays = memoryReplayStore();
    const dpop = createDpop({ origin: 'https://server.example.com', replays, now: () => 1_562_262_616_000 });
    const request = { method: 'POST', url: '/token', dpop: tokenProof };
    expect(await dpop.prove(request)).toEqual({ jkt });
    await expect(dpop.prove(request)).rejects.toMatchObject(refused('proof_replay'));
  });

  it('are a proof for the protected resource of section 7.1', async () => {
    const replays = memoryReplayStore();
    const dpop = createDpop({ origin: 'https://resource.example.org', replays, now: () => 1_562_262_618_000 });
    const request = { method: 'GET', url: '/protectedresource', dpop: resourceProof };
    const seen: unknown[] = [];
    const verify = async (sent: string, proof?: ProofOfPossession) => {
      seen.push(sent, proof);
      return trustedPrincipal({ subject: 'ann', jkt });
    };
    await dpop.authenticate({ ...request, authorization: `DPoP ${token}` }, verify);
    expect(seen).toEqual([token, { jkt }]);
    const other = dpop.authenticate({ ...request, authorization: `DPoP ${token}x` }, verify);
    await expect(other).rejects.toMatchObject(refused('proof_ath'));
  });
});

describe('a token that is bound to a key', () => {
  it('works with a proof of the key, and says so', async () => {
    const { ask, login, accessTokens } = setUp();
    const pair = await login();
    expect(pair.tokenType).toBe('DPoP');
    expect(toTokenResponse(pair).token_type).toBe('DPoP');
    const principal = await ask(pair.accessToken, await client.prove({ ath: ath(pair.accessToken) }));
    expect(principal).toMatchObject({ subject: 'ann', jkt: client.jkt, claims: {} });
    const { token } = await accessTokens.issue({ subject: 'ann', sessionId: 's', jkt: client.jkt });
    expect((await accessTokens.verify(token, undefined, { jkt: client.jkt })).jkt).toBe(client.jkt);
  });

  it('ASVS 10.3.5: a token that is bound to a key is refused without a proof of it', async () => {
    const { ask, login, sessions, accessTokens } = setUp();
    const { accessToken } = await login();
    const request = { authorization: `Bearer ${accessToken}` };
    const bearer = { code: 'auth.token_invalid', details: { reason: 'proof' } };
    for (let twice = 0; twice < 2; twice++) {
      await expect(sessions.verify(accessToken)).rejects.toMatchObject(bearer);
      await expect(sessions.authenticate(`Bearer ${accessToken}`)).rejects.toMatchObject(bearer);
      await expect(accessTokens.verify(accessToken)).rejects.toMatchObject(bearer);
      // A proof beside the wrong scheme counts for nothing.
      const proof = await client.prove({ ath: ath(accessToken) });
      await expect(ask(accessToken, proof, request)).rejects.toMatchObject(bearer);
      await expect(ask(accessToken)).rejects.toMatchObject(refused('proof_missing'));
      await ask(accessToken, await client.prove({ ath: ath(accessToken) }));
    }
  });

  it('is refused with the proof of another key, or for another token', async () => {
    const { ask, login } = setUp();
    const [mine, other] = [await login(), await login(thief)];
    const stolen = ask(mine.accessToken, await thief.prove({ ath: ath(mine.accessToken) }));
    await expect(stolen).rejects.toMatchObject(refused('proof', 'invalid_token'));
    const wrong = await client.prove({ ath: ath(other.accessToken) });
    await expect(ask(mine.accessToken, wrong)).rejects.toMatchObject(refused('proof_ath'));
    await expect(ask(mine.accessToken, await client.prove())).rejects.toMatchObject(refused('proof_ath'));
  });

  it('is refreshed with a proof of its key only; who has the refresh token alone cannot even end the session', async () => {
    const { sessions, login, clock } = setUp();
    const { refreshToken, sessionId } = await login();
    const proof = { jkt: client.jkt };
    const denied = { code: 'auth.refresh_invalid', details: { reason: 'proof' } };
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject(denied);
    await expect(sessions.refresh(refreshToken, { jkt: thief.jkt })).rejects.toMatchObject(denied);
    const next = await sessions.refresh(refreshToken, proof);
    expect(next.tokenType).toBe('DPoP');
    clock.time += 3_600_000;
    await expect(sessions.refresh(refreshToken)).rejects.toMatchObject(denied);
    expect((await sessions.list('ann')).map(({ id }) => id)).toEqual([sessionId]);
    await sessions.refresh(next.refreshToken, proof);
    await expect(sessions.refresh(refreshToken, proof)).rejects.toMatchObject({ details: { reason: 'reuse' } });
  });

  it('stays bound after a step up, and where claims are asked with each token', async () => {
    const { sessions, login, accessTokens } = setUp();
    const { accessToken } = await login();
    const principal = await sessions.verify(accessToken, { jkt: client.jkt });
    const stepped = await stepUp(sessions, principal, { amr: ['otp'] });
    await expect(sessions.verify(stepped.accessToken)).rejects.toMatchObject({ details: { reason: 'proof' } });
    const stores = memoryStores();
    const options = { accessTokens, stores, secret: 's'.repeat(32), claims: () => ({}), claimsAt: 'verify' } as const;
    const asking = createSessions(options);
    const pair = await asking.start({ subject: 'ann', proof: { jkt: client.jkt } });
    expect((await asking.verify(pair.accessToken, { jkt: client.jkt })).jkt).toBe(client.jkt);
  });

  it('is not taken where it is bound in another way, which nobody here looks at', async () => {
    const { sessions } = setUp();
    for (const cnf of [{ 'x5t#S256': 'a' }, { jkt: 'a', 'x5t#S256': 'a' }, { jkt: 7 }, {}, 'a', null, []]) {
      const claims = { sub: 'ann', aud: 'me', token_type: 'Bearer', cnf };
      const introspection = { introspect: async () => claims };
      const verifier = createAccessTokenVerifier({ issuer: 'https://a.example.com', audience: 'me', introspection });
      const verified = verifier.verify('opaque');
      await expect(verified).rejects.toMatchObject({ details: { reason: 'claim_cnf' } });
    }
    const made = sessions.start({ subject: 'ann', proof: { jkt: 'short' } });
    await expect(made).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('is one of another issuer too, opaque or not', async () => {
    const claims = { sub: 'ann', aud: 'me', token_type: 'DPoP', cnf: { jkt: client.jkt } };
    const introspection = { introspect: async () => claims };
    const verifier = createAccessTokenVerifier({ issuer: 'https://a.example.com', audience: 'me', introspection });
    const { dpop } = setUp();
    const request = { method: 'GET', url: '/docs', authorization: 'DPoP opaque' };
    const verify = (token: string, proof?: ProofOfPossession) => verifier.verify(token, undefined, proof);
    const proof = await client.prove({ ath: ath('opaque') });
    expect((await dpop.authenticate({ ...request, dpop: proof }, verify)).subject).toBe('ann');
    await expect(verifier.verify('opaque')).rejects.toMatchObject({ details: { reason: 'proof' } });
  });
});

describe('a principal of anything else', () => {
  it('is bound as it was sent', async () => {
    const { dpop } = setUp();
    const ask = async (scheme: string, jkt: string | undefined) => {
      const request = {
        method: 'GET',
        url: '/docs',
        authorization: `${scheme} key`,
        dpop: await client.prove({ ath: ath('key') }),
      };
      return dpop.authenticate(request, async () => trustedPrincipal({ subject: 'ann', jkt }));
    };
    expect((await ask('Bearer', undefined)).subject).toBe('ann');
    expect((await ask('DPoP', client.jkt)).subject).toBe('ann');
    await expect(ask('DPoP', undefined)).rejects.toMatchObject(refused('not_bound', 'invalid_token'));
    await expect(ask('DPoP', thief.jkt)).rejects.toMatchObject(refused('proof', 'invalid_token'));
    await expect(ask('Bearer', client.jkt)).rejects.toMatchObject(refused('proof', 'invalid_token'));
  });
});

describe('a bearer token', () => {
  it('works as before, and is refused as one that is bound', async () => {
    const { ask, sessions } = setUp();
    const { accessToken, refreshToken, tokenType } = await sessions.start({ subject: 'ann' });
    expect(tokenType).toBe('Bearer');
    const principal = await ask(accessToken, undefined, { authorization: `Bearer ${accessToken}` });
    expect(principal).toMatchObject({ subject: 'ann', jkt: undefined });
    const proof = await client.prove({ ath: ath(accessToken) });
    await expect(ask(accessToken, proof)).rejects.toMatchObject(refused('not_bound', 'invalid_token'));
    const bound = sessions.refresh(refreshToken, { jkt: client.jkt });
    await expect(bound).rejects.toMatchObject({ details: { reason: 'proof' } });
  });

  it.each<[string, DpopRequest['authorization']]>([
    ['missing', undefined],
    ['missing', ''],
    ['scheme', 'Basic YTpi'],
    ['scheme', 'DPoPx abc'],
  ])('is asked for where there is none (%s)', async (reason, authorization) => {
    const asked = setUp().ask('', undefined, { authorization });
    const headers = { 'www-authenticate': expect.stringMatching(/^DPoP algs="EdDSA ES256 [^"]+"$/) };
    await expect(asked).rejects.toMatchObject({ code: 'auth.token_missing', details: { reason }, headers });
  });

  it.each<[string, DpopRequest['authorization']]>([
    ['malformed', 'DPoP'],
    ['malformed', 'DPoP a b'],
    ['malformed', 'DPoP a,b'],
    ['too_long', `DPoP ${'a'.repeat(8193)}`],
    ['repeated', ['DPoP a', 'DPoP b']],
  ])('is refused where its header is %s', async (reason, authorization) => {
    const asked = setUp().ask('', await client.prove(), { authorization });
    await expect(asked).rejects.toMatchObject(refused(reason, 'invalid_token'));
  });
});

describe('a proof', () => {
  /** What is wrong with the proof of a login that is otherwise good. */
  const reasonOf = async (
    make: (claims: object) => Promise<string | readonly string[]>,
    request: Partial<DpopRequest> = {},
    options: Partial<DpopOptions> = {},
  ): Promise<unknown> => {
    const { ask, login } = setUp(options);
    const { accessToken } = await login();
    const dpop = await make({ ath: ath(accessToken) });
    return ask(accessToken, undefined, { dpop, ...request }).then(
      () => 'ok',
      (error: unknown) => (EntError.is(error) ? (error.details?.reason ?? error.code) : error),
    );
  };
  const changed = (claims: object, header: object = {}) =>
    reasonOf((good) => client.prove({ ...good, ...claims }, header));

  it('is good in its time only', async () => {
    const iat = START / 1000;
    expect(await changed({ iat: iat - 60 })).toBe('ok');
    expect(await changed({ iat: iat - 66 })).toBe('proof_malformed');
    expect(await changed({ iat: iat + 5 })).toBe('ok');
    expect(await changed({ iat: iat + 6 })).toBe('proof_malformed');
    expect(await changed({ iat: String(iat) })).toBe('proof_malformed');
    expect(await changed({ exp: iat - 10 })).toBe('proof_malformed');
  });

  it('is for one method and one address', async () => {
    expect(await changed({ htm: 'POST' })).toBe('proof_htm');
    expect(await changed({ htm: 'get' })).toBe('proof_htm');
    for (const htu of [`${ORIGIN}/docs/`, `${ORIGIN}/Docs`, 'https://other.example.com/docs', '/docs', 7, 'no URL']) {
      expect([htu, await changed({ htu })]).toEqual([htu, 'proof_htu']);
    }
    // RFC 3986, section 6.2.2 and 6.2.3; query and fragment do not count.
    for (const htu of ['HTTPS://API.example.com:443/docs', `${ORIGIN}/a/../docs`, `${ORIGIN}/docs?a=b#c`]) {
      expect([htu, await changed({ htu })]).toEqual([htu, 'ok']);
    }
    const good = (claims: object) => client.prove(claims);
    for (const url of ['/docs', `${ORIGIN}/docs?x`]) expect(await reasonOf(good, { url })).toBe('ok');
    for (const url of ['//api.example.com/docs', 'https://other.example.com/docs', 'docs', '*', '/']) {
      expect([url, await reasonOf(good, { url })]).toEqual([url, 'proof_htu']);
    }
    const origin = ['https://www.example.com', ORIGIN];
    expect(await reasonOf(good, {}, { origin })).toBe('ok');
    expect(await reasonOf(good, {}, { origin: 'https://www.example.com' })).toBe('proof_htu');
  });

  it('has all of its parts', async () => {
    for (const name of ['jti', 'htm', 'htu', 'iat']) {
      expect([name, await changed({ [name]: undefined })]).toEqual([name, 'proof_malformed']);
    }
    for (const jti of ['', 7, ['a']]) expect(await changed({ jti })).toBe('proof_jti');
    expect(await changed({}, { typ: 'JWT' })).toBe('proof_malformed');
    expect(await changed({}, { typ: 'at+jwt' })).toBe('proof_malformed');
    expect(await changed({}, { jwk: undefined })).toBe('proof_key');
    expect(await changed({}, { jwk: 'https://keys.example.com' })).toBe('proof_key');
    expect(await changed({}, { jwk: thief.jwk })).toBe('proof_malformed');
    expect(await changed({}, { jwk: { kty: 'oct', k: 'AAAA' } })).toBe('proof_key');
    expect(await changed({}, { jwk: { ...client.jwk, d: 'AAAA' } })).toBe('proof_key');
    expect(await changed({}, { jwk: { ...client.jwk, crv: 'P-384' } })).toBe('proof_key');
  });

  it('comes once, and is one', async () => {
    const one = (claims: object) => client.prove(claims);
    const two = async (claims: object) => [await one(claims), await one(claims)];
    expect(await reasonOf(async (claims) => [await one(claims)])).toBe('ok');
    expect(await reasonOf(two)).toBe('proof_malformed');
    expect(await reasonOf(async (claims) => (await two(claims)).join(', '))).toBe('proof_malformed');
    for (const dpop of ['', 'a', 'a.b.c', '.'.repeat(8193), 'ü']) {
      expect([dpop, await reasonOf(async () => dpop)]).toEqual([dpop, 'proof_malformed']);
    }
    const cut = async (claims: object): Promise<string> => (await one(claims)).slice(0, -4);
    expect(await reasonOf(cut)).toBe('proof_malformed');
  });

  it('may have any algorithm with a public key, or those that are named', async () => {
    const { ask, sessions } = setUp();
    const only = setUp({ algorithms: ['ES256'] });
    for (const alg of ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'PS256', 'RS256']) {
      const other = await holder(alg);
      const { accessToken } = await sessions.start({ subject: 'ann', proof: { jkt: other.jkt } });
      const proof = (): Promise<string> => other.prove({ ath: ath(accessToken) });
      expect((await ask(accessToken, await proof())).jkt).toBe(other.jkt);
      const asked = only.ask(accessToken, await proof());
      if (alg !== 'ES256') await expect(asked).rejects.toMatchObject({ details: { reason: 'proof_malformed' } });
      else await expect(asked).rejects.toMatchObject({ details: { reason: 'session' } });
    }
    const shared = new SignJWT({ jti: 'a', htm: 'GET', htu: `${ORIGIN}/docs`, iat: START / 1000 })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: 'A'.repeat(43) } } as never)
      .sign(Buffer.from('A'.repeat(43), 'base64url'));
    expect(await reasonOf(() => shared)).toBe('proof_malformed');
  });

  it('is used once, however many come with it at once; and a refused one is not used', async () => {
    const { ask, login } = setUp();
    const { accessToken } = await login();
    const proof = await client.prove({ ath: ath(accessToken) });
    await ask(accessToken, proof, { url: '/other' }).catch(() => {});
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => ask(accessToken, proof)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers.filter((each) => each.status === 'rejected')) {
      expect(answer.reason).toMatchObject(refused('proof_replay'));
    }
    // What counts is the proof of one key: another one may have the same name for its proof.
    const jti = 'the same';
    const mine = await client.prove({ ath: ath(accessToken), jti });
    await ask(accessToken, mine);
    const other = await login(thief);
    await ask(other.accessToken, await thief.prove({ ath: ath(other.accessToken), jti }));
  });

  it('lets nobody in where nobody can say whether it was used', async () => {
    const replays = { add: () => Promise.reject(new Error('the cache is away')) };
    const { ask, login } = setUp({ replays });
    const { accessToken } = await login();
    const asked = ask(accessToken, await client.prove({ ath: ath(accessToken) }));
    await expect(asked).rejects.toMatchObject({ code: 'auth.store_failed', status: 503 });
  });

  it('is remembered for longer than it is good, from the earliest moment on', async () => {
    const ids = new Map<string, number>();
    const clock = { time: START };
    const replays = {
      add: async (id: string, ttlMs: number) => {
        if ((ids.get(id) ?? -Infinity) > clock.time) return false;
        ids.set(id, clock.time + ttlMs);
        return true;
      },
    };
    const dpop = createDpop({ origin: ORIGIN, replays, now: () => clock.time });
    const iat = START / 1000;
    const request = { method: 'GET', url: '/docs', dpop: await client.prove({ iat }) };
    clock.time = START - 5000;
    await dpop.prove(request);
    clock.time = START + 65_999;
    await expect(dpop.prove(request)).rejects.toMatchObject(refused('proof_replay'));
    clock.time += 1;
    await expect(dpop.prove(request)).rejects.toMatchObject(refused('proof_malformed'));
  });

  it('fills no store without a good token', async () => {
    let added = 0;
    const replays = { add: async () => ++added > 0 };
    const { ask } = setUp({ replays });
    for (let n = 0; n < 5; n++) await ask('made-up', await client.prove({ ath: ath('made-up') })).catch(() => {});
    expect(added).toBe(0);
  });
});

describe('a nonce', () => {
  const nonce = { secret: 'n'.repeat(32), ttl: '2m' };
  const demanded = (reason: string) => ({
    code: 'auth.dpop_nonce_required',
    status: 401,
    details: { reason },
    headers: {
      'www-authenticate': expect.stringMatching(/^DPoP algs="[^"]+", error="use_dpop_nonce"$/),
      'dpop-nonce': expect.stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]+$/),
    },
  });
  const nonceOf = (asked: Promise<unknown>): Promise<string> =>
    asked.then(
      () => 'none was demanded',
      (error: unknown) => (EntError.is(error) && error.headers?.['dpop-nonce']) || 'none was given',
    );

  it('is given with the refusal, works in all processes, and ends', async () => {
    const [here, there] = [setUp({ nonce }), setUp({ nonce: { ...nonce, secret: ['m'.repeat(32), nonce.secret] } })];
    const { accessToken } = await here.login();
    const prove = (claims: object) => client.prove({ ath: ath(accessToken), ...claims });
    await expect(here.ask(accessToken, await prove({}))).rejects.toMatchObject(demanded('nonce_missing'));
    const given = await nonceOf(here.ask(accessToken, await prove({})));
    await here.ask(accessToken, await prove({ nonce: given }));
    expect(await there.dpop.prove({ method: 'GET', url: '/docs', dpop: await prove({ nonce: given }) })).toEqual({
      jkt: client.jkt,
    });
    await here.ask(accessToken, await prove({ nonce: await here.dpop.nonce() }));
    here.clock.time += 119_999;
    const iat = here.clock.time / 1000;
    await here.ask(accessToken, await prove({ nonce: given, iat }));
    here.clock.time += 1;
    await expect(here.ask(accessToken, await prove({ nonce: given, iat }))).rejects.toMatchObject(demanded('nonce'));
  });

  it('is none that somebody made up, or that is of the future', async () => {
    const { ask, login, clock } = setUp({ nonce });
    const { accessToken } = await login();
    const other = setUp({ nonce: { secret: 'o'.repeat(32) } });
    clock.time += 6000;
    const ahead = await nonceOf(ask(accessToken, await client.prove({ ath: ath(accessToken) })));
    clock.time -= 6000;
    for (const made of ['a', '', 7, await other.dpop.nonce(), ahead]) {
      const asked = ask(accessToken, await client.prove({ ath: ath(accessToken), nonce: made }));
      await expect(asked).rejects.toMatchObject(demanded('nonce'));
    }
  });

  it('is not looked at where none is demanded', async () => {
    const { ask, login, dpop } = setUp();
    const { accessToken } = await login();
    await ask(accessToken, await client.prove({ ath: ath(accessToken), nonce: 'a' }));
    expect(await dpop.nonce()).toBeUndefined();
  });
});

describe('a client of oauth4webapi', () => {
  it.each(['ES256', 'Ed25519', 'PS256'])('gets in with %s, after it was told the nonce', async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const handle = DPoP({}, { publicKey, privateKey });
    const tokens = createAccessTokens({ issuer: 'me', audience: 'me', keys: createKeyRing({ active: key }) });
    const sessions = createSessions({ accessTokens: tokens, stores: memoryStores(), secret: 's'.repeat(32) });
    const { accessToken } = await sessions.start({
      subject: 'ann',
      proof: { jkt: await handle.calculateThumbprint() },
    });
    const parts: { dpop?: Dpop } = {};
    const answer = async ({ method = '', url = '', headers }: IncomingMessage): Promise<string> => {
      const request = { method, url, authorization: headers.authorization, dpop: headers.dpop };
      const principal = await parts.dpop?.authenticate(request, (token, proof) => sessions.verify(token, proof));
      return principal?.subject ?? 'nobody';
    };
    const server = createServer((request, response) => {
      const refuse = (error: unknown): void => {
        const { status = 500, headers = {} } = EntError.is(error) ? error : {};
        response.writeHead(status, { ...headers }).end();
      };
      answer(request).then((subject) => response.end(subject), refuse);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    parts.dpop = createDpop({ origin, replays: memoryReplayStore(), nonce: { secret: 'n'.repeat(32) } });
    const ask = (): Promise<Response> =>
      protectedResourceRequest(accessToken, 'GET', new URL(`${origin}/docs?a=b`), undefined, undefined, {
        DPoP: handle,
        // oxlint-disable-next-line typescript/no-deprecated -- this machine's own server
        [allowInsecureRequests]: true,
      });
    const first = await ask().catch((error: unknown) => error);
    expect(isDPoPNonceError(first)).toBe(true);
    for (let n = 0; n < 3; n++) expect(await (await ask()).text()).toBe('ann');
    server.close();
    server.closeAllConnections();
  });
});

describe('createDpop', () => {
  it.each<[string, object]>([
    ['no origin', { origin: [] }],
    ['an origin with a path', { origin: 'https://api.example.com/' }],
    ['a host', { origin: 'api.example.com' }],
    ['no store', { replays: {} }],
    ['an algorithm with a shared secret', { algorithms: ['HS256'] }],
    ['a long life of proofs', { maxAge: '6m' }],
    ['a short secret', { nonce: { secret: 'short' } }],
    ['no secret', { nonce: { secret: [] } }],
    ['an unknown option of the nonce', { nonce: { secret: 'n'.repeat(32), life: 1 } }],
    ['an unknown option', { htu: true }],
  ])('is not made with %s', (_name, options) => {
    expect(() => setUp(options)).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
  });
});
