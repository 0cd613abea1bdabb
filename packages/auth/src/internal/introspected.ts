import { type Claims, type FullProfile, Rejected } from './token-claims.ts';

/** What an introspected token has to be. */
export interface IntrospectionRules {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly profile: FullProfile;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly tolerance: number;
}

// A profile asks a JWT for them.
const OPTIONAL = new Set(['iss', 'iat', 'exp', 'jti']);

/**
 * Looks at what an issuer says of a token that is active (RFC 7662, section 2.2), as a JWT is looked at. What the RFC
 * leaves optional may be absent: `iss` of the issuer that was asked, `jti`, and the times. `token_type` may not: it is
 * what an access token has, and a refresh token, which is active too, has not.
 *
 * @throws Rejected
 */
export function checkIntrospected(claims: Claims, rules: IntrospectionRules): void {
  const { issuer, audiences, profile, time, tolerance } = rules;
  const { iss, token_type: type, exp, nbf, iat } = claims;
  const refuse = (name: string): never => {
    throw new Rejected(`claim_${name}`);
  };
  if (typeof type !== 'string' || !/^(?:bearer|dpop)$/i.test(type)) refuse('token_type');
  if (iss !== undefined && iss !== issuer) refuse('iss');
  if (![claims[profile.audience]].flat().some((audience) => audiences.includes(audience as string))) {
    refuse(profile.audience);
  }
  for (const name of profile.required) if (!OPTIONAL.has(name) && claims[name] === undefined) refuse(name);
  for (const [name, value] of Object.entries({ exp, nbf, iat })) {
    if (value !== undefined && typeof value !== 'number') refuse(name);
  }
  if (typeof exp === 'number' && exp <= time - tolerance) throw new Rejected('expired');
  if (typeof nbf === 'number' && nbf > time + tolerance) refuse('nbf');
}
