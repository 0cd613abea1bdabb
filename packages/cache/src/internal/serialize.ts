import { cacheErrors } from '../errors.ts';
import type { CacheSerializer } from '../options.ts';

/** @throws `cache.not_serializable` */
export function serialize(value: unknown, serializer: CacheSerializer, key: string): Uint8Array {
  try {
    return serializer.serialize(value, key);
  } catch (cause) {
    throw cacheErrors.not_serializable(`the value cannot be stored: ${(cause as Error).message}`, { cause });
  }
}
