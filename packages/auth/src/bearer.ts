import { credentialError } from './errors.ts';

/** Longer credentials are refused unread. Headers above about this size do not get through proxies anyway. */
export const MAX_TOKEN_LENGTH = 8192;

// RFC 6750 section 2.1: "Bearer" 1*SP b64token. The scheme's case does not matter (RFC 9110 section 11.1).
const FORM = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * The token of an `Authorization: Bearer` header.
 *
 * Strict: another scheme, two headers, a second part or a stray character are refused, never repaired.
 *
 * @throws `auth.token_missing` without a header or with another scheme; `auth.token_invalid` for a malformed one
 *
 * @example
 * ```ts
 * import { parseBearer } from '@ent/auth';
 *
 * console.log(parseBearer('Bearer abc.def.ghi'));
 * ```
 */
export function parseBearer(header: string | readonly string[] | undefined | null): string {
  const value = Array.isArray(header) && header.length === 1 ? (header[0] as string) : header;
  if (value === undefined || value === null || value === '') {
    throw credentialError('token_missing', 'The request has no Authorization header.', 'missing');
  }
  if (typeof value !== 'string') throw invalid('the Authorization header came more than once', 'repeated');
  if (value.length > MAX_TOKEN_LENGTH + 16) throw invalid('the Authorization header is too long', 'too_long');
  const match = FORM.exec(value);
  if (match) return match[1] as string;
  if (/^bearer\b/i.test(value)) throw invalid('the Authorization header is not "Bearer" and one token', 'malformed');
  throw credentialError('token_missing', 'The Authorization header uses another scheme than Bearer.', 'scheme');
}

function invalid(what: string, reason: string) {
  return credentialError('token_invalid', `The request was refused: ${what}.`, reason);
}
