import { randomUUID } from 'node:crypto';
import { types } from 'node:util';
import { durationOption, kindOf, MAX_TOKEN_LENGTH, refuseUnknown } from '@ent/internal';
import { type JWTPayload, SignJWT } from 'jose';
import { type AccessTokenVerifier, TIMED_OPTIONS, type TimedOptions, verifierOf } from './access-token-verifier.ts';
import { authErrors } from './errors.ts';
import { demandMethods, demandText, demandTexts } from './internal/demand.ts';
import { signingHalf, type SigningKeys } from './keys.ts';
import type { Clock, Duration } from './options.ts';

/** How access tokens are issued and verified. */
export interface AccessTokensOptions extends TimedOptions {
  /** Whom the tokens are for, `aud`. */
  audience: string;
  /** Of `createKeyRing` or `openKeyRing`. */
  keys: SigningKeys;
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
  /** Which level of assurance that is, `acr`, in a word of yours or of a standard. */
  acr?: string | undefined;
  /** When it did, `auth_time`. */
  authenticatedAt?: Date | undefined;
  /** The key that whoever sends the token has to prove, `cnf.jkt` (RFC 9449). Left out, it is a bearer token. */
  jkt?: string | undefined;
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

/** Issues and checks access tokens. */
export interface AccessTokens extends AccessTokenVerifier {
  issue(input: AccessTokenInput): Promise<IssuedAccessToken>;
  readonly ttlMs: number;
  readonly now: Clock;
}

// What our own tokens have, beyond RFC 9068. The type keeps an id token, or any other JWT that the same key signed,
// from passing as an access token.
const TYPE = 'at+jwt';
const PROFILE = { types: [TYPE], required: ['sid', 'jti', 'nbf'] };
const REGISTERED = ['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'nbf', 'exp'];
const RESERVED = new Set([...REGISTERED, 'roles', 'scope', 'amr', 'acr', 'auth_time', 'cnf']);
const OPTIONS = { ...TIMED_OPTIONS, audience: true, keys: true, ttl: true } as const;
const INPUT = {
  subject: true,
  sessionId: true,
  roles: true,
  scopes: true,
  amr: true,
  acr: true,
  authenticatedAt: true,
  jkt: true,
  claims: true,
} as const;

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
  refuseUnknown(options, OPTIONS, 'createAccessTokens', authErrors.configuration);
  const { issuer, audience, keys, ttl = '15m', now = Date.now } = options;
  if (typeof audience !== 'string') throw authErrors.configuration('"audience" must not be empty.');
  const ttlSeconds = Math.floor(durationOption(ttl, 'ttl', authErrors.configuration) / 1000);
  if (ttlSeconds < 1) throw authErrors.configuration('"ttl" of access tokens must be at least one second.');
  demandMethods(keys, ['find', 'jwks'], 'createAccessTokens: keys, as from createKeyRing(),');
  if (keys.maxTtlMs !== undefined && ttlSeconds * 1000 > keys.maxTtlMs) {
    throw authErrors.configuration(`"ttl" is longer than keys retire: at most ${keys.maxTtlMs} ms with this key ring.`);
  }
  const verifier = verifierOf(options, keys, PROFILE);

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
          .sign(signingHalf(key)),
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
  const { subject, sessionId, roles, scopes, amr, acr, authenticatedAt, jkt, claims = {} } = input;
  if (!subject || !sessionId) throw authErrors.configuration('An access token needs a "subject" and a "sessionId".');
  demandText(subject, 'accessTokens.issue: subject');
  demandText(sessionId, 'accessTokens.issue: sessionId');
  for (const list of ['roles', 'scopes', 'amr'] as const) demandTexts(input[list], `accessTokens.issue: ${list}`);
  if (acr !== undefined) demandText(acr, 'accessTokens.issue: acr');
  if (jkt !== undefined && (typeof jkt !== 'string' || !/^[\w-]{43}$/.test(jkt))) {
    throw authErrors.configuration('accessTokens.issue: jkt must be the thumbprint of a key, as createDpop gives it.');
  }
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
    ...(acr !== undefined && { acr }),
    ...(jkt !== undefined && { cnf: { jkt } }),
    ...(authenticatedAt && { auth_time: Math.floor(authenticatedAt.getTime() / 1000) }),
  };
}
