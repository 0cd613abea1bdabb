import {
  type AccessTokens,
  createAccessTokens,
  createKeyRing,
  generateKey,
  importKey,
  type Principal,
} from '@ent/auth';
import type { Config } from './config.ts';

/** Who calls, as the gateway tells it to its services. */
export interface Identities {
  /** A signed token for a service, in `X-Identity`: who calls, and nothing that another service would take. */
  of(principal: Principal, service: string): Promise<string>;
  /** The keys by which services check it, for `/.well-known/jwks.json`. */
  jwks(): unknown;
}

/** A token, and until when it is handed out. */
interface Signed {
  readonly token: Promise<string>;
  readonly until: number;
}

const TTL_MS = 5 * 60_000;

/**
 * Signs who calls, once for each verified access token and service. Services so need no key of the issuer, and a token
 * that leaks from one of them is of no use at another, or at the gateway.
 */
export async function createIdentities(config: Config): Promise<Identities> {
  const pem = config.GATEWAY_PRIVATE_KEY?.reveal();
  const keys = createKeyRing({ active: pem === undefined ? (await generateKey()).key : await importKey(pem) });
  const issuers = new Map<string, AccessTokens>();
  // The verifier gives the same principal for the same token, as long as it remembers it.
  const signed = new WeakMap<Principal, Map<string, Signed>>();

  const sign = async (principal: Principal, service: string): Promise<string> => {
    let issuer = issuers.get(service);
    if (issuer === undefined) {
      issuer = createAccessTokens({ issuer: 'gateway', audience: service, keys, ttl: TTL_MS });
      issuers.set(service, issuer);
    }
    const { subject, sessionId = principal.tokenId ?? subject, roles, scopes, amr, acr, authenticatedAt } = principal;
    return (await issuer.issue({ subject, sessionId, roles, scopes, amr, acr, authenticatedAt })).token;
  };

  return {
    of(principal, service) {
      const mine = signed.get(principal) ?? new Map<string, Signed>();
      signed.set(principal, mine);
      const known = mine.get(service);
      // Half of its life is left for the service.
      if (known !== undefined && performance.now() < known.until) return known.token;
      const token = sign(principal, service);
      mine.set(service, { token, until: performance.now() + TTL_MS / 2 });
      token.catch(() => mine.delete(service));
      return token;
    },
    jwks: () => keys.jwks(),
  };
}
