import type { MessagingDriver, MessagingFeatures } from '../driver.ts';
import type { Clock } from '../options.ts';

/** What the suite needs to know about a driver. */
export interface MessagingHarness {
  /** The driver's features; they decide which cases are declared, before any driver is made. */
  readonly features: MessagingFeatures;
  /** A new driver, connected to the same broker as all others that this harness makes. The suite closes it. */
  createDriver(): MessagingDriver | Promise<MessagingDriver>;
  /**
   * Lets time pass, for leases and delays. Default: waits; leases should then be about a second, longer ones only take
   * longer. A driver on a `manualClock` moves that instead.
   */
  pass?(ms: number): Promise<void>;
  /** How long a case waits, in real milliseconds, for what has to happen. Default 20,000. */
  readonly patienceMs?: number;
  /** Handed to `createMessaging`. Default: the system's. */
  readonly clock?: Clock;
  /** Breaks the connections of a driver, as the broker's restart would. Without it those cases are left out. */
  disconnect?(driver: MessagingDriver): void | Promise<void>;
}
