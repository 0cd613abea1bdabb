import { jsonKeeps, lossIn } from '@ent/internal';
import type { CacheSerializer } from '../../options.ts';

/**
 * JSON in UTF-8 as the whole entry, so that any client of the backend reads and writes it. What JSON would change is
 * refused with its place: undefined, dates, bigints, bytes, maps, NaN, class instances.
 *
 * @example
 * ```ts no-run
 * import { createCache, plainJson } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 *
 * const cache = createCache({ driver: redis(), prefix: 'shop', serializer: plainJson });
 * await cache.set('rate', { eur: 1.08 }, { ttl: '1m' }); // in redis-cli: GET shop:rate
 * ```
 */
export const plainJson: CacheSerializer = {
  plain: true,
  serialize(value) {
    const loss = lossIn(value, jsonKeeps);
    const what = value === undefined ? { what: 'undefined', pointer: '#' } : loss;
    if (what !== undefined) throw new TypeError(`plain JSON does not keep ${what.what} at ${what.pointer}; convert it`);
    return Buffer.from(JSON.stringify(value));
  },
  deserialize(bytes) {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as unknown;
  },
};
