// Whatever call of a store fails, and however: nobody gets in by it. Attempts are counted on meanwhile, by each process
// itself: throttle.test.ts.
import { TOTP } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { createApiKeys } from '../src/api-keys.ts';
import { createAccessTokens, createKeyRing, createSessions, generateKey } from '../src/index.ts';
import { createSingleUseTokens } from '../src/single-use-tokens.ts';
import {
  memoryApiKeyStore,
  memorySingleUseTokenStore,
  memoryStores,
  memoryThrottleStore,
  memoryTotpStore,
} from '../src/stores.ts';
import { createTotp } from '../src/totp.ts';

/** Which of the calls from now on fails: the first, the second. 0: none. */
interface Fault {
  at: number;
  calls: number;
  happened: boolean;
}

/** The store, of which one call throws: at once, or by its promise. */
function failing<T extends object>(store: T, fault: Fault, how: 'throws' | 'rejects'): T {
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      // When a key was used last is noted beside the answer, which it has no part in.
      if (name === 'touch' && 'retire' in target) return method;
      if (typeof method === 'object' && method !== null) return failing(method, fault, how);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]): unknown => {
        fault.calls++;
        if (fault.calls !== fault.at) return Reflect.apply(method, target, args);
        fault.happened = true;
        const error = new Error('The store is away.');
        if (how === 'throws') throw error;
        return Promise.reject(error);
      };
    },
  });
}

type Wrap = <T extends object>(store: T) => T;
/** Prepares something, and gives what lets somebody in. */
type Scenario = (wrap: Wrap) => Promise<() => Promise<unknown>>;

const keys = createKeyRing({ active: (await generateKey()).key });
const accessTokens = createAccessTokens({ issuer: 'https://me', audience: 'https://me', keys });
const secret = 'of the environment, at least 32 bytes';
const sessionsOn = (wrap: Wrap) => {
  const { sessions, refreshTokens } = memoryStores();
  const stores = { sessions: wrap(sessions), refreshTokens: wrap(refreshTokens) };
  return createSessions({ accessTokens, stores, secret, sessionCacheTtl: 0 });
};

const scenarios: Readonly<Record<string, Scenario>> = {
  'a session that begins': async (wrap) => {
    const sessions = sessionsOn(wrap);
    return () => sessions.start({ subject: 'ann' });
  },
  'an access token': async (wrap) => {
    const sessions = sessionsOn(wrap);
    const { accessToken } = await sessions.start({ subject: 'ann' });
    return () => sessions.verify(accessToken);
  },
  'a refresh token': async (wrap) => {
    const sessions = sessionsOn(wrap);
    const { refreshToken } = await sessions.start({ subject: 'ann' });
    return () => sessions.refresh(refreshToken);
  },
  'an API key': async (wrap) => {
    const apiKeys = createApiKeys({ store: wrap(memoryApiKeyStore()), prefix: 'acme_live' });
    const { key } = await apiKeys.create({ subject: 'ann', name: 'deployments', scopes: ['docs:read'] });
    return () => apiKeys.verify(key);
  },
  'a single-use token': async (wrap) => {
    const tokens = createSingleUseTokens({ store: wrap(memorySingleUseTokenStore()), purposes: { reset: '5m' } });
    const { token } = await tokens.issue('reset', { subject: 'ann' });
    return () => tokens.consume('reset', token);
  },
  'a code of an app': async (wrap) => {
    const totp = createTotp({
      store: wrap(memoryTotpStore()),
      attempts: memoryThrottleStore(),
      issuer: 'Acme',
      secret,
    });
    const app = new TOTP({ secret: (await totp.enrol('ann', 'ann')).secret });
    const { recoveryCodes } = await totp.confirm('ann', app.generate());
    return () => totp.verify('ann', recoveryCodes[0] as string);
  },
};

describe.each(Object.entries(scenarios))('%s', (_name, scenario) => {
  it.each(['throws', 'rejects'] as const)('lets nobody in where a call of the store %s', async (how) => {
    let failures = 0;
    for (let at = 1; ; at++) {
      const fault: Fault = { at: 0, calls: 0, happened: false };
      const enter = await scenario((store) => failing(store, fault, how));
      fault.calls = 0;
      fault.at = at;
      const entered = await enter().then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'auth.store_failed', status: 503 });
          return false;
        },
      );
      if (!fault.happened) {
        // Each call has failed once, and without a failure it works.
        expect(entered).toBe(true);
        break;
      }
      failures++;
      expect({ at, entered }).toEqual({ at, entered: false });
    }
    expect(failures).toBeGreaterThan(0);
  });
});
