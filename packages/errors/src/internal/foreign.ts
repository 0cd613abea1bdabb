import { BRAND } from './brand.ts';
import { codeOfStatus, isStatus, makerOf } from './codes.ts';
import { read } from './safe.ts';
import { toldBy } from './told.ts';
import type { ErrorShape } from '../options.ts';

// How the libraries around Express, Koa and Fastify say what a server should answer: `status` or `statusCode`, and
// `expose`, which says whether a client may read the message (http-errors, and with it body-parser, raw-body, send
// and `ctx.throw`). Fastify has the status alone. The exceptions of Nest and Hono have a status and make the response
// themselves, by `getResponse()`, with the message in it: a text, and from the validation pipes of Nest a list of them.

/**
 * What an error that follows the convention has. The errors of HTTP clients also have a
 * status, that of an answer which was not ours.
 */
const OWN = new Set(
  ['status', 'statusCode', 'expose', 'code', 'name', 'message', 'stack', 'cause'].concat(
    ['validation', 'validationContext', 'serialization'], // of Fastify
  ),
);

/** Headers that belong to a status (RFC 9110). The others describe a body, and it is not this one. */
const HEADERS = new Set(
  ['allow', 'retry-after', 'www-authenticate', 'proxy-authenticate'].concat([
    'accept',
    'accept-encoding',
    'accept-ranges',
    'content-range',
    'upgrade',
  ]),
);
const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]{0,1024}$/;

/** The error of ours for one that says by that convention how a server should answer; undefined for any other. */
export function fromConvention(value: unknown): ErrorShape | undefined {
  // Fastify's are none that `Error` made. What has our brand and is still not one of ours is somebody's trick.
  if (!(value instanceof Error) || BRAND in value) return undefined;
  const status = statusOf(value);
  const expose = read(value, 'expose');
  const answers = typeof read(value, 'getResponse') === 'function';
  if (status === undefined || (typeof expose !== 'boolean' && !answers && !isBare(value, status))) return undefined;
  const make = makerOf(codeOfStatus(status));
  const { message, texts } = toldBy(value);
  const issues = texts?.map((detail) => ({ pointer: '#', code: 'invalid', detail }));
  // Without a message an error has its title for one.
  const error = make?.(message as string, { status, issues, cause: value, headers: headersOf(value) });
  // Fastify shows its own messages, which it writes for clients. What somebody else wrote may be for the log.
  const isFastify = String(read(value, 'code')).startsWith('FST_');
  const isShown = expose === undefined ? (answers && status < 500) || isFastify : expose === true;
  if (error !== undefined && !isShown) Object.defineProperty(error, 'expose', { value: false });
  return error;
}

function statusOf(error: Error): number | undefined {
  const status = read(error, 'status') ?? read(error, 'statusCode');
  const same = read(error, 'statusCode') ?? status;
  return isStatus(status) && status === same ? status : undefined;
}

/**
 * Whether there is nothing but the convention about it, and it says what a client did wrong: a bare 500 is any error.
 */
function isBare(error: Error, status: number): boolean {
  return status < 500 && Object.keys(error).every((name) => OWN.has(name));
}

function headersOf(error: Error): Record<string, string> | undefined {
  const headers = read(error, 'headers');
  if (typeof headers !== 'object' || headers === null) return undefined;
  const kept: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    const value = read(headers, name);
    const text = typeof value === 'number' ? String(value) : value;
    if (HEADERS.has(name.toLowerCase()) && typeof text === 'string' && HEADER_VALUE.test(text)) {
      kept[name.toLowerCase()] = text;
    }
  }
  return kept;
}
