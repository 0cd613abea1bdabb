import type { CacheDriver, CacheFeatures } from '../driver.ts';
import type { CacheOptions } from '../options.ts';

/** What the suite needs of a test runner: vitest, node:test, mocha and jest have it. */
export interface TestRunner {
  it(name: string, work: () => Promise<void>): unknown;
}

/** What {@link testCacheDriver} needs to know about a driver. */
export interface CacheDriverHarness {
  /** Decides which cases run, before any driver is made. */
  readonly features: CacheFeatures;
  /**
   * A new driver; with `shared`, all of them on one backend. Each test makes its own and closes it. A driver that was
   * closed must leave the data of a shared backend alone.
   */
  readonly createDriver: () => CacheDriver | Promise<CacheDriver>;
  /** More options for each cache, such as another serializer. Default: none. */
  readonly cacheOptions?: () => Partial<Omit<CacheOptions, 'driver'>>;
}
