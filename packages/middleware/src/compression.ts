import { pipeline, Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import compressible from 'compressible';
import { refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange, Reply } from './exchange.ts';
import { areCodings, type ContentCoding } from './internal/content-coding.ts';
import { isAsyncIterable } from './internal/let-go.ts';
import { acceptedEncodings } from './internal/negotiate.ts';
import { headerOf, varying, withHeaders } from './internal/reply-headers.ts';
import { markedTag } from './internal/tag-marks.ts';
import type { Middleware } from './middleware.ts';

/** What is compressed, and how. */
export interface CompressionOptions {
  /** What is offered; of what a client likes equally, the first. Default: `br`, `gzip`. */
  encodings?: readonly ContentCoding[] | undefined;
  /** Smaller bodies stay as they are. Default: 1024 bytes. */
  minBytes?: number | undefined;
  /**
   * Leaves an answer as it is by giving `false`: one with a secret in it, beside what a stranger can put there. Its
   * length would tell the secret, guess by guess (BREACH). Default: none.
   */
  filter?: ((exchange: Exchange, reply: Reply) => boolean) | undefined;
}

interface Codec {
  whole(body: Uint8Array): Promise<Uint8Array>;
  stream(): Transform;
}

// Between two chunks of a stream of events all has to go out, or they would come in lumps.
const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, ZSTD_e_flush } = zlib.constants;
// The default of the library, 11, is for what is compressed once.
const brotli = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } };

const CODECS: Readonly<Record<ContentCoding, (flushes: boolean) => Codec>> = {
  gzip: (flushes) => {
    const options = flushes ? { flush: Z_SYNC_FLUSH } : {};
    return { whole: (body) => promisify(zlib.gzip)(body), stream: () => zlib.createGzip(options) };
  },
  deflate: (flushes) => {
    const options = flushes ? { flush: Z_SYNC_FLUSH } : {};
    return { whole: (body) => promisify(zlib.deflate)(body), stream: () => zlib.createDeflate(options) };
  },
  br: (flushes) => {
    const options = flushes ? { ...brotli, flush: BROTLI_OPERATION_FLUSH } : brotli;
    return {
      whole: (body) => promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress)(body, brotli),
      stream: () => zlib.createBrotliCompress(options),
    };
  },
  zstd: (flushes) => {
    const options = flushes ? { flush: ZSTD_e_flush } : {};
    return {
      whole: (body) => promisify(zlib.zstdCompress)(body),
      stream: () => zlib.createZstdCompress(options),
    };
  },
};

const OPTIONS = { encodings: true, minBytes: true, filter: true } as const;

/** Types of which each chunk is to arrive when it is sent. */
const FLUSHED = /^(?:text\/event-stream|application\/(?:x-ndjson|jsonl|json-seq))(?:;|$)/i;

/** Types that no cache is to keep in any case, so that `no-store` does not say of them that there is a secret. */
const NEVER_STORED = /^(?:text\/event-stream|application\/problem\+json)(?:;|$)/i;

/**
 * Compresses answers as `Accept-Encoding` allows (RFC 9110, section 12.5.3): whole ones at once, streams as they go,
 * and streams of events with each event.
 *
 * Left as they are: bodies below `minBytes`, types that do not get smaller, what is encoded already, parts (206),
 * answers with `Cache-Control: no-transform` or a digest of their bytes, and those that hold a secret: with
 * `Set-Cookie`, or with the `Cache-Control: no-store` of their handler, as answers with tokens have it. A strong ETag
 * gets the name of the coding at its end, since it is of other bytes; `ifNoneMatch` and `requireMatch` know it so. Put
 * it first in the list, so that it comes last.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts
 * import { compression } from '@ent/middleware/compression';
 *
 * const middleware = [compression({ filter: (exchange) => !exchange.path.startsWith('/account') })];
 * ```
 */
export function compression(options: CompressionOptions = {}): Middleware {
  refuseUnknown(options, OPTIONS, 'compression', middlewareErrors.invalid_options);
  const { encodings = ['br', 'gzip'], minBytes = 1024, filter } = options;
  if (!areCodings(encodings) || encodings.length === 0 || !(minBytes >= 0)) {
    throw middlewareErrors.invalid_options(
      `compression: encodings must be some of ${Object.keys(CODECS).join(', ')}, and minBytes a number from 0 on.`,
    );
  }
  if (filter !== undefined && typeof filter !== 'function') {
    throw middlewareErrors.invalid_options('compression: filter must be a function.');
  }

  return {
    name: 'compression',
    reply(exchange, reply) {
      if (reply.status === 304) return sameTag(exchange, reply, encodings);
      if (!isCompressible(reply, minBytes) || filter?.(exchange, reply) === false) return undefined;
      const varied = {
        ...reply,
        headers: withHeaders(reply.headers, { vary: varying(reply.headers, 'Accept-Encoding') }),
      };
      const accepted = exchange.header('accept-encoding');
      if (accepted === undefined) return varied;
      const [coding] = acceptedEncodings(accepted, encodings);
      if (coding === undefined || coding === 'identity') return varied;
      return encoded(varied, coding);
    },
  };
}

function isCompressible({ status, headers, body }: Reply, minBytes: number): boolean {
  if (body === undefined || status < 200 || status === 204 || status === 205 || status === 206) return false;
  if (isAsyncIterable(body)) {
    const declared = headerOf(headers, 'content-length');
    if (declared !== undefined && Number(declared) < minBytes) return false;
  } else if (!(typeof body === 'string' || body instanceof Uint8Array) || Buffer.byteLength(body) < minBytes)
    return false;
  for (const name of ['content-encoding', 'content-range', 'set-cookie', 'content-digest', 'digest']) {
    if (headerOf(headers, name) !== undefined) return false;
  }
  const caching = headerOf(headers, 'cache-control') ?? '';
  const contentType = headerOf(headers, 'content-type') ?? '';
  if (/\bno-transform\b/i.test(caching)) return false;
  if (/\bno-store\b/i.test(caching) && !NEVER_STORED.test(contentType)) return false;
  return compressible(contentType) === true;
}

function encoded(reply: Reply, coding: ContentCoding): Reply | Promise<Reply> {
  const { status, headers, body } = reply;
  const tag = headerOf(headers, 'etag');
  const changed = withHeaders(headers, {
    'content-encoding': coding,
    'content-length': undefined,
    'accept-ranges': undefined,
    etag: tag === undefined ? undefined : markedTag(tag, coding),
  });
  const codec = CODECS[coding](FLUSHED.test(headerOf(headers, 'content-type') ?? ''));
  if (isAsyncIterable(body)) {
    // How it ends is told by the stream itself.
    const source = body instanceof Readable ? body : Readable.from(body);
    return { status, headers: changed, body: pipeline(source, codec.stream(), () => {}) };
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : (body as Uint8Array);
  return codec
    .whole(bytes)
    .then((small) => (small.byteLength < bytes.byteLength ? { status, headers: changed, body: small } : reply));
}

/** A 304 is about what the client has: its tag is the one with the coding, where it asked with that. */
function sameTag(exchange: Exchange, reply: Reply, encodings: readonly ContentCoding[]): Reply | undefined {
  const tag = headerOf(reply.headers, 'etag');
  if (tag === undefined) return undefined;
  const asked = exchange.header('if-none-match') ?? '';
  const marked = encodings.map((coding) => markedTag(tag, coding)).find((each) => asked.includes(each));
  const vary = varying(reply.headers, 'Accept-Encoding');
  return { ...reply, headers: withHeaders(reply.headers, { vary, etag: marked ?? tag }) };
}
