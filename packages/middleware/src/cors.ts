import { durationOption, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange, Reply } from './exchange.ts';
import { demandOrigin, isList } from './internal/origins.ts';
import type { Middleware } from './middleware.ts';
import type { Duration } from './options.ts';

/** Who may call from a browser. */
export interface CorsOptions {
  /**
   * Exact origins, such as `https://app.example.com`, or `*` for any. No
   * patterns: an unanchored one lets a stranger in.
   */
  origins: readonly string[] | '*';
  /** Whether the browser may send cookies and HTTP authentication. Not possible with `*`. Default: `false`. */
  credentials?: boolean | undefined;
  /** Methods that a preflight allows. Default: GET, HEAD, POST, PUT, PATCH, DELETE. */
  methods?: readonly string[] | undefined;
  /**
   * Request headers that a preflight allows. Default: Authorization, Content-Type, Idempotency-Key, If-Match,
   * If-None-Match, Last-Event-ID, X-CSRF-Token, X-Request-Id.
   */
  requestHeaders?: readonly string[] | undefined;
  /**
   * Response headers that scripts may read. Default: ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy,
   * Retry-After, X-Request-Id.
   */
  responseHeaders?: readonly string[] | undefined;
  /** How long a browser may remember a preflight, in whole seconds. Default: `"10m"`. */
  maxAge?: Duration | undefined;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
// What these packages ask for, and what their clients send.
const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'last-event-id',
  'x-csrf-token',
  'x-request-id',
];
const RESPONSE_HEADERS = [
  'etag',
  'idempotent-replayed',
  'location',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'x-request-id',
];

const OPTIONS = {
  origins: true,
  credentials: true,
  methods: true,
  requestHeaders: true,
  responseHeaders: true,
  maxAge: true,
} as const;

/**
 * Cross-origin resource sharing, as the Fetch standard has it. Preflights are answered here with 204; every other
 * answer, errors included, gets its headers just before it leaves, so that a script can read why a call failed.
 *
 * An origin that is not listed gets no header, and its browser keeps the answer from the script. That is all CORS does:
 * it protects no route from other clients.
 *
 * @throws `middleware.invalid_options` for an origin that is not one, and for `*` together with `credentials`
 * @example
 * ```ts
 * import { cors } from '@ent/middleware';
 *
 * const middleware = [cors({ origins: ['https://app.example.com'], credentials: true })];
 * ```
 */
export function cors(options: CorsOptions): Middleware {
  refuseUnknown(options, OPTIONS, 'cors', middlewareErrors.invalid_options);
  const { origins, credentials = false } = options;
  if (origins !== '*' && !isList(origins)) {
    throw middlewareErrors.invalid_options('cors: "origins" is a list of origins, or "*".');
  }
  if (origins === '*' && credentials) {
    throw middlewareErrors.invalid_options('cors: credentials need exact origins; "*" would hand them to every site.');
  }
  if (origins !== '*') for (const origin of origins) demandOrigin(origin, 'cors');
  const listed = origins === '*' ? undefined : new Set(origins);
  const allow = (origin: string): string | undefined => {
    if (listed === undefined) return '*';
    return listed.has(origin) ? origin : undefined;
  };
  const preflight: Readonly<Record<string, string>> = {
    'access-control-allow-methods': (options.methods ?? METHODS).join(', '),
    'access-control-allow-headers': (options.requestHeaders ?? REQUEST_HEADERS).join(', '),
    'access-control-max-age': String(
      Math.ceil(durationOption(options.maxAge ?? '10m', 'cors: maxAge', middlewareErrors.invalid_options) / 1000),
    ),
  };
  const exposed = (options.responseHeaders ?? RESPONSE_HEADERS).join(', ');

  return {
    name: 'cors',
    before(exchange): Reply | undefined {
      if (!isPreflight(exchange)) return undefined;
      const origin = allow(exchange.header('origin') ?? '');
      return { status: 204, headers: origin === undefined ? {} : preflight };
    },
    head(exchange, _status, headers) {
      // The answer differs by origin, and a cache in between has to know, whether or not this request named one.
      if (listed !== undefined) headers.append('vary', 'Origin');
      const sent = exchange.header('origin');
      const origin = sent === undefined ? undefined : allow(sent);
      if (origin === undefined) return;
      headers.set('access-control-allow-origin', origin);
      if (credentials) headers.set('access-control-allow-credentials', 'true');
      if (!isPreflight(exchange)) headers.set('access-control-expose-headers', exposed);
    },
  };
}

function isPreflight(exchange: Exchange): boolean {
  return (
    exchange.method === 'OPTIONS' &&
    exchange.header('origin') !== undefined &&
    exchange.header('access-control-request-method') !== undefined
  );
}
