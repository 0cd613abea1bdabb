export { type AuthStoresHarness, authStoresCases, testAuthStores } from './testing/auth-stores.ts';
export { type PasswordDriverHarness, passwordDriverCases, testPasswordDriver } from './testing/password-driver.ts';
export type { Case, TestRunner } from './testing/runner.ts';
export { type ThrottleStoreHarness, testThrottleStore, throttleStoreCases } from './testing/throttle-store.ts';
