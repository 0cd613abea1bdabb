/**
 * The contracts: what a store of sessions, of refresh tokens, of attempt counters, of keys, of API keys, of single-use
 * tokens, of second factors, of passkeys, of logins elsewhere, of what was used once, and a password driver must do.
 * All else (tokens, rotation, reuse, times, policy, errors, telemetry) is done once, above them.
 *
 * A store throws whatever its backend throws; the core wraps it. `@ent/auth/testing` checks an implementation.
 */

/** One login: a session, and the family of all refresh tokens that descend from it. */
export interface SessionRecord {
  readonly id: string;
  /** The account. */
  readonly subject: string;
  readonly createdAt: Date;
  /** When tokens were last given out for it. */
  readonly lastUsedAt: Date;
  /** The latest time that it can live to, however often it is refreshed. */
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  /** Why it was revoked: `logout`, `reuse`, or what the application said. */
  readonly revokedReason: string | null;
  /** How the account proved itself, RFC 8176 names joined by a space: `"pwd otp"`. */
  readonly amr: string;
  /** Where the login came from, as far as the application said; for the account's own list of sessions. */
  readonly userAgent: string | null;
  readonly address: string | null;
  /** The thumbprint of the key that its tokens are bound to (RFC 9449): 43 characters; null for bearer tokens. */
  readonly jkt: string | null;
}

/** Where sessions are kept. */
export interface SessionStore {
  /** Adds a session. The id is new. */
  insert(session: SessionRecord): Promise<void>;
  get(id: string): Promise<SessionRecord | undefined>;
  /** Sets `lastUsedAt` and touches nothing else: it must not bring back a session that is revoked at the same time. */
  touch(id: string, at: Date): Promise<void>;
  /**
   * Revokes a session that is not revoked yet, atomically: of several calls at once exactly one gets `true`, and the
   * time and reason of the first stay. `false` for a session that is unknown or was revoked before.
   */
  revoke(id: string, at: Date, reason: string): Promise<boolean>;
  /**
   * Revokes all sessions of an account that are not revoked yet, but for the one with the id `except`. Says how many.
   */
  revokeSubject(subject: string, at: Date, reason: string, except?: string): Promise<number>;
  /** All sessions of an account that are still kept, revoked and expired ones too, in any order. */
  list(subject: string): Promise<SessionRecord[]>;
  /**
   * Removes sessions whose `expiresAt` is before `before`. Says how many: 0 where the backend removes them by itself,
   * once they have lived from `createdAt` to `expiresAt`.
   */
  deleteExpired(before: Date): Promise<number>;
}

/** A refresh token as it is stored: never the token, only its hash. */
export interface RefreshTokenRecord {
  /** SHA-256 of the token, base64url. */
  readonly id: string;
  readonly sessionId: string;
  /** Random; goes into the successor, so that the server's secret alone does not lead from one token to the next. */
  readonly nonce: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** When it was exchanged for its successor; null while it is good. */
  readonly spentAt: Date | null;
  /** The id of that successor; null while it is good. */
  readonly successorId: string | null;
}

/** Where refresh tokens are kept. Two single-row operations have to be atomic; no transaction is needed. */
export interface RefreshTokenStore {
  /** Adds a token unless its id exists, atomically. `false` means that it existed, and that nothing was changed. */
  insert(token: RefreshTokenRecord): Promise<boolean>;
  get(id: string): Promise<RefreshTokenRecord | undefined>;
  /**
   * Spends a token, atomically: sets `spentAt` and `successorId` only where they are null. Of any
   * number of calls at once exactly one gets `first: true`; all get the record as it is afterwards,
   * with what that one set. Undefined: no such token.
   */
  spend(id: string, at: Date, successorId: string): Promise<{ record: RefreshTokenRecord; first: boolean } | undefined>;
  /** Removes tokens whose `expiresAt` is before `before`, as sessions are. Says how many. */
  deleteExpired(before: Date): Promise<number>;
}

/** The stores that sessions need. */
export interface AuthStores {
  readonly sessions: SessionStore;
  readonly refreshTokens: RefreshTokenStore;
}

/** One limit of a throttle, as a store sees it: `burst` at once, then one each `intervalMs`. */
export interface ThrottleRule {
  burst: number;
  intervalMs: number;
}

/**
 * Where attempts are counted. One number is kept per key, the time at which its bucket is empty again (GCRA), so that
 * a backend needs one compare-and-set or a short script, and may forget a key once that time has passed.
 */
export interface ThrottleStore {
  /**
   * Counts one attempt, atomically, or refuses it. With `tat` the kept time, or `now` where that is later:
   * `tat + intervalMs - now > burst * intervalMs` refuses and changes nothing; else `tat + intervalMs` is kept.
   * A kept time after `now + burst * intervalMs` is of a clock that was set back since: that one is kept instead.
   */
  take(key: string, rule: ThrottleRule, now: number): Promise<{ ok: boolean; retryAfterMs: number }>;
  /** Gives one attempt back: keeps `tat - intervalMs`. */
  give(key: string, rule: ThrottleRule, now: number): Promise<void>;
  /** Forgets the key. */
  reset(key: string): Promise<void>;
}

/**
 * Where the keys of an issuer are kept: one text, encrypted by the core, with the number of its revision. Processes
 * share it.
 */
export interface KeySetStore {
  /** The text and its revision; undefined before the first one was written. */
  read(): Promise<{ readonly revision: number; readonly data: string } | undefined>;
  /**
   * Replaces the text with the revision `expected`, atomically; it gets `expected + 1`. With 0 it is the first one. Of
   * any number of calls at once exactly one gets `true`; `false` means that nothing was changed, since another one was
   * first.
   */
  write(data: string, expected: number): Promise<boolean>;
}

/** An API key as it is stored: never the key, only the hash of its secret. */
export interface ApiKeyRecord {
  /** The public part of the key: 16 hexadecimal digits. */
  readonly id: string;
  /** The account that it acts for. */
  readonly subject: string;
  /** What its owner calls it. */
  readonly name: string;
  /** SHA-256 of the whole key, base64url. */
  readonly hash: string;
  /** What it is limited to, joined by a space. */
  readonly scopes: string;
  readonly createdAt: Date;
  /** Null: it does not expire. */
  readonly expiresAt: Date | null;
  /** When it was last presented, to a minute; null for never. */
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  /** The key that takes its place, once it was rotated. */
  readonly successorId: string | null;
}

/** Where API keys are kept. */
export interface ApiKeyStore {
  /** Adds a key. The id is new. */
  insert(key: ApiKeyRecord): Promise<void>;
  get(id: string): Promise<ApiKeyRecord | undefined>;
  /** Sets `lastUsedAt` and touches nothing else: it must not bring back a key that is revoked at the same time. */
  touch(id: string, at: Date): Promise<void>;
  /**
   * Sets `successorId` and `expiresAt` of a key of this account that is not revoked and has no successor, atomically:
   * of several calls at once exactly one gets `true`, and none once the key is revoked.
   */
  retire(subject: string, id: string, successorId: string, expiresAt: Date): Promise<boolean>;
  /** Revokes a key of this account that is not revoked yet, atomically; `false` means that nothing was changed. */
  revoke(subject: string, id: string, at: Date): Promise<boolean>;
  /** Revokes all keys of an account that are not revoked yet. Says how many. */
  revokeSubject(subject: string, at: Date): Promise<number>;
  /** All keys of an account, revoked and expired ones too, in any order. */
  list(subject: string): Promise<ApiKeyRecord[]>;
}

/** A single-use token as it is stored: never the token, only its hash. */
export interface SingleUseTokenRecord {
  /** SHA-256 of the purpose and the token, base64url. */
  readonly id: string;
  /** The only thing that it is good for: `password-reset`. */
  readonly purpose: string;
  /** The account. */
  readonly subject: string;
  /** What the application put beside it, such as the address that is verified; null for nothing. */
  readonly data: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** When it was used, or replaced; null while it is good. */
  readonly consumedAt: Date | null;
}

/** Where single-use tokens are kept. */
export interface SingleUseTokenStore {
  /** Adds a token. The id is new. */
  insert(token: SingleUseTokenRecord): Promise<void>;
  get(id: string): Promise<SingleUseTokenRecord | undefined>;
  /** Sets `consumedAt` where it is null, atomically: of any number of calls at once exactly one gets `true`. */
  consume(id: string, at: Date): Promise<boolean>;
  /** Does the same for all tokens of an account for this purpose. Says how many. */
  consumeAll(purpose: string, subject: string, at: Date): Promise<number>;
  /** Removes tokens whose `expiresAt` is before `before`, as sessions are. Says how many. */
  deleteExpired(before: Date): Promise<number>;
}

/** The second factor of an account, as it is stored. */
export interface TotpRecord {
  /** The account. */
  readonly id: string;
  /** One more with each change. */
  readonly revision: number;
  /** What the account's app knows, encrypted by the core; empty where the second factor was ended. */
  readonly secret: string;
  readonly createdAt: Date;
  /** When a code of the app was first seen; null until then, and not in force. */
  readonly confirmedAt: Date | null;
  /** The latest time step of which a code was used. */
  readonly lastStep: number;
  /** Hashes of the recovery codes that are left, joined by a space. */
  readonly recoveryCodes: string;
}

/** Where second factors are kept: one record for each account. */
export interface TotpStore {
  get(subject: string): Promise<TotpRecord | undefined>;
  /**
   * Replaces the record of the account whose revision is one less, atomically; with 1 it is the first one. Of any
   * number of calls at once exactly one gets `true`; `false` means that nothing was changed: another one was first.
   */
  write(record: TotpRecord): Promise<boolean>;
}

/** A passkey as it is stored: what the authenticator said of itself, and its public key. */
export interface PasskeyRecord {
  /** SHA-256 of the credential's id, base64url. */
  readonly id: string;
  /** The id that the authenticator gave, base64url: up to 1,364 characters. */
  readonly credentialId: string;
  /** The account. */
  readonly subject: string;
  /** By which the authenticator knows the account: random, and the same for all passkeys of an account. */
  readonly userHandle: string;
  /** COSE (RFC 9052), base64url: up to 800 characters for RSA with 4096 bits. */
  readonly publicKey: string;
  /** How often it was used, as the authenticator counts; 0 for those that do not. */
  readonly counter: number;
  /** How the browser reaches it, joined by a space: `internal hybrid`. */
  readonly transports: string;
  /** Copies of it may be on several devices. */
  readonly synced: boolean;
  /** What its owner calls it. */
  readonly name: string;
  readonly createdAt: Date;
  /** Null for never. */
  readonly lastUsedAt: Date | null;
}

/** Where passkeys are kept. */
export interface PasskeyStore {
  /** Adds a passkey unless its id exists, atomically. `false` means that it existed, and that nothing was changed. */
  insert(passkey: PasskeyRecord): Promise<boolean>;
  get(id: string): Promise<PasskeyRecord | undefined>;
  /** All passkeys of an account, in any order. */
  list(subject: string): Promise<PasskeyRecord[]>;
  /**
   * Sets `counter` and `lastUsedAt` where the stored counter is lower, or both are 0, atomically: of several calls with
   * the same counter other than 0 exactly one gets `true`. `false` means that nothing was changed.
   */
  use(id: string, counter: number, at: Date): Promise<boolean>;
  /** Removes a passkey of this account. `false` when it has no such one. */
  delete(subject: string, id: string): Promise<boolean>;
}

/** A login at another issuer that belongs to an account, as it is stored. */
export interface IdentityRecord {
  /** SHA-256 of the issuer and whom it knows, base64url. */
  readonly id: string;
  readonly issuer: string;
  /** Whom the issuer knows, `sub`: up to 255 characters. */
  readonly externalSubject: string;
  /** The account. */
  readonly subject: string;
  readonly createdAt: Date;
}

/** Where it is kept which logins elsewhere belong to which account. */
export interface IdentityStore {
  /** Adds an identity unless its id exists, atomically. `false` means that it existed, and that nothing was changed. */
  insert(identity: IdentityRecord): Promise<boolean>;
  get(id: string): Promise<IdentityRecord | undefined>;
  /** All of an account, in any order. */
  list(subject: string): Promise<IdentityRecord[]>;
  /** Removes one of this account. `false` when it has no such one. */
  delete(subject: string, id: string): Promise<boolean>;
}

/** Where it is remembered what may be used once only. */
export interface ReplayStore {
  /**
   * Remembers an id for `ttlMs`, atomically: of any number of calls with it in that time exactly one gets `true`. Where
   * that cannot be said, it throws.
   */
  add(id: string, ttlMs: number): Promise<boolean>;
}

/** What a password driver can do, as data. */
export interface PasswordFeatures {
  /** The algorithm, as in the hash string: `argon2id`. */
  readonly algorithm: string;
  /**
   * The longest password in bytes; null for no limit. Longer ones the
   * algorithm would cut off silently, so they are refused.
   */
  readonly maxPasswordBytes: number | null;
  /** The work is given to libuv's thread pool, which web crypto and file access share: too many at once delay those. */
  readonly usesThreadPool: boolean;
}

/**
 * A password hashing algorithm. The core has checked the password (well-formed, normalised, not too long), bounds how
 * many run at once, and answers for accounts that do not exist.
 */
export interface PasswordDriver<Features extends PasswordFeatures = PasswordFeatures> {
  readonly features: Features;
  /** A new hash with a fresh salt, in a form that says how it was made. */
  hash(password: string): Promise<string>;
  /**
   * What the driver thinks of a stored hash, without computing anything.
   * `unreadable`: not of this algorithm, malformed, or asking for more work than the driver's ceilings allow.
   * `outdated`: readable, but not what `hash` would write today. `current`: as `hash` writes it.
   */
  inspect(hash: string): 'current' | 'outdated' | 'unreadable';
  /** Whether the password belongs to the hash, which `inspect` found readable. Compares in constant time. */
  verify(password: string, hash: string): Promise<boolean>;
  /** A well-formed hash that no password belongs to, as costly to verify as a new one. Cheap to make. */
  decoy(): string;
}
