import { kindOf } from '@ent/internal';
import { httpErrors } from '../errors.ts';
import { TOKEN } from './token.ts';

/** What may be sent of a call, unchecked: in JavaScript it is anything. */
export interface Call {
  readonly params?: unknown;
  readonly query?: unknown;
}

/**
 * The URL of a call: the base, the path with its parameters in their places, and the query.
 *
 * @param base ends without a slash
 * @throws `http.invalid_options` for a parameter that is missing, or that would make another path
 */
export function urlOf(base: string, path: string, call: Call, name: string): string {
  if (typeof path !== 'string' || !path.startsWith('/')) {
    throw httpErrors.invalid_options(`${name}: a path is that of a route, such as "/users/:id".`);
  }
  const params = { ...recordOf(call.params, `${name}: params`) };
  const filled = path
    .split('/')
    .map((segment) => {
      if (!segment.startsWith(':')) return segment;
      const param = segment.slice(1);
      const value = params[param];
      delete params[param];
      return segmentOf(value, `${name}: params.${param}`);
    })
    .join('/');
  const [unknown] = Object.keys(params);
  if (unknown !== undefined) throw httpErrors.invalid_options(`${name}: the path has no parameter "${unknown}".`);
  const query = pairsOf(call.query, `${name}: query`);
  return `${base}${filled}${query === '' ? '' : `?${query}`}`;
}

function segmentOf(value: unknown, what: string): string {
  const text = textOf(value, what);
  // URLs resolve these two, in their encoded form too: what comes out is the path of another route.
  if (text === '' || text === '.' || text === '..') {
    throw httpErrors.invalid_options(`${what} must not be empty, "." or "..": it would name another path.`);
  }
  return encode(text, what);
}

function encode(text: string, what: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  throw httpErrors.invalid_options(`${what} has half a surrogate pair, which no URL can say.`);
}

/** Names and values as a query has them, and a form; a list is a name that comes several times. */
export function pairsOf(values: unknown, what: string): string {
  const pairs: string[] = [];
  for (const [field, value] of Object.entries(recordOf(values, what))) {
    if (value === undefined) continue;
    const one = `${what}.${field}`;
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
      pairs.push(`${encode(field, one)}=${encode(textOf(each, one), one)}`);
    }
  }
  return pairs.join('&');
}

/** The text that a route reads the value from (see `readerOf`). */
export function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  throw httpErrors.invalid_options(
    `${what} must be a text, a number, a boolean, a bigint or a date; got ${kindOf(value)}.`,
  );
}

export function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw httpErrors.invalid_options(`${what} must be an object; got ${kindOf(value)}.`);
}

/** Adds headers to those that there are; they go before. */
export function addHeaders(headers: Headers, given: unknown, name: string): void {
  for (const [field, value] of Object.entries(recordOf(given, `${name}: headers`))) {
    if (value === undefined) continue;
    const what = `${name}: the header ${JSON.stringify(field)}`;
    const text = textOf(value, what);
    try {
      headers.set(field, text);
    } catch {
      // The engine's error repeats the value, which may be a token.
      throw httpErrors.invalid_options(`${what} has a character that no header can have.`);
    }
  }
}

/** Adds cookies to those that the headers have. A browser sends its own, and drops these. */
export function addCookies(headers: Headers, given: unknown, name: string): void {
  const pairs = Object.entries(recordOf(given, `${name}: cookies`)).flatMap(([cookie, value]) => {
    if (value === undefined) return [];
    const what = `${name}: cookies.${cookie}`;
    if (!TOKEN.test(cookie)) throw httpErrors.invalid_options(`${what} is no name of a cookie.`);
    return `${cookie}=${encode(textOf(value, what), what)}`;
  });
  const before = headers.get('cookie');
  if (pairs.length > 0) headers.set('cookie', [...(before === null ? [] : [before]), ...pairs].join('; '));
}

/** A body as JSON. A bigint goes as the text that a schema of one reads. */
export function jsonOf(body: unknown, name: string): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(body, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  } catch (error) {
    cause = error;
  }
  if (text === undefined) throw httpErrors.invalid_options(`${name}: the body cannot be said in JSON.`, { cause });
  return text;
}
