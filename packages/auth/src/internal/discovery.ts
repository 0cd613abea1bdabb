import { authErrors } from '../errors.ts';
import { UnexpectedStatus } from './fetch-json.ts';

/** What an issuer says of itself. */
export interface Metadata {
  readonly issuer: string;
  readonly [name: string]: unknown;
}

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

function isLoopback(url: URL): boolean {
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

/** The metadata of an issuer, from the first of its documents that there is. */
export async function discover(issuer: string, get: (url: URL) => Promise<object>): Promise<Metadata> {
  const [first, second] = metadataUrls(new URL(issuer)) as [URL, URL];
  const metadata = (await get(first).catch((error: unknown) => {
    if (error instanceof UnexpectedStatus && error.status >= 400 && error.status < 500) return get(second);
    throw error;
  })) as Partial<Metadata>;
  // Compared exactly (RFC 8414, section 3.3): another issuer's document must not lend its keys to this one.
  if (metadata.issuer !== issuer) {
    throw new Error(
      `The metadata of ${issuer} names another issuer: ${JSON.stringify(metadata.issuer)?.slice(0, 200)}.`,
    );
  }
  return metadata as Metadata;
}

/**
 * An address out of the metadata of an issuer. From an issuer elsewhere, an address in this machine is an attack on
 * what listens there.
 */
export function endpointOf(metadata: Metadata, name: string, allowHttp: boolean): URL {
  const { issuer, [name]: address } = metadata;
  if (typeof address !== 'string') throw new Error(`The metadata of ${issuer} has no "${name}".`);
  const start = new URL(issuer);
  const mayHttp = allowHttp || (start.protocol === 'http:' && isLoopback(start));
  const fault = `The "${name}" of the metadata of ${issuer} is no https URL.`;
  const read = (): URL => {
    try {
      return trustedUrl(address, name, mayHttp);
    } catch (cause) {
      // No fault of our configuration.
      throw new Error(fault, { cause });
    }
  };
  const url = read();
  if (url.protocol === 'http:' && !mayHttp) throw new Error(fault);
  return url;
}
