/**
 * The Redis driver, on node-redis: one server, a cluster, or sentinels. A write is there for every
 * process once it resolves, as far as Redis itself goes: a failover can lose what was acknowledged
 * last. The native client is the node-redis client.
 */
import { hash } from 'node:crypto';
import { demandOptions, Offline, RedisConnection, RedisNodes, redisCode, refuseUnknown } from '@ent/internal';
import { ErrorReply, type RedisClientType, type RedisClusterType, type RedisSentinelType, RESP_TYPES } from 'redis';
import type {
  CacheDriver,
  CacheFeatures,
  ChangeListener,
  DriverCall,
  DriverCount,
  DriverEntry,
  DriverFailure,
  DriverReadOptions,
  DriverWrite,
} from '../../driver.ts';
import { cacheErrors } from '../../errors.ts';
import { ChangeFeed, hearFromAll } from './changes.ts';
import {
  hasPool,
  makeClient,
  type RedisClusterDriverOptions,
  type RedisDriverClient,
  type RedisMadeOptions,
  type RedisSentinelDriverOptions,
  type RedisServerOptions,
} from './client.ts';
import type { Commands } from './commands.ts';
import { NATIVE } from './native.ts';
import { incrementCounter, setIfVersion } from './scripts.ts';

export type {
  RedisClusterDriverOptions,
  RedisDriverClient,
  RedisSentinelDriverOptions,
  RedisServerOptions,
} from './client.ts';

/** The features of {@link redis}. */
export const redisFeatures = {
  stores: 'bytes',
  ttlResolutionMs: 1,
  maxValueBytes: 512 * 1024 * 1024,
  conditional: true,
  enumerate: true,
  shared: true,
  joinsReads: true,
  tracks: true,
} as const satisfies CacheFeatures;

/** Options for a client of your own. It is connected if it is not, and never closed. */
export interface RedisOwnClientOptions<Client extends RedisDriverClient> {
  readonly client: Client;
}

/**
 * Keeps entries in Redis 6.2 or later.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app', ttl: '5m' });
 * ```
 * @throws `cache.invalid_options`
 */
export function redis(options: RedisClusterDriverOptions): CacheDriver<RedisClusterType>;
export function redis(options: RedisSentinelDriverOptions): CacheDriver<RedisSentinelType>;
export function redis<Client extends RedisDriverClient>(options: RedisOwnClientOptions<Client>): CacheDriver<Client>;
export function redis(options?: RedisServerOptions): CacheDriver<RedisClientType>;
export function redis(
  options: RedisMadeOptions | RedisOwnClientOptions<RedisDriverClient> = {},
): CacheDriver<RedisDriverClient> {
  demandOptions(options, 'redis', cacheErrors.invalid_options);
  if ('client' in options) {
    refuseUnknown(options, { client: true }, 'redis', cacheErrors.invalid_options);
    if (typeof (options.client as Partial<Commands> | undefined)?.withCommandOptions !== 'function') {
      throw cacheErrors.invalid_options(
        'redis: client must be one of node-redis, made by createClient, createCluster or createSentinel.',
      );
    }
    return new RedisDriver(options.client, false);
  }
  const remake = (changes: ChangeFeed): RedisDriverClient => makeClient(options, changes);
  return new RedisDriver(makeClient(options), true, hasPool(options) ? undefined : remake);
}

class RedisDriver<Client extends RedisDriverClient> implements CacheDriver<Client> {
  readonly name = 'redis';
  readonly features: CacheFeatures;
  readonly #owned: boolean;
  readonly #remake: ((changes: ChangeFeed) => RedisDriverClient) | undefined;
  #client!: Client;
  /** Their answers are strings. */
  #commands!: Commands;
  /** Their answers are bytes. */
  #bytes!: Commands;
  #connection!: RedisConnection;

  /** @param remake makes the client anew, with a handshake that asks to be told of changes */
  constructor(client: Client, owned: boolean, remake?: (changes: ChangeFeed) => RedisDriverClient) {
    this.features = remake === undefined ? { ...redisFeatures, tracks: false } : redisFeatures;
    this.#owned = owned;
    this.#remake = remake;
    this.#use(client);
  }

  #use(client: Client): void {
    if (client._keyPrefix !== undefined) {
      // It would stand in front of the keys of commands, but not of those that SCAN, scripts and changes tell.
      throw cacheErrors.invalid_options('redis: a client with a keyPrefix does not do; give createCache a prefix.');
    }
    this.#client = client;
    const native = client as unknown as Commands;
    const single = this.#owned && !('slots' in client) && !('getSentinelNode' in client);
    // node-redis gives each command a deadline until it is sent, which costs as much as all that this package
    // does for a read. Calls have theirs here, so that is only worth it where commands wait for a connection:
    // they must not be sent long after they were given up.
    const options = single ? { timeout: undefined } : {};
    // A client of the application may have other types by default.
    this.#commands = native.withCommandOptions({ ...options, typeMapping: {} });
    this.#bytes = native.withCommandOptions({ ...options, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });
    const nodes = 'slots' in client ? new RedisNodes(client, this.#owned) : undefined;
    if (nodes) this.shardOf = nodes.numberOf;
    this.#connection = new RedisConnection(native, { owned: this.#owned, single, replaceNode: nodes?.replace });
  }

  get client(): Client {
    return this.#client;
  }

  connect(): Promise<void> {
    return this.#connection.connected();
  }

  async ping(call: DriverCall, key: string): Promise<void> {
    // Not PING: a cluster has none, and a server that is loading its data answers it.
    await this.#connection.run(call, key, () => this.#commands.exists(key));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  classify(error: unknown): DriverFailure {
    if (error instanceof ErrorReply) return CODES.get(redisCode(error) ?? '') ?? 'other';
    if (error instanceof Offline) return 'unavailable';
    // A sentinel client trips over its own missing node during a failover (6.3.1).
    if (error instanceof TypeError && 'getSentinelNode' in this.client) return 'unavailable';
    // A wrong argument is our fault; what is left comes from sockets, timeouts and the search for nodes.
    return error instanceof TypeError || error instanceof RangeError ? 'other' : 'unavailable';
  }

  get(
    keys: readonly string[],
    call: DriverCall,
    { versions = false }: DriverReadOptions = {},
  ): Promise<(DriverEntry | undefined)[]> {
    const entryOf = versions ? versionedEntry : plainEntry;
    const commands = this.#bytes;
    return this.#connection.run(call, keys[0], async () => {
      try {
        if (keys.length === 1) return [entryOf(await commands.get(keys[0]!))];
        // The commands of one tick travel together in any case; MGET is one only where all keys are on one server.
        const all = this.shardOf === undefined;
        const values = await (all
          ? commands.mGet(keys as string[])
          : Promise.all(keys.map((key) => commands.get(key))));
        return values.map(entryOf);
      } catch (error) {
        // MGET answers null for what is no text, such as a list of another program.
        if (!isOtherType(error)) throw error;
        return Promise.all(keys.map(async (key) => entryOf(await this.#text(key, versions ? UNREADABLE : null))));
      }
    });
  }

  async #text(key: string, other: Buffer | null): Promise<Buffer | null> {
    try {
      return await this.#bytes.get(key);
    } catch (error) {
      if (isOtherType(error)) return other;
      throw error;
    }
  }

  set(writes: readonly DriverWrite[], call: DriverCall): Promise<boolean[]> {
    return this.#connection.run(call, writes[0]?.key, () => Promise.all(writes.map((write) => this.#set(write))));
  }

  async #set({ key, value, expiresAt, when }: DriverWrite): Promise<boolean> {
    const bytes = value as Buffer;
    const px = milliseconds(expiresAt);
    if (typeof when === 'object') {
      const args = [when.version, bytes, px === undefined ? '' : String(px)];
      return (await setIfVersion.run(this.#commands, key, args)) === 1;
    }
    const expiration = px !== undefined && { expiration: { type: 'PX', value: px } };
    const condition = when !== undefined && { condition: when === 'absent' ? 'NX' : 'XX' };
    return (await this.#commands.set(key, bytes, { ...expiration, ...condition })) !== null;
  }

  delete(keys: readonly string[], call: DriverCall): Promise<boolean[]> {
    return this.#connection.run(call, keys[0], async () => {
      const removed = await Promise.all(keys.map((key) => this.#commands.unlink(key)));
      return removed.map((count) => count === 1);
    });
  }

  take(key: string, call: DriverCall): Promise<DriverEntry | undefined> {
    return this.#connection.run(call, key, async () => {
      try {
        return plainEntry(await this.#bytes.getDel(key));
      } catch (error) {
        if (!isOtherType(error)) throw error;
        await this.#commands.unlink(key);
        return undefined;
      }
    });
  }

  /** Of a cluster. */
  shardOf?: (key: string) => number;

  async *scan(prefix: string, call: DriverCall): AsyncIterable<readonly string[]> {
    const options = { MATCH: `${literally(prefix)}*`, COUNT: 500 };
    let cursor = '0';
    do {
      const page = await this.#connection.run(call, undefined, () => this.#commands.scan(cursor, options));
      yield page.keys;
      cursor = page.cursor;
    } while (cursor !== '0');
  }

  track(listener: ChangeListener): (call: DriverCall, key: string) => Promise<void> {
    if (this.#client.isOpen) {
      throw cacheErrors.invalid_options('redis: a local tier must be set up before the client is connected.');
    }
    const client = this.#remake!(new ChangeFeed(listener)) as Client;
    this.#use(client);
    return (call, key) => this.#connection.run(call, undefined, () => hearFromAll(client, key));
  }

  increment(
    key: string,
    by: number,
    {
      initial,
      expiresAt,
      suffix,
    }: { readonly initial: number; readonly expiresAt: number | null; readonly suffix: string },
    call: DriverCall,
  ): Promise<DriverCount | undefined | 'overflow'> {
    return this.#connection.run(call, key, async () => {
      const start = initial + by;
      const px = milliseconds(expiresAt);
      const answer = await incrementCounter.run(this.#commands, key, [
        String(by),
        Number.isSafeInteger(start) ? String(start) : '',
        px === undefined ? '' : String(px),
        suffix,
      ]);
      if (!Array.isArray(answer)) return answer === 'overflow' ? 'overflow' : undefined;
      const [sum, left] = answer as [sum: string, left: number];
      return { count: Number(sum), ttlMs: left === -1 ? null : left };
    });
  }

  expiry(key: string, call: DriverCall): Promise<number | null | undefined> {
    return this.#connection.run(call, key, async () => {
      const left = await this.#commands.pTTL(key);
      if (left === -2) return undefined;
      return left === -1 ? null : Date.now() + left;
    });
  }

  /** For the extras: native commands with all that this driver does around them. */
  [NATIVE]<T>(call: DriverCall, key: string | undefined, work: (client: Client) => Promise<T>): Promise<T> {
    return this.#connection.run(call, key, () => work(this.#client));
  }
}

/** What the codes mean, where it is no fault of the call: the server is there, but cannot serve, or write, now. */
const CODES: ReadonlyMap<string, DriverFailure> = new Map([
  ['OOM', 'unwritable'],
  ['MISCONF', 'unwritable'],
  ['READONLY', 'unwritable'],
  ['NOREPLICAS', 'unwritable'],
  ['LOADING', 'unavailable'],
  ['CLUSTERDOWN', 'unavailable'],
  ['MASTERDOWN', 'unavailable'],
  ['TRYAGAIN', 'unavailable'],
  ['MOVED', 'unavailable'],
  ['ASK', 'unavailable'],
  ['UNKILLABLE', 'unavailable'],
  ['BUSY', 'unavailable'],
]);

// What a write has to know of that is no text: something is there, and it is none of ours. The scripts read it so too.
const UNREADABLE = Buffer.alloc(0);

function isOtherType(error: unknown): boolean {
  return redisCode(error) === 'WRONGTYPE';
}

function plainEntry(value: Buffer | null): DriverEntry | undefined {
  return value === null ? undefined : { value };
}

function versionedEntry(value: Buffer | null): DriverEntry | undefined {
  return value === null ? undefined : { value, version: hash('sha1', value) };
}

/** What is left until the expiry. Relative, since the server's clock is another; at least 1, since 0 is an error. */
function milliseconds(expiresAt: number | null): number | undefined {
  return expiresAt === null ? undefined : Math.max(1, Math.ceil(expiresAt - Date.now()));
}

/** A prefix as a MATCH pattern that means just it. */
function literally(prefix: string): string {
  return prefix.replace(/[*?[\]\\^]/g, '\\$&');
}
