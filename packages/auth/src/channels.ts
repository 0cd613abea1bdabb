import type { TracingChannel } from 'node:diagnostics_channel';
import { operationChannel } from '@ent/internal';

/** Published while an access token is checked (`ent:auth:verify`). */
export interface VerifyOperation {
  /** Set when the check ended: `ok`, or why it failed (`expired`, `signature`, `audience`, `session`, ...). */
  outcome?: string;
}

/** Published while the keys of an issuer are fetched, or those of `openKeyRing` read (`ent:auth:keys`). */
export interface KeysOperation {
  /** Where they come from: the issuer, or the address of its JWKS; `store` for those of `openKeyRing`. */
  source: string;
  /** Set when it ended: `ok`, `failed`. */
  outcome?: string;
}

/** Published while an issuer is asked about a token (`ent:auth:introspection`). */
export interface IntrospectionOperation {
  /** The issuer. */
  source: string;
  /** Set when it ended: `ok`, `inactive`, `failed`, or `overloaded`: too many waited, and it was not asked. */
  outcome?: string;
}

/** Published while an account logs in at another issuer (`ent:auth:oauth`). */
export interface OAuthOperation {
  operation: 'start' | 'callback' | 'refresh';
  /** The issuer. */
  source: string;
  /** Set when it ended: `ok`, or why it failed: `state_missing`, `access_denied`, `claim_nonce`, `failed`, ... */
  outcome?: string;
}

/** Published while a session is begun, refreshed or ended (`ent:auth:session`). */
export interface SessionOperation {
  operation: 'start' | 'refresh' | 'logout' | 'revoke' | 'revoke_all';
  /**
   * Set when it ended: `ok`; for a refresh also `retry` (a spent token within the retry window), `reuse` (a spent token
   * after it: the session was revoked), `unknown`, `expired`, `ended`.
   */
  outcome?: string;
}

/** Published while an API key is made, checked, rotated or revoked (`ent:auth:api_key`). */
export interface ApiKeyOperation {
  operation: 'create' | 'verify' | 'rotate' | 'revoke' | 'revoke_all';
  /**
   * Set when it ended: `ok`; for a check also why it failed: `malformed`, `checksum`, `unknown`, `secret`, `revoked`,
   * `expired`, `account`.
   */
  outcome?: string;
  /** The key was good, and the store would not note when: `lastUsedAt` is behind. */
  lastUse?: 'failed';
}

/** Published while a single-use token is issued or used (`ent:auth:single_use`). */
export interface SingleUseOperation {
  operation: 'issue' | 'peek' | 'consume';
  purpose: string;
  /** Set when it ended: `ok`, or why the token failed: `malformed`, `unknown`, `expired`, `consumed`. */
  outcome?: string;
}

/** Published while a second factor is made, checked or ended (`ent:auth:totp`). */
export interface TotpOperation {
  operation: 'enrol' | 'confirm' | 'verify' | 'renew' | 'disable';
  /**
   * Set when it ended: `ok`, or why the code failed: `mismatch`, `replay` (it, or a later one, was used before),
   * `not_enrolled`, `too_many_attempts`.
   */
  outcome?: string;
}

/** Published while a passkey is registered, used or removed (`ent:auth:passkey`). */
export interface PasskeyOperation {
  operation: 'register' | 'confirm' | 'authenticate' | 'verify' | 'remove';
  /**
   * Set when it ended: `ok`, or why the passkey failed: `state`, `response`, `unknown`, `user_handle`, `subject`,
   * `signature`, `replay`, `exists`, or `counter` (there is a copy of what cannot be copied: the account may be in
   * other hands).
   */
  outcome?: string;
}

/** Published while a password is hashed or verified (`ent:auth:password`). */
export interface PasswordOperation {
  operation: 'hash' | 'verify';
  algorithm: string;
  /** Set when it ended: `ok`, `mismatch`, `unknown_account`, `unreadable_hash`, `rejected`, `overloaded`. */
  outcome?: string;
  /** Of a new password: whether it is one of a known breach; `unknown` where nobody was asked, or nobody answered. */
  breached?: boolean | 'unknown';
  /** How long it waited for a free slot, in milliseconds. */
  queuedMs?: number;
}

/** Published for each decision (`ent:auth:authorize`). */
export interface AuthorizeOperation {
  permission: string;
  outcome?: string;
}

/** Published while a stored policy is read or replaced (`ent:auth:policy`). */
export interface PolicyOperation {
  operation: 'load' | 'replace';
  /** The revision that was read or written; left out where there is no other one. */
  revision?: number;
  /** Set when it ended: `ok`; `invalid`: what is stored cannot be; `changed`: somebody else was first. */
  outcome?: string;
}

/** Published when an attempt is counted (`ent:auth:throttle`). */
export interface ThrottleOperation {
  /**
   * Set when it ended: `ok`, or which limit refused it: `address`, `account`, `pair`. An error with `away` is one of
   * the store, in whose place this process counts.
   */
  outcome?: string;
}

/**
 * The channels of this package; subscribe with `channels.verify.subscribe({ start, asyncEnd, error, ... })`.
 * Payloads name outcomes and never carry a token, a password, a hash, an account or an address.
 */
export const channels: {
  readonly verify: TracingChannel<VerifyOperation, VerifyOperation>;
  readonly keys: TracingChannel<KeysOperation, KeysOperation>;
  readonly introspection: TracingChannel<IntrospectionOperation, IntrospectionOperation>;
  readonly oauth: TracingChannel<OAuthOperation, OAuthOperation>;
  readonly session: TracingChannel<SessionOperation, SessionOperation>;
  readonly apiKey: TracingChannel<ApiKeyOperation, ApiKeyOperation>;
  readonly singleUse: TracingChannel<SingleUseOperation, SingleUseOperation>;
  readonly totp: TracingChannel<TotpOperation, TotpOperation>;
  readonly passkey: TracingChannel<PasskeyOperation, PasskeyOperation>;
  readonly password: TracingChannel<PasswordOperation, PasswordOperation>;
  readonly authorize: TracingChannel<AuthorizeOperation, AuthorizeOperation>;
  readonly policy: TracingChannel<PolicyOperation, PolicyOperation>;
  readonly throttle: TracingChannel<ThrottleOperation, ThrottleOperation>;
} = {
  verify: operationChannel<VerifyOperation>('auth', 'verify'),
  keys: operationChannel<KeysOperation>('auth', 'keys'),
  introspection: operationChannel<IntrospectionOperation>('auth', 'introspection'),
  oauth: operationChannel<OAuthOperation>('auth', 'oauth'),
  session: operationChannel<SessionOperation>('auth', 'session'),
  apiKey: operationChannel<ApiKeyOperation>('auth', 'api_key'),
  singleUse: operationChannel<SingleUseOperation>('auth', 'single_use'),
  totp: operationChannel<TotpOperation>('auth', 'totp'),
  passkey: operationChannel<PasskeyOperation>('auth', 'passkey'),
  password: operationChannel<PasswordOperation>('auth', 'password'),
  authorize: operationChannel<AuthorizeOperation>('auth', 'authorize'),
  policy: operationChannel<PolicyOperation>('auth', 'policy'),
  throttle: operationChannel<ThrottleOperation>('auth', 'throttle'),
};
