import type { ProofOfPossession } from './access-token-verifier.ts';
import type { AccessTokens } from './access-tokens.ts';
import type { AuthStores, SessionRecord } from './driver.ts';
import type { Duration } from './options.ts';
import type { Principal } from './principal.ts';
import type { Secret } from './refresh-tokens.ts';

/** What goes into a session's access tokens; asked for at each login and each refresh, so that a change arrives. */
export interface SessionClaims {
  roles?: readonly string[] | undefined;
  scopes?: readonly string[] | undefined;
  claims?: Record<string, unknown> | undefined;
}

/** How sessions behave. */
export interface SessionsOptions {
  accessTokens: AccessTokens;
  stores: AuthStores;
  /**
   * The server's secret for refresh tokens, the same in all processes: at least 32 bytes;
   * `deriveSecret` makes one from a signing key. Given several, the first is used and the others still
   * serve a retry that was on its way during a change.
   */
  secret: Secret | readonly Secret[];
  /**
   * What an account's access tokens say now. Null means that the account is gone or locked: the session is not
   * begun, or ends. Left out, tokens carry no roles.
   */
  claims?: ((subject: string) => SessionClaims | null | Promise<SessionClaims | null>) | undefined;
  /**
   * When `claims` is asked. `refresh`: at each login and refresh, so that a change arrives when the access token
   * has run out. `verify`: for each token that is verified too, so that a change is in force at once; each
   * request then costs that look. Default `refresh`.
   */
  claimsAt?: 'refresh' | 'verify' | undefined;
  /**
   * Names the level of assurance of a login, `acr` of its tokens, by how the account proved itself:
   * `(amr) => (amr.includes('otp') ? 'urn:acme:mfa' : undefined)`. Left out, tokens name none.
   */
  acr?: ((amr: readonly string[]) => string | undefined) | undefined;
  /** How long a refresh token can wait to be used: the longest idle time of a session. Default `"30d"`. */
  refreshTtl?: Duration | undefined;
  /** How long a session can live, however busy it is. Default `"90d"`. */
  sessionTtl?: Duration | undefined;
  /**
   * How long a spent token is taken for a client's retry, and not for a thief's. Default `"10s"`. Longer forgives
   * slower networks; shorter notices theft sooner; at most 60 s. The clocks of your processes have to differ by less.
   */
  retryWindow?: Duration | undefined;
  /**
   * How long `verify` may go by what it knows of a session before it asks the store again. A session that is ended by
   * this object ends at once; one that another process ends, after this time at the latest. At most, and by default,
   * `"1s"`; 0 asks the store for each token. Up to 10,000 sessions are kept, about 400 bytes each.
   */
  sessionCacheTtl?: Duration | undefined;
}

/** Begins a session. The account has proved itself: this is called after the password was verified. */
export interface StartSession {
  subject: string;
  /**
   * Whether what the account proved itself with still holds: that the password's hash which was verified is still
   * the stored one. Asked once the session is stored; when it is false, or throws, the session ends, and nobody gets
   * a token of it. Without it a login that runs while the password is changed leaves a session of the old one
   * behind, which `revokeAll` came too early for.
   */
  confirm?: (() => boolean | Promise<boolean>) | undefined;
  /** RFC 8176. Default `["pwd"]`. */
  amr?: readonly string[] | undefined;
  userAgent?: string | undefined;
  address?: string | undefined;
  /** Binds the tokens to the key that the client has proved to hold: of `dpop.prove`. Default: bearer tokens. */
  proof?: ProofOfPossession | undefined;
}

/** What a client gets. */
export interface TokenPair {
  accessToken: string;
  refreshToken: string;
  /** Seconds that the access token lives. */
  expiresIn: number;
  refreshExpiresAt: Date;
  sessionId: string;
  subject: string;
  /** How the access token is to be sent: `DPoP` where it is bound to a key. */
  tokenType: 'Bearer' | 'DPoP';
}

/** Logins, and the tokens that descend from them. */
export interface Sessions {
  /** Begins a session and gives out its first tokens. */
  start(input: StartSession): Promise<TokenPair>;
  /**
   * Exchanges a refresh token for new tokens. The token is spent; presented again within `retryWindow` it gives the
   * same successor (a client's retry), later the whole session is revoked (somebody has a copy).
   *
   * @param proof of `dpop.prove`, for a session that is bound to a key: without the proof of that key it is refused
   * @throws `auth.refresh_invalid`, whatever is wrong
   */
  refresh(refreshToken: string, proof?: ProofOfPossession): Promise<TokenPair>;
  /**
   * The principal of an access token whose session still lives.
   *
   * @param proof of `createDpop`, which calls this with it
   * @throws `auth.token_invalid`
   */
  verify(accessToken: string, proof?: ProofOfPossession): Promise<Principal>;
  /**
   * The principal of an `Authorization` header: `parseBearer`, then `verify`.
   *
   * @throws `auth.token_missing`, `auth.token_invalid`
   */
  authenticate(authorization: string | readonly string[] | undefined | null): Promise<Principal>;
  /**
   * Ends the principal's session: refresh and access tokens stop working. A refresh token of another session of the
   * same account ends that one too; an unknown one is no error, as in RFC 7009.
   */
  logout(principal: Principal, refreshToken?: string): Promise<void>;
  /** Ends a session. False when it is unknown or had ended before. */
  revoke(sessionId: string, reason?: string): Promise<boolean>;
  /**
   * Ends all sessions of an account, but for `except`. Says how many. After a changed password, a theft, a deletion.
   */
  revokeAll(subject: string, options?: { except?: string | undefined; reason?: string | undefined }): Promise<number>;
  /** The sessions of an account that can still be used, the latest used first. */
  list(subject: string): Promise<SessionRecord[]>;
  /** Removes what has expired from the stores. Call it now and then, from one process; says how many records went. */
  purge(): Promise<number>;
}
