/** Longer credentials are refused unread. Headers above about this size do not get through proxies anyway. */
export const MAX_TOKEN_LENGTH = 8192;

// RFC 6750 section 2.1: "Bearer" 1*SP b64token. The scheme's case does not matter (RFC 9110 section 11.1). RFC 9449
// section 7.1 has "DPoP" 1*SP token68, which is the same.
const FORM = /^(bearer|dpop) +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * Why an `Authorization` header gives no token. `missing`: there is none; `scheme`: it uses another one. The rest is
 * malformed and never repaired: it came twice, is too long, or is not "Bearer" and one token.
 */
export type BearerFault = 'missing' | 'scheme' | 'repeated' | 'too_long' | 'malformed';

/** What an `Authorization` header says. */
export type BearerReading = { readonly token: string; readonly fault?: undefined } | { readonly fault: BearerFault };

/**
 * The one reading of `Authorization: Bearer`, or `DPoP`. Strict: a second part or a stray character is no token.
 *
 * @param scheme in lower case
 */
export function readBearer(
  header: string | readonly string[] | undefined | null,
  scheme: 'bearer' | 'dpop' = 'bearer',
): BearerReading {
  const value = Array.isArray(header) && header.length === 1 ? (header[0] as string) : header;
  if (value === undefined || value === null || value === '') return { fault: 'missing' };
  if (typeof value !== 'string') return { fault: 'repeated' };
  if (value.length > MAX_TOKEN_LENGTH + 16) return { fault: 'too_long' };
  const [, used, token] = FORM.exec(value) ?? [];
  if (token !== undefined && used?.toLowerCase() === scheme) {
    return token.length > MAX_TOKEN_LENGTH ? { fault: 'too_long' } : { token };
  }
  return { fault: new RegExp(`^${scheme}\\b`, 'i').test(value) ? 'malformed' : 'scheme' };
}
