import { onOperation } from '../../operations.ts';
import type { Place } from '../place.ts';
import { listen, type Stop } from './stop.ts';

/** What is read of the channels of `@ent/cache`, which documents them in full. */
interface CacheGet {
  readonly driver: string;
  readonly keys: number;
  readonly hits?: number;
  readonly stale?: number;
  readonly local?: number;
}
interface CacheLoad {
  readonly driver: string;
  readonly outcome?: string;
}
interface CacheOperation {
  readonly driver: string;
  readonly operation?: string;
}

/** Reads, writes and loads of caches. */
export function cache(place: Place): Stop[] {
  const requests = place.counter({
    name: 'ent.cache.requests',
    unit: '{key}',
    help: 'Keys asked of the cache, by the tier that answered and the result.',
    attributes: ['ent.cache.driver', 'ent.cache.tier', 'ent.cache.result'],
  });
  const loads = place.histogram({
    name: 'ent.cache.load.duration',
    unit: 's',
    help: 'Duration of the loads of missing values, in seconds.',
    attributes: ['ent.cache.driver', 'ent.cache.outcome'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  });
  const durations = place.histogram({
    name: 'ent.cache.operation.duration',
    unit: 's',
    help: 'Duration of the operations of the cache, in seconds.',
    attributes: ['ent.cache.driver', 'ent.cache.operation', 'ent.cache.result'],
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  });
  const forgiven = place.counter({
    name: 'ent.cache.forgiven_errors',
    unit: '{error}',
    help: 'Calls of the cache that failed and were passed over, so that what was read is counted as a miss.',
    attributes: ['ent.cache.driver'],
  });
  const count = (driver: string, tier: string, result: string, by: number): void => {
    if (by > 0) requests.cell(driver, tier, result).value += by;
  };
  const observe = (driver: string, operation: string, error: unknown, durationMs: number): void =>
    durations.cell(driver, operation, error === undefined ? 'ok' : 'error').observe(durationMs / 1000);
  const reads = onOperation<CacheGet>('ent:cache:get', {
    end({ payload: { driver, keys, hits = 0, stale = 0, local = 0 }, durationMs, error }) {
      observe(driver, 'get', error, durationMs);
      if (error !== undefined) return count(driver, 'backend', 'error', keys);
      count(driver, 'local', 'hit', local);
      count(driver, 'backend', 'hit', hits - local);
      count(driver, 'backend', 'stale', stale);
      count(driver, 'backend', 'miss', keys - hits - stale);
    },
  });
  const loading = onOperation<CacheLoad>('ent:cache:load', {
    end({ payload: { driver, outcome = 'error' }, durationMs }) {
      loads.cell(driver, outcome).observe(durationMs / 1000);
    },
  });
  const others = ['set', 'delete', 'command'].map((channel) =>
    onOperation<CacheOperation>(`ent:cache:${channel}`, {
      end({ payload: { driver, operation = channel }, durationMs, error }) {
        observe(driver, operation, error, durationMs);
      },
    }),
  );
  const onForgiven = (message: unknown): void => void forgiven.cell((message as CacheOperation).driver).value++;
  return [reads, loading, ...others, listen({ 'tracing:ent:cache:forgive:error': onForgiven })];
}
