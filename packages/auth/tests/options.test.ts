import { expect, it } from 'vitest';
import { createApiKeys } from '../src/api-keys.ts';
import { argon2 } from '../src/drivers/argon2.ts';
import {
  createAccessTokens,
  createAccessTokenVerifier,
  createKeyRing,
  createPasswords,
  createPolicy,
  createSessions,
  createThrottle,
  generateKey,
  importPublicKey,
  trustedPrincipal,
} from '../src/index.ts';
import { memoryApiKeyStore, memoryStores, memoryThrottleStore, repositoryStores } from '../src/stores.ts';

const { key } = await generateKey();
const keys = createKeyRing({ active: key });
const about = { issuer: 'a', audience: 'b', keys };
const accessTokens = createAccessTokens(about);
const base = { accessTokens, stores: memoryStores(), secret: 'x'.repeat(32) };

it.each<[string, (options: never) => unknown, object]>([
  ['createApiKeys', createApiKeys, { store: memoryApiKeyStore(), prefix: 'acme', prefixes: [] }],
  ['createAccessTokens', createAccessTokens, { ...about, tll: '1m' }],
  ['createAccessTokenVerifier', createAccessTokenVerifier, { ...about, ttl: '1m' }],
  ['createKeyRing', createKeyRing, { active: key, retired: [] }],
  ['createPasswords', createPasswords, { driver: argon2(), minimum: 8 }],
  ['createPolicy', createPolicy, { roles: {}, owner: {} }],
  ['createPolicy: a role', createPolicy, { roles: { a: { inherit: ['b'] }, b: {} } }],
  ['createSessions', createSessions, { ...base, ttl: '1d' }],
  ['createThrottle', createThrottle, { store: memoryThrottleStore(), pairs: {} }],
  ['argon2', argon2, { memory: 1 }],
  ['memoryThrottleStore', memoryThrottleStore, { max: 5 }],
])('options that nobody reads are refused: %s', (_name, call, options) => {
  const refused = expect.objectContaining({ code: 'auth.configuration' }) as Error;
  expect(() => call(options as never)).toThrow(refused);
  expect(() => call(null as never)).toThrow(refused);
});

it('options that are undefined are left to their defaults', async () => {
  const unset = undefined as number | undefined;
  expect(argon2({ memoryKiB: unset }).decoy()).toContain('m=19456,t=2,p=1');
  expect(createAccessTokens({ ...about, ttl: unset, clockTolerance: unset, now: undefined }).ttlMs).toBe(900_000);
});

const refused = expect.objectContaining({ code: 'auth.configuration' }) as Error;
const anything = (value: unknown): never => value as never;

it.each<[string, () => unknown]>([
  ['createApiKeys without a store', () => createApiKeys(anything({ prefix: 'acme' }))],
  ['createApiKeys without a prefix', () => createApiKeys(anything({ store: memoryApiKeyStore() }))],
  ['createAccessTokens without keys', () => createAccessTokens(anything({ issuer: 'a', audience: 'b' }))],
  ['createKeyRing without a key', () => createKeyRing(anything({}))],
  ['createPasswords without a driver', () => createPasswords(anything({}))],
  ['createPolicy without roles', () => createPolicy(anything({}))],
  ['createSessions without tokens', () => createSessions(anything({ ...base, accessTokens: undefined }))],
  ['createSessions without stores', () => createSessions(anything({ ...base, stores: undefined }))],
  ['createThrottle without a store', () => createThrottle(anything({}))],
  ['repositoryStores without any', () => repositoryStores(anything(undefined))],
  ['repositoryStores without sessions', () => repositoryStores(anything({ refreshTokens: {} }))],
  ['trustedPrincipal of nobody', () => trustedPrincipal(anything(undefined))],
  ['trustedPrincipal without a subject', () => trustedPrincipal(anything({ roles: ['admin'] }))],
  ['trustedPrincipal with a field that it has not', () => trustedPrincipal(anything({ subject: 'a', role: 'admin' }))],
])('what JavaScript gives in place of an argument is refused: %s', (_name, call) => {
  expect(call).toThrow(refused);
});

const sessions = createSessions(base);
const apiKeys = createApiKeys({ store: memoryApiKeyStore(), prefix: 'acme' });
const passwords = createPasswords({ driver: argon2() });
const throttle = createThrottle({ store: memoryThrottleStore() });
it.each<[string, () => Promise<unknown>]>([
  ['sessions.start without any', () => sessions.start(anything(undefined))],
  ['sessions.start without a subject', () => sessions.start(anything({}))],
  ['sessions.start', () => sessions.start(anything({ subject: 'a', adress: '::1' }))],
  ['sessions.logout of nobody', () => sessions.logout(anything(undefined))],
  ['sessions.logout of what is no principal', () => sessions.logout(anything({ sessionId: 's' }))],
  ['sessions.revoke without an id', () => sessions.revoke(anything(undefined))],
  ['sessions.revokeAll of nobody', () => sessions.revokeAll(anything(undefined))],
  ['sessions.revokeAll', () => sessions.revokeAll('a', anything({ but: 's' }))],
  ['sessions.list of nobody', () => sessions.list(anything(undefined))],
  ['apiKeys.create without any', () => apiKeys.create(anything(undefined))],
  ['apiKeys.rotate without an id', () => apiKeys.rotate('a', anything(undefined))],
  ['apiKeys.rotate', () => apiKeys.rotate('a', 'b', anything({ after: '1h' }))],
  ['apiKeys.revoke without an id', () => apiKeys.revoke('a', anything(undefined))],
  ['apiKeys.revokeAll of nobody', () => apiKeys.revokeAll(anything(undefined))],
  ['apiKeys.list of nobody', () => apiKeys.list(anything(undefined))],
  ['accessTokens.issue without any', () => accessTokens.issue(anything(undefined))],
  ['accessTokens.issue', () => accessTokens.issue(anything({ subject: 'a', sessionId: 's', scope: 'x' }))],
  ['passwords.hash', () => passwords.hash('correct horse battery', anything({ address: '::1' }))],
  ['passwords.verify', () => passwords.verify('correct horse battery', null, anything({ address: '::1' }))],
  ['throttle.attempt of nobody', () => throttle.attempt(anything({ address: '::1' }))],
  ['throttle.attempt', () => throttle.attempt(anything({ address: '::1', account: 'a', pair: 'x' }))],
  ['importPublicKey of nothing', () => importPublicKey(anything(null))],
  ['generateKey of an algorithm that it does not know', () => generateKey(anything('RS256'))],
])('what JavaScript gives in place of an argument rejects: %s', async (_name, call) => {
  await expect(call()).rejects.toThrow(refused);
});
