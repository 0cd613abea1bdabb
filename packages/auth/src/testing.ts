export { type ApiKeyStoreHarness, testApiKeyStore } from './testing/api-key-store.ts';
export { type AuthStoresHarness, testAuthStores } from './testing/auth-stores.ts';
export { type KeySetStoreHarness, testKeySetStore } from './testing/key-set-store.ts';
export { type PasswordDriverHarness, testPasswordDriver } from './testing/password-driver.ts';
export { type ReplayStoreHarness, testReplayStore } from './testing/replay-store.ts';
export type { TestRunner } from './testing/runner.ts';
export { type SingleUseTokenStoreHarness, testSingleUseTokenStore } from './testing/single-use-token-store.ts';
export { type ThrottleStoreHarness, testThrottleStore } from './testing/throttle-store.ts';
export { testTotpStore, type TotpStoreHarness } from './testing/totp-store.ts';
