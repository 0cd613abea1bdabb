import { jsonKeeps, lossIn } from '@ent/internal';
import { cacheErrors } from '../../errors.ts';
import type { CacheSerializer } from '../../options.ts';

/**
 * The serializer of caches that name none: JSON in UTF-8, for plain data. What JSON would change is
 * refused with its place: dates, maps, NaN, binary, class instances. `undefined` is kept at the
 * top, and an undefined property counts as absent.
 */
export const strictJson: CacheSerializer = {
  serialize(value) {
    // No JSON text is empty, so no bytes can stand for undefined.
    if (value === undefined) return new Uint8Array(0);
    const loss = lossIn(value, jsonKeeps);
    if (loss !== undefined) {
      throw new TypeError(
        `JSON would not keep ${loss.what} at ${loss.pointer}; convert it, or give the cache a serializer, such as v8 of @ent/serialization`,
      );
    }
    return Buffer.from(JSON.stringify(value));
  },
  deserialize(bytes) {
    if (bytes.length === 0) return undefined;
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as unknown;
  },
};

/** @throws `cache.not_serializable` */
export function serialize(value: unknown, serializer: CacheSerializer, key: string): Uint8Array {
  try {
    return serializer.serialize(value, key);
  } catch (cause) {
    throw cacheErrors.not_serializable(`The value cannot be stored: ${(cause as Error).message}`, { cause });
  }
}
