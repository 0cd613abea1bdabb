import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { GrowingBytes } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { bufferOf } from './buffer-of.ts';

/** A content coding that a body may come in (RFC 9110, section 8.4.1; `zstd`: RFC 8878). */
export type ContentCoding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** How bodies are decoded. */
export interface Decoding {
  /** Most bytes, encoded and decoded. */
  readonly maxBytes: number;
  /** What is accepted. */
  readonly encodings: readonly ContentCoding[];
}

// RFC 9659: no more than 8 MiB have to be kept to decode zstd; the library would take 128.
const ZSTD_WINDOW_LOG = 23;

const DECODERS: Readonly<Record<ContentCoding, () => zlib.Gunzip | zlib.BrotliDecompress>> = {
  gzip: () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress({ params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
};

/** So many times its size a body may have when it is decoded; text and tables stay well below. */
const MAX_RATIO = 200;
/** Up to here the ratio does not matter. */
const FREE_BYTES = 64 * 1024;

/**
 * The coding of a request body; undefined for none.
 *
 * @throws `middleware.unsupported_media_type` for one that is not accepted, or several;
 *   `middleware.invalid_options` for an accepted one that there is not
 */
export function codingOf(
  exchange: Pick<Exchange, 'header'>,
  accepted: readonly ContentCoding[],
): ContentCoding | undefined {
  if (!areCodings(accepted)) {
    throw middlewareErrors.invalid_options(`encodings must be a list of ${Object.keys(DECODERS).join(', ')}.`);
  }
  const header = exchange.header('content-encoding')?.trim().toLowerCase() ?? 'identity';
  if (header === 'identity') return undefined;
  // RFC 9110, section 8.4.1.3.
  const coding = accepted.find((each) => each === (header === 'x-gzip' ? 'gzip' : header));
  if (coding !== undefined) return coding;
  const list = accepted.length === 0 ? 'identity' : accepted.join(', ');
  throw middlewareErrors.unsupported_media_type(
    accepted.length === 0 ? 'Send the body without content encoding.' : `Send the body as it is, or as ${list}.`,
    // RFC 9110, section 15.5.16: say what would have been accepted.
    { headers: { 'accept-encoding': list } },
  );
}

/** Whether it is a list of codings that there are. */
export function areCodings(value: unknown): value is readonly ContentCoding[] {
  return Array.isArray(value) && value.every((each) => Object.hasOwn(DECODERS, each as string));
}

/** The whole body, decoded. */
export async function wholeBody(exchange: Exchange, { maxBytes, encodings }: Decoding): Promise<Uint8Array> {
  const coding = codingOf(exchange, encodings);
  const bytes = await exchange.bytes(maxBytes);
  if (coding === undefined) return bytes;
  const whole = new GrowingBytes();
  for await (const chunk of decoded([bytes], coding, maxBytes)) whole.add(chunk);
  return bufferOf(whole.all());
}

/** The body as it arrives, decoded. */
export function arrivingBody(exchange: Exchange, { maxBytes, encodings }: Decoding): AsyncIterable<Uint8Array> {
  const coding = codingOf(exchange, encodings);
  const arriving = exchange.stream(maxBytes);
  return coding === undefined ? arriving : decoded(arriving, coding, maxBytes);
}

/**
 * Decodes, and counts what comes out: a small body may stand for a very large one. No more than a chunk beyond the
 * limit is ever made.
 */
async function* decoded(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  coding: ContentCoding,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = DECODERS[coding]();
  let [taken, made] = [0, 0];
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      taken += chunk.byteLength;
      yield chunk;
    }
  }
  // How it ends is told by the decoder.
  pipeline(counted, decoder).catch(() => {});
  try {
    for await (const chunk of decoder as AsyncIterable<Uint8Array>) {
      made += chunk.byteLength;
      if (made > maxBytes) {
        throw middlewareErrors.body_too_large(`The decoded body is larger than ${maxBytes} bytes.`);
      }
      if (made > FREE_BYTES && made > taken * MAX_RATIO) {
        throw middlewareErrors.body_too_large(`The decoded body is more than ${MAX_RATIO} times as large as it came.`);
      }
      yield chunk;
    }
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string' && /^(?:Z_|ERR_|ZSTD_)/.test(code)) {
      throw middlewareErrors.body_unparsable(`The body is not valid ${coding}.`);
    }
    throw error;
  } finally {
    decoder.destroy();
  }
}
