import type { Codec } from './codec.ts';

/** Options of `createSerializer`. */
export interface SerializerOptions {
  /** Default `json`. */
  codec?: Codec | undefined;
  /** More codecs that can be read, for a change of codec without losing what is stored. */
  alsoRead?: readonly Codec[] | undefined;
  /**
   * Version of the shape of your values, 0 to 4294967295; raise it when the shape changes. Bytes of another version are
   * refused with `serialization.other_version`. Default `0`.
   */
  version?: number | undefined;
  /** Off unless given. */
  compression?: CompressionOptions | undefined;
  /** Off unless given. Once on, bytes that are not encrypted are refused. */
  encryption?: EncryptionOptions | undefined;
  /**
   * The most bytes that stored bytes may inflate to. It holds for reading, also where compression is off now: what is
   * stored may have been compressed before. Default 67108864 (64 MiB).
   */
  maxInflatedBytes?: number | undefined;
}

/** How a serializer compresses. */
export interface CompressionOptions {
  /** Values of at least this many encoded bytes are compressed, if that makes them smaller. Default `1024`. */
  minBytes?: number | undefined;
  /** `"zstd"` is the fastest, `"gzip"` is read by everything. Default `"zstd"`. */
  algorithm?: 'zstd' | 'gzip' | undefined;
}

/** How a serializer encrypts. */
export interface EncryptionOptions {
  /**
   * AES-256-GCM keys of 32 bytes each, as bytes or as base64 text. The first one encrypts, all of them decrypt: to
   * rotate, put a new key first and drop the old one when nothing encrypted with it is left. With random nonces one key
   * is good for 2^32 values (NIST SP 800-38D, 8.3).
   */
  keys: readonly (Uint8Array | string)[];
}
