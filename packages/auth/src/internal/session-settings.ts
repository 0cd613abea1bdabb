import type { KeyObject } from 'node:crypto';
import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import type { AccessTokens } from '../access-tokens.ts';
import type { AuthStores } from '../driver.ts';
import { authErrors } from '../errors.ts';
import { secretKey } from '../refresh-tokens.ts';
import type { SessionsOptions } from '../session-options.ts';
import { demandMethods } from './demand.ts';

/** The options of `createSessions`, checked, with their defaults. */
export interface SessionSettings {
  readonly accessTokens: AccessTokens;
  readonly stores: AuthStores;
  /** The first makes successors, the others still know theirs. */
  readonly secrets: readonly [KeyObject, ...KeyObject[]];
  readonly claimsFor: NonNullable<SessionsOptions['claims']>;
  /** Whether `claimsFor` is asked with each token too. */
  readonly claimsAtVerify: boolean;
  readonly acr: SessionsOptions['acr'];
  readonly refreshTtlMs: number;
  readonly sessionTtlMs: number;
  readonly retryWindowMs: number;
  readonly cacheTtlMs: number;
}

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
/** Whoever has a copy of a refresh token is not noticed within it. */
const MAX_RETRY_WINDOW_MS = 60_000;

/** @throws `auth.configuration` */
export function readSessionsOptions(options: SessionsOptions): SessionSettings {
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
  const [first, ...others] = (Array.isArray(options.secret) ? options.secret : [options.secret]).map(secretKey);
  if (first === undefined) throw authErrors.configuration('"secret" must not be an empty list.');
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
  if (retryWindowMs > MAX_RETRY_WINDOW_MS) throw authErrors.configuration('"retryWindow" must be at most 60 s.');
  const { sessionCacheTtl = MAX_CACHE_TTL_MS } = options;
  const cacheTtlMs =
    sessionCacheTtl === 0 ? 0 : durationOption(sessionCacheTtl, 'sessionCacheTtl', authErrors.configuration);
  if (cacheTtlMs > MAX_CACHE_TTL_MS) throw authErrors.configuration('"sessionCacheTtl" must be at most 1 s.');
  return {
    accessTokens,
    stores,
    secrets: [first, ...others],
    claimsFor,
    claimsAtVerify: options.claims !== undefined && claimsAt === 'verify',
    acr: options.acr,
    refreshTtlMs,
    sessionTtlMs,
    retryWindowMs,
    cacheTtlMs,
  };
}
