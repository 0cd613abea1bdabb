import { isUtf8 } from 'node:buffer';
import { parse as parseContentType } from 'content-type';
import { refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { bufferOf } from './internal/buffer-of.ts';
import { codingOf, type ContentCoding, type Decoding, wholeBody } from './internal/content-coding.ts';
import { demandExchange, demandLimit } from './internal/demand.ts';
import { parseJson } from './internal/parse-json.ts';

/** How a body is read. */
export interface BodyOptions {
  /** Most bytes of the body, as it comes and decoded. Default: 1 MiB. */
  maxBytes?: number | undefined;
  /**
   * Content codings that are accepted: `gzip`, `br`, `deflate`, `zstd`. What comes out is counted, and refused beyond
   * `maxBytes` and beyond 200 times what came. Default: none, since a small body may be much work to decode.
   */
  encodings?: readonly ContentCoding[] | undefined;
}

/** Limits for {@link readJson}. */
export interface JsonBodyOptions extends BodyOptions {
  /** Most levels of arrays and objects in each other. Default: 32. */
  maxDepth?: number | undefined;
  /** Most keys of all objects together. Default: as many as `maxBytes` hold. */
  maxKeys?: number | undefined;
}

/** Limits for {@link readForm}. */
export interface FormBodyOptions extends BodyOptions {
  /** Most names with a value. Default: 1000. */
  maxFields?: number | undefined;
}

/** Most bytes of a request body where nothing else is said: 1 MiB. */
export const DEFAULT_MAX_BODY_BYTES: number = 1024 * 1024;
const DEFAULT_MAX_DEPTH = 32;
const DEFAULT_MAX_FIELDS = 1000;
const BODY_OPTIONS = { maxBytes: true, encodings: true } as const;
const JSON_OPTIONS = { ...BODY_OPTIONS, maxDepth: true, maxKeys: true } as const;
const FORM_OPTIONS = { ...BODY_OPTIONS, maxFields: true } as const;
const NO_CODINGS: readonly ContentCoding[] = [];

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
 * import { readJson } from '@ent/middleware';
 * import { createNodeListener } from '@ent/middleware/node';
 *
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
    const { maxBytes, maxDepth, maxKeys, encodings } = jsonLimits(options);
    demandExchange(exchange, 'readJson');
    if (!hasBody(exchange)) return Promise.resolve(use(undefined));
    if (!isJson(exchange.header('content-type') ?? ''))
      throw otherType('application/json', 'application/json in UTF-8');
    // A promise less for what comes as it is.
    const bytes =
      codingOf(exchange, encodings) === undefined
        ? exchange.bytes(maxBytes)
        : wholeBody(exchange, { maxBytes, encodings });
    return bytes.then((body) => use(parseJson(textOf(body), { maxDepth, maxKeys })));
  } catch (error) {
    return Promise.reject(error);
  }
}

type JsonBodyLimits = { readonly [Name in keyof JsonBodyOptions]-?: Exclude<JsonBodyOptions[Name], undefined> };

/** Of options that can no longer change: those of a route come with each of its requests. */
const limitsOfFrozen = new WeakMap<JsonBodyOptions, JsonBodyLimits>();

function jsonLimits(options: JsonBodyOptions): JsonBodyLimits {
  const known = limitsOfFrozen.get(options);
  if (known !== undefined) return known;
  refuseUnknown(options, JSON_OPTIONS, 'readJson', middlewareErrors.invalid_options);
  const { maxBytes = DEFAULT_MAX_BODY_BYTES, maxDepth = DEFAULT_MAX_DEPTH, maxKeys = Infinity } = options;
  demandLimit(maxBytes, 'readJson: maxBytes');
  demandLimit(maxDepth, 'readJson: maxDepth');
  demandLimit(maxKeys, 'readJson: maxKeys');
  const limits = { maxBytes, maxDepth, maxKeys, encodings: options.encodings ?? NO_CODINGS };
  if (Object.isFrozen(options)) limitsOfFrozen.set(options, limits);
  return limits;
}

/**
 * Reads the whole body, whatever its type; `undefined` when the request has none. The bytes as they came, as for the
 * signature of a webhook, are those of `exchange.bytes`; these are decoded.
 *
 * @throws `middleware.unsupported_media_type`, `middleware.body_too_large`, `middleware.body_unparsable`
 */
export async function readBytes(exchange: Exchange, options: BodyOptions = {}): Promise<Uint8Array | undefined> {
  refuseUnknown(options, BODY_OPTIONS, 'readBytes', middlewareErrors.invalid_options);
  demandExchange(exchange, 'readBytes');
  return hasBody(exchange) ? wholeBody(exchange, limitsOf(options, 'readBytes')) : undefined;
}

/**
 * Reads a body of `text/*` in UTF-8; `undefined` when the request has none.
 *
 * @throws `middleware.unsupported_media_type`, `middleware.body_too_large`, `middleware.body_unparsable`
 * @example
 * ```js
 * const note = await readText(exchange, { maxBytes: 10_000, encodings: ['gzip'] });
 * ```
 */
export async function readText(exchange: Exchange, options: BodyOptions = {}): Promise<string | undefined> {
  refuseUnknown(options, BODY_OPTIONS, 'readText', middlewareErrors.invalid_options);
  demandExchange(exchange, 'readText');
  if (!hasBody(exchange)) return undefined;
  const { type, utf8 } = contentTypeOf(exchange);
  if (!type.startsWith('text/') || !utf8) throw otherType('text/*', 'text in UTF-8, such as text/plain');
  return textOf(await wholeBody(exchange, limitsOf(options, 'readText')));
}

/**
 * Reads a body of `application/x-www-form-urlencoded`, as the URL standard parses it; `undefined` when the request has
 * none. Names come as they are: there are no nested ones, and so nothing that could poison an object.
 *
 * @throws `middleware.unsupported_media_type`; `middleware.body_too_large` for too many bytes or fields;
 *   `middleware.body_unparsable`
 * @example
 * ```js
 * const form = await readForm(exchange);
 * console.log(form?.get('email'), form?.getAll('topic'));
 * ```
 */
export async function readForm(
  exchange: Exchange,
  options: FormBodyOptions = {},
): Promise<URLSearchParams | undefined> {
  refuseUnknown(options, FORM_OPTIONS, 'readForm', middlewareErrors.invalid_options);
  demandExchange(exchange, 'readForm');
  const { maxFields = DEFAULT_MAX_FIELDS } = options;
  demandLimit(maxFields, 'readForm: maxFields');
  if (!hasBody(exchange)) return undefined;
  const { type, utf8 } = contentTypeOf(exchange);
  if (type !== FORM_TYPE || !utf8) throw otherType(FORM_TYPE, `${FORM_TYPE} in UTF-8`);
  const text = textOf(await wholeBody(exchange, limitsOf(options, 'readForm')));
  // Counted before it is parsed.
  let fields = text === '' ? 0 : 1;
  for (let at = text.indexOf('&'); at !== -1 && fields <= maxFields; at = text.indexOf('&', at + 1)) fields++;
  if (fields > maxFields) throw middlewareErrors.body_too_large(`The form has more than ${maxFields} fields.`);
  return new URLSearchParams(text);
}

const FORM_TYPE = 'application/x-www-form-urlencoded';

function limitsOf(options: BodyOptions, what: string): Decoding {
  const { maxBytes = DEFAULT_MAX_BODY_BYTES, encodings = NO_CODINGS } = options;
  demandLimit(maxBytes, `${what}: maxBytes`);
  return { maxBytes, encodings };
}

function otherType(accept: string, what: string): Error {
  return middlewareErrors.unsupported_media_type(`Send the body as ${what}.`, { headers: { accept } });
}

function isJson(contentType: string): boolean {
  // What nearly everybody sends needs no parser.
  if (contentType === 'application/json') return true;
  const { type, utf8 } = parsed(contentType);
  return type === 'application/json' && utf8;
}

function contentTypeOf(exchange: Exchange): ReturnType<typeof parsed> {
  return parsed(exchange.header('content-type') ?? '');
}

function parsed(contentType: string): { readonly type: string; readonly utf8: boolean } {
  const { type, parameters } = parseContentType(contentType);
  const charset = parameters['charset']?.toLowerCase() ?? 'utf-8';
  return { type, utf8: charset === 'utf-8' || charset === 'utf8' };
}

function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw middlewareErrors.body_unparsable('The body is not valid UTF-8.');
  return bufferOf(bytes).toString();
}
