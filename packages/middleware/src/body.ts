import { isUtf8 } from 'node:buffer';
import { parse as parseContentType } from 'content-type';
import { jsonPointer, refuseUnknown } from '@ent/internal';
import { parse as parseSecureJson } from 'secure-json-parse';
import { middlewareErrors } from './errors.ts';
import { demandExchange } from './internal/demand.ts';
import type { Exchange } from './exchange.ts';

/** Limits for {@link readJson}. */
export interface JsonBodyOptions {
  /** Most bytes of the body. Default: 1 MiB. */
  maxBytes?: number | undefined;
  /** Most levels of arrays and objects in each other. Default: 32. */
  maxDepth?: number | undefined;
}

/** Most bytes of a request body where nothing else is said: 1 MiB. */
export const DEFAULT_MAX_BODY_BYTES: number = 1024 * 1024;
const DEFAULT_MAX_DEPTH = 32;
const OPTIONS = { maxBytes: true, maxDepth: true } as const;

/**
 * Whether the request has a body at all (RFC 9112, section 6.3: by its framing headers, whatever the method).
 *
 * @throws `middleware.invalid_options` for what is no exchange
 */
export function hasBody(exchange: Pick<Exchange, 'header'>): boolean {
  demandExchange(exchange, 'hasBody');
  if (exchange.header('transfer-encoding') !== undefined) return true;
  const length = exchange.header('content-length');
  return length !== undefined && length !== '0';
}

/**
 * Reads and parses a JSON body; `undefined` when the request has none.
 *
 * The content type is parsed once, here, by a library, and decides alone. Refused: another content type, charset or
 * encoding (415); too many bytes, counted as they arrive (413); what is not UTF-8 or not JSON, nesting over
 * `maxDepth`, and the keys `__proto__` and `constructor.prototype`, which poison objects that are built from the
 * result (400; the error's `issues` say where).
 *
 * @throws `middleware.unsupported_media_type`, `middleware.body_too_large`, `middleware.body_unparsable`;
 *   `middleware.invalid_options` for an option that there is not
 * @example
 * ```ts no-run
 * const listener = createNodeListener(async (exchange) => {
 *   const body = await readJson(exchange, { maxBytes: 10_000 });
 *   return { status: 200, body: JSON.stringify(body) };
 * });
 * ```
 */
export function readJson(exchange: Exchange, options?: JsonBodyOptions): Promise<unknown>;
/** @param use what is done with the body; the promise is for what it gives, and one less than with `then` */
export function readJson<Result>(
  exchange: Exchange,
  options: JsonBodyOptions,
  use: (body: unknown) => Result | Promise<Result>,
): Promise<Result>;
export function readJson(
  exchange: Exchange,
  options: JsonBodyOptions = {},
  use: (body: unknown) => unknown = (body) => body,
): Promise<unknown> {
  try {
    refuseUnknown(options, OPTIONS, 'readJson', middlewareErrors.invalid_options);
    demandExchange(exchange, 'readJson');
    if (!hasBody(exchange)) return Promise.resolve(use(undefined));
    checkContentType(exchange);
    const { maxBytes = DEFAULT_MAX_BODY_BYTES, maxDepth = DEFAULT_MAX_DEPTH } = options;
    return exchange.bytes(maxBytes).then((bytes) => use(parseJson(bytes, maxDepth)));
  } catch (error) {
    return Promise.reject(error);
  }
}

function checkContentType(exchange: Exchange): void {
  if (!isJson(exchange.header('content-type') ?? '')) {
    throw middlewareErrors.unsupported_media_type('Send the body as application/json in UTF-8.', {
      headers: { accept: 'application/json' },
    });
  }
  const encoding = exchange.header('content-encoding')?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    // RFC 9110, section 15.5.16: say what would have been accepted.
    throw middlewareErrors.unsupported_media_type('Send the body without content encoding.', {
      headers: { 'accept-encoding': 'identity' },
    });
  }
}

function isJson(contentType: string): boolean {
  // What nearly everybody sends needs no parser.
  if (contentType === 'application/json') return true;
  const { type, parameters } = parseContentType(contentType);
  const charset = parameters['charset']?.toLowerCase() ?? 'utf-8';
  return type === 'application/json' && (charset === 'utf-8' || charset === 'utf8');
}

function parseJson(bytes: Uint8Array, maxDepth: number): unknown {
  if (!isUtf8(bytes)) throw middlewareErrors.body_unparsable('The body is not valid UTF-8.');
  const text = (
    bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  ).toString();
  // Looked at before it is parsed: what walks the result (validators, serialisers) recurses.
  if (depthOver(text, maxDepth))
    throw middlewareErrors.body_unparsable(`The body is nested deeper than ${maxDepth} levels.`);
  try {
    if (!mayPoison(text)) return JSON.parse(text) as unknown;
    return parseSecureJson(text, { protoAction: 'error', constructorAction: 'error' }) as unknown;
  } catch {
    // No cause: the parser's message quotes the body.
    throw forbiddenKey(text) ?? middlewareErrors.body_unparsable('The body is not valid JSON.');
  }
}

/**
 * Whether a text may have one of the keys that poison, written plainly or with escapes; or a byte order mark, which the
 * parser of the library takes. To look for what nearly no text has costs less than what the library does.
 */
function mayPoison(text: string): boolean {
  return (
    text.includes('__proto__') || text.includes('constructor') || text.includes('\\u') || text.charCodeAt(0) === BOM
  );
}

/** The error for a body that is JSON and was refused for one of its keys; `undefined` when it is no JSON. */
function forbiddenKey(text: string): Error | undefined {
  let path: string[] | undefined;
  try {
    path = pathToPoison(JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
  if (path === undefined) return undefined;
  const key = path.at(-1) === '__proto__' ? '__proto__' : 'constructor.prototype';
  return middlewareErrors.body_unparsable(`The body has the key "${key}", which is not accepted.`, {
    issues: [{ pointer: jsonPointer(path), in: 'body', code: 'forbidden_key', detail: 'This key is not accepted' }],
  });
}

/** Where the first key stands that poisons. The depth was looked at before. */
function pathToPoison(value: unknown): string[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const key of Object.keys(value)) {
    // The descriptor, since to read "__proto__" is to read the prototype.
    const inner = Object.getOwnPropertyDescriptor(value, key)?.value as unknown;
    if (key === '__proto__') return [key];
    if (key === 'constructor' && typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype'))
      return [key, 'prototype'];
    const path = pathToPoison(inner);
    if (path !== undefined) return [key, ...path];
  }
  return undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BOM = 0xfeff;

/** Counts brackets outside of strings. On text that is not JSON the count may be off; then the parser refuses it. */
function depthOver(text: string, max: number): boolean {
  if (opensAtMost(text, max)) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === BACKSLASH) i++;
      else if (char === QUOTE) inString = false;
    } else if (char === QUOTE) inString = true;
    else if (char === 0x5b || char === 0x7b) {
      if (++depth > max) return true;
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
  return false;
}

/** Most bodies have fewer brackets, in strings or not, than may stand in each other. */
function opensAtMost(text: string, max: number): boolean {
  let left = max;
  for (const bracket of ['[', '{']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) if (--left < 0) return false;
  }
  return true;
}
