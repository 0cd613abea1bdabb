import {
  ACQUIRE_NAMES,
  type AcquireOptions,
  POOL_NAMES,
  type PoolOptions,
  type PoolSettings,
  poolSettings,
  targetOption,
} from '../pool-options.ts';
import type { DriverPool } from '../../driver.ts';
import { type Address, poolName } from './addresses.ts';
import { REPLICA_NAMES, type ReplicaOptions, type ReplicaSettings, replicaSettings } from './replica-options.ts';

/** Options of a SQL server for connections that its driver makes. */
export interface ServerOptions extends AcquireOptions, PoolOptions, ReplicaOptions {
  /** Also called for each new connection, for tokens that expire. */
  readonly password?: string | (() => string | Promise<string>) | undefined;
  /**
   * Of several hosts, take the first that answers (`any`), or that takes writes. Default: `read-write` with several
   * hosts or replicas, so that the driver follows a failover.
   */
  readonly targetSession?: 'any' | 'read-write' | undefined;
}

/** The names of {@link ServerOptions}. */
export const SERVER_NAMES = {
  ...ACQUIRE_NAMES,
  ...POOL_NAMES,
  ...REPLICA_NAMES,
  password: true,
  targetSession: true,
} as const;

/** What {@link ServerOptions} come to. */
export interface ServerSettings extends PoolSettings, ReplicaSettings {
  readonly hosts: readonly Address[];
  readonly needsWrites: boolean;
}

/**
 * @param driver for messages
 * @param port the usual one
 * @throws `database.invalid_definition`
 */
export function serverSettings(
  driver: string,
  options: ServerOptions,
  hosts: readonly Address[],
  port: number,
): ServerSettings {
  const replication = replicaSettings(driver, options, port);
  const all = [...hosts, ...replication.replicas];
  const needsWrites = targetOption(driver, options.targetSession, all) === 'read-write';
  return { hosts, needsWrites, ...replication, ...poolSettings(driver, options) };
}

/**
 * What a driver says of its connections.
 *
 * @param max those to the primary; as many go to each of the replicas
 */
export function poolOf(
  { hosts, namespace, replicas, acquireTimeoutMs, leakAfterMs }: ServerSettings & { readonly namespace: string },
  max: number,
): DriverPool {
  return { name: poolName(hosts, namespace), max: max * (1 + replicas.length), acquireTimeoutMs, leakAfterMs };
}
