import type { Attributes } from '@opentelemetry/api';
import type { Stop } from '../metrics/stop.ts';
import { codeOf } from '../metrics/code-of.ts';
import { fail, isPart, KIND, type Spans } from './spans.ts';

/** What is read of the channels of `@ent/cache`, which documents them in full. */
interface CacheOperation {
  readonly driver: string;
  readonly keys?: number;
  readonly hits?: number;
  readonly stale?: number;
  readonly local?: number;
  readonly operation?: string;
  readonly outcome?: string;
}

/** Reads, writes and loads of caches. */
export function cache(spans: Spans): Stop[] {
  const calls = ['get', 'set', 'delete', 'command'].map((channel) =>
    spans.of<CacheOperation>(`ent:cache:${channel}`, {
      begin({ driver, keys, operation = channel }, parent) {
        if (!isPart(parent)) return undefined;
        const isCall = driver !== 'memory';
        const attributes: Attributes = { 'ent.cache.driver': driver };
        if (isCall) {
          attributes['db.system.name'] = driver;
          attributes['db.operation.name'] = operation;
        }
        if (keys !== undefined && keys > 1) attributes['db.operation.batch.size'] = keys;
        return {
          name: `cache ${operation}`,
          options: { kind: isCall ? KIND.client : KIND.internal, attributes },
          parent,
        };
      },
      end(span, { keys = 0, hits, stale = 0, local = 0 }, error) {
        if (hits !== undefined) {
          span.setAttribute('ent.cache.hits', hits);
          span.setAttribute('ent.cache.misses', keys - hits - stale);
          if (stale > 0) span.setAttribute('ent.cache.stale', stale);
          if (local > 0) span.setAttribute('ent.cache.local_hits', local);
        }
        if (error !== undefined) fail(span, codeOf(error));
      },
    }),
  );
  const loads = spans.of<CacheOperation>('ent:cache:load', {
    begin({ driver }, parent) {
      if (!isPart(parent)) return undefined;
      const attributes = { 'ent.cache.driver': driver };
      return { name: 'cache load', options: { kind: KIND.internal, attributes }, parent };
    },
    end(span, { outcome }, error) {
      if (outcome !== undefined) span.setAttribute('ent.cache.outcome', outcome);
      if (error !== undefined) fail(span, codeOf(error));
    },
  });
  return [...calls, loads];
}
