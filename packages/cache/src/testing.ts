/**
 * The conformance suite: proves that a driver does what the portable cache relies on.
 *
 * @example
 * ```ts no-run
 * import { it } from 'vitest';
 * import { memory, memoryFeatures } from '@ent/cache/memory';
 * import { testCacheDriver } from '@ent/cache/testing';
 *
 * testCacheDriver({ it }, { features: memoryFeatures, createDriver: () => memory() });
 * ```
 */
import { atomics } from './testing/atomics.ts';
import { basics } from './testing/basics.ts';
import { contract } from './testing/contract.ts';
import type { CacheDriverHarness, TestRunner } from './testing/harness.ts';
import { invalidation } from './testing/invalidation.ts';
import { loads } from './testing/loads.ts';
import { order } from './testing/order.ts';
import { processes } from './testing/processes.ts';
import { declare } from './testing/suite.ts';
import { timeouts } from './testing/timeouts.ts';

export type { CacheDriverHarness, TestRunner } from './testing/harness.ts';

/**
 * Declares the conformance tests of a driver; the features decide which. They run against a real backend, use keys of
 * their own, and leave little behind. The whole takes about half a minute for a backend that expires by the second.
 */
export function testCacheDriver(runner: TestRunner, harness: CacheDriverHarness): void {
  declare(runner, harness, [
    ...contract,
    ...basics,
    ...loads,
    ...timeouts,
    ...atomics,
    ...invalidation,
    ...order,
    ...processes,
  ]);
}
