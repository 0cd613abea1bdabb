import { operationChannel } from '@ent/internal';

/** Common to all payloads. Keys never stand here: they would become labels of metrics. */
export interface CacheOperation {
  /** The driver's name. */
  readonly driver: string;
  /** The error, when the operation failed; set before `error` and `asyncEnd` are published. */
  error?: unknown;
}

/** `ent:cache:get`: a read by get, entry, has, getMany or getOrSet. */
export interface CacheGetOperation extends CacheOperation {
  /** How many keys were asked for. */
  readonly keys: number;
  /** How many were found fresh, set when the read ends. The rest but {@link stale} are misses. */
  hits?: number;
  /** How many were found past their TTL, within their grace. Only `getOrSet` can answer with them. */
  stale?: number;
  /** How many of the hits the local tier answered. */
  local?: number;
}

/** `ent:cache:set`: a write by set or setMany. */
export interface CacheSetOperation extends CacheOperation {
  readonly keys: number;
}

/** `ent:cache:delete`: a removal by delete, deleteMany, getAndDelete or clear. */
export interface CacheDeleteOperation extends CacheOperation {
  readonly keys: number;
}

/** `ent:cache:load`: one run of a factory of getOrSet; its duration is the load time. */
export interface CacheLoadOperation extends CacheOperation {
  /**
   * `stored`; `discarded` when the key was invalidated meanwhile; `refused` when the value went to the callers alone:
   * it cannot be stored, or the backend is out, and takes no writes; `stale` when the factory failed and a stale value
   * was served; `elsewhere` when another process loaded the value.
   */
  outcome?: 'stored' | 'discarded' | 'refused' | 'stale' | 'elsewhere';
  /** The error for which a value was `refused`. */
  reason?: unknown;
}

/** `ent:cache:command`: commands to a structure, lock or topic of `@ent/cache/redis-extras`. */
export interface CacheCommandOperation extends CacheOperation {
  /** As in `hash.get` or `lock.acquire`. Operations over many members may send several commands. */
  readonly operation: string;
}

/**
 * Tracing channels of `node:diagnostics_channel`, named
 * `ent:cache:<operation>`. Without a subscriber they cost nothing.
 */
export const channels = {
  get: operationChannel<CacheGetOperation>('cache', 'get'),
  set: operationChannel<CacheSetOperation>('cache', 'set'),
  delete: operationChannel<CacheDeleteOperation>('cache', 'delete'),
  load: operationChannel<CacheLoadOperation>('cache', 'load'),
  command: operationChannel<CacheCommandOperation>('cache', 'command'),
  /**
   * A call that failed and was passed over, under `onError: 'miss'`: what was read is a miss, what was written is
   * dropped.
   * Only `error` is published.
   */
  forgive: operationChannel<CacheOperation>('cache', 'forgive'),
};
