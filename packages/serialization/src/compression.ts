import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { serializationErrors } from './errors.ts';

/** The compressions by their number in the envelope. */
export const COMPRESSION = { none: 0, gzip: 1, zstd: 2 } as const;

/**
 * The bytes compressed, or `undefined` when that does not make them smaller. Synchronous: for the sizes of cache
 * entries and messages a trip to the thread pool costs more than the work, and it would queue behind password hashing.
 */
export function compress(bytes: Uint8Array, algorithm: 'gzip' | 'zstd'): Uint8Array | undefined {
  const compressed =
    algorithm === 'zstd'
      ? zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
      : gzipSync(bytes, { level: 1 });
  return compressed.length < bytes.length ? compressed : undefined;
}

/** @throws `serialization.too_large` past the limit, so that a small stored value cannot fill the memory */
export function inflate(bytes: Uint8Array, compression: number, maxOutputLength: number): Uint8Array {
  try {
    return compression === COMPRESSION.zstd
      ? zstdDecompressSync(bytes, { maxOutputLength })
      : gunzipSync(bytes, { maxOutputLength });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw serializationErrors.too_large(
        `The stored value inflates to more than ${maxOutputLength} bytes; raise maxInflatedBytes if that is expected.`,
      );
    }
    throw cause;
  }
}
