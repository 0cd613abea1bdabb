import type { MessagingDriver } from '../driver.ts';
import { coreCases } from './core-cases.ts';
import { driverCases } from './driver-cases.ts';
import type { Clock } from '../options.ts';

/** What the suite needs to know about a driver. */
export interface MessagingHarness {
  /** A new driver, connected to the same broker as all others that this harness makes. The suite closes it. */
  make(): MessagingDriver | Promise<MessagingDriver>;
  /**
   * Lets time pass, for leases and delays. Default: waits; leases should then be about a second, longer ones only take longer.
   * A driver on a `manualClock` moves that instead.
   */
  pass?(ms: number): Promise<void>;
  /** How long a case waits, in real milliseconds, for what has to happen. Default 20,000. */
  patienceMs?: number;
  /** Handed to `createMessaging`. Default: the system's. */
  clock?: Clock;
  /** Breaks the connections of a driver, as the broker's restart would. Without it those cases are left out. */
  disconnect?(driver: MessagingDriver): void | Promise<void>;
}

/** One case of the suite: a name, and what rejects when the driver fails it. */
export interface MessagingCase {
  readonly name: string;
  run(harness: MessagingHarness): Promise<void>;
}

/** The cases that apply to a driver, for a runner of your own. */
export function messagingCases(harness: MessagingHarness): MessagingCase[] {
  return [...driverCases, ...coreCases].filter(
    ({ needs }) => needs !== 'disconnect' || harness.disconnect !== undefined,
  );
}

/**
 * The conformance suite for messaging drivers, under any test runner that has an `it(name, work)`. It uses topics of its own,
 * and leaves them behind.
 *
 * @example
 * ```ts no-run
 * import { memory } from '@ent/messaging/memory';
 * import { manualClock, testMessagingDriver } from '@ent/messaging/testing';
 * import { it } from 'vitest';
 *
 * const clock = manualClock();
 * const driver = memory({ clock });
 * testMessagingDriver({ it }, { make: () => driver, clock, pass: clock.advance });
 * ```
 */
export function testMessagingDriver(
  runner: { it(name: string, work: () => Promise<void>): unknown },
  harness: MessagingHarness,
): void {
  for (const { name, run } of messagingCases(harness)) runner.it(name, () => run(harness));
}
