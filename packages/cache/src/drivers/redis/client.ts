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
import type { Connectable } from './connection.ts';

/** The clients that the driver works on. */
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

/** For a client that the driver makes. */
export type RedisMadeOptions = RedisServerOptions | RedisClusterDriverOptions | RedisSentinelDriverOptions;

/** The commands that are used; the three client types have them in common, but not their generic types. */
export interface Commands extends Connectable {
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
  const tracking = changes && { clientSideCache: changes };
  let client: RedisDriverClient;
  try {
    if ('cluster' in options) {
      // A node is connected to when it is needed: one that hangs would hold
      // up the start, and what is learnt of the others.
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
