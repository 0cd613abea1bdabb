import { missingPackage } from '@ent/internal';
import type { Cache } from './cache.ts';
import { createCache } from './cache.ts';
import type { CacheDriver } from './driver.ts';
import { cacheErrors } from './errors.ts';
import type { CacheOptions } from './options.ts';

/** Options of {@link openCache}: those of `createCache` but the driver, which the URL names. */
export type OpenCacheOptions = Omit<CacheOptions, 'driver'>;

/** A URL whose authority may list several hosts, which `URL` does not take. */
interface CacheUrl {
  readonly scheme: string;
  /** With the first host only. */
  readonly url: URL;
  /** `host:port`, or `host` alone. */
  readonly hosts: readonly string[];
}

// Imported when asked for: a driver's library is needed only where its URL is used.
const SCHEMES: Record<string, (url: CacheUrl) => Promise<CacheDriver>> = {
  'memory:': async ({ url }) => {
    const { memory } = await import('./drivers/memory.ts');
    const { maxEntries, maxBytes, values } = parameters(url, ['maxEntries', 'maxBytes', 'values']);
    return memory({
      ...(maxEntries !== undefined && { maxEntries: Number(maxEntries) }),
      ...(maxBytes !== undefined && { maxBytes: Number(maxBytes) }),
      ...(values !== undefined && { values: values as 'frozen' }),
    });
  },
  'redis:': openRedis,
  'rediss:': openRedis,
  'redis+cluster:': openRedisCluster,
  'rediss+cluster:': openRedisCluster,
  'redis+sentinel:': async ({ url, hosts }) => {
    const { redis } = await import('./drivers/redis.ts');
    parameters(url, []);
    const name = decoded(url.pathname.slice(1), url);
    if (name === '')
      throw cacheErrors.invalid_options('redis+sentinel URLs end in the name of the primary, such as /mymaster');
    const sentinelRootNodes = hosts.map((host) => {
      const node = new URL(`redis://${host}`);
      return { host: node.hostname.replace(/^\[|\]$/g, ''), port: Number(node.port || 26379) };
    });
    return redis({ sentinel: { name, sentinelRootNodes, nodeClientOptions: credentials(url) } });
  },
  'memcached:': async ({ url, hosts }) => {
    const { memcached } = await import('./drivers/memcached.ts');
    parameters(url, []);
    if (url.username !== '' || url.password !== '') {
      throw cacheErrors.invalid_options('memcached URLs have no user or password: the client library cannot sign in');
    }
    return memcached({ servers: hosts.map((host) => (/:\d+$/.test(host) ? host : `${host}:11211`)) });
  },
};

/**
 * Makes a cache from a URL, for settings that come from the environment. Install the library of the driver that it names.
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
  const parsed = parse(url);
  const open = parsed && Object.hasOwn(SCHEMES, parsed.scheme) ? SCHEMES[parsed.scheme] : undefined;
  // No part of the URL but its scheme in messages: the rest can hold a password.
  const scheme = Object.keys(SCHEMES).find((known) => String(url).startsWith(`${known}//`));
  if (!parsed && scheme !== undefined) {
    throw cacheErrors.invalid_options(
      `the host or port of the ${scheme} URL is not valid; in a user or password, characters such as / @ : are written %2F %40 %3A`,
    );
  }
  if (!parsed || !open) {
    const got = parsed ? `the scheme ${parsed.scheme}` : 'something that is not a URL';
    throw cacheErrors.unknown_scheme(`openCache supports ${Object.keys(SCHEMES).join(', ')} URLs; got ${got}`);
  }
  return createCache({ ...options, driver: await open(parsed).catch(explain) });

  function explain(cause: unknown): never {
    const library = missingPackage(cause);
    if (library === undefined) throw cause;
    throw cacheErrors.invalid_options(
      `${parsed!.scheme} URLs need the package ${library}, which is not installed; run npm install ${library}`,
      { cause },
    );
  }
}

async function openRedis({ url, hosts }: CacheUrl): Promise<CacheDriver> {
  const { redis } = await import('./drivers/redis.ts');
  if (hosts.length > 1) {
    throw cacheErrors.invalid_options(
      `${url.protocol} URLs have one host; for several use redis+cluster: or redis+sentinel:`,
    );
  }
  parameters(url, []);
  return redis({ url: url.href });
}

async function openRedisCluster({ scheme, url, hosts }: CacheUrl): Promise<CacheDriver> {
  const { redis } = await import('./drivers/redis.ts');
  parameters(url, []);
  const tls = scheme.startsWith('rediss');
  return redis({
    cluster: {
      rootNodes: hosts.map((host) => ({ url: `redis${tls ? 's' : ''}://${host}`, ...credentials(url) })),
      defaults: { ...credentials(url), ...(tls && { socket: { tls } }) },
    },
  });
}

function parse(text: string): CacheUrl | undefined {
  const [, scheme, user = '', list, rest = ''] =
    /^([a-z][a-z0-9+.-]*:)\/\/([^/?#]*@)?([^/?#@]+)(.*)$/is.exec(text) ?? [];
  const hosts = list?.split(',') ?? [];
  const single = list === undefined ? text : `${scheme}//${user}${hosts[0]}${rest}`;
  if (!URL.canParse(single) || hosts.slice(1).some((host) => !URL.canParse(`${scheme}//${host}`))) return undefined;
  const url = new URL(single);
  return { scheme: url.protocol, url, hosts };
}

function credentials(url: URL): { username?: string; password?: string } {
  const { username, password } = url;
  return {
    ...(username !== '' && { username: decoded(username, url) }),
    ...(password !== '' && { password: decoded(password, url) }),
  };
}

function decoded(text: string, { protocol }: URL): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw cacheErrors.invalid_options(`a % that means itself is written %25 in a ${protocol} URL`, { cause });
  }
}

function parameters<Name extends string>(url: URL, known: readonly Name[]): { [N in Name]?: string } {
  const found: { [N in Name]?: string } = {};
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name as Name)) {
      throw cacheErrors.invalid_options(
        `${url.protocol} URLs have ${known.length === 0 ? 'no parameters' : `the parameters ${known.join(', ')}`}; got ${name}`,
      );
    }
    found[name as Name] = value;
  }
  return found;
}
