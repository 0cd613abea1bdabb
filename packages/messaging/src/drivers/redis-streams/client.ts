import { EntError } from '@ent/errors';
import { clusterOptions, hostAndPort, refuseUnknown } from '@ent/internal';
import {
  createClient,
  createCluster,
  createSentinel,
  type RedisClientOptions,
  type RedisClientType,
  type RedisClusterOptions,
  type RedisClusterType,
  type RedisSentinelOptions,
  type RedisSentinelType,
} from 'redis';
import { messagingErrors } from '../../errors.ts';
import type { Duration } from '../../options.ts';

/** The clients that the driver works on. */
export type RedisStreamsClient = RedisClientType | RedisClusterType | RedisSentinelType;

/** Options that do not depend on the kind of client. */
export interface RedisStreamsSettings {
  /** How long a delivery stays with its subscriber unless it is renewed. Default `"30s"`. */
  readonly lease?: Duration | undefined;
  /** What the names of all keys begin with. Default `"ent:"`. */
  readonly prefix?: string | undefined;
}

const PORT = 6379;
const SETTINGS = { lease: true, prefix: true } as const;
const SERVER_OPTIONS = {
  url: true,
  socket: true,
  username: true,
  password: true,
  database: true,
  name: true,
  credentialsProvider: true,
} as const;

/** One server: options of node-redis' `createClient`, foremost `url`. */
export type RedisStreamsServerOptions = RedisStreamsSettings & {
  readonly [Name in keyof typeof SERVER_OPTIONS]?: RedisClientOptions[Name] | undefined;
};

/** A cluster. */
export interface RedisStreamsClusterOptions extends RedisStreamsSettings {
  /** Those of node-redis' `createCluster`. Credentials belong into `defaults`: `rootNodes` do not pass theirs on. */
  readonly cluster: RedisClusterOptions;
}

/** A primary that sentinels know. */
export interface RedisStreamsSentinelOptions extends RedisStreamsSettings {
  /** Those of node-redis' `createSentinel`. */
  readonly sentinel: RedisSentinelOptions;
}

/** A client of your own. It is connected if it is not, and never closed; connections that wait are duplicates of it. */
export interface RedisStreamsOwnClientOptions<Client extends RedisStreamsClient = RedisStreamsClient>
  extends RedisStreamsSettings {
  readonly client: Client;
}

/** Options of {@link redisStreams}: those of one server, a cluster or sentinels, or a client of your own. */
export type RedisStreamsOptions =
  | RedisStreamsServerOptions
  | RedisStreamsClusterOptions
  | RedisStreamsSentinelOptions
  | RedisStreamsOwnClientOptions;

/**
 * The client that the options name, not connected yet unless it is the application's.
 *
 * @throws `messaging.invalid_options`
 */
export function clientOf(options: RedisStreamsOptions): RedisStreamsClient {
  try {
    const client = made(options);
    if (client._keyPrefix !== undefined) {
      // It would not stand in front of the keys that scripts are told.
      throw messagingErrors.invalid_options('redisStreams: a client with a keyPrefix does not do; use "prefix".');
    }
    // Node ends the process for an "error" without a listener. Each call tells its own error.
    if (!('client' in options)) client.on('error', () => {});
    return client;
  } catch (cause) {
    if (EntError.is(cause)) throw cause;
    throw messagingErrors.invalid_options(`redisStreams: ${(cause as Error).message}`, { cause });
  }
}

function made(options: RedisStreamsOptions): RedisStreamsClient {
  const refuse = messagingErrors.invalid_options;
  if ('client' in options) {
    refuseUnknown(options, { ...SETTINGS, client: true }, 'redisStreams', refuse);
    // JavaScript may give that of another library.
    const client = options.client as Partial<RedisClientType> | null | undefined;
    if (typeof client?.withCommandOptions !== 'function') {
      throw refuse('redisStreams: client must be a client of node-redis.');
    }
    return options.client;
  }
  if ('cluster' in options) {
    refuseUnknown(options, { ...SETTINGS, cluster: true }, 'redisStreams', refuse);
    return createCluster(clusterOptions(options.cluster)) as unknown as RedisClusterType;
  }
  if ('sentinel' in options) {
    refuseUnknown(options, { ...SETTINGS, sentinel: true }, 'redisStreams', refuse);
    return createSentinel(options.sentinel) as RedisSentinelType;
  }
  refuseUnknown(options, { ...SETTINGS, ...SERVER_OPTIONS }, 'redisStreams', refuse);
  const { lease: _, prefix: __, ...server } = options;
  return createClient({
    ...(server as RedisClientOptions),
    // Without a connection commands fail at once: what waited for one could be sent long after it was given up.
    disableOfflineQueue: true,
    // What it asks the server at the start looks up the name of an address with its brackets, and fails (6.3.1).
    ...(server.url?.includes('[') && { maintNotifications: 'disabled' as const }),
  }) as RedisClientType;
}

/** Where the servers are that the options name, for errors: hosts and ports, and nothing else of a URL. */
export function addressOf(options: RedisStreamsOptions): string | undefined {
  // The options of its own client are known where it has one server.
  if ('client' in options) return 'options' in options.client ? serverOf(options.client.options) : undefined;
  if ('cluster' in options) return options.cluster.rootNodes.map(serverOf).join(', ');
  if ('sentinel' in options) {
    return options.sentinel.sentinelRootNodes.map(({ host, port }) => hostAndPort(host, port)).join(', ');
  }
  return serverOf(options);
}

function serverOf(options: object | undefined): string {
  const { url, socket } = (options ?? {}) as { url?: string; socket?: { host?: string; port?: number; path?: string } };
  if (socket?.path !== undefined) return socket.path;
  // One that is no URL is refused by the client, when it connects.
  const named = typeof url === 'string' ? URL.parse(url) : undefined;
  const port = Number(named?.port || socket?.port || PORT);
  // The name of a URL has the brackets of its address already.
  return named?.hostname ? `${named.hostname}:${port}` : hostAndPort(socket?.host || 'localhost', port);
}
