import { describeWithServer } from '@ent/testkit/vitest';
import { describe } from 'vitest';

/** The cache that the service runs with; `url` is known in tests and hooks. */
export interface CacheServer {
  readonly url: string;
}

/**
 * Declares the same tests for each cache that `CACHE_URL` takes. Where a server is not installed its block is
 * skipped by name, and fails with `ENT_TEST_REQUIRE`.
 */
export function describeWithEachCache(tests: (cache: CacheServer) => void): void {
  describe('memory', () => {
    tests({ url: 'memory:' });
  });
  describeWithServer('redis', tests);
  describeWithServer('memcached', tests);
}
