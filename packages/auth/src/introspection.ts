/**
 * Asking an issuer what a token is worth (RFC 7662), through the npm package `oauth4webapi`.
 */
import { hash } from 'node:crypto';
import { durationOption, outsideContext, refuseUnknown, Semaphore } from '@ent/internal';
import { introspectionRequest, processIntrospectionResponse } from 'oauth4webapi';
import type { TokenIntrospection } from './access-token-verifier.ts';
import { channels } from './channels.ts';
import type { ClientAuthentication } from './client-authentication.ts';
import { authErrors } from './errors.ts';
import { AuthorizationServer, clientOf } from './internal/authorization-server.ts';
import { demandText } from './internal/demand.ts';
import { trustedUrl } from './internal/discovery.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { Recent } from './internal/recent.ts';
import { type Claims, frozen } from './internal/token-claims.ts';
import type { Clock, Duration } from './options.ts';

export type { ClientAuthentication } from './client-authentication.ts';

/** Whom to ask, as whom, and for how long an answer is good. */
export interface IntrospectionOptions {
  /** The issuer, whose metadata say where it answers (`introspection_endpoint`). */
  issuer: string;
  /** Where it answers, for an issuer whose metadata do not say. */
  endpoint?: string | undefined;
  /** This service, as the issuer knows it. */
  client: ClientAuthentication;
  /**
   * How long an answer is used, "not active" too: how late a revocation is noticed. An answer never outlives the
   * token's `exp`. Default `"10s"`, at most `"5m"`; 0 asks for each request.
   */
  cacheTtl?: Duration | undefined;
  /**
   * How many answers are remembered, and as many "not active", which take no place of the others; those that were not
   * asked for lately give way. Default 1000.
   */
  cacheSize?: number | undefined;
  /** How long one answer may take, with the wait for its turn. Default `"5s"`. */
  timeout?: Duration | undefined;
  /** Takes `http:` from other machines too, for a network of your own. Default false. */
  allowHttp?: boolean | undefined;
  /** For a proxy or a certificate of your own. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

interface Answer<Said> {
  readonly claims: Said;
  readonly askedAt: number;
}

const OPTIONS = {
  issuer: true,
  endpoint: true,
  client: true,
  cacheTtl: true,
  cacheSize: true,
  timeout: true,
  allowHttp: true,
  fetch: true,
  now: true,
} as const;
const MAX_TTL_MS = 300_000;
const MAX_CACHE_SIZE = 1_000_000;
/** Calls at once: made-up tokens must not be passed on to the issuer in any number. */
const MAX_CALLS = 100;
/** Calls that wait for their turn. */
const MAX_WAITING = 1000;

/**
 * Asks an issuer about tokens that cannot be checked here: opaque ones. Give it to `createAccessTokenVerifier`, which
 * looks at issuer, audience and times as it does with JWTs. Needs `npm install oauth4webapi`.
 *
 * One token has one call on its way, however many requests bring it; of all tokens a hundred calls are on their way at
 * once, and a thousand wait for that: one more is `auth.overloaded` (503). While the issuer is down, tokens that were
 * asked about within `cacheTtl` are good, and all others get 503.
 *
 * @throws `auth.configuration` for options that cannot work
 *
 * @example
 * ```ts
 * import { createAccessTokenVerifier } from '@ent/auth';
 * import { createIntrospection } from '@ent/auth/introspection';
 *
 * const issuer = 'https://login.example.com';
 * const introspection = createIntrospection({ issuer, client: { id: 'orders', secret: 'of the environment' } });
 * const verifier = createAccessTokenVerifier({ issuer, audience: 'orders', introspection });
 * console.log(typeof verifier.verify);
 * ```
 */
export function createIntrospection(options: IntrospectionOptions): TokenIntrospection {
  refuseUnknown(options, OPTIONS, 'createIntrospection', authErrors.configuration);
  const { endpoint, cacheTtl = '10s', cacheSize = 1000, allowHttp = false, now = Date.now } = options;
  const server = new AuthorizationServer(options, 'createIntrospection');
  const { client, authentication } = clientOf(options.client, 'createIntrospection: client');
  if (!('secret' in options.client || 'key' in options.client)) {
    throw authErrors.configuration('createIntrospection: "client" must have a "secret" or a "key".');
  }
  const url = endpoint === undefined ? undefined : trustedUrl(endpoint, 'createIntrospection: "endpoint"', allowHttp);
  const ttlMs = cacheTtl === 0 ? 0 : durationOption(cacheTtl, 'cacheTtl', authErrors.configuration);
  if (ttlMs > MAX_TTL_MS) throw authErrors.configuration('"cacheTtl" must be at most 5 m.');
  if (!Number.isSafeInteger(cacheSize) || cacheSize < 0 || cacheSize > MAX_CACHE_SIZE) {
    throw authErrors.configuration(`"cacheSize" must be a whole number from 0 to ${MAX_CACHE_SIZE}.`);
  }
  const places = ttlMs === 0 ? 0 : cacheSize;
  const answers = new Recent<Answer<Claims>>(places);
  // Of their own, so that made-up tokens push no good answer out.
  const refusals = new Recent<Answer<undefined>>(places);
  const running = new Map<string, Promise<Claims | undefined>>();
  const turns = new Semaphore(MAX_CALLS);

  const known = (id: string): Answer<Claims | undefined> | undefined => {
    const answer = answers.get(id) ?? refusals.get(id);
    if (answer === undefined) return undefined;
    const age = now() - answer.askedAt;
    // By a clock that was set back it is due, and not of the future.
    const isFresh = age >= 0 && age < ttlMs;
    const exp = answer.claims?.exp;
    return isFresh && !(typeof exp === 'number' && exp * 1000 <= now()) ? answer : undefined;
  };

  const request = async (token: string): Promise<Claims | undefined> => {
    const signal = AbortSignal.timeout(server.timeoutMs);
    await turns.take(signal);
    try {
      const metadata = url
        ? { issuer: server.issuer, introspection_endpoint: url.href }
        : await server.server(['introspection_endpoint']);
      const body = { additionalParameters: { token_type_hint: 'access_token' } };
      const more = { ...server.requestOptions(signal), ...body };
      const response = await introspectionRequest(metadata, client, authentication, token, more);
      // Its signature nobody would look at.
      if (/jwt/i.test(response.headers.get('content-type') ?? '')) throw new Error('The answer is a JWT, not JSON.');
      const { active, ...claims } = await processIntrospectionResponse(metadata, client, response);
      return active ? (frozen(claims) as Claims) : undefined;
    } finally {
      turns.give();
    }
  };

  const ask = (token: string, id: string): Promise<Claims | undefined> =>
    tracedOutcome(channels.introspection, { source: server.issuer }, async (operation) => {
      const askedAt = now();
      if (turns.waiting >= MAX_WAITING) {
        operation.outcome = 'overloaded';
        throw authErrors.overloaded('Too many tokens wait to be asked about.', { retryAfterMs: 1000 });
      }
      try {
        const claims = await request(token);
        operation.outcome = claims === undefined ? 'inactive' : 'ok';
        if (claims === undefined) {
          answers.delete(id);
          refusals.set(id, { claims, askedAt });
        } else {
          refusals.delete(id);
          answers.set(id, { claims, askedAt });
        }
        return claims;
      } catch (cause) {
        operation.outcome = 'failed';
        server.forget();
        // Whether the token is good, nobody can say now.
        throw authErrors.issuer_unavailable(`${server.issuer} could not be asked about a token.`, {
          cause,
          retryAfterMs: 1000,
        });
      }
    });

  return {
    async introspect(token) {
      demandText(token, 'introspect: the token');
      const id = hash('sha256', token, 'base64url');
      const answer = known(id);
      if (answer !== undefined) return answer.claims;
      let call = running.get(id);
      if (call === undefined) {
        call = outsideContext(() => ask(token, id)).finally(() => running.delete(id));
        running.set(id, call);
      }
      return call;
    },
  };
}
