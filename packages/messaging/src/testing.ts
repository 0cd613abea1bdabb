export { type ManualClock, manualClock } from './testing/clock.ts';
export { type MessagingHarness, messagingCases, testMessagingDriver } from './testing/suite.ts';
