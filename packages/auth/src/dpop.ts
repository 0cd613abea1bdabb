/**
 * Tokens that work only for who holds a key (DPoP, RFC 9449): proofs of that key are checked here, by `jose`.
 */
import { hash } from 'node:crypto';
import { durationOption, kindOf, MAX_TOKEN_LENGTH, readBearer, refuseUnknown } from '@ent/internal';
import { EntError } from '@ent/errors';
import { calculateJwkThumbprint, type JWK, type JWTPayload, jwtVerify } from 'jose';
import type { ProofOfPossession } from './access-token-verifier.ts';
import type { ReplayStore } from './driver.ts';
import { authErrors, storeCall } from './errors.ts';
import { VERIFICATION_ALGORITHMS } from './internal/algorithms.ts';
import { demandMethods, demandText } from './internal/demand.ts';
import { createSealer, type Sealer } from './internal/sealed.ts';
import { Rejected } from './internal/token-claims.ts';
import { demandAlgorithms, importPublicKey, type VerificationAlgorithm } from './keys.ts';
import type { Clock, Duration } from './options.ts';
import type { Principal } from './principal.ts';
import type { Secret } from './refresh-tokens.ts';

/** How proofs are checked. */
export interface DpopOptions {
  /**
   * By which origins clients know this service: `https://api.example.com`. Proofs are for them only; what the request
   * says of its host, anybody can write.
   */
  origin: string | readonly string[];
  /** Where it is remembered which proofs were used: `memoryReplayStore()`, or one that all processes share. */
  replays: ReplayStore;
  /** Which algorithms proofs may have. Default: all of `VerificationAlgorithm`. */
  algorithms?: readonly VerificationAlgorithm[] | undefined;
  /** How old a proof may be. Default `"1m"`, at most `"5m"`. Clocks may be 5 s ahead. */
  maxAge?: Duration | undefined;
  /**
   * Demands that proofs hold a nonce of this server, so that none can be made in advance: a client without one is given
   * it with the refusal. Sealed by `secret`, of at least 32 bytes and the same in all processes (of several the first
   * seals), and good for `ttl`, by default `"5m"`. Default: none is demanded.
   */
  nonce?: { readonly secret: Secret | readonly Secret[]; readonly ttl?: Duration | undefined } | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** What is read of a request. A header that came twice is refused, as a list or joined by a comma. */
export interface DpopRequest {
  method: string;
  /** Path and query as they came (`request.url` of `node:http`), or an absolute URL. */
  url: string;
  /** The header `Authorization`. */
  authorization?: string | readonly string[] | null | undefined;
  /** The header `DPoP`. */
  dpop?: string | readonly string[] | null | undefined;
}

/** Checks proofs. */
export interface Dpop {
  /**
   * The key that a request proves, where it asks for tokens: for `sessions.start({ proof })` and `sessions.refresh`.
   *
   * The proof is remembered, and anybody can make one: count such requests by their address before, as a throttle does,
   * and at a login call this once the password was right. Else a flood of proofs fills `replays`.
   *
   * @throws `auth.token_invalid`, whatever is wrong; `auth.dpop_nonce_required`
   */
  prove(request: DpopRequest): Promise<ProofOfPossession>;
  /**
   * The principal of a request that sends a token: by the scheme `DPoP` with a proof of the key that the token is bound
   * to, or by `Bearer` where it is bound to none.
   *
   * The principal has to be bound as it was sent, whatever `verify` looks at.
   *
   * @param verify `(token, proof) => sessions.verify(token, proof)`, or
   *   `(token, proof) => verifier.verify(token, undefined, proof)`: it gets the proof, or undefined with `Bearer`
   * @throws `auth.token_missing`, `auth.token_invalid`, `auth.dpop_nonce_required`
   */
  authenticate(
    request: DpopRequest,
    verify: (token: string, proof?: ProofOfPossession) => Promise<Principal>,
  ): Promise<Principal>;
  /** A nonce for the header `DPoP-Nonce` of any answer: clients then need no refusal. Undefined without `nonce`. */
  nonce(): Promise<string | undefined>;
}

const OPTIONS = { origin: true, replays: true, algorithms: true, maxAge: true, nonce: true, now: true } as const;
const REQUEST = { method: true, url: true, authorization: true, dpop: true } as const;
const MAX_AGE_MS = 300_000;
const TOLERANCE_MS = 5000;
const CLAIMS = ['jti', 'htm', 'htu', 'iat'];

/**
 * Proofs of possession for tokens that are bound to a key of the client: stolen ones are worth nothing without it.
 *
 * @throws `auth.configuration` for options that cannot work
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import type { Sessions } from '@ent/auth';
 * import { createDpop } from '@ent/auth/dpop';
 * import { memoryReplayStore } from '@ent/auth/stores';
 *
 * const dpop = createDpop({ origin: 'https://api.example.com', replays: memoryReplayStore() });
 * const server = (sessions: Sessions) =>
 *   createServer(async ({ method = '', url = '', headers: { authorization, dpop: proof } }, response) => {
 *     const request = { method, url, authorization, dpop: proof };
 *     const principal = await dpop.authenticate(request, (token, key) => sessions.verify(token, key));
 *     response.end(principal.subject);
 *   });
 * console.log(typeof server);
 * ```
 */
export function createDpop(options: DpopOptions): Dpop {
  refuseUnknown(options, OPTIONS, 'createDpop', authErrors.configuration);
  const { replays, algorithms = VERIFICATION_ALGORITHMS, now = Date.now } = options;
  const origins = originsOf(options.origin);
  demandMethods(replays, ['add'], 'createDpop: replays, such as memoryReplayStore(),');
  demandAlgorithms(algorithms, 'createDpop');
  if (typeof now !== 'function') throw authErrors.configuration('createDpop: "now" must be a function.');
  const maxAgeMs = durationOption(options.maxAge ?? '1m', 'maxAge', authErrors.configuration);
  if (maxAgeMs > MAX_AGE_MS) throw authErrors.configuration('createDpop: "maxAge" must be at most 5 m.');
  const nonces = options.nonce === undefined ? undefined : noncesOf(options.nonce, now);
  // The same curve by its two names (RFC 8037, RFC 9864).
  const accepted = [...algorithms, ...(algorithms.includes('EdDSA') ? ['Ed25519'] : [])];
  const challenge = `DPoP algs="${accepted.join(' ')}"`;

  const refusal = (reason: string, error: string, cause?: unknown): Error =>
    authErrors.token_invalid('The access token, or the proof of its key, was refused.', {
      cause,
      details: { reason },
      headers: { 'www-authenticate': `${challenge}, error="${error}"` },
    });

  const demandNonce = async (nonce: unknown): Promise<void> => {
    if (nonces === undefined || (await nonces.isGood(nonce))) return;
    throw authErrors.dpop_nonce_required('The proof needs a nonce of this server.', {
      details: { reason: nonce === undefined ? 'nonce_missing' : 'nonce' },
      headers: {
        'www-authenticate': `${challenge}, error="use_dpop_nonce"`,
        'dpop-nonce': await nonces.make(),
      },
    });
  };

  const publicKey = async ({ alg, jwk }: { alg?: string; jwk?: JWK }) => {
    if (typeof jwk !== 'object') throw new Rejected('proof_key');
    const own = alg === 'Ed25519' ? 'EdDSA' : (alg as VerificationAlgorithm);
    return (await importPublicKey(jwk, [own])).publicKey;
  };

  /** The proof in a request, whose signature and claims are good; whether it was used before is asked later. */
  const read = async (request: DpopRequest): Promise<{ jkt: string; claims: JWTPayload }> => {
    const proof = only(request.dpop);
    if (proof === undefined) throw new Rejected('proof_missing');
    if (proof === null || proof.length > MAX_TOKEN_LENGTH) throw new Rejected('proof_malformed');
    const { payload, protectedHeader } = await jwtVerify(proof, publicKey, {
      typ: 'dpop+jwt',
      algorithms: accepted,
      requiredClaims: CLAIMS,
      currentDate: new Date(now()),
      maxTokenAge: maxAgeMs / 1000,
      clockTolerance: TOLERANCE_MS / 1000,
    });
    const { jti, htm, htu } = payload;
    if (typeof jti !== 'string' || jti === '') throw new Rejected('proof_jti');
    if (htm !== request.method) throw new Rejected('proof_htm');
    const target = resourceOf(htu);
    if (!origins.some((origin) => target !== undefined && target === resourceOf(request.url, origin))) {
      throw new Rejected('proof_htu');
    }
    await demandNonce(payload.nonce);
    return { jkt: await calculateJwkThumbprint(protectedHeader.jwk as JWK), claims: payload };
  };

  /** Of many requests with one proof, one gets through. */
  const use = async (jkt: string, jti: string): Promise<void> => {
    const id = hash('sha256', `dpop\0${jkt}\0${jti}`, 'base64url');
    // Longer than it is good: from as far ahead as a clock may be, to its end, which is in whole seconds.
    const ttlMs = maxAgeMs + 2 * TOLERANCE_MS + 1000;
    if (!(await storeCall('remember a proof', () => replays.add(id, ttlMs)))) throw new Rejected('proof_replay');
  };

  /** Whatever `verify` looks at: an API key, say, is bound to nothing. */
  const boundTo = (jkt: string | undefined, principal: Principal): Principal => {
    if (principal.jkt === jkt) return principal;
    throw refusal(principal.jkt === undefined ? 'not_bound' : 'proof', 'invalid_token');
  };

  /** What `work` says of a proof, with the challenge of this scheme. */
  const checked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Rejected) throw refusal(error.reason, 'invalid_dpop_proof', error);
      if (!EntError.is(error)) throw refusal('proof_malformed', 'invalid_dpop_proof', error);
      // A key in a proof that is none: no fault of our configuration.
      if (error.code === authErrors.configuration.code) throw refusal('proof_key', 'invalid_dpop_proof', error);
      throw error;
    }
  };

  return {
    async prove(request) {
      demandRequest(request, 'dpop.prove');
      return checked(async () => {
        const { jkt, claims } = await read(request);
        await use(jkt, claims.jti as string);
        return { jkt };
      });
    },
    async authenticate(request, verify) {
      demandRequest(request, 'dpop.authenticate');
      if (typeof verify !== 'function') {
        throw authErrors.configuration(`dpop.authenticate: verify must be a function; got ${kindOf(verify)}.`);
      }
      const { token, fault } = { token: '', ...readBearer(request.authorization, 'dpop') };
      if (fault === 'missing' || fault === 'scheme') {
        const bearer = { token: '', ...readBearer(request.authorization) };
        if (bearer.fault === undefined) return boundTo(undefined, await verify(bearer.token));
        throw authErrors.token_missing('The request has no access token.', {
          details: { reason: bearer.fault },
          headers: { 'www-authenticate': challenge },
        });
      }
      if (fault !== undefined) throw refusal(fault, 'invalid_token');
      const { jkt, claims } = await checked(async () => {
        const proof = await read(request);
        if (proof.claims.ath !== hash('sha256', token, 'base64url')) throw new Rejected('proof_ath');
        return proof;
      });
      const sent = await verify(token, { jkt }).catch((error: unknown) => {
        if (!EntError.is(error) || error.code !== authErrors.token_invalid.code) throw error;
        const reason = error.details?.reason;
        throw refusal(typeof reason === 'string' ? reason : 'error', 'invalid_token', error);
      });
      const principal = boundTo(jkt, sent);
      // Last, so that only who has a good token fills the store.
      await checked(() => use(jkt, claims.jti as string));
      return principal;
    },
    nonce: async () => nonces?.make(),
  };
}

interface Nonces {
  make(): Promise<string>;
  isGood(nonce: unknown): Promise<boolean>;
}

function noncesOf(given: NonNullable<DpopOptions['nonce']>, now: Clock): Nonces {
  refuseUnknown(given, { secret: true, ttl: true }, 'createDpop: nonce', authErrors.configuration);
  const ttlMs = durationOption(given.ttl ?? '5m', 'nonce.ttl', authErrors.configuration);
  const use = { purpose: 'dpop-nonce', typ: 'ent-dpop-nonce+jwe', what: 'A nonce' };
  const sealer: Sealer = createSealer([given.secret].flat(), use);
  return {
    make: () => sealer.seal(String(now())),
    async isGood(nonce) {
      if (typeof nonce !== 'string') return false;
      const madeAt = await sealer.open(nonce).catch(() => 'of another server');
      const age = now() - Number(madeAt);
      // Another process may have a clock that is ahead.
      return age >= -TOLERANCE_MS && age < ttlMs;
    },
  };
}

function originsOf(given: string | readonly string[]): readonly string[] {
  const origins = [given].flat();
  for (const origin of origins) {
    const isOrigin = typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin;
    if (!isOrigin) {
      throw authErrors.configuration('createDpop: "origin" must be origins such as "https://api.example.com".');
    }
  }
  if (origins.length === 0) throw authErrors.configuration('createDpop: "origin" must not be an empty list.');
  return origins;
}

/** A URL as it is compared (RFC 9449, section 4.3): normalised, without query and fragment. */
function resourceOf(url: unknown, base?: string): string | undefined {
  if (typeof url !== 'string') return undefined;
  // The target of a request is a path: `//host` in it is none.
  const text = base !== undefined && url.startsWith('/') ? `${base}${url}` : url;
  if (!URL.canParse(text)) return undefined;
  const { origin, pathname } = new URL(text);
  return base === undefined || origin === base ? `${origin}${pathname}` : undefined;
}

/** The one header; undefined for none, null for several. */
function only(header: DpopRequest['dpop']): string | null | undefined {
  if (header === undefined || header === null) return undefined;
  if (typeof header === 'string') return header;
  const [first, ...others] = header;
  return first !== undefined && others.length === 0 ? first : null;
}

function demandRequest(request: DpopRequest, what: string): void {
  refuseUnknown(request, REQUEST, what, authErrors.configuration);
  demandText(request.method, `${what}: method`);
  demandText(request.url, `${what}: url`);
  for (const name of ['authorization', 'dpop'] as const) {
    const header: unknown = request[name];
    const isText = (value: unknown): boolean => typeof value === 'string';
    if (header === undefined || header === null || isText(header)) continue;
    if (Array.isArray(header) && header.every(isText)) continue;
    throw authErrors.configuration(`${what}: ${name} must be a header; got ${kindOf(header)}.`);
  }
}
