import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { kindOf, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { demandExchange } from './internal/demand.ts';
import { isList, demandOrigin } from './internal/origins.ts';
import type { Middleware } from './middleware.ts';

/** Who may make a browser send requests that change something. */
export interface CsrfOptions {
  /**
   * Exact origins, beside the one that the request is for, such as `https://app.example.com`: those of `cors()` with
   * credentials, and the public one where a proxy changes `Host`. Default: none.
   */
  origins?: readonly string[] | undefined;
  /** For browsers that say neither `Sec-Fetch-Site` nor `Origin`. Default: none, and their requests are refused. */
  tokens?: CsrfTokens | undefined;
}

/** Tokens that show that a request comes from a page that this service made. */
export interface CsrfTokens {
  /** The token for a page that is shown in this exchange; `undefined` where there is no session to tie it to. */
  issue(exchange: Exchange): string | undefined;
  /** Whether the request brings one of its session. */
  verify(exchange: Exchange): boolean;
}

/** How {@link createCsrfTokens} is set up. */
export interface CsrfTokenOptions {
  /** Signs the tokens: at least 32 characters, the same in all processes. */
  secret: string;
  /**
   * What a token is tied to, such as the cookie of the session: `(exchange) => readCookie(exchange, '__Host-session')`.
   */
  session: (exchange: Exchange) => string | undefined;
  /** The request header that brings it. Default: `x-csrf-token`. */
  header?: string | undefined;
}

// RFC 9110, section 9.2.1. TRACE is one too, and no handler of ours answers it.
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses requests that change something and that a page of somebody else has made a browser send (cross-site request
 * forgery), with 403. Goes by what browsers themselves say and no script can change: `Sec-Fetch-Site`, and `Origin`
 * where that is absent. GET, HEAD and OPTIONS pass: they must change nothing.
 *
 * A request with cookies that says neither comes from a very old browser, or from a program that can just say `Origin`;
 * it needs a token. One without cookies is no browser's, or has nothing to misuse, and passes.
 *
 * @throws `middleware.invalid_options` for an origin that is not one
 * @example
 * ```ts
 * import { csrf } from '@ent/middleware';
 *
 * const middleware = [csrf({ origins: ['https://app.example.com'] })];
 * ```
 */
export function csrf(options: CsrfOptions = {}): Middleware {
  const check = csrfCheck(options);
  return {
    name: 'csrf',
    before(exchange) {
      check(exchange);
      return undefined;
    },
  };
}

/**
 * The check of {@link csrf} alone, for what authenticates by a cookie.
 *
 * @throws `middleware.invalid_options`; what it makes throws `middleware.cross_site` (403)
 */
export function csrfCheck(options: CsrfOptions = {}): (exchange: Exchange) => void {
  refuseUnknown(options, { origins: true, tokens: true }, 'csrf', middlewareErrors.invalid_options);
  const { origins = [], tokens } = options;
  if (!isList(origins)) throw middlewareErrors.invalid_options('csrf: "origins" is a list of origins.');
  for (const origin of origins) demandOrigin(origin, 'csrf');
  if (tokens !== undefined && typeof (tokens as Partial<CsrfTokens> | null)?.verify !== 'function') {
    throw middlewareErrors.invalid_options('csrf: "tokens" is what createCsrfTokens() makes.');
  }
  const listed = new Set(origins);
  return (exchange) => {
    if (SAFE.has(exchange.method)) return;
    const origin = exchange.header('origin');
    if (origin !== undefined && listed.has(origin)) return;
    const site = exchange.header('sec-fetch-site');
    // "none": the user did it, not a page.
    if (site === 'same-origin' || site === 'none') return;
    if (site === undefined && origin !== undefined && isOwn(origin, exchange.header('host'))) return;
    if (site === undefined && origin === undefined) {
      if (exchange.header('cookie') === undefined || tokens?.verify(exchange) === true) return;
      throw middlewareErrors.cross_site(
        'The request says neither Sec-Fetch-Site nor Origin, and brings no valid token.',
      );
    }
    throw middlewareErrors.cross_site('The request was made by a page of another origin.');
  };
}

/**
 * Whether an origin is the one that the request is for. The scheme is not known behind a proxy that ends TLS; a page of
 * the same host over plain HTTP is what HSTS is against.
 */
function isOwn(origin: string, host: string | undefined): boolean {
  // "null" is the origin of every sandboxed frame.
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

const LEAST_SECRET = 32;
const NONCE_BYTES = 16;

/**
 * Tokens for pages, tied to a session and signed (HMAC-SHA-256): nothing is kept. Each is another text, so that a
 * compressed page does not tell it (BREACH).
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { createCsrfTokens, csrf, readCookie } from '@ent/middleware';
 *
 * const secret = process.env.CSRF_SECRET ?? '';
 * const tokens = createCsrfTokens({ secret, session: (exchange) => readCookie(exchange, '__Host-session') });
 * const middleware = [csrf({ tokens })];
 * // In the handler of the page: tokens.issue(exchange), which its scripts send as X-Csrf-Token.
 * ```
 */
export function createCsrfTokens(options: CsrfTokenOptions): CsrfTokens {
  const known = { secret: true, session: true, header: true } as const;
  refuseUnknown(options, known, 'createCsrfTokens', middlewareErrors.invalid_options);
  const { secret, session, header = 'x-csrf-token' } = options;
  if (typeof secret !== 'string' || secret.length < LEAST_SECRET) {
    throw middlewareErrors.invalid_options(`createCsrfTokens: secret must have at least ${LEAST_SECRET} characters.`);
  }
  if (typeof session !== 'function' || typeof header !== 'string') {
    throw middlewareErrors.invalid_options(
      `createCsrfTokens: session must be a function and header a text; got ${kindOf(session)}, ${kindOf(header)}.`,
    );
  }
  const name = header.toLowerCase();
  const signature = (nonce: string, id: string): Buffer =>
    createHmac('sha256', secret).update(`csrf\n${nonce}\n${id}`).digest();
  return {
    issue(exchange) {
      demandExchange(exchange, 'issue');
      const id = session(exchange);
      if (id === undefined) return undefined;
      const nonce = randomBytes(NONCE_BYTES).toString('base64url');
      return `${nonce}.${signature(nonce, id).toString('base64url')}`;
    },
    verify(exchange) {
      demandExchange(exchange, 'verify');
      const id = session(exchange);
      const [nonce, given, ...more] = (exchange.header(name) ?? '').split('.');
      if (id === undefined || nonce === undefined || given === undefined || more.length > 0) return false;
      const [expected, actual] = [signature(nonce, id), Buffer.from(given, 'base64url')];
      return actual.length === expected.length && timingSafeEqual(actual, expected);
    },
  };
}
