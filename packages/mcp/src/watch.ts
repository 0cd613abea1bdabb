import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { toErrorRecord } from '@ent/errors';
import { RecentErrors, refuseUnknown } from '@ent/internal';
import { mcpErrors } from './errors.ts';
import type { CachesPort, ErrorsPort } from './ports.ts';

/** Options of {@link watchProcess}. */
export interface WatchOptions {
  /** How many errors are kept. Default: 100. */
  readonly errors?: number | undefined;
}

/** An error that was seen. */
export interface SeenError {
  /** When it was seen last. */
  time: Date;
  /** How often one with the same operation, code and message was seen, since the first of them that is kept. */
  count: number;
  /** The channel without its prefix, such as `database:query`; or what `record` was told. */
  readonly operation: string;
  readonly code: string;
  readonly name: string;
  readonly message: string;
  /** Of what caused it, innermost last. */
  readonly causes: readonly string[];
}

/** What was answered by the caches of one driver. */
export interface CacheStats {
  hits: number;
  /** Past their TTL, and served all the same. */
  stale: number;
  misses: number;
  /** Keys of reads that failed. */
  errors: number;
  /** Loads of missing values. */
  loads: number;
  /** Hits, stale ones included, of all reads that were answered; null before the first. */
  hitRatio: number | null;
}

/** What {@link watchProcess} keeps. */
export interface ProcessWatch {
  readonly caches: CachesPort & { stats(): Readonly<Record<string, CacheStats>> };
  readonly errors: ErrorsPort & {
    list(): readonly SeenError[];
    /** Keeps an error that no package publishes. */
    record(error: unknown, operation?: string): void;
  };
  /** Stops listening. */
  close(): void;
}

/**
 * Keeps the last errors of the process and counts what its caches answer, by listening to the channels of the packages.
 * Whose operations nobody publishes costs nothing; an error that one client's request alone has caused (a status below
 * 500) is left out.
 *
 * @throws `mcp.invalid_options` for unknown options, or a number of errors that is none
 * @example
 * ```ts
 * import { watchProcess } from '@ent/mcp';
 *
 * const watch = watchProcess();
 * watch.errors.record(new Error('the printer is on fire'), 'print');
 * const [last] = await watch.errors.list();
 * console.log(last); // { message: 'the printer is on fire', ... }
 * watch.close();
 * ```
 */
export function watchProcess(options: WatchOptions = {}): ProcessWatch {
  refuseUnknown(options, { errors: true }, 'watchProcess', mcpErrors.invalid_options);
  const most = options.errors ?? 100;
  if (!Number.isSafeInteger(most) || most < 1) {
    throw mcpErrors.invalid_options('watchProcess: errors must be a whole number from 1 on.');
  }
  const errors = new RecentErrors(most, toErrorRecord);
  const caches = new Map<string, CacheStats>();
  const stops: (() => void)[] = [];
  const listen = (channel: string, listener: (message: unknown) => void): void => {
    subscribe(channel, listener);
    stops.push(() => unsubscribe(channel, listener));
  };

  const statsOf = (driver: string): CacheStats => {
    let stats = caches.get(driver);
    if (stats === undefined) {
      stats = { hits: 0, stale: 0, misses: 0, errors: 0, loads: 0, hitRatio: null };
      caches.set(driver, stats);
    }
    return stats;
  };
  listen('tracing:ent:cache:get:asyncEnd', (message) => {
    const { driver, keys, hits = 0, stale = 0, error } = message as CacheGet;
    const stats = statsOf(driver);
    if (error !== undefined) {
      stats.errors += keys;
      return;
    }
    stats.hits += hits;
    stats.stale += stale;
    stats.misses += keys - hits - stale;
    const answered = stats.hits + stats.stale + stats.misses;
    stats.hitRatio = answered === 0 ? null : (stats.hits + stats.stale) / answered;
  });
  listen('tracing:ent:cache:load:asyncEnd', (message) => {
    statsOf((message as CacheGet).driver).loads++;
  });

  return {
    caches: { stats: () => Object.fromEntries([...caches].map(([driver, stats]) => [driver, { ...stats }])) },
    errors: {
      record: (error, operation) => errors.record(error, operation),
      list: () => errors.list(),
    },
    close() {
      errors.close();
      for (const stop of stops.splice(0)) stop();
    },
  };
}

/** What is read of a payload of `@ent/cache`, which documents it in full. */
interface CacheGet {
  readonly driver: string;
  readonly keys: number;
  readonly hits?: number;
  readonly stale?: number;
  readonly error?: unknown;
}
