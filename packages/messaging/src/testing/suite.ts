import { declareCases, type TestRunner } from '@ent/internal';
import { coreCases } from './core-cases.ts';
import { countingCases } from './counting-cases.ts';
import { deadLetterCases } from './dead-letter-cases.ts';
import { driverCases } from './driver-cases.ts';
import { handlingCases } from './handling-cases.ts';
import type { MessagingHarness } from './harness.ts';
import { withKit } from './kit.ts';
import { lastingCases } from './lasting-cases.ts';
import { settlingCases } from './settling-cases.ts';
import { wildcardCases } from './wildcard-cases.ts';

/**
 * The conformance suite for messaging drivers, under any test runner that has an `it(name, work)`. It
 * uses topics of its own, and leaves them behind.
 *
 * @example
 * ```ts no-run
 * import { redisStreams, redisStreamsFeatures } from '@ent/messaging/redis-streams';
 * import { testMessagingDriver } from '@ent/messaging/testing';
 * import { it } from 'vitest';
 *
 * const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
 * testMessagingDriver({ it }, { features: redisStreamsFeatures, createDriver: () => redisStreams({ url }) });
 * ```
 */
export function testMessagingDriver(
  runner: { it(name: string, work: () => Promise<void>): unknown },
  harness: MessagingHarness,
): void {
  const cases = [
    ...driverCases,
    ...settlingCases,
    ...countingCases,
    ...coreCases,
    ...handlingCases,
    ...deadLetterCases,
    ...lastingCases,
    ...wildcardCases,
  ];
  declareCases(runner satisfies TestRunner, harness, cases, (run) => withKit(harness, run));
}
