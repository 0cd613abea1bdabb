import { types } from 'node:util';
import { kindOf, refuseUnknown } from '@ent/internal';
import { authErrors } from './errors.ts';
import { demandText, demandTexts } from './internal/demand.ts';

/**
 * Who is calling, as proved by a credential.
 *
 * The type is branded and the brand is checked when it runs: only `verify`, `authenticate` and {@link trustedPrincipal}
 * make one, so that a `userId` out of a request body never becomes an identity by accident (CVE-2025-61928). JSON can
 * not carry the brand, which is a symbol.
 */
export interface Principal {
  readonly [BRAND]: true;
  /** Who issued the token, `iss`; undefined for a principal without one. Subjects of two issuers are two accounts. */
  readonly issuer: string | undefined;
  /** The account, `sub` in the token. */
  readonly subject: string;
  /** The session (one login), `sid` in the token; undefined for a principal that no session stands behind. */
  readonly sessionId: string | undefined;
  readonly roles: readonly string[];
  /** What the token was limited to, `scope` in the token. Undefined is no limit; empty is nothing at all. */
  readonly scopes: readonly string[] | undefined;
  /** How the session was authenticated (RFC 8176), for example `["pwd"]`. */
  readonly amr: readonly string[];
  /** The level of assurance of that, `acr` in the token; undefined where the issuer names none. */
  readonly acr: string | undefined;
  /** When the account last proved itself (`auth_time`). */
  readonly authenticatedAt: Date | undefined;
  /** When the token ends; undefined for a principal without a token. */
  readonly expiresAt: Date | undefined;
  /** The token's identifier, `jti`. */
  readonly tokenId: string | undefined;
  /** The key that whoever sends the token has to prove (RFC 9449), `cnf.jkt`; undefined for a bearer token. */
  readonly jkt: string | undefined;
  /** The further claims that were put into the token. */
  readonly claims: Readonly<Record<string, unknown>>;
}

const BRAND: unique symbol = Symbol.for('@ent/auth/principal@1');

/** What a {@link Principal} is made of. */
export interface PrincipalInput {
  issuer?: string | undefined;
  subject: string;
  sessionId?: string | undefined;
  roles?: readonly string[] | undefined;
  scopes?: readonly string[] | undefined;
  amr?: readonly string[] | undefined;
  acr?: string | undefined;
  authenticatedAt?: Date | undefined;
  expiresAt?: Date | undefined;
  tokenId?: string | undefined;
  jkt?: string | undefined;
  claims?: Record<string, unknown> | undefined;
}

const FIELDS = {
  issuer: true,
  subject: true,
  sessionId: true,
  roles: true,
  scopes: true,
  amr: true,
  acr: true,
  authenticatedAt: true,
  expiresAt: true,
  tokenId: true,
  jkt: true,
  claims: true,
} as const;

/**
 * A principal for code that acts without a token: a job, a migration, a test. Never hand it anything a client sent.
 *
 * @throws `auth.configuration` without a subject, or with a field that a principal does not have
 *
 * @example
 * ```ts
 * import { trustedPrincipal } from '@ent/auth';
 *
 * const janitor = trustedPrincipal({ subject: 'system:janitor', roles: ['admin'] });
 * console.log(janitor.roles);
 * ```
 */
export function trustedPrincipal(input: PrincipalInput): Principal {
  refuseUnknown(input, FIELDS, 'trustedPrincipal', authErrors.configuration);
  demandText(input.subject, 'trustedPrincipal: subject');
  if (input.issuer !== undefined) demandText(input.issuer, 'trustedPrincipal: issuer');
  if (input.acr !== undefined) demandText(input.acr, 'trustedPrincipal: acr');
  if (input.jkt !== undefined) demandText(input.jkt, 'trustedPrincipal: jkt');
  for (const list of ['roles', 'scopes', 'amr'] as const) demandTexts(input[list], `trustedPrincipal: ${list}`);
  for (const name of ['authenticatedAt', 'expiresAt'] as const) {
    if (input[name] === undefined || types.isDate(input[name])) continue;
    throw authErrors.configuration(`trustedPrincipal: ${name} must be a Date; got ${kindOf(input[name])}.`);
  }
  return makePrincipal(input);
}

/**
 * The same, of what was looked at before. Nothing of it can be changed, so that all requests with one token share it:
 * each look at a date gives a date of its own.
 */
export function makePrincipal(input: PrincipalInput): Principal {
  const authenticatedAt = input.authenticatedAt?.getTime();
  const expiresAt = input.expiresAt?.getTime();
  return Object.freeze({
    [BRAND]: true as const,
    issuer: input.issuer,
    subject: input.subject,
    sessionId: input.sessionId,
    roles: Object.freeze([...(input.roles ?? [])]),
    scopes: input.scopes && Object.freeze([...input.scopes]),
    amr: Object.freeze([...(input.amr ?? [])]),
    acr: input.acr,
    get authenticatedAt() {
      return authenticatedAt === undefined ? undefined : new Date(authenticatedAt);
    },
    get expiresAt() {
      return expiresAt === undefined ? undefined : new Date(expiresAt);
    },
    tokenId: input.tokenId,
    jkt: input.jkt,
    claims: Object.freeze({ ...input.claims }),
  });
}

/** Whether `value` was made by this package (or by another copy of it). */
export function isPrincipal(value: unknown): value is Principal {
  return typeof value === 'object' && value !== null && (value as Partial<Principal>)[BRAND] === true;
}
