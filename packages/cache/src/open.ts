import type { Cache } from './cache.ts';
import { createCache } from './cache.ts';
import type { CacheDriver } from './driver.ts';
import { cacheErrors } from './errors.ts';
import type { CacheOptions } from './options.ts';

/** Options of {@link openCache}: those of `createCache` but the driver, which the URL names. */
export type OpenCacheOptions = Omit<CacheOptions, 'driver'>;

// Imported when asked for: a driver's library is needed only where its URL is used.
const SCHEMES: Record<string, (url: URL) => Promise<CacheDriver>> = {
  'memory:': async (url) => {
    const { memory } = await import('./drivers/memory.ts');
    const { maxEntries, maxBytes, values } = parameters(url, ['maxEntries', 'maxBytes', 'values']);
    return memory({
      ...(maxEntries !== undefined && { maxEntries: Number(maxEntries) }),
      ...(maxBytes !== undefined && { maxBytes: Number(maxBytes) }),
      ...(values !== undefined && { values: values as 'frozen' }),
    });
  },
};

/**
 * Makes a cache from a URL, for settings that come from the environment.
 *
 * | URL | driver |
 * |---|---|
 * | `memory:` with `?maxEntries=`, `&maxBytes=`, `&values=` | `memory()` |
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
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const open = parsed && Object.hasOwn(SCHEMES, parsed.protocol) ? SCHEMES[parsed.protocol] : undefined;
  if (!parsed || !open) {
    // Not the whole URL: it can hold a password.
    const got = parsed ? `the scheme ${parsed.protocol}` : 'something that is not a URL';
    throw cacheErrors.unknown_scheme(`openCache supports ${Object.keys(SCHEMES).join(', ')} URLs; got ${got}`);
  }
  return createCache({ ...options, driver: await open(parsed) });
}

function parameters<Name extends string>(url: URL, known: readonly Name[]): { [N in Name]?: string } {
  const found: { [N in Name]?: string } = {};
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name as Name)) {
      throw cacheErrors.invalid_options(`${url.protocol} URLs have the parameters ${known.join(', ')}; got ${name}`);
    }
    found[name as Name] = value;
  }
  return found;
}
