import { demandOptions, openByUrl, REDIS_SCHEMES, redisServers, type Scheme } from '@ent/internal';
import { type Cache, createCache } from './cache.ts';
import type { CacheDriver } from './driver.ts';
import { cacheErrors } from './errors.ts';
import type { CacheOptions } from './options.ts';

/**
 * A module that makes a driver of a URL: what a package with a driver exports. See {@link OpenCacheOptions.drivers}.
 */
export interface CacheDriverModule {
  /** @param url as it was given to `openCache`; what it may hold, and that it is right, is the driver's to say */
  openDriver(url: string): CacheDriver | Promise<CacheDriver>;
}

/** Options of {@link openCache}: those of `createCache` but the driver, which the URL names. */
export interface OpenCacheOptions extends Omit<CacheOptions, 'driver'> {
  /**
   * Drivers of others, by the scheme of their URLs: `{ valkey: () => import('a-valkey-driver') }`. A scheme of ours
   * that is named here is theirs.
   */
  readonly drivers?: Readonly<Record<string, () => Promise<CacheDriverModule>>> | undefined;
}

/**
 * Makes a cache from a URL, for settings that come from the environment.
 * Install the library of the driver that it names.
 *
 * | URL | driver |
 * |---|---|
 * | `memory:` with `?maxEntries=`, `&maxBytes=`, `&values=` | `memory()` |
 * | `redis://user:password@host:6379/0`, `rediss://` with TLS | `redis()` |
 * | `redis+cluster://user:password@host-1:6379,host-2:6379`, `rediss+cluster://` with TLS | `redis({ cluster })` |
 * | `redis+sentinel://user:password@host-1:26379,host-2:26379/primary-name` | `redis({ sentinel })` |
 * | `memcached://host-1:11211,host-2:11211` | `memcached()` |
 *
 * @example
 * ```ts
 * import { openCache } from '@ent/cache/open';
 *
 * const cache = await openCache(process.env.CACHE_URL ?? 'memory:', { ttl: '5m' });
 * await cache.close();
 * ```
 * @throws `cache.unknown_scheme` with the supported ones; `cache.invalid_options`
 */
export async function openCache(url: string, options: OpenCacheOptions = {}): Promise<Cache> {
  demandOptions(options, 'openCache', cacheErrors.invalid_options);
  const { drivers, ...rest } = options;
  const errors = { unknown: cacheErrors.unknown_scheme, invalid: cacheErrors.invalid_options };
  const driver = await openByUrl('openCache', url, SCHEMES, undefined, errors, drivers);
  return createCache({ ...rest, driver });
}

const redisScheme = (hosts: 'one' | 'several'): Scheme<CacheDriver, undefined> => ({
  hosts,
  parameters: [],
  async open(url) {
    const { redis } = await import('./drivers/redis/index.ts');
    return redis(redisServers(url, cacheErrors.invalid_options) as { url: string });
  },
});

const SCHEMES: Readonly<Record<string, Scheme<CacheDriver, undefined>>> = {
  memory: {
    hosts: 'none',
    parameters: ['maxEntries', 'maxBytes', 'values'],
    async open({ parameters: { maxEntries, maxBytes, values } }) {
      const { memory } = await import('./drivers/memory/index.ts');
      return memory({
        ...(maxEntries !== undefined && { maxEntries: Number(maxEntries) }),
        ...(maxBytes !== undefined && { maxBytes: Number(maxBytes) }),
        ...(values !== undefined && { values: values as 'frozen' }),
      });
    },
  },
  ...Object.fromEntries(Object.entries(REDIS_SCHEMES).map(([name, hosts]) => [name, redisScheme(hosts)])),
  memcached: {
    hosts: 'several',
    parameters: [],
    async open({ user, password, hosts }) {
      const { memcached } = await import('./drivers/memcached/index.ts');
      if (user !== undefined || password !== undefined) {
        throw cacheErrors.invalid_options(
          'memcached: URLs have no user or password: the client library cannot sign in.',
        );
      }
      return memcached({ servers: hosts.map((host) => (/:\d+$/.test(host) ? host : `${host}:11211`)) });
    },
  },
};
