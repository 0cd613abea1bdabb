import { randomUUID } from 'node:crypto';
import { types } from 'node:util';
import { EntError } from '@ent/errors';
import { errors as joseErrors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { durationOption, kindOf, MAX_TOKEN_LENGTH, refuseUnknown } from '@ent/internal';
import { demandMethods, demandText, demandTexts } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { channels } from './channels.ts';
import { authErrors, credentialError, storeCall } from './errors.ts';
import { type Verified, VerifiedTokens } from './internal/verified-tokens.ts';
import type { KeyRing, VerificationKey, VerificationKeys } from './keys.ts';
import type { Clock, Duration } from './options.ts';
import { makePrincipal, type Principal, renewed } from './principal.ts';

/** How access tokens are verified. */
export interface AccessTokenVerifierOptions {
  /** Who issues the tokens, `iss`: usually an https URL. Compared exactly. */
  issuer: string;
  /** Whom the tokens are for, `aud`: this service. A token for somebody else is refused. */
  audience: string;
  keys: VerificationKeys;
  /** How far the clocks of issuer and verifier may differ: 0 to 60 s. Default `"5s"`. */
  clockTolerance?: Duration | undefined;
  /**
   * How many verified tokens are remembered, so that the signature of a token is looked at once and not with each of
   * its requests; the least recently used give way. Each is held with its principal, about 2 kB. Its times and its key
   * are looked at each time. Default 1000; 0 remembers none.
   */
  cacheSize?: number | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** How access tokens are issued and verified. */
export interface AccessTokensOptions extends AccessTokenVerifierOptions {
  keys: KeyRing;
  /** How long a token lives. Default `"15m"`. Whole seconds. */
  ttl?: Duration | undefined;
}

/** What an access token says. */
export interface AccessTokenInput {
  /** The account, `sub`. */
  subject: string;
  /** The login that stands behind the token, `sid`. */
  sessionId: string;
  roles?: readonly string[] | undefined;
  /** Limits the token to these permissions, `scope`. Leave it out for no limit. */
  scopes?: readonly string[] | undefined;
  /** How the account proved itself, RFC 8176: `["pwd"]`, `["pwd", "otp"]`. */
  amr?: readonly string[] | undefined;
  /** When it did, `auth_time`. */
  authenticatedAt?: Date | undefined;
  /** Further claims. The names above are taken. */
  claims?: Record<string, unknown> | undefined;
}

/** A signed access token. */
export interface IssuedAccessToken {
  token: string;
  /** `jti`. */
  tokenId: string;
  expiresAt: Date;
  /** Seconds until then: `expires_in` of RFC 6749. */
  expiresIn: number;
}

/** Checks access tokens. */
export interface AccessTokenVerifier {
  /**
   * The principal that a token proves.
   *
   * Checks signature, key, algorithm, type, issuer, audience and times. Whether the session behind it still lives, a
   * signature cannot tell: `sessions.verify` asks that too.
   *
   * @param further one more check, inside the same operation for the channel; what it throws is thrown, and a principal
   *   that it gives is the answer
   * @throws `auth.token_invalid`, whatever is wrong; `details.reason` tells the log what
   */
  verify(
    token: string,
    further?: (principal: Principal) => Principal | void | Promise<Principal | void>,
  ): Promise<Principal>;
}

/** Issues and checks access tokens. */
export interface AccessTokens extends AccessTokenVerifier {
  issue(input: AccessTokenInput): Promise<IssuedAccessToken>;
  readonly ttlMs: number;
  readonly now: Clock;
}

// RFC 9068. The type keeps an id token, or any other JWT that the same key signed, from passing as an access token.
const TYPE = 'at+jwt';
const REQUIRED = ['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'nbf', 'exp'];
const RESERVED = new Set([...REQUIRED, 'roles', 'scope', 'amr', 'auth_time']);
const INPUT = {
  subject: true,
  sessionId: true,
  roles: true,
  scopes: true,
  amr: true,
  authenticatedAt: true,
  claims: true,
} as const;
const MAX_TOLERANCE_MS = 60_000;
const VERIFIER_OPTIONS = {
  issuer: true,
  audience: true,
  keys: true,
  clockTolerance: true,
  cacheSize: true,
  now: true,
} as const;
const MAX_CACHE_SIZE = 1_000_000;
// Three parts of base64url, each in its one spelling (RFC 4648, section 3.5): a last character with stray bits decodes
// to the same bytes, so that a token would have several.
const PART = '(?=[\\w-])(?:[\\w-]{4})*(?:[\\w-]{2}[AEIMQUYcgkosw048]|[\\w-][AQgw])?';
const COMPACT = new RegExp(`^${PART}\\.${PART}\\.${PART}$`);

/**
 * Verifies access tokens that another service issues.
 *
 * @throws `auth.configuration` for an empty issuer or audience, or a tolerance over 60 s
 */
export function createAccessTokenVerifier(options: AccessTokenVerifierOptions): AccessTokenVerifier {
  refuseUnknown(options, VERIFIER_OPTIONS, 'createAccessTokenVerifier', authErrors.configuration);
  const { issuer, audience, keys, cacheSize = 1000, now = Date.now } = options;
  if (!Number.isSafeInteger(cacheSize) || cacheSize < 0 || cacheSize > MAX_CACHE_SIZE) {
    throw authErrors.configuration(`"cacheSize" must be a whole number from 0 to ${MAX_CACHE_SIZE}.`);
  }
  for (const [name, value] of Object.entries({ issuer, audience })) {
    if (typeof value !== 'string' || value === '') throw authErrors.configuration(`"${name}" must not be empty.`);
  }
  demandMethods(keys, ['find'], '"keys", as from createKeyRing(),');
  const toleranceMs =
    options.clockTolerance === 0
      ? 0
      : durationOption(options.clockTolerance ?? 5000, 'clockTolerance', authErrors.configuration);
  if (toleranceMs > MAX_TOLERANCE_MS) throw authErrors.configuration('"clockTolerance" must be at most 60 s.');
  const clockTolerance = toleranceMs / 1000;
  const verified = new VerifiedTokens(cacheSize);

  /** The principal of a token that was verified before; undefined where it has to be verified, perhaps anew. */
  const recall = (token: string): Principal | undefined | Promise<Principal | undefined> => {
    const known = typeof token === 'string' ? verified.get(token) : undefined;
    if (known === undefined) return undefined;
    const holds = (key: VerificationKey | undefined): Principal | undefined => {
      if (key?.publicKey === known.publicKey && isInTime(known, now(), clockTolerance)) {
        return renewed(known.principal);
      }
      verified.delete(token);
      return undefined;
    };
    try {
      const key = keys.find(known.kid);
      return key instanceof Promise ? key.then(holds, () => undefined) : holds(key);
    } catch {
      // Whoever verifies it meets the same failure, and says so.
      return undefined;
    }
  };

  const check = async (token: string): Promise<Principal> => {
    if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH || !COMPACT.test(token))
      throw new Rejected('malformed');
    const time = now();
    let used: VerificationKey | undefined;
    const { payload } = await jwtVerify(
      token,
      async (header) => {
        const { kid } = header;
        if (typeof kid !== 'string') throw new Rejected('unknown_key');
        const key = await storeCall('find the key of a token', async () => keys.find(kid));
        if (!key) throw new Rejected('unknown_key');
        // The key says which algorithm it is for; the token only gets to agree.
        if (header.alg !== key.alg) throw new Rejected('algorithm');
        used = key;
        return key.publicKey;
      },
      {
        algorithms: ['EdDSA', 'ES256'],
        typ: TYPE,
        issuer,
        audience,
        clockTolerance,
        requiredClaims: REQUIRED,
        currentDate: new Date(time),
      },
    );
    const principal = toPrincipal(payload, time / 1000 + clockTolerance);
    const { kid, publicKey } = used as VerificationKey;
    const { nbf, iat, exp } = payload as Required<JWTPayload>;
    verified.set(token, { principal, kid, publicKey, notBefore: Math.max(nbf, iat), expiresAt: exp });
    return renewed(principal);
  };

  return {
    verify: (token, further) =>
      tracedOutcome(channels.verify, {}, async (operation) => {
        try {
          const known = recall(token);
          const principal = (known instanceof Promise ? await known : known) ?? (await check(token));
          return (further && (await further(principal))) ?? principal;
        } catch (error) {
          operation.outcome = reasonOf(error);
          // A further check failed; or what holds the keys is down, which is
          // no fault of the token and must not read as one.
          if (EntError.is(error)) throw error;
          throw credentialError('token_invalid', 'The access token was refused.', operation.outcome, error);
        }
      }),
  };
}

/**
 * Issues access tokens (RFC 9068: JWTs of type `at+jwt`) and verifies them.
 *
 * @throws `auth.configuration` for options that cannot work
 *
 * @example
 * ```ts
 * import { createAccessTokens, createKeyRing, generateKey } from '@ent/auth';
 *
 * const { key } = await generateKey();
 * const tokens = createAccessTokens({
 *   issuer: 'https://auth.example.com',
 *   audience: 'https://api.example.com',
 *   keys: createKeyRing({ active: key }),
 * });
 * const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1', roles: ['member'] });
 * const principal = await tokens.verify(token);
 * console.log(principal.subject, principal.roles);
 * ```
 */
export function createAccessTokens(options: AccessTokensOptions): AccessTokens {
  refuseUnknown(options, { ...VERIFIER_OPTIONS, ttl: true }, 'createAccessTokens', authErrors.configuration);
  const { ttl = '15m', ...rest } = options;
  const { issuer, audience, keys, now = Date.now } = rest;
  const ttlSeconds = Math.floor(durationOption(ttl, 'ttl', authErrors.configuration) / 1000);
  if (ttlSeconds < 1) throw authErrors.configuration('"ttl" of access tokens must be at least one second.');
  const verifier = createAccessTokenVerifier(rest);

  return {
    ...verifier,
    ttlMs: ttlSeconds * 1000,
    now,
    async issue(input) {
      refuseUnknown(input, INPUT, 'accessTokens.issue', authErrors.configuration);
      const issuedAt = Math.floor(now() / 1000);
      const tokenId = randomUUID();
      const key = keys.active;
      const claims = claimsOf(input);
      const token = await signed(() =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: TYPE })
          .setIssuer(issuer)
          .setAudience(audience)
          .setJti(tokenId)
          .setIssuedAt(issuedAt)
          .setNotBefore(issuedAt)
          .setExpirationTime(issuedAt + ttlSeconds)
          .sign(key.privateKey),
      );
      if (token.length > MAX_TOKEN_LENGTH) {
        throw authErrors.configuration(
          `The access token would be ${token.length} bytes long; verifiers refuse more than ${MAX_TOKEN_LENGTH}. Put less into "claims".`,
        );
      }
      return { token, tokenId, expiresAt: new Date((issuedAt + ttlSeconds) * 1000), expiresIn: ttlSeconds };
    },
  };
}

/** Why a token was refused; becomes `details.reason`, which stays on this side. */
class Rejected extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(`The token was refused: ${reason}.`);
    this.reason = reason;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Rejected) return error.reason;
  if (EntError.is(error)) return typeof error.details?.reason === 'string' ? error.details.reason : 'error';
  if (error instanceof joseErrors.JWTExpired) return 'expired';
  if (error instanceof joseErrors.JWTClaimValidationFailed) return `claim_${error.claim}`;
  if (error instanceof joseErrors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof joseErrors.JOSEAlgNotAllowed) return 'algorithm';
  return error instanceof joseErrors.JOSEError ? 'malformed' : 'error';
}

/** As jose looks at the times of a token: in whole seconds. */
function isInTime({ notBefore, expiresAt }: Verified, timeMs: number, tolerance: number): boolean {
  const time = Math.floor(timeMs / 1000);
  return notBefore <= time + tolerance && expiresAt > time - tolerance;
}

/** The claims of an application may hold anything. */
async function signed(sign: () => Promise<string>): Promise<string> {
  try {
    return await sign();
  } catch (cause) {
    const isOfClaims = cause instanceof TypeError || (cause instanceof DOMException && cause.name === 'DataCloneError');
    if (!isOfClaims) throw cause;
    throw authErrors.configuration('accessTokens.issue: the claims hold something that JSON does not keep.', { cause });
  }
}

function claimsOf(input: AccessTokenInput): JWTPayload {
  const { subject, sessionId, roles, scopes, amr, authenticatedAt, claims = {} } = input;
  if (!subject || !sessionId) throw authErrors.configuration('An access token needs a "subject" and a "sessionId".');
  demandText(subject, 'accessTokens.issue: subject');
  demandText(sessionId, 'accessTokens.issue: sessionId');
  for (const list of ['roles', 'scopes', 'amr'] as const) demandTexts(input[list], `accessTokens.issue: ${list}`);
  if (authenticatedAt !== undefined && !types.isDate(authenticatedAt)) {
    throw authErrors.configuration(
      `accessTokens.issue: authenticatedAt must be a Date; got ${kindOf(authenticatedAt)}.`,
    );
  }
  if (typeof claims !== 'object' || (claims as object | null) === null) {
    throw authErrors.configuration(`accessTokens.issue: claims must be an object; got ${kindOf(claims)}.`);
  }
  const taken = Object.keys(claims).find((name) => RESERVED.has(name));
  if (taken) throw authErrors.configuration(`The claim "${taken}" is set by the issuer and cannot be in "claims".`);
  const spaced = scopes?.find((scope) => scope === '' || /\s/.test(scope));
  if (spaced !== undefined)
    throw authErrors.configuration(`The scope ${JSON.stringify(spaced)} is empty or holds a space.`);
  return {
    ...claims,
    sub: subject,
    sid: sessionId,
    ...(roles && { roles: [...roles] }),
    ...(scopes && { scope: scopes.join(' ') }),
    ...(amr && { amr: [...amr] }),
    ...(authenticatedAt && { auth_time: Math.floor(authenticatedAt.getTime() / 1000) }),
  };
}

function toPrincipal(payload: JWTPayload, latestIat: number): Principal {
  const {
    iss: _i,
    aud: _a,
    sub,
    sid,
    jti,
    iat,
    nbf: _n,
    exp,
    roles,
    scope,
    amr,
    auth_time: authTime,
    ...claims
  } = payload;
  if (!isText(sub) || !isText(sid) || !isText(jti)) throw new Rejected('claim_type');
  // jose looks at `iat` for its age only; one from the future is a broken or lying issuer.
  if (typeof iat !== 'number' || iat > latestIat) throw new Rejected('claim_iat');
  if (roles !== undefined && !isTextList(roles)) throw new Rejected('claim_roles');
  if (amr !== undefined && !isTextList(amr)) throw new Rejected('claim_amr');
  if (scope !== undefined && typeof scope !== 'string') throw new Rejected('claim_scope');
  if (authTime !== undefined && typeof authTime !== 'number') throw new Rejected('claim_auth_time');
  return makePrincipal({
    subject: sub,
    sessionId: sid,
    tokenId: jti,
    expiresAt: new Date((exp as number) * 1000),
    ...(roles && { roles }),
    ...(scope !== undefined && { scopes: scope.split(' ').filter((part) => part !== '') }),
    ...(amr && { amr }),
    ...(authTime !== undefined && { authenticatedAt: new Date(authTime * 1000) }),
    claims: frozen(claims),
  });
}

/** All of it: requests with the same token share it. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}
