import { EntError } from '@ent/errors';
import { errors as joseErrors, type JWTPayload, jwtVerify } from 'jose';
import { durationOption, isThenable, kindOf, MAX_TOKEN_LENGTH, refuseUnknown } from '@ent/internal';
import { demandMethods } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { channels } from './channels.ts';
import { authErrors, credentialError, storeCall } from './errors.ts';
import { SHARED_BITS, type SharedAlgorithm, VERIFICATION_ALGORITHMS } from './internal/algorithms.ts';
import { checkIntrospected } from './internal/introspected.ts';
import { type Claims, type ClaimMapping, fullProfile, principalOf, Rejected, typeOf } from './internal/token-claims.ts';
import { type Verified, VerifiedTokens } from './internal/verified-tokens.ts';
import {
  demandAlgorithms,
  type VerificationAlgorithm,
  type VerificationKey,
  type VerificationKeys,
  verifyingHalf,
} from './keys.ts';
import type { Clock, Duration } from './options.ts';
import type { Principal } from './principal.ts';
import { createRemoteKeys } from './remote-keys.ts';
import type { SharedKey } from './shared-keys.ts';
import { type TokenProfile, tokenProfiles } from './token-profiles.ts';

/** What issuers and verifiers of access tokens have in common. */
export interface TimedOptions {
  /** Who issues the tokens, `iss`: usually an https URL. Compared exactly. */
  issuer: string;
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

/** How access tokens are verified. */
export interface AccessTokenVerifierOptions extends TimedOptions {
  /**
   * Whom the tokens are for, `aud`: this service, by any of its names. A token for somebody else is refused.
   */
  audience: string | readonly string[];
  /**
   * The issuer's keys. Default: `createRemoteKeys({ issuer })`, which finds and fetches them, and keeps them up to
   * date.
   */
  keys?: VerificationKeys | undefined;
  /**
   * Asks the issuer about tokens that are no JWTs: `createIntrospection` of `@ent/auth/introspection`. Default: they
   * are refused.
   */
  introspection?: TokenIntrospection | undefined;
  /**
   * Which algorithms tokens may have. Each key is for one of them only, so that those with a shared secret are of use
   * where `keys` has such a key, and refused without `keys`. Default: all.
   */
  algorithms?: readonly (VerificationAlgorithm | SharedAlgorithm)[] | undefined;
  /** What the tokens look like. Default `tokenProfiles.rfc9068`. */
  profile?: TokenProfile | undefined;
  /**
   * The roles that the principal has here, of those that the token names and of all its claims; asked once for a token.
   * Default: as the token says.
   */
  mapRoles?: ((roles: readonly string[], claims: Claims) => readonly string[]) | undefined;
  /**
   * The permissions that the principal is limited to, of the scopes of the token and of all its claims; asked once for
   * a token. For a token without scopes it may give undefined, no limit. Default: as the token says.
   */
  mapScopes?: ((scopes: readonly string[] | undefined, claims: Claims) => readonly string[] | undefined) | undefined;
}

/** Asks an issuer what a token is worth (RFC 7662). */
export interface TokenIntrospection {
  /**
   * What the issuer says of a token; undefined where it is not active. While it gives the same object, that is not
   * looked at again.
   *
   * @throws `auth.issuer_unavailable` where the issuer cannot be asked
   */
  introspect(token: string): Promise<Claims | undefined>;
}

/** A key that the sender of a token has proved to hold, as `createDpop` finds it. */
export interface ProofOfPossession {
  /** The thumbprint of the key (RFC 7638). */
  readonly jkt: string;
}

/** Checks access tokens. */
export interface AccessTokenVerifier {
  /**
   * The principal that a token proves.
   *
   * Checks signature, key, algorithm, type, issuer, audience and times. Whether the session behind it still lives, a
   * signature cannot tell: `sessions.verify` asks that too. A token that is bound to a key (`cnf.jkt`) is refused
   * without the proof of that key, and one that is bound to none is refused with a proof.
   *
   * @param further one more check, inside the same operation for the channel; what it throws is thrown, and a principal
   *   that it gives is the answer
   * @param proof of `createDpop`, which calls this with it
   * @throws `auth.token_invalid`, whatever is wrong; `details.reason` tells the log what. `auth.issuer_unavailable`
   *   where the issuer's keys are needed and cannot be fetched, or it cannot be asked about the token
   */
  verify(
    token: string,
    further?: (principal: Principal) => Principal | void | Promise<Principal | void>,
    proof?: ProofOfPossession,
  ): Promise<Principal>;
}

export const TIMED_OPTIONS = { issuer: true, clockTolerance: true, cacheSize: true, now: true } as const;
const OPTIONS = {
  ...TIMED_OPTIONS,
  audience: true,
  keys: true,
  introspection: true,
  algorithms: true,
  profile: true,
  mapRoles: true,
  mapScopes: true,
} as const;
const PROFILE = {
  types: true,
  required: true,
  expected: true,
  audience: true,
  subject: true,
  session: true,
  roles: true,
  scopes: true,
} as const;
const ALGORITHMS: readonly string[] = [...VERIFICATION_ALGORITHMS, ...Object.keys(SHARED_BITS)];
const FIND_KEY = 'find the key of a token';
/** As far as clocks of issuer and verifier may differ. */
export const MAX_TOLERANCE_MS = 60_000;
const MAX_CACHE_SIZE = 1_000_000;
// Three parts of base64url, each in its one spelling (RFC 4648, section 3.5): a last character with stray bits decodes
// to the same bytes, so that a token would have several.
const PART = '(?=[\\w-])(?:[\\w-]{4})*(?:[\\w-]{2}[AEIMQUYcgkosw048]|[\\w-][AQgw])?';
const COMPACT = new RegExp(`^${PART}\\.${PART}\\.${PART}$`);
// RFC 6750, section 2.1.
const OPAQUE = /^[A-Za-z0-9\-._~+/]+=*$/;

/**
 * Verifies access tokens that another service issues: one of ours, or Keycloak, Auth0, Entra, Cognito, Okta, Google,
 * Firebase and their like. Where `keys` are not given, the issuer's metadata says where they are; they are fetched with
 * the first token, and `createRemoteKeys` says how they are kept.
 *
 * @throws `auth.configuration` for an empty issuer or audience, a tolerance over 60 s, a profile that cannot be
 *
 * @example
 * ```ts
 * import { createAccessTokenVerifier, tokenProfiles } from '@ent/auth';
 *
 * const verifier = createAccessTokenVerifier({
 *   issuer: 'https://login.example.com/realms/shop',
 *   audience: 'orders',
 *   profile: tokenProfiles.keycloak,
 *   mapRoles: (roles) => roles.filter((role) => role.startsWith('orders-')),
 * });
 * console.log(typeof verifier.verify);
 * ```
 */
export function createAccessTokenVerifier(options: AccessTokenVerifierOptions): AccessTokenVerifier {
  refuseUnknown(options, OPTIONS, 'createAccessTokenVerifier', authErrors.configuration);
  const { issuer, algorithms, profile = tokenProfiles.rfc9068, now } = options;
  if (algorithms !== undefined) demandAlgorithms(algorithms, 'createAccessTokenVerifier', ALGORITHMS);
  demandProfile(profile);
  for (const name of ['mapRoles', 'mapScopes'] as const) {
    const map: unknown = options[name];
    if (map !== undefined && typeof map !== 'function') {
      throw authErrors.configuration(`"${name}" must be a function; got ${kindOf(map)}.`);
    }
  }
  const { introspection } = options;
  if (introspection !== undefined) {
    demandMethods(introspection, ['introspect'], '"introspection", as of createIntrospection(),');
  }
  // Of another issuer come public keys only, and those with a shared secret are refused there.
  const keys =
    options.keys ?? createRemoteKeys({ issuer, algorithms: algorithms as readonly VerificationAlgorithm[], now });
  return verifierOf(options, keys, profile);
}

/** The same, of options whose names were looked at. */
export function verifierOf(
  options: TimedOptions & ClaimMapping & Pick<AccessTokenVerifierOptions, 'audience' | 'algorithms' | 'introspection'>,
  keys: VerificationKeys,
  tokenProfile: TokenProfile,
): AccessTokenVerifier {
  const { issuer, algorithms = ALGORITHMS, introspection, cacheSize = 1000, now = Date.now } = options;
  if (!Number.isSafeInteger(cacheSize) || cacheSize < 0 || cacheSize > MAX_CACHE_SIZE) {
    throw authErrors.configuration(`"cacheSize" must be a whole number from 0 to ${MAX_CACHE_SIZE}.`);
  }
  const audiences = [options.audience].flat();
  if (audiences.length === 0) throw authErrors.configuration('"audience" must not be empty.');
  for (const [name, value] of [['issuer', issuer], ...audiences.map((audience) => ['audience', audience] as const)]) {
    if (typeof value !== 'string' || value === '') throw authErrors.configuration(`"${name}" must not be empty.`);
  }
  demandMethods(keys, ['find'], '"keys", as from createKeyRing(),');
  const toleranceMs =
    options.clockTolerance === 0
      ? 0
      : durationOption(options.clockTolerance ?? 5000, 'clockTolerance', authErrors.configuration);
  if (toleranceMs > MAX_TOLERANCE_MS) throw authErrors.configuration('"clockTolerance" must be at most 60 s.');
  const clockTolerance = toleranceMs / 1000;
  const profile = fullProfile(tokenProfile);
  const verified = new VerifiedTokens(cacheSize);
  const claimRules = {
    algorithms: [...algorithms],
    issuer,
    clockTolerance,
    requiredClaims: [...profile.required],
    ...(profile.audience === 'aud' && { audience: audiences }),
  };

  const findKey = (kid: string): ReturnType<VerificationKeys['find']> => {
    try {
      const key = keys.find(kid);
      return key instanceof Promise ? storeCall(FIND_KEY, () => key) : key;
    } catch (error) {
      return storeCall(FIND_KEY, () => Promise.reject(error as Error));
    }
  };

  /** The principal of a token that was verified before; undefined where it has to be verified, perhaps anew. */
  const recall = (token: string): Principal | undefined | Promise<Principal | undefined> => {
    const known = typeof token === 'string' ? verified.get(token) : undefined;
    if (known === undefined) return undefined;
    const holds = (key: VerificationKey | SharedKey | undefined): Principal | undefined => {
      if (key !== undefined && verifyingHalf(key) === known.by && isInTime(known, now(), clockTolerance)) {
        return known.principal;
      }
      verified.delete(token);
      // To ask for it once more would make a set that is fetched wait for its next fetch.
      if (key === undefined) throw new Rejected('unknown_key');
      return undefined;
    };
    const key = findKey(known.kid);
    return key instanceof Promise ? key.then(holds) : holds(key);
  };

  const principals = new WeakMap<Claims, Principal>();
  const checkOpaque = async (token: string, asked: TokenIntrospection): Promise<Principal> => {
    const claims = await storeCall('tell what a token is worth', () => asked.introspect(token));
    if (typeof claims !== 'object' || claims.active === false) throw new Rejected('inactive');
    const time = now() / 1000;
    checkIntrospected(claims, { issuer, audiences, profile, time, tolerance: clockTolerance });
    let principal = principals.get(claims);
    if (principal === undefined) {
      const { active: _active, token_type: _type, ...payload } = claims;
      principal = principalOf({ ...payload, iss: issuer }, profile, time + clockTolerance, options);
      principals.set(claims, principal);
    }
    return principal;
  };

  const check = (token: string): Promise<Principal> => {
    if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) throw new Rejected('malformed');
    if (COMPACT.test(token)) return checkJwt(token);
    if (introspection === undefined || !OPAQUE.test(token)) throw new Rejected('malformed');
    return checkOpaque(token, introspection);
  };

  const checkJwt = async (token: string): Promise<Principal> => {
    const time = now();
    let used: Pick<Verified, 'kid' | 'by'> | undefined;
    const { payload } = await jwtVerify(
      token,
      async ({ kid, typ, alg }) => {
        if (!profile.types.has(typeOf(typ))) throw new Rejected('claim_typ');
        if (typeof kid !== 'string') throw new Rejected('unknown_key');
        const key = await findKey(kid);
        if (!key) throw new Rejected('unknown_key');
        // The key says which algorithm it is for; the token only gets to agree.
        if (alg !== key.alg) throw new Rejected('algorithm');
        used = { kid, by: verifyingHalf(key) };
        return used.by;
      },
      { ...claimRules, currentDate: new Date(time) },
    );
    if (profile.audience !== 'aud' && !audiences.includes(payload[profile.audience] as string)) {
      throw new Rejected(`claim_${profile.audience}`);
    }
    const principal = principalOf(payload, profile, time / 1000 + clockTolerance, options);
    const { kid, by } = used as Pick<Verified, 'kid' | 'by'>;
    const { nbf = -Infinity, iat, exp } = payload as JWTPayload & { iat: number; exp: number };
    verified.set(token, { principal, kid, by, notBefore: Math.max(nbf, iat), expiresAt: exp });
    return principal;
  };

  return {
    verify: (token, further, proof) =>
      tracedOutcome(channels.verify, {}, async (operation) => {
        try {
          const known = recall(token);
          const principal = (known instanceof Promise ? await known : known) ?? (await check(token));
          if (principal.jkt !== proof?.jkt) throw new Rejected(principal.jkt === undefined ? 'not_bound' : 'proof');
          const last = further?.(principal);
          return ((isThenable(last) ? await last : last) as Principal | undefined) ?? principal;
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

function demandProfile(profile: TokenProfile): void {
  refuseUnknown(profile, PROFILE, 'createAccessTokenVerifier: profile', authErrors.configuration);
  const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === 'string');
  const isPaths = (value: unknown): boolean =>
    Array.isArray(value) && value.every((path: unknown[]) => isTexts(path) && path.length > 0);
  const { types, required = [], expected = {}, roles = [], scopes = [] } = profile;
  const faults = {
    types: !Array.isArray(types) || types.length === 0 || !isTexts(types.filter((type) => type !== null)),
    required: !isTexts(required),
    expected: kindOf(expected) !== 'an object' || !Object.values(expected).every(isTexts),
    roles: !isPaths(roles),
    scopes: !isPaths(scopes),
  };
  const wrong = (['audience', 'subject', 'session'] as const).filter(
    (name) => profile[name] !== undefined && (typeof profile[name] !== 'string' || profile[name] === ''),
  );
  const [first = wrong[0]] = Object.keys(faults).filter((name) => faults[name as keyof typeof faults]);
  if (first !== undefined) {
    throw authErrors.configuration(`createAccessTokenVerifier: profile.${first} is not what a profile has there.`);
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
