import { type KeyObject, randomUUID } from 'node:crypto';
import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import { demandMethods, demandText, demandTexts } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { SessionStates } from './internal/session-states.ts';
import type { ProofOfPossession } from './access-token-verifier.ts';
import type { IssuedAccessToken } from './access-tokens.ts';
import { parseBearer } from './bearer.ts';
import { channels, type SessionOperation } from './channels.ts';
import type { RefreshTokenRecord, SessionRecord } from './driver.ts';
import { authErrors, credentialError, storeCall } from './errors.ts';
import { isPrincipal, makePrincipal, type Principal } from './principal.ts';
import { isRefreshToken, newNonce, newRefreshToken, secretKey, successorOf, tokenId } from './refresh-tokens.ts';
import type { SessionClaims, Sessions, SessionsOptions, StartSession, TokenPair } from './session-options.ts';

const OPTIONS = {
  accessTokens: true,
  stores: true,
  secret: true,
  claims: true,
  claimsAt: true,
  acr: true,
  refreshTtl: true,
  sessionTtl: true,
  retryWindow: true,
  sessionCacheTtl: true,
} as const;
const MAX_CACHE_TTL_MS = 1000;
const START = { subject: true, confirm: true, amr: true, userAgent: true, address: true, proof: true } as const;

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
  refuseUnknown(options, OPTIONS, 'createSessions', authErrors.configuration);
  const { accessTokens, stores } = options;
  demandMethods(accessTokens, ['issue', 'verify', 'now'], 'createSessions: accessTokens');
  demandMethods(
    stores?.sessions,
    ['insert', 'get', 'touch', 'revoke', 'revokeSubject', 'list'],
    'createSessions: stores.sessions',
  );
  demandMethods(stores.refreshTokens, ['insert', 'get', 'spend'], 'createSessions: stores.refreshTokens');
  const claimsFor: NonNullable<SessionsOptions['claims']> = options.claims ?? (() => ({}));
  const { now } = accessTokens;
  const secrets = (Array.isArray(options.secret) ? options.secret : [options.secret]).map(secretKey);
  if (secrets.length === 0) throw authErrors.configuration('"secret" must not be an empty list.');
  const refreshTtlMs = durationOption(options.refreshTtl ?? '30d', 'refreshTtl', authErrors.configuration);
  const sessionTtlMs = durationOption(options.sessionTtl ?? '90d', 'sessionTtl', authErrors.configuration);
  const { claimsAt = 'refresh' } = options;
  if (claimsAt !== 'refresh' && claimsAt !== 'verify') {
    throw authErrors.configuration('"claimsAt" must be "refresh" or "verify".');
  }
  if (options.acr !== undefined && typeof options.acr !== 'function') {
    throw authErrors.configuration(`"acr" must be a function; got ${kindOf(options.acr)}.`);
  }
  const retryWindowMs = durationOption(options.retryWindow ?? '10s', 'retryWindow', authErrors.configuration);
  const { sessionCacheTtl = MAX_CACHE_TTL_MS } = options;
  const cacheTtlMs =
    sessionCacheTtl === 0 ? 0 : durationOption(sessionCacheTtl, 'sessionCacheTtl', authErrors.configuration);
  if (cacheTtlMs > MAX_CACHE_TTL_MS) throw authErrors.configuration('"sessionCacheTtl" must be at most 1 s.');
  const states = new SessionStates(cacheTtlMs);

  // Field by field: an application may answer with a whole row of its own, which must not reach `subject`.
  const issue = async (session: SessionRecord, { roles, scopes, claims }: SessionClaims) => {
    const amr = session.amr.split(' ').filter((method) => method !== '');
    return accessTokens.issue({
      subject: session.subject,
      sessionId: session.id,
      amr,
      acr: options.acr?.(amr),
      authenticatedAt: session.createdAt,
      jkt: session.jkt ?? undefined,
      ...(roles && { roles }),
      ...(scopes && { scopes }),
      ...(claims && { claims }),
    });
  };

  const recordFor = (token: string, session: SessionRecord, time: number): RefreshTokenRecord => ({
    id: tokenId(token),
    sessionId: session.id,
    nonce: newNonce(),
    createdAt: new Date(time),
    expiresAt: new Date(Math.min(time + refreshTtlMs, session.expiresAt.getTime())),
    spentAt: null,
    successorId: null,
  });

  const readSession = (id: string): Promise<SessionRecord | undefined> =>
    storeCall('read a session', () => stores.sessions.get(id));

  const isLive = (session: SessionRecord, time: number): boolean =>
    session.revokedAt === null && session.expiresAt.getTime() > time;

  const liveSession = async (id: string, time: number): Promise<SessionRecord | undefined> => {
    const session = await readSession(id);
    return session && isLive(session, time) ? session : undefined;
  };

  const start = async (input: StartSession): Promise<TokenPair> => {
    refuseUnknown(input, START, 'sessions.start', authErrors.configuration);
    demandText(input.subject, 'sessions.start: subject');
    demandTexts(input.amr, 'sessions.start: amr');
    if (input.userAgent !== undefined) demandText(input.userAgent, 'sessions.start: userAgent');
    if (input.address !== undefined) demandText(input.address, 'sessions.start: address');
    if (input.confirm !== undefined && typeof input.confirm !== 'function') {
      throw authErrors.configuration(`sessions.start: confirm must be a function; got ${kindOf(input.confirm)}.`);
    }
    if (input.proof !== undefined)
      demandText((Object(input.proof) as ProofOfPossession).jkt, 'sessions.start: proof.jkt');
    const time = now();
    if (!(await claimsFor(input.subject))) throw gone();
    const session: SessionRecord = {
      id: randomUUID(),
      subject: input.subject,
      createdAt: new Date(time),
      lastUsedAt: new Date(time),
      expiresAt: new Date(time + sessionTtlMs),
      revokedAt: null,
      revokedReason: null,
      amr: (input.amr ?? ['pwd']).join(' '),
      userAgent: note(input.userAgent, 512),
      address: note(input.address, 64),
      jkt: input.proof?.jkt ?? null,
    };
    const refreshToken = newRefreshToken();
    const record = recordFor(refreshToken, session, time);
    await storeCall('add a session', () => stores.sessions.insert(session));
    try {
      await storeCall('add a refresh token', () => stores.refreshTokens.insert(record));
      const access = await issue(session, await confirmed(input));
      return pairOf(access, refreshToken, record, session);
    } catch (error) {
      await revoke(session.id, 'not_started');
      throw error;
    }
  };

  /**
   * Asks again, now that whoever ends the account's sessions finds this one: either
   * they end it, or what they did before shows here.
   */
  const confirmed = async ({ subject, confirm }: StartSession): Promise<SessionClaims> => {
    if (confirm !== undefined && !(await confirm())) {
      throw credentialError(
        'credentials_invalid',
        'What the account proved itself with was changed meanwhile.',
        'changed',
      );
    }
    const claims = await claimsFor(subject);
    if (!claims) throw gone();
    return claims;
  };

  // The order matters. What can fail for long (the account's claims, signing, all other writes) comes
  // before the token is spent: an outage that outlasts the retry window must not turn an honest client's
  // next try into a theft. And the successor is stored before the token is spent: a crash in between
  // leaves a token that works, not a client with none.
  const refresh = async (
    token: string,
    proof: ProofOfPossession | undefined,
    operation: SessionOperation,
  ): Promise<TokenPair> => {
    const time = now();
    if (!isRefreshToken(token)) throw refuse(operation, 'malformed');
    const stored = await storeCall('read a refresh token', () => stores.refreshTokens.get(tokenId(token)));
    if (!stored) throw refuse(operation, 'unknown');
    const session = await liveSession(stored.sessionId, time);
    if (!session) throw refuse(operation, 'ended');
    // First: who has a copy of the token and not the key must not even end the session.
    if ((session.jkt ?? undefined) !== proof?.jkt) throw refuse(operation, 'proof');
    if (isReuse(stored, time)) return endStolen(session, operation);
    if (stored.expiresAt.getTime() <= time) throw refuse(operation, 'expired');
    const claims = await claimsFor(session.subject);
    if (!claims) {
      await revoke(session.id, 'account');
      throw refuse(operation, 'account');
    }
    const access = await issue(session, claims);
    await storeCall('touch a session', () => stores.sessions.touch(session.id, new Date(time)));
    if (stored.spentAt !== null) {
      operation.outcome = 'retry';
      return giveSuccessor(access, token, stored, session, operation);
    }
    const nextToken = successorOf(token, stored.nonce, secrets[0] as KeyObject);
    const successor = recordFor(nextToken, session, time);
    const added = await storeCall('add a refresh token', () => stores.refreshTokens.insert(successor));
    const spent = await storeCall('spend a refresh token', () =>
      stores.refreshTokens.spend(stored.id, new Date(time), successor.id),
    );
    if (!spent) throw refuse(operation, 'unknown');
    if (isReuse(spent.record, time)) return endStolen(session, operation);
    operation.outcome = spent.first ? 'ok' : 'retry';
    if (spent.first && added) return pairOf(access, nextToken, successor, session);
    return giveSuccessor(access, token, spent.record, session, operation);
  };

  const isReuse = (record: RefreshTokenRecord, time: number): boolean =>
    // Spent "later than now" too: a clock that was set back must not make the window longer.
    record.spentAt !== null && Math.abs(time - record.spentAt.getTime()) > retryWindowMs;

  const endStolen = async (session: SessionRecord, operation: SessionOperation): Promise<never> => {
    await revoke(session.id, 'reuse');
    throw refuse(operation, 'reuse');
  };

  /** Answers with the successor that `spent` was spent for: computed again, under the secret that it was made with. */
  const giveSuccessor = async (
    access: IssuedAccessToken,
    token: string,
    spent: RefreshTokenRecord,
    session: SessionRecord,
    operation: SessionOperation,
  ): Promise<TokenPair> => {
    const successor = secrets
      .map((secret) => successorOf(token, spent.nonce, secret))
      .find((candidate) => tokenId(candidate) === spent.successorId);
    if (!successor) throw refuse(operation, 'secret_changed');
    const record = await storeCall('read a refresh token', () => stores.refreshTokens.get(tokenId(successor)));
    if (!record) throw refuse(operation, 'unknown');
    return pairOf(access, successor, record, session);
  };

  const revoke = (id: string, reason: string): Promise<boolean> =>
    states.ending({ id }, () =>
      storeCall('revoke a session', () => stores.sessions.revoke(id, new Date(now()), reason)),
    );

  const verify = (token: string, proof?: ProofOfPossession): Promise<Principal> => {
    const living = async (principal: Principal): Promise<Principal> => {
      const { sessionId, subject } = principal;
      const session = sessionId && (states.get(sessionId) ?? (await states.load(() => readSession(sessionId))));
      if (!session || !isLive(session, now()) || session.subject !== subject) {
        throw credentialError('token_invalid', 'The session of the access token has ended.', 'session');
      }
      if (options.claims === undefined || claimsAt === 'refresh') return principal;
      const claims = await claimsFor(subject);
      if (!claims) throw credentialError('token_invalid', 'The account is gone or locked.', 'account');
      return asNow(principal, claims);
    };
    return accessTokens.verify(token, living, proof);
  };

  const logout = async (principal: Principal, refreshToken?: string): Promise<void> => {
    // Anything else would end nothing, without a word.
    if (!isPrincipal(principal)) throw authErrors.configuration('sessions.logout: give it the principal of verify().');
    if (principal.sessionId !== undefined) await revoke(principal.sessionId, 'logout');
    if (!isRefreshToken(refreshToken)) return;
    const stored = await storeCall('read a refresh token', () => stores.refreshTokens.get(tokenId(refreshToken)));
    if (!stored || stored.sessionId === principal.sessionId) return;
    const other = await liveSession(stored.sessionId, now());
    // Somebody else's refresh token is not ended here: holding it proves nothing about the account that asks.
    if (other?.subject === principal.subject) await revoke(other.id, 'logout');
  };

  const gone = (): Error => credentialError('credentials_invalid', 'The account is gone or locked.', 'account');

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
        return revoke(id, reason);
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
        .filter((record) => record.revokedAt === null && record.expiresAt.getTime() > time)
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
function asNow(principal: Principal, { roles, scopes, claims }: SessionClaims): Principal {
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

/** What a client says about itself, as every database can keep it. */
function note(text: string | undefined, length: number): string | null {
  return text === undefined ? null : text.slice(0, length).toWellFormed().replaceAll('\0', '');
}

function pairOf(
  access: IssuedAccessToken,
  refreshToken: string,
  record: RefreshTokenRecord,
  session: SessionRecord,
): TokenPair {
  return {
    accessToken: access.token,
    refreshToken,
    expiresIn: access.expiresIn,
    refreshExpiresAt: record.expiresAt,
    sessionId: session.id,
    subject: session.subject,
    tokenType: session.jkt ? 'DPoP' : 'Bearer',
  };
}

function refuse(operation: SessionOperation, reason: string) {
  operation.outcome = reason;
  return credentialError('refresh_invalid', 'The refresh token was refused.', reason);
}
