import { authErrors } from '../errors.ts';
import { UnexpectedStatus } from './fetch-json.ts';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * A URL that keys may come from: https, or http within this machine.
 *
 * @param allowHttp takes http from elsewhere too
 * @throws `auth.configuration`; the message says what the URL is for, not the URL: it may hold a password
 */
export function trustedUrl(text: string, what: string, allowHttp: boolean): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw authErrors.configuration(`${what} must be an absolute URL.`);
  if (url.username !== '' || url.password !== '') throw authErrors.configuration(`${what} must not hold a password.`);
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && (allowHttp || isLoopback(url)));
  if (!isAllowed) {
    throw authErrors.configuration(`${what} must be an https URL; "allowHttp" takes http in a network of your own.`);
  }
  return url;
}

export function isLoopback(url: URL): boolean {
  return LOOPBACK.test(url.hostname);
}

/**
 * Where an issuer says what it has: OpenID Connect Discovery 1.0, section 4 (behind the issuer's path), then RFC 8414,
 * section 3 (before it).
 */
function metadataUrls(issuer: URL): readonly URL[] {
  const path = issuer.pathname.replace(/\/$/, '');
  return [
    new URL(`${path}/.well-known/openid-configuration`, issuer),
    new URL(`/.well-known/oauth-authorization-server${path}`, issuer),
  ];
}

/** The `jwks_uri` of an issuer, from the first of its metadata documents that there is. */
export async function discoverJwksUri(issuer: string, get: (url: URL) => Promise<object>): Promise<string> {
  const [first, second] = metadataUrls(new URL(issuer)) as [URL, URL];
  const metadata = (await get(first).catch((error: unknown) => {
    if (error instanceof UnexpectedStatus && error.status >= 400 && error.status < 500) return get(second);
    throw error;
  })) as { issuer?: unknown; jwks_uri?: unknown };
  // Compared exactly (RFC 8414, section 3.3): another issuer's document must not lend its keys to this one.
  if (metadata.issuer !== issuer) {
    throw new Error(
      `The metadata of ${issuer} names another issuer: ${JSON.stringify(metadata.issuer)?.slice(0, 200)}.`,
    );
  }
  if (typeof metadata.jwks_uri !== 'string') throw new Error(`The metadata of ${issuer} has no "jwks_uri".`);
  return metadata.jwks_uri;
}
