import {
  AuthenticationError,
  AuthorizationError,
  BadRequestError,
  ConfigurationError,
  ConflictError,
  defineErrors,
  EntError,
  InternalError,
  NotFoundError,
  OverloadedError,
  RateLimitedError,
  ValidationError,
} from '@ent/errors';

const credentialFailure = {
  class: AuthenticationError,
  status: 401,
  title: 'Authentication failed',
  retryable: 'never',
  // The reason stays inside: a client that learns why its credential failed is told which guess was nearer.
  expose: false,
} as const;

/** What this package throws. Each entry makes an error: `authErrors.token_invalid('why, for the log')`. */
export const authErrors = defineErrors('auth', {
  /** No bearer token came with the request. */
  token_missing: { ...credentialFailure, title: 'Authentication required' },
  /** The access token is malformed, forged, expired, for somebody else, or its session has ended. */
  token_invalid: credentialFailure,
  /** The proof of a key lacks the nonce of this server, or has an old one: `DPoP-Nonce` says the one to use. */
  dpop_nonce_required: { ...credentialFailure, title: 'Send the proof once more, with this nonce' },
  /** The refresh token is unknown, expired, was used before, or its session has ended. */
  refresh_invalid: credentialFailure,
  /** The single-use token is unknown, expired, was used or replaced before, or is for another purpose. */
  single_use_invalid: {
    class: BadRequestError,
    status: 400,
    title: 'The link or code is not valid, or not any more',
    retryable: 'never',
    expose: false,
  },
  /** A login at another issuer was refused there, or its callback, code or ID token is not good. */
  login_failed: {
    class: BadRequestError,
    status: 400,
    title: 'The login did not succeed',
    retryable: 'never',
    expose: false,
  },
  /** A login at another issuer belongs to another account already. */
  identity_taken: {
    class: ConflictError,
    status: 409,
    title: 'This login belongs to another account',
    retryable: 'never',
    expose: true,
  },
  /**
   * Unknown account or wrong password: nothing tells the two apart. For you:
   * `throw authErrors.credentials_invalid('...')`.
   */
  credentials_invalid: credentialFailure,
  /** The code of a second factor is wrong, was used before, or the account has none. */
  code_invalid: credentialFailure,
  /** The passkey is unknown, its signature or its origin is not good, or its counter says that there is a copy. */
  passkey_invalid: credentialFailure,
  /** A new passkey is not what was asked for, took too long, or is registered already. */
  passkey_rejected: {
    class: BadRequestError,
    status: 400,
    title: 'The passkey was not accepted',
    retryable: 'never',
    expose: false,
  },
  /** A stored policy was replaced by somebody else since it was read. */
  policy_changed: {
    class: ConflictError,
    status: 409,
    title: 'Policy changed meanwhile',
    retryable: 'never',
    expose: true,
  },
  /** The account has a second factor already: end it before another one is made. */
  totp_enrolled: {
    class: ConflictError,
    status: 409,
    title: 'A second factor is there already',
    retryable: 'never',
    expose: true,
  },
  /** The account has no second factor. */
  totp_not_enrolled: {
    class: NotFoundError,
    status: 404,
    title: 'No second factor',
    retryable: 'never',
    expose: true,
  },
  /** The principal has proved itself too long ago, or by too little: the challenge says what is needed (RFC 9470). */
  step_up_required: {
    class: AuthenticationError,
    status: 401,
    title: 'A fresh or stronger login is required',
    retryable: 'never',
    expose: true,
  },
  /** The principal is known, but may not do this. */
  forbidden: {
    class: AuthorizationError,
    status: 403,
    title: 'Not allowed',
    retryable: 'never',
    expose: false,
  },
  /** The name or the scopes of a new API key cannot be; `issues` says why. */
  api_key_rejected: {
    class: ValidationError,
    status: 422,
    title: 'API key not accepted',
    retryable: 'never',
    expose: true,
  },
  /** The account has no such API key, or it was revoked, rotated or has expired before. */
  api_key_unknown: {
    class: NotFoundError,
    status: 404,
    title: 'No such API key',
    retryable: 'never',
    expose: true,
  },
  /** A new password does not meet the policy; `issues` says how. */
  password_rejected: {
    class: ValidationError,
    status: 422,
    title: 'Password not accepted',
    retryable: 'never',
    expose: true,
  },
  /** Too many attempts; `retryAfterMs` says when the next one is allowed. */
  too_many_attempts: {
    class: RateLimitedError,
    status: 429,
    title: 'Too many attempts',
    retryable: 'always',
    expose: true,
  },
  /**
   * More password hashes, or answers of an issuer about tokens, were asked for at once than this process can queue, or
   * many processes count at one limit.
   */
  overloaded: {
    class: OverloadedError,
    status: 503,
    title: 'Too busy',
    retryable: 'always',
    expose: true,
  },
  /** An option, key, role definition or argument is wrong: a fault of the program, which no client can cause. */
  configuration: {
    class: ConfigurationError,
    status: 500,
    title: 'Auth is not configured correctly',
    retryable: 'never',
    expose: false,
  },
  /** A session or token store failed; `cause` is what it threw. */
  store_failed: {
    class: InternalError,
    status: 503,
    title: 'Session store unavailable',
    retryable: 'idempotent',
    expose: false,
  },
  /** An issuer could not be asked, for its keys or about a token, which may be good or not; `cause` says why. */
  issuer_unavailable: {
    class: InternalError,
    status: 503,
    title: 'Token issuer unavailable',
    retryable: 'always',
    expose: false,
  },
});

const CHALLENGES = {
  token_missing: 'Bearer',
  token_invalid: 'Bearer error="invalid_token"',
  refresh_invalid: 'Bearer',
  credentials_invalid: 'Bearer',
  code_invalid: 'Bearer',
  passkey_invalid: 'Bearer',
} as const;

/**
 * A failed credential: `reason` is for the log and the channels. Each 401 carries the challenge that RFC 9110 section
 * 15.5.2 asks for, in the form of RFC 6750 section 3.
 */
export function credentialError(
  kind: keyof typeof CHALLENGES,
  message: string,
  reason: string,
  cause?: unknown,
): AuthenticationError {
  return authErrors[kind](message, { cause, details: { reason }, headers: { 'www-authenticate': CHALLENGES[kind] } });
}

/** Runs a call of a store. Errors that already have a code (a database's) pass; anything else is wrapped once. */
export async function storeCall<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (EntError.is(error)) throw error;
    throw authErrors.store_failed(`The store failed to ${what}.`, { cause: error });
  }
}
