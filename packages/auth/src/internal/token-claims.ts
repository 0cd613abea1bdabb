import type { JWTPayload } from 'jose';
import { demandTexts } from './demand.ts';
import { makePrincipal, type Principal } from '../principal.ts';
import type { ClaimPath, TokenProfile } from '../token-profiles.ts';

/** Why a token was refused; becomes `details.reason`, which stays on this side. */
export class Rejected extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(`The token was refused: ${reason}.`);
    this.reason = reason;
  }
}

/** All claims of a token. */
export type Claims = Readonly<Record<string, unknown>>;

/** What roles and scopes mean here, of what the issuer says. */
export interface ClaimMapping {
  readonly mapRoles?: ((roles: readonly string[], claims: Claims) => readonly string[]) | undefined;
  readonly mapScopes?:
    | ((scopes: readonly string[] | undefined, claims: Claims) => readonly string[] | undefined)
    | undefined;
}

/** A profile with all that it leaves to the defaults. */
export interface FullProfile {
  readonly types: ReadonlySet<string | null>;
  readonly required: readonly string[];
  readonly expected: readonly (readonly [string, readonly string[]])[];
  readonly audience: string;
  readonly subject: string;
  readonly session: string;
  readonly roles: readonly ClaimPath[];
  readonly scopes: readonly ClaimPath[];
}

const ROLES: readonly ClaimPath[] = [['roles']];
const SCOPES: readonly ClaimPath[] = [['scope']];

export function fullProfile(profile: TokenProfile): FullProfile {
  const { audience = 'aud', subject = 'sub', session = 'sid', roles = ROLES, scopes = SCOPES } = profile;
  return {
    types: new Set(profile.types.map(typeOf)),
    required: ['iss', audience, subject, 'iat', 'exp', ...(profile.required ?? [])],
    expected: Object.entries(profile.expected ?? {}),
    audience,
    subject,
    session,
    roles,
    scopes,
  };
}

/** A `typ` header as it is compared (RFC 7515, section 4.1.9): a media type, whose case does not matter. */
export function typeOf(header: unknown): string | null {
  if (header === undefined || header === null) return null;
  return typeof header === 'string' ? header.toLowerCase().replace(/^application\//, '') : '';
}

/**
 * The principal of a token whose signature (or whose issuer's word), issuer, audience and end were found good.
 *
 * @param latestIat the latest second at which it can have been issued
 * @throws Rejected
 */
export function principalOf(
  payload: JWTPayload,
  profile: FullProfile,
  latestIat: number,
  mapping: ClaimMapping,
): Principal {
  const { iss, aud: _a, jti, iat, nbf: _n, exp, amr, acr, auth_time: authTime } = payload;
  const [subject, sessionId] = [payload[profile.subject], payload[profile.session]];
  const mayMiss = (value: unknown): value is string | undefined => value === undefined || isText(value);
  if (!isText(subject) || !mayMiss(sessionId) || !mayMiss(jti)) throw new Rejected('claim_type');
  // jose looks at `iat` for its age only; one from the future is a broken or lying issuer. A JWT must have one.
  if (iat !== undefined && (typeof iat !== 'number' || iat > latestIat)) throw new Rejected('claim_iat');
  if (amr !== undefined && !isTextList(amr)) throw new Rejected('claim_amr');
  if (!mayMiss(acr)) throw new Rejected('claim_acr');
  if (authTime !== undefined && typeof authTime !== 'number') throw new Rejected('claim_auth_time');
  for (const [name, values] of profile.expected) {
    if (!values.includes(payload[name] as string)) throw new Rejected(`claim_${name}`);
  }
  const claims = frozen(furtherClaims(payload, profile));
  const all = frozen(payload) as Claims;
  const given = profile.roles.flatMap((path) => listAt(payload, path, 'claim_roles') ?? []);
  const roles = mapping.mapRoles ? mapping.mapRoles(given, all) : given;
  const limits = profile.scopes
    .map((path) => listAt(payload, path, 'claim_scope'))
    .filter((list) => list !== undefined);
  const limit = limits.length === 0 ? undefined : limits.flat();
  const scopes = mapping.mapScopes ? mapping.mapScopes(limit, all) : limit;
  demandTexts(roles ?? null, 'What "mapRoles" gives');
  // Undefined would be no limit: a forgotten `return` must not lift one.
  demandTexts(scopes ?? (limit && null), 'What "mapScopes" gives');
  return makePrincipal({
    issuer: iss,
    subject,
    sessionId,
    tokenId: jti,
    jkt: keyOf(payload.cnf),
    expiresAt: exp === undefined ? undefined : new Date(exp * 1000),
    roles,
    scopes,
    amr,
    acr,
    authenticatedAt: authTime === undefined ? undefined : new Date(authTime * 1000),
    claims,
  });
}

/** What is not said by another member of the principal. */
function furtherClaims(payload: JWTPayload, profile: FullProfile): Record<string, unknown> {
  const said = new Set([
    'iss',
    'aud',
    'jti',
    'iat',
    'nbf',
    'exp',
    'amr',
    'acr',
    'auth_time',
    'cnf',
    profile.subject,
    profile.session,
  ]);
  for (const path of [...profile.roles, ...profile.scopes]) if (path.length === 1) said.add(path[0] as string);
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !said.has(name)));
}

/**
 * The key that a token is bound to (RFC 7800, RFC 9449). Bound in another way, as to a certificate, it would pass for a
 * token of anybody's where nobody looks at that.
 */
function keyOf(cnf: unknown): string | undefined {
  if (cnf === undefined) return undefined;
  const { jkt, ...others } = Object(cnf) as { jkt?: unknown };
  if (!isText(jkt) || Object.keys(others).length > 0) throw new Rejected('claim_cnf');
  return jkt;
}

/** The list at a path; roles are no text, whose words could be taken for several. */
function listAt(payload: JWTPayload, path: ClaimPath, reason: 'claim_roles' | 'claim_scope'): string[] | undefined {
  let value: unknown = payload;
  for (const name of path) {
    const holds = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
    if (!holds) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  if (typeof value === 'string' && reason === 'claim_scope') return value.split(' ').filter((part) => part !== '');
  if (!isTextList(value)) throw new Rejected(reason);
  return value;
}

/** All of it: requests with the same token share it. */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}
