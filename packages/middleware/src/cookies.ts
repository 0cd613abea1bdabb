import { parseCookie, stringifySetCookie } from 'cookie';
import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { demandExchange } from './internal/demand.ts';
import type { Duration } from './options.ts';

/** Attributes of a cookie (RFC 6265bis). The defaults are the strict ones. */
export interface CookieOptions {
  /** How long a browser keeps it, in whole seconds. Default: until the browser ends. */
  maxAge?: Duration | undefined;
  /** Hosts under this one get it too. Default: only the host that sets it. */
  domain?: string | undefined;
  /** Default: `/`. */
  path?: string | undefined;
  /** Only over TLS, and on localhost. Default: `true`. */
  secure?: boolean | undefined;
  /** No script reads it. Default: `true`. */
  httpOnly?: boolean | undefined;
  /** Whether it comes with requests from other sites. Default: `lax`: with links that are followed. */
  sameSite?: 'strict' | 'lax' | 'none' | undefined;
  /** Apart for each site that embeds this one. Default: `false`. */
  partitioned?: boolean | undefined;
}

const OPTIONS = {
  maxAge: true,
  domain: true,
  path: true,
  secure: true,
  httpOnly: true,
  sameSite: true,
  partitioned: true,
} as const;

// Beyond it browsers drop a cookie without a word: RFC 6265bis, section 5.6.
const MAX_BYTES = 4096;

/**
 * The value of a cookie; `undefined` where there is none, or more than one of that name: which of them a site below or
 * beside this one has planted, nobody can tell. A name that begins with `__Host-` cannot be planted.
 *
 * @example
 * ```js
 * const theme = readCookie(exchange, 'theme');
 * ```
 */
export function readCookie(exchange: Pick<Exchange, 'header'>, name: string): string | undefined {
  demandExchange(exchange, 'readCookie');
  const header = exchange.header('cookie');
  if (header === undefined || !header.includes(name)) return undefined;
  const ofName = header.split(';').filter((pair) => pair.split('=', 1)[0]?.trim() === name);
  return ofName.length === 1 ? parseCookie(ofName[0] as string)[name] : undefined;
}

/**
 * A cookie as the value of `Set-Cookie`: `Secure; HttpOnly; SameSite=Lax; Path=/` where nothing else is said.
 *
 * @throws `middleware.invalid_options` for a name or value that cannot be sent, one that is larger than browsers keep,
 *   and for attributes that make them drop it: `__Host-` and `__Secure-` without what those promise, `SameSite=None` or
 *   `Partitioned` without `Secure`
 * @example
 * ```ts
 * import { setCookie } from '@ent/middleware';
 *
 * const headers = { 'set-cookie': setCookie('__Host-session', 'abc', { maxAge: '30d' }) };
 * console.log(headers['set-cookie']); // __Host-session=abc; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Lax
 * ```
 */
export function setCookie(name: string, value: string, options: CookieOptions = {}): string {
  refuseUnknown(options, OPTIONS, 'setCookie', middlewareErrors.invalid_options);
  if (typeof name !== 'string' || typeof value !== 'string') {
    throw middlewareErrors.invalid_options(
      `setCookie: name and value must be texts; got ${kindOf(name)}, ${kindOf(value)}.`,
    );
  }
  const { path = '/', secure = true, httpOnly = true, sameSite = 'lax', partitioned = false, maxAge, domain } = options;
  demandPromises(name, { path, secure, domain });
  if (!secure && (sameSite === 'none' || partitioned)) {
    throw refusal(name, 'browsers drop one with SameSite=None or Partitioned that is not Secure');
  }
  const seconds =
    maxAge === undefined
      ? {}
      : { maxAge: Math.ceil(durationOption(maxAge, 'setCookie: maxAge', middlewareErrors.invalid_options) / 1000) };
  return written({
    name,
    value,
    path,
    secure,
    httpOnly,
    sameSite,
    partitioned,
    ...seconds,
    ...(domain === undefined ? {} : { domain }),
  });
}

/**
 * The value of `Set-Cookie` that makes a browser forget a cookie. `path` and `domain` have to be those that it was set
 * with.
 *
 * @throws `middleware.invalid_options`
 */
export function clearCookie(name: string, options: Omit<CookieOptions, 'maxAge'> = {}): string {
  // Looked at as any other one.
  setCookie(name, '', options);
  const { domain, path = '/', secure = true, httpOnly = true, sameSite = 'lax', partitioned = false } = options;
  return written({
    name,
    value: '',
    path,
    secure,
    httpOnly,
    sameSite,
    partitioned,
    maxAge: 0,
    expires: new Date(0),
    ...(domain === undefined ? {} : { domain }),
  });
}

function written(cookie: Parameters<typeof stringifySetCookie>[0]): string {
  let text: string;
  try {
    text = stringifySetCookie(cookie);
  } catch {
    // No cause: the library's message may quote the value.
    throw refusal(cookie.name, 'its name or an attribute has what cannot be sent');
  }
  if (Buffer.byteLength(cookie.name) + Buffer.byteLength(text.slice(0, text.indexOf(';'))) > MAX_BYTES) {
    throw refusal(cookie.name, `browsers keep at most ${MAX_BYTES} bytes`);
  }
  return text;
}

/** RFC 6265bis, section 4.1.3. Browsers look at the prefix in any case. */
function demandPromises(
  name: string,
  { path, secure, domain }: { path: string; secure: boolean; domain: string | undefined },
): void {
  const lower = name.toLowerCase();
  if (lower.startsWith('__host-') && (!secure || path !== '/' || domain !== undefined)) {
    throw refusal(name, 'a name with __Host- needs secure, the path "/", and no domain');
  }
  if (lower.startsWith('__secure-') && !secure) throw refusal(name, 'a name with __Secure- needs secure');
}

function refusal(name: string, why: string): Error {
  return middlewareErrors.invalid_options(`The cookie ${JSON.stringify(name.slice(0, 64))} cannot be set: ${why}.`);
}
