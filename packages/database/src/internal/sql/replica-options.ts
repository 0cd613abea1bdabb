import { databaseErrors } from '../../errors.ts';
import type { Duration } from '../../options.ts';
import { timeOption } from '../pool-options.ts';
import { type Address, addressOf } from './addresses.ts';

/** Copies of the database that take reads. */
export interface ReplicaOptions {
  /**
   * Hosts of replicas, each with its port if it is not the usual one (`['db-2', 'db-3:5433']`), which take the reads
   * outside of transactions. The user, the database and all else is as on the primary, with a pool of up to `max`
   * connections for each. A request or message that has written reads from the primary until a replica shows that.
   * Default: none.
   */
  readonly replicas?: readonly string[] | undefined;
  /** How far a replica may be behind; one that is further is left out. Default `"10s"`. */
  readonly maxReplicaLag?: Duration | undefined;
}

/** The names of {@link ReplicaOptions}. */
export const REPLICA_NAMES = { replicas: true, maxReplicaLag: true } as const;

/** What {@link ReplicaOptions} come to. */
export interface ReplicaSettings {
  readonly replicas: readonly Address[];
  readonly maxReplicaLagMs: number;
}

/** A name or an address (of IPv6 in brackets), and a port. */
const HOST = /^(?:\[[\da-f:.]+\]|[^\s:/?#@[\]]+)(?::\d{1,5})?$/i;

/**
 * @param driver for messages
 * @param port the usual one
 * @throws `database.invalid_definition`
 */
export function replicaSettings(
  driver: string,
  { replicas = [], maxReplicaLag = '10s' }: ReplicaOptions,
  port: number,
): ReplicaSettings {
  const isList =
    Array.isArray(replicas) && replicas.every((each: unknown) => typeof each === 'string' && HOST.test(each));
  if (!isList) {
    throw databaseErrors.invalid_definition(
      `${driver}: replicas must be a list of hosts, such as ['db-2', 'db-3:${port + 1}'].`,
    );
  }
  return {
    replicas: replicas.map((each: string) => addressOf(each, port)),
    maxReplicaLagMs: timeOption(driver, maxReplicaLag, 'maxReplicaLag'),
  };
}

/** The parameters of a URL that say so; the hosts with commas. */
export const REPLICA_PARAMETERS = ['replicas', 'maxReplicaLag'] as const;

/** What they say, named as the options; the driver checks the values. */
export function replicasTold({
  replicas,
  maxReplicaLag,
}: Readonly<Partial<Record<(typeof REPLICA_PARAMETERS)[number], string>>>): ReplicasTold {
  return {
    ...(replicas !== undefined && { replicas: replicas.split(',') }),
    ...(maxReplicaLag !== undefined && { maxReplicaLag }),
  };
}

/** What {@link replicasTold} answers. */
export interface ReplicasTold {
  readonly replicas?: readonly string[];
  readonly maxReplicaLag?: string;
}
