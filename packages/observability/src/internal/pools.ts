import { channel } from 'node:diagnostics_channel';

/** What `@ent/database` answers on `ent:database:pools`, which documents it in full. */
export interface Pool {
  readonly pool: string;
  readonly max?: number;
  readonly idle: number;
  readonly inUse: number;
  readonly waiting: number;
}

/** The pools of connections of this process, as they are now: each open database answers on a channel. */
export function readPools(): Pool[] {
  const pools: Pool[] = [];
  channel('ent:database:pools').publish({ add: (pool: Pool) => pools.push(pool) });
  return pools;
}
