import { isThenable, refuseUnknown } from '@ent/internal';
import { demandText } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { rotation } from './internal/rotation.ts';
import { isLive, SessionParts } from './internal/session-parts.ts';
import { readSessionsOptions } from './internal/session-settings.ts';
import { sessionStart } from './internal/session-start.ts';
import type { ProofOfPossession } from './access-token-verifier.ts';
import { parseBearer } from './bearer.ts';
import { channels, type SessionOperation } from './channels.ts';
import type { SessionRecord } from './driver.ts';
import { authErrors, credentialError, storeCall } from './errors.ts';
import { isPrincipal, makePrincipal, type Principal } from './principal.ts';
import { isRefreshToken, tokenId } from './refresh-tokens.ts';
import type { SessionClaims, Sessions, SessionsOptions, TokenPair } from './session-options.ts';

/**
 * Sessions over any stores.
 *
 * @throws `auth.configuration` for a secret under 32 bytes or a duration that cannot be
 *
 * @example
 * ```ts
 * import { createAccessTokens, createKeyRing, createSessions, deriveSecret, generateKey } from '@ent/auth';
 * import { memoryStores } from '@ent/auth/stores';
 *
 * const { key, pem } = await generateKey();
 * const accessTokens = createAccessTokens({ issuer: 'me', audience: 'me', keys: createKeyRing({ active: key }) });
 * const secret = deriveSecret(pem, 'refresh-tokens');
 * const sessions = createSessions({ accessTokens, stores: memoryStores(), secret });
 *
 * const login = await sessions.start({ subject: 'u1' });
 * const next = await sessions.refresh(login.refreshToken);
 * const principal = await sessions.authenticate(`Bearer ${next.accessToken}`);
 * await sessions.logout(principal);
 * ```
 */
export function createSessions(options: SessionsOptions): Sessions {
  const settings = readSessionsOptions(options);
  const { accessTokens, stores, claimsFor, claimsAtVerify } = settings;
  const { now } = accessTokens;
  const parts = new SessionParts(settings);
  const { states } = parts;
  /** After it no token of a session is left that works. */
  const idleMs = Math.max(settings.refreshTtlMs, accessTokens.ttlMs);
  const start = sessionStart(settings, parts);
  const refresh = rotation(settings, parts);

  /** Waits only where somebody has to be asked. */
  const living = (principal: Principal): Principal | Promise<Principal> => {
    const { sessionId } = principal;
    const known = sessionId ? states.get(sessionId) : undefined;
    if (!sessionId || known !== undefined) return withClaims(principal, known);
    return states.load(() => parts.read(sessionId)).then((session) => withClaims(principal, session));
  };
  const withClaims = (principal: Principal, session: SessionRecord | undefined): Principal | Promise<Principal> => {
    const { subject } = principal;
    if (!session || !isLive(session, now()) || session.subject !== subject) {
      throw credentialError('token_invalid', 'The session of the access token has ended.', 'session');
    }
    if (!claimsAtVerify) return principal;
    const claims = claimsFor(subject);
    return isThenable(claims)
      ? Promise.resolve(claims).then((late) => asNow(principal, late))
      : asNow(principal, claims);
  };

  const verify = (token: string, proof?: ProofOfPossession): Promise<Principal> => {
    return accessTokens.verify(token, living, proof);
  };

  const logout = async (principal: Principal, refreshToken?: string): Promise<void> => {
    // Anything else would end nothing, without a word.
    if (!isPrincipal(principal)) throw authErrors.configuration('sessions.logout: give it the principal of verify().');
    if (principal.sessionId !== undefined) await parts.revoke(principal.sessionId, 'logout');
    if (!isRefreshToken(refreshToken)) return;
    const stored = await parts.readToken(tokenId(refreshToken));
    if (!stored || stored.sessionId === principal.sessionId) return;
    const other = await parts.live(stored.sessionId, now());
    // Somebody else's refresh token is not ended here: holding it proves nothing about the account that asks.
    if (other?.subject === principal.subject) await parts.revoke(other.id, 'logout');
  };

  const session = <T>(operation: SessionOperation['operation'], work: (payload: SessionOperation) => Promise<T>) =>
    tracedOutcome<SessionOperation, T>(channels.session, { operation }, work);

  return {
    start: (input) => session('start', () => start(input)),
    refresh: (token, proof) => session('refresh', (operation) => refresh(token, proof, operation)),
    verify,
    authenticate: async (authorization) => verify(parseBearer(authorization)),
    logout: (principal, refreshToken) => session('logout', () => logout(principal, refreshToken)),
    revoke: (id, reason = 'revoked') =>
      session('revoke', async () => {
        demandText(id, 'sessions.revoke: the id');
        return parts.revoke(id, reason);
      }),
    revokeAll: (subject, how = {}) =>
      session('revoke_all', async () => {
        demandText(subject, 'sessions.revokeAll: the subject');
        refuseUnknown(how, { except: true, reason: true }, 'sessions.revokeAll', authErrors.configuration);
        const { except, reason = 'revoked' } = how;
        return states.ending({ subject }, () =>
          storeCall('revoke sessions', () => stores.sessions.revokeSubject(subject, new Date(now()), reason, except)),
        );
      }),
    async list(subject) {
      demandText(subject, 'sessions.list: the subject');
      const time = now();
      const all = await storeCall('list sessions', () => stores.sessions.list(subject));
      return all
        .filter((record) => isLive(record, time) && record.lastUsedAt.getTime() + idleMs > time)
        .sort((a, b) => b.lastUsedAt.getTime() - a.lastUsedAt.getTime());
    },
    async purge() {
      const before = new Date(now());
      const tokens = await storeCall('remove refresh tokens', () => stores.refreshTokens.deleteExpired(before));
      return tokens + (await storeCall('remove sessions', () => stores.sessions.deleteExpired(before)));
    },
  };
}

/**
 * The token response of RFC 6749 section 5.1.
 *
 * @throws `auth.configuration` for what is no pair of tokens
 */
export function toTokenResponse(pair: TokenPair): {
  access_token: string;
  refresh_token: string;
  token_type: 'Bearer' | 'DPoP';
  expires_in: number;
} {
  demandText((pair as TokenPair | undefined | null)?.accessToken, 'toTokenResponse: accessToken');
  return {
    access_token: pair.accessToken,
    refresh_token: pair.refreshToken,
    token_type: pair.tokenType,
    expires_in: pair.expiresIn,
  };
}

/** The principal as a token would say it that was issued now. */
function asNow(principal: Principal, now: SessionClaims | null): Principal {
  if (!now) throw credentialError('token_invalid', 'The account is gone or locked.', 'account');
  const { roles, scopes, claims } = now;
  const { issuer, subject, sessionId, amr, acr, authenticatedAt, expiresAt, tokenId: id, jkt } = principal;
  return makePrincipal({
    issuer,
    subject,
    sessionId,
    amr,
    acr,
    authenticatedAt,
    expiresAt,
    tokenId: id,
    jkt,
    roles,
    scopes,
    claims,
  });
}
