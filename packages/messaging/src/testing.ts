export { type ManualClock, manualClock } from './testing/clock.ts';
export type { MessagingHarness } from './testing/harness.ts';
export { testMessagingDriver } from './testing/suite.ts';
