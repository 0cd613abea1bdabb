import { EntError } from '@ent/errors';
import { clusterOptions, refuseUnknown } from '@ent/internal';
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
import { cacheErrors } from '../../errors.ts';
import type { ChangeFeed } from './changes.ts';

/** The clients that the driver works on. */
export type RedisDriverClient = RedisClientType | RedisClusterType | RedisSentinelType;

const SERVER_OPTIONS = {
  url: true,
  socket: true,
  username: true,
  password: true,
  database: true,
  name: true,
  credentialsProvider: true,
} as const;

/** Options for one server: those of node-redis' `createClient`, foremost `url`. */
export type RedisServerOptions = {
  readonly [Name in keyof typeof SERVER_OPTIONS]?: RedisClientOptions[Name] | undefined;
};

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

/** For a client that the driver makes. */
export type RedisMadeOptions = RedisServerOptions | RedisClusterDriverOptions | RedisSentinelDriverOptions;

/** Whether commands take one of several connections to a server. Each would hear of the keys that itself has read. */
export function hasPool(options: RedisMadeOptions): boolean {
  if (!('sentinel' in options)) return false;
  const { masterPoolSize = 1, replicaPoolSize = 0 } = options.sentinel;
  return masterPoolSize > 1 || replicaPoolSize > 0;
}

/**
 * A client that is not connected yet.
 *
 * @param changes told of keys that change, by a handshake that asks for it
 * @throws `cache.invalid_options`
 */
export function makeClient(options: RedisMadeOptions, changes?: ChangeFeed): RedisDriverClient {
  try {
    const client = clientOf(options, changes && { clientSideCache: changes });
    // Node ends the process for an "error" without a listener. Each call tells its own error.
    client.on('error', () => {});
    return client;
  } catch (cause) {
    if (EntError.is(cause)) throw cause;
    throw cacheErrors.invalid_options(`redis: ${(cause as Error).message}`, { cause });
  }
}

function clientOf(
  options: RedisMadeOptions,
  tracking: { readonly clientSideCache: ChangeFeed } | undefined,
): RedisDriverClient {
  const refuse = cacheErrors.invalid_options;
  if ('cluster' in options) {
    refuseUnknown(options, { cluster: true }, 'redis', refuse);
    return createCluster({ ...clusterOptions(options.cluster), ...tracking }) as unknown as RedisClusterType;
  }
  if ('sentinel' in options) {
    refuseUnknown(options, { sentinel: true }, 'redis', refuse);
    return createSentinel({ ...options.sentinel, ...tracking }) as RedisSentinelType;
  }
  refuseUnknown(options, SERVER_OPTIONS, 'redis', refuse);
  const settings = {
    ...(options as RedisClientOptions),
    ...tracking,
    // Without a connection commands fail at once; waiting for one would only end at the deadline.
    disableOfflineQueue: true,
    // What it asks the server at the start looks up the name of an address with its brackets, and fails (6.3.1).
    ...(options.url?.includes('[') && { maintNotifications: 'disabled' as const }),
  };
  return createClient(settings) as RedisClientType;
}
