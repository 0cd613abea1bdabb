import type { AuthStores, RefreshTokenRecord, SessionRecord } from '../driver.ts';
import type { IssuedAccessToken } from '../access-tokens.ts';
import { storeCall } from '../errors.ts';
import { newNonce, tokenId } from '../refresh-tokens.ts';
import type { SessionClaims, TokenPair } from '../session-options.ts';
import type { SessionSettings } from './session-settings.ts';
import { SessionStates } from './session-states.ts';

/** What a login, a refresh and a check of a token have in common. */
export class SessionParts {
  readonly states: SessionStates;
  readonly #settings: SessionSettings;
  readonly #stores: AuthStores;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
    this.#stores = settings.stores;
    this.states = new SessionStates(settings.cacheTtlMs);
  }

  // Field by field: an application may answer with a whole row of its own, which must not reach `subject`.
  async issue(session: SessionRecord, { roles, scopes, claims }: SessionClaims): Promise<IssuedAccessToken> {
    const amr = session.amr.split(' ').filter((method) => method !== '');
    return this.#settings.accessTokens.issue({
      subject: session.subject,
      sessionId: session.id,
      amr,
      acr: this.#settings.acr?.(amr),
      authenticatedAt: session.createdAt,
      jkt: session.jkt ?? undefined,
      ...(roles && { roles }),
      ...(scopes && { scopes }),
      ...(claims && { claims }),
    });
  }

  recordFor(token: string, session: SessionRecord, time: number): RefreshTokenRecord {
    return {
      id: tokenId(token),
      sessionId: session.id,
      nonce: newNonce(),
      createdAt: new Date(time),
      expiresAt: new Date(Math.min(time + this.#settings.refreshTtlMs, session.expiresAt.getTime())),
      spentAt: null,
      successorId: null,
    };
  }

  read(id: string): Promise<SessionRecord | undefined> {
    return storeCall('read a session', () => this.#stores.sessions.get(id));
  }

  async live(id: string, time: number): Promise<SessionRecord | undefined> {
    const session = await this.read(id);
    return session && isLive(session, time) ? session : undefined;
  }

  readToken(id: string): Promise<RefreshTokenRecord | undefined> {
    return storeCall('read a refresh token', () => this.#stores.refreshTokens.get(id));
  }

  addToken(record: RefreshTokenRecord): Promise<boolean> {
    return storeCall('add a refresh token', () => this.#stores.refreshTokens.insert(record));
  }

  revoke(id: string, reason: string): Promise<boolean> {
    const { now } = this.#settings.accessTokens;
    return this.states.ending({ id }, () =>
      storeCall('revoke a session', () => this.#stores.sessions.revoke(id, new Date(now()), reason)),
    );
  }
}

export function isLive(session: SessionRecord, time: number): boolean {
  return session.revokedAt === null && session.expiresAt.getTime() > time;
}

export function pairOf(
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
