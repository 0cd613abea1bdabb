/**
 * The Redis driver, on node-redis: one server, a cluster, or sentinels. A write is there for every process once it resolves, as far as
 * Redis itself goes: a failover can lose what was acknowledged last. The native client is the node-redis client.
 */
import { hash } from 'node:crypto';
import {
  createClient,
  createCluster,
  createSentinel,
  ErrorReply,
  type RedisClientOptions,
  type RedisClientType,
  type RedisClusterOptions,
  type RedisClusterType,
  type RedisSentinelOptions,
  type RedisSentinelType,
  RESP_TYPES,
} from 'redis';
import type {
  CacheDriver,
  CacheFeatures,
  ChangeListener,
  DriverCall,
  DriverEntry,
  DriverFailure,
  DriverReadOptions,
  DriverWrite,
} from '../driver.ts';
import { cacheErrors } from '../errors.ts';
import { remote } from '../remote.ts';
import { ChangeFeed, hearFromAll } from './redis/changes.ts';
import { type Connectable, Connection, Offline } from './redis/connection.ts';
import { NATIVE } from './redis/native.ts';
import { Nodes } from './redis/nodes.ts';
import { incrementCounter, setIfVersion } from './redis/scripts.ts';

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

/** The clients that {@link redis} works on. */
export type RedisDriverClient = RedisClientType | RedisClusterType | RedisSentinelType;

/** Options for one server: those of node-redis' `createClient`, foremost `url`. */
export type RedisServerOptions = Pick<
  RedisClientOptions,
  'url' | 'socket' | 'username' | 'password' | 'database' | 'name' | 'credentialsProvider'
>;

/** Options for a cluster. */
export interface RedisClusterDriverOptions {
  /** Those of node-redis' `createCluster`. Credentials belong into `defaults`: `rootNodes` do not pass theirs on. */
  readonly cluster: RedisClusterOptions;
}

/** Options for a primary that sentinels know. */
export interface RedisSentinelDriverOptions {
  /** Those of node-redis' `createSentinel`. */
  readonly sentinel: RedisSentinelOptions;
}

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
  options:
    | RedisServerOptions
    | RedisClusterDriverOptions
    | RedisSentinelDriverOptions
    | RedisOwnClientOptions<RedisDriverClient> = {},
): CacheDriver<RedisDriverClient> {
  if ('client' in options) return new RedisDriver(options.client, false);
  const remake = (changes: ChangeFeed): RedisDriverClient => makeClient(options, changes);
  return new RedisDriver(makeClient(options), true, hasPool(options) ? undefined : remake);
}

/** Whether commands take one of several connections to a server. Each would hear of the keys that itself has read. */
function hasPool(options: object | RedisSentinelDriverOptions): boolean {
  if (!('sentinel' in options)) return false;
  const { masterPoolSize = 1, replicaPoolSize = 0 } = options.sentinel;
  return masterPoolSize > 1 || replicaPoolSize > 0;
}

function makeClient(
  options: RedisServerOptions | RedisClusterDriverOptions | RedisSentinelDriverOptions,
  changes?: ChangeFeed,
): RedisDriverClient {
  const tracking = changes && { clientSideCache: changes };
  let client: RedisDriverClient;
  try {
    if ('cluster' in options) {
      // A node is connected to when it is needed: one that hangs would hold up the start, and what is learnt of the others.
      client = createCluster({
        minimizeConnections: true,
        ...options.cluster,
        ...tracking,
      }) as unknown as RedisClusterType;
    } else if ('sentinel' in options) {
      client = createSentinel({ ...options.sentinel, ...tracking }) as unknown as RedisSentinelType;
    } else {
      // Without a connection commands fail at once; waiting for one would only end at the deadline.
      client = createClient({
        ...options,
        ...tracking,
        disableOfflineQueue: true,
        // What it asks the server at the start looks up the name of an address with its brackets, and fails (6.3.1).
        ...(options.url?.includes('[') && { maintNotifications: 'disabled' as const }),
      }) as unknown as RedisClientType;
    }
  } catch (cause) {
    throw cacheErrors.invalid_options(`redis: ${(cause as Error).message}`, { cause });
  }
  // Node ends the process for an "error" without a listener. Each call tells its own error.
  client.on('error', () => {});
  return client;
}

/** The commands that are used; the three client types have them in common, but not their generic types. */
interface Commands extends Connectable {
  get(key: string): Promise<Buffer | null>;
  mGet(keys: string[]): Promise<(Buffer | null)[]>;
  set(key: string, value: Buffer, options?: object): Promise<unknown>;
  unlink(key: string): Promise<number>;
  exists(key: string): Promise<number>;
  pTTL(key: string): Promise<number>;
  scan(cursor: string, options: { MATCH: string; COUNT: number }): Promise<{ cursor: string; keys: string[] }>;
  evalSha(sha: string, options: { keys: string[]; arguments: (string | Buffer)[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: (string | Buffer)[] }): Promise<unknown>;
  withCommandOptions(options: object): Commands;
}

class RedisDriver<Client extends RedisDriverClient> implements CacheDriver<Client> {
  readonly name = 'redis';
  readonly remote = remote;
  readonly features: CacheFeatures;
  shardOf?: (key: string) => number;
  readonly #owned: boolean;
  readonly #remake: ((changes: ChangeFeed) => RedisDriverClient) | undefined;
  #client!: Client;
  #commands!: Commands;
  #bytes!: Commands;
  #connection!: Connection;

  /** @param remake makes the client anew, with a handshake that asks to be told of changes */
  constructor(client: Client, owned: boolean, remake?: (changes: ChangeFeed) => RedisDriverClient) {
    this.features = remake === undefined ? { ...redisFeatures, tracks: false } : redisFeatures;
    this.#owned = owned;
    this.#remake = remake;
    this.#use(client);
  }

  get client(): Client {
    return this.#client;
  }

  #use(client: Client): void {
    if (client._keyPrefix !== undefined) {
      // It would stand in front of the keys of commands, but not of those that SCAN, scripts and changes tell.
      throw cacheErrors.invalid_options('redis: a client with a keyPrefix does not do; give createCache a prefix');
    }
    this.#client = client;
    const native = client as unknown as Commands;
    const single = this.#owned && !('slots' in client) && !('getSentinelNode' in client);
    // node-redis gives each command a deadline until it is sent, which costs as much as all that this package does for a read. Calls have
    // theirs here, so that is only worth it where commands wait for a connection: they must not be sent long after they were given up.
    const options = single ? { timeout: undefined } : {};
    // A client of the application may have other types by default.
    this.#commands = native.withCommandOptions({ ...options, typeMapping: {} });
    this.#bytes = native.withCommandOptions({ ...options, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });
    const nodes = 'slots' in client ? new Nodes(client) : undefined;
    if (nodes) this.shardOf = nodes.numberOf;
    this.#connection = new Connection(native, this.#owned, single, nodes?.replace);
  }

  track(listener: ChangeListener): (call: DriverCall) => Promise<void> {
    if (this.#client.isOpen) {
      throw cacheErrors.invalid_options('redis: a local tier must be set up before the client is connected');
    }
    const client = this.#remake!(new ChangeFeed(listener)) as Client;
    this.#use(client);
    return (call) => this.#connection.run(call, undefined, () => hearFromAll(client));
  }

  /** For the extras: native commands with all that this driver does around them. */
  [NATIVE]<T>(call: DriverCall, key: string | undefined, work: (client: Client) => Promise<T>): Promise<T> {
    return this.#connection.run(call, key, () => work(this.#client));
  }

  connect(): Promise<void> {
    return this.#connection.connected();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async ping(call: DriverCall): Promise<void> {
    // Not PING: a cluster has none, and a server that is loading its data answers it.
    await this.#connection.run(call, PING, () => this.#commands.exists(PING));
  }

  get(
    keys: readonly string[],
    call: DriverCall,
    { versions = false }: DriverReadOptions = {},
  ): Promise<(DriverEntry | undefined)[]> {
    return this.#connection.run(call, keys[0], async () => {
      const values = await this.#values(keys);
      return values.map((value) => {
        if (value === null) return undefined;
        return versions ? { value, version: hash('sha1', value) } : { value };
      });
    });
  }

  #values(keys: readonly string[]): Promise<(Buffer | null)[]> {
    const commands = this.#bytes;
    if (keys.length === 1) return commands.get(keys[0]!).then((value) => [value]);
    // The commands of one tick travel together in any case; MGET is one only where all keys are on one server.
    return this.shardOf === undefined
      ? commands.mGet(keys as string[])
      : Promise.all(keys.map((key) => commands.get(key)));
  }

  set(writes: readonly DriverWrite[], call: DriverCall): Promise<boolean[]> {
    return this.#connection.run(call, writes[0]?.key, () => Promise.all(writes.map((write) => this.#set(write))));
  }

  async #set({ key, value, expiresAt, when }: DriverWrite): Promise<boolean> {
    const bytes = value as Buffer;
    const px = milliseconds(expiresAt);
    if (typeof when === 'object') {
      return (
        (await setIfVersion.run(this.#commands, key, [when.version, bytes, px === undefined ? '' : String(px)])) === 1
      );
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

  increment(
    key: string,
    by: number,
    { initial, expiresAt }: { readonly initial: number; readonly expiresAt: number | null },
    call: DriverCall,
  ): Promise<number | undefined | 'overflow'> {
    return this.#connection.run(call, key, async () => {
      const start = initial + by;
      const px = milliseconds(expiresAt);
      const answer = await incrementCounter.run(this.#commands, key, [
        String(by),
        Number.isSafeInteger(start) ? String(start) : '',
        px === undefined ? '' : String(px),
      ]);
      if (answer === 'overflow') return 'overflow';
      return answer === 'other' ? undefined : Number(answer);
    });
  }

  expiry(key: string, call: DriverCall): Promise<number | null | undefined> {
    return this.#connection.run(call, key, async () => {
      const left = await this.#commands.pTTL(key);
      if (left === -2) return undefined;
      return left === -1 ? null : Date.now() + left;
    });
  }

  async *scan(prefix: string, call: DriverCall): AsyncIterable<readonly string[]> {
    const options = { MATCH: `${literally(prefix)}*`, COUNT: 500 };
    let cursor = '0';
    do {
      const page = await this.#connection.run(call, undefined, () => this.#commands.scan(cursor, options));
      yield page.keys;
      cursor = page.cursor;
    } while (cursor !== '0');
  }

  classify(error: unknown): DriverFailure {
    if (error instanceof ErrorReply) return UNAVAILABLE.test(error.message) ? 'unavailable' : 'other';
    if (error instanceof Offline) return 'unavailable';
    // A sentinel client trips over its own missing node during a failover (6.3.1).
    if (error instanceof TypeError && 'getSentinelNode' in this.client) return 'unavailable';
    // A wrong argument is our fault; what is left comes from sockets, timeouts and the search for nodes.
    return error instanceof TypeError || error instanceof RangeError ? 'other' : 'unavailable';
  }
}

const PING = 'ent:ping';

// Answers of a server that is there but cannot serve now.
const UNAVAILABLE = /^(LOADING|CLUSTERDOWN|MASTERDOWN|READONLY|TRYAGAIN|NOREPLICAS|MOVED|ASK|UNKILLABLE|BUSY) /;

/** What is left until the expiry. Relative, since the server's clock is another; at least 1, since 0 is an error. */
function milliseconds(expiresAt: number | null): number | undefined {
  return expiresAt === null ? undefined : Math.max(1, Math.ceil(expiresAt - Date.now()));
}

/** A prefix as a MATCH pattern that means just it. */
function literally(prefix: string): string {
  return prefix.replace(/[*?[\]\\^]/g, '\\$&');
}
