/**
 * The Memcached driver, on memcache-client. Entries can go at any time, when the server needs room. Several servers
 * share the keys by rendezvous hashing. The native clients are one `MemcacheClient` for each server.
 */
import type { ConnectionOptions } from 'node:tls';
import { refuseUnknown } from '@ent/internal';
import { MemcacheClient, type PackedData } from 'memcache-client';
import type {
  CacheDriver,
  CacheFeatures,
  DriverCall,
  DriverEntry,
  DriverFailure,
  DriverReadOptions,
  DriverWrite,
} from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import { assertCount } from '../../internal/checks.ts';
import { Rendezvous, wireKey } from './keys.ts';

/** The features of {@link memcached}. */
export const memcachedFeatures = {
  stores: 'bytes',
  ttlResolutionMs: 1_000,
  // An item of 1 MiB (the server's default for -I) has to hold its header and key too.
  maxValueBytes: 1024 * 1024 - 1024,
  conditional: true,
  enumerate: false,
  shared: true,
  joinsReads: true,
  tracks: false,
} as const satisfies CacheFeatures;

/** Options of {@link memcached}. */
export interface MemcachedOptions {
  /** `host:port`, one or several. All processes must name the same ones, in any order. Default: `localhost:11211`. */
  readonly servers?: string | readonly string[] | undefined;
  /** Connections to each server. Default: 1; commands are pipelined. */
  readonly maxConnections?: number | undefined;
  /** TLS options of `node:tls`. Default: no TLS. */
  readonly tls?: ConnectionOptions | undefined;
  /** The longest value in bytes, for servers started with another `-I`. Default: 1 MiB less 1 kB. */
  readonly maxValueBytes?: number | undefined;
  /**
   * Clients of your own, by the `host:port` that stands for each in the hashing. Never closed. Instead of `servers`.
   */
  readonly clients?: Readonly<Record<string, MemcacheClient>> | undefined;
}

const OPTIONS = { servers: true, maxConnections: true, tls: true, maxValueBytes: true, clients: true } as const;

// Only for a connection that swallows what it is sent: the cache has given up on the calls by then.
const REPLY_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 3_000;

/**
 * Keeps entries in Memcached 1.4.8 or later.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { memcached } from '@ent/cache/memcached';
 *
 * const cache = createCache({ driver: memcached({ servers: ['cache-1:11211', 'cache-2:11211'] }), prefix: 'app' });
 * ```
 * @throws `cache.invalid_options`
 */
export function memcached(options: MemcachedOptions = {}): CacheDriver<readonly MemcacheClient[]> {
  refuseUnknown(options, OPTIONS, 'memcached', cacheErrors.invalid_options);
  const { maxConnections = 1, tls, maxValueBytes = memcachedFeatures.maxValueBytes } = options;
  assertCount('memcached: maxConnections', maxConnections);
  assertCount('memcached: maxValueBytes', maxValueBytes);
  const features = { ...memcachedFeatures, maxValueBytes };
  if (options.clients) return new MemcachedDriver(new Map(Object.entries(options.clients)), features, false);
  const servers = [options.servers ?? 'localhost:11211'].flat();
  if (servers.length === 0) throw cacheErrors.invalid_options('memcached: servers is empty.');
  const clients = servers.map((server): [string, MemcacheClient] => {
    // memcache-client splits at the colon: IPv6 addresses do not come through.
    if (!/^[^:/\s]+:\d{1,5}$/.test(server)) {
      throw cacheErrors.invalid_options('memcached: a server is written host:port, with a name or an IPv4 address.');
    }
    const client = new BytesClient({
      server: { server, maxConnections },
      noDelay: true,
      cmdTimeout: REPLY_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      ...(tls && { tls }),
    });
    return [server, client];
  });
  return new MemcachedDriver(new Map(clients), features, true);
}

/**
 * Whatever flags an item has, its value is bytes. The client's own reading of the flags of others (a number, JSON,
 * compressed) changes them, or fails, and with it the reads of all keys of the same command.
 */
class BytesClient extends MemcacheClient {
  override _unpackValue({ data }: PackedData): Buffer {
    return data as Buffer;
  }
}

class MemcachedDriver implements CacheDriver<readonly MemcacheClient[]> {
  readonly name = 'memcached';
  readonly features: CacheFeatures;
  readonly client: readonly MemcacheClient[];
  readonly #servers: Rendezvous;
  readonly #owned: boolean;

  constructor(clients: ReadonlyMap<string, MemcacheClient>, features: CacheFeatures, owned: boolean) {
    if (clients.size === 0) throw cacheErrors.invalid_options('memcached: clients is empty.');
    for (const client of clients.values()) {
      if (typeof client?.xretrieve === 'function') continue;
      throw cacheErrors.invalid_options('memcached: clients must be clients of memcache-client.');
    }
    this.features = features;
    this.client = [...clients.values()];
    this.#servers = new Rendezvous([...clients.keys()]);
    this.#owned = owned;
  }

  connect(): Promise<void> {
    return this.ping();
  }

  async ping(): Promise<void> {
    await Promise.all(this.client.map((client) => client.version()));
  }

  async close(): Promise<void> {
    if (this.#owned) for (const client of this.client) client.shutdown();
  }

  classify(error: unknown): DriverFailure {
    if (isUnreadable(error)) return 'other';
    const message = error instanceof Error ? error.message : '';
    const answer = ANSWERS.find(([start]) => message.startsWith(start));
    // What is no answer of the server comes from the connection to it.
    return answer?.[1] ?? 'unavailable';
  }

  async get(
    keys: readonly string[],
    _call: DriverCall,
    { versions = false }: DriverReadOptions = {},
  ): Promise<(DriverEntry | undefined)[]> {
    const wire = keys.map(wireKey);
    const command = versions ? 'gets' : 'get';
    const replies = await Promise.all(
      Array.from(this.#byServer(wire), ([client, some]) => retrieve(client, command, some)),
    );
    const found = (replies.length === 1 ? replies[0]! : Object.assign({}, ...replies)) as Replies;
    return wire.map((key) => {
      if (!Object.hasOwn(found, key)) return undefined;
      const reply = found[key]!;
      const value = Buffer.isBuffer(reply.value) ? reply.value : Buffer.from(String(reply.value));
      return versions ? { value, version: String(reply.casUniq) } : { value };
    });
  }

  async set(writes: readonly DriverWrite[]): Promise<boolean[]> {
    return Promise.all(writes.map((write) => this.#set(write)));
  }

  async #set({ key, value, expiresAt, when }: DriverWrite): Promise<boolean> {
    const wire = wireKey(key);
    const client = this.#clientOf(wire);
    const options = { lifetime: exptime(expiresAt) };
    try {
      if (when === undefined) await client.set(wire, value as Buffer, options);
      else if (when === 'absent') await client.add(wire, value as Buffer, options);
      else if (when === 'present') await client.replace(wire, value as Buffer, options);
      else await client.cas(wire, value as Buffer, { ...options, casUniq: when.version });
      return true;
    } catch (error) {
      if (isAnswer(error, 'NOT_STORED', 'EXISTS', 'NOT_FOUND') && when !== undefined) return false;
      throw error;
    }
  }

  async delete(keys: readonly string[]): Promise<boolean[]> {
    return Promise.all(
      keys.map(async (key) => {
        const wire = wireKey(key);
        try {
          await this.#clientOf(wire).delete(wire);
          return true;
        } catch (error) {
          if (isAnswer(error, 'NOT_FOUND')) return false;
          throw error;
        }
      }),
    );
  }

  shardOf(key: string): number {
    return this.client.length === 1 ? 0 : this.#servers.pick(wireKey(key));
  }

  #clientOf(wire: string): MemcacheClient {
    return this.client[this.#servers.pick(wire)]!;
  }

  #byServer(wire: string[]): Iterable<[MemcacheClient, string[]]> {
    if (this.client.length === 1) return [[this.client[0]!, wire]];
    const groups = new Map<MemcacheClient, string[]>();
    for (const key of wire) {
      const client = this.#clientOf(key);
      const group = groups.get(client);
      if (group) group.push(key);
      else groups.set(client, [key]);
    }
    return groups;
  }
}

type Replies = Record<string, Reply>;

async function retrieve(client: MemcacheClient, command: 'get' | 'gets', keys: string[]): Promise<Replies> {
  try {
    // The array form: for a single key the client looks it up on the prototype too.
    return (await client.xretrieve(command, keys)) as Replies;
  } catch (error) {
    // A client of the application could not read another's item. Without its version a write cannot go by it.
    if (!isUnreadable(error) || (command === 'gets' && keys.length === 1)) throw error;
    if (keys.length === 1) return {};
    const alone = await Promise.all(keys.map((key) => retrieve(client, command, [key])));
    return Object.assign({}, ...alone) as Replies;
  }
}

/** What memcache-client throws for an item whose flags say JSON or compressed, and that is not. */
function isUnreadable(error: unknown): boolean {
  return error instanceof SyntaxError || (error as Error).message.startsWith('No compressor');
}

/** What the server's answers mean, by how they begin; the first that fits counts. */
const ANSWERS: readonly (readonly [start: string, failure: DriverFailure])[] = [
  ['SERVER_ERROR object too large', 'too_large'],
  // It is there, but cannot serve: no connection is free.
  ['ERROR Too many open connections', 'unavailable'],
  ['SERVER_ERROR out of memory', 'unwritable'],
  ['SERVER_ERROR', 'other'],
  ['CLIENT_ERROR', 'other'],
  ['ERROR', 'other'],
  ['NOT_STORED', 'other'],
  ['EXISTS', 'other'],
  ['NOT_FOUND', 'other'],
];

interface Reply {
  readonly value: unknown;
  readonly casUniq?: number | string;
}

const TICKS = 2;
const MONTH_SECONDS = 30 * 24 * 60 * 60;

/**
 * Memcached knows the whole seconds as they were at its last tick. The ticks are a second apart and a bit, so that one
 * can fall short before a full second and the next past the one after it: an item lives up to two seconds less than
 * asked for (1.6.18). So two more are added, and the core enforces the milliseconds. More than 30 days mean a date.
 */
function exptime(expiresAt: number | null): number {
  if (expiresAt === null) return 0;
  const left = expiresAt - Date.now();
  if (left <= 0) return -1;
  const seconds = Math.ceil(left / 1000) + TICKS;
  if (seconds <= MONTH_SECONDS) return seconds;
  const date = Math.ceil(expiresAt / 1000) + TICKS;
  return date <= LATEST_DATE ? date : 0;
}

// 2038-01-19: the server (1.6.18) takes a later date for one that has passed.
// Such an entry is kept until there is no room.
const LATEST_DATE = 0x7fff_ffff;

function isAnswer(error: unknown, ...answers: readonly string[]): boolean {
  return error instanceof Error && answers.includes(error.message);
}
