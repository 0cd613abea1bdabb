import { expect, it } from 'vitest';
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
} from '../src/index.ts';
import { memoryStores, memoryThrottleStore } from '../src/stores.ts';

const { key } = await generateKey();
const keys = createKeyRing({ active: key });
const about = { issuer: 'a', audience: 'b', keys };
const accessTokens = createAccessTokens(about);
const base = { accessTokens, stores: memoryStores(), secret: 'x'.repeat(32) };

it.each<[string, (options: never) => unknown, object]>([
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
