import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type AuthStores,
  createAccessTokens,
  createKeyRing,
  createSessions,
  deriveSecret,
  generateKey,
  type SessionsOptions,
} from '../src/index.ts';
import { memoryStores } from '../src/stores.ts';

const { key, pem } = await generateKey();
const secret = deriveSecret(pem, 'refresh-tokens');
const ended = { code: 'auth.token_invalid', details: { reason: 'session' } };

let time: number;
beforeEach(() => {
  time = 5000;
  vi.spyOn(performance, 'now').mockImplementation(() => time);
});
afterEach(() => void vi.restoreAllMocks());

/** Sessions of one process, on stores that others may share. */
function processOn(stores: AuthStores, options: Partial<SessionsOptions> = {}) {
  const clock = { time: Date.UTC(2030, 0, 1) };
  let reads = 0;
  let hold: Promise<void> | undefined;
  let whenRead: (() => void) | undefined;
  const counted: AuthStores = {
    ...stores,
    sessions: {
      ...stores.sessions,
      async get(id) {
        reads++;
        const session = await stores.sessions.get(id);
        whenRead?.();
        await hold;
        return session;
      },
    },
  };
  const keys = createKeyRing({ active: key });
  const accessTokens = createAccessTokens({ issuer: 'me', audience: 'me', keys, now: () => clock.time });
  const sessions = createSessions({ accessTokens, stores: counted, secret, ...options });
  return {
    sessions,
    clock,
    reads: () => reads,
    /** The next answers of the store are on their way until the function that this gives is called. */
    holdAnswers() {
      const held = Promise.withResolvers<void>();
      hold = held.promise;
      const read = Promise.withResolvers<void>();
      whenRead = read.resolve;
      return { read: read.promise, release: held.resolve };
    },
  };
}

describe('the state of a session', () => {
  it('is kept for one second, and asked for anew after it', async () => {
    const { sessions, reads } = processOn(memoryStores());
    const { accessToken } = await sessions.start({ subject: 'u1' });
    for (let i = 0; i < 5; i++) await sessions.verify(accessToken);
    time += 999;
    await sessions.verify(accessToken);
    expect(reads()).toBe(1);
    time += 1;
    await sessions.verify(accessToken);
    expect(reads()).toBe(2);
  });

  it('is asked for each time with a time of 0', async () => {
    const { sessions, reads } = processOn(memoryStores(), { sessionCacheTtl: 0 });
    const { accessToken } = await sessions.start({ subject: 'u1' });
    for (let i = 0; i < 3; i++) await sessions.verify(accessToken);
    expect(reads()).toBe(3);
  });

  it.each(['1001ms', 2000, -1, Number.NaN, 'soon'])('is not kept for %s', (sessionCacheTtl) => {
    const make = () => processOn(memoryStores(), { sessionCacheTtl });
    expect(make).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
  });

  it.each<[string, (of: ReturnType<typeof processOn>['sessions'], id: string, token: string) => Promise<unknown>]>([
    ['revoke', (sessions, id) => sessions.revoke(id)],
    ['revokeAll', (sessions) => sessions.revokeAll('u1')],
    ['logout', async (sessions, _id, token) => sessions.logout(await sessions.verify(token))],
  ])('is that of now where this process ends it (%s), and within a second elsewhere', async (_name, end) => {
    const stores = memoryStores();
    const [here, there] = [processOn(stores), processOn(stores)];
    const { accessToken, sessionId } = await here.sessions.start({ subject: 'u1' });
    const other = await here.sessions.start({ subject: 'u2' });
    for (const each of [here, there]) await each.sessions.verify(accessToken);
    time += 400;
    await end(here.sessions, sessionId, accessToken);
    await expect(here.sessions.verify(accessToken)).rejects.toMatchObject(ended);
    time += 599;
    await there.sessions.verify(accessToken);
    time += 1;
    await expect(there.sessions.verify(accessToken)).rejects.toMatchObject(ended);
    await here.sessions.verify(other.accessToken);
  });

  it('is not kept when it was read while the session was being ended', async () => {
    const stores = memoryStores();
    const here = processOn(stores);
    const { accessToken, sessionId } = await here.sessions.start({ subject: 'u1' });
    const held = here.holdAnswers();
    const late = here.sessions.verify(accessToken);
    await held.read;
    await here.sessions.revoke(sessionId);
    held.release();
    // It was asked while the session lived.
    await late;
    await expect(here.sessions.verify(accessToken)).rejects.toMatchObject(ended);
  });

  it('counts its second from the question on, not from the answer', async () => {
    const stores = memoryStores();
    const [here, there] = [processOn(stores), processOn(stores)];
    const { accessToken, sessionId } = await here.sessions.start({ subject: 'u1' });
    const held = there.holdAnswers();
    const late = there.sessions.verify(accessToken);
    await held.read;
    await here.sessions.revoke(sessionId);
    time += 1000;
    held.release();
    await late;
    await expect(there.sessions.verify(accessToken)).rejects.toMatchObject(ended);
  });

  it('is asked for anew after an end that failed: the store may have done it', async () => {
    const stores = memoryStores();
    const broken: AuthStores = {
      ...stores,
      sessions: {
        ...stores.sessions,
        async revoke(id, at, reason) {
          await stores.sessions.revoke(id, at, reason);
          throw new Error('the answer got lost');
        },
      },
    };
    const { sessions } = processOn(broken);
    const { accessToken, sessionId } = await sessions.start({ subject: 'u1' });
    await sessions.verify(accessToken);
    await expect(sessions.revoke(sessionId)).rejects.toMatchObject({ code: 'auth.store_failed' });
    await expect(sessions.verify(accessToken)).rejects.toMatchObject(ended);
  });

  it('does not outlive the session, nor a clock that was set back', async () => {
    const { sessions, clock, reads } = processOn(memoryStores(), { sessionTtl: '10s' });
    const { accessToken } = await sessions.start({ subject: 'u1' });
    await sessions.verify(accessToken);
    clock.time += 10_000;
    await expect(sessions.verify(accessToken)).rejects.toMatchObject(ended);
    clock.time -= 11_000;
    time += 1000;
    await sessions.verify(accessToken);
    expect(reads()).toBe(2);
  });

  it('is not used by a refresh, which asks the store', async () => {
    const stores = memoryStores();
    const [here, there] = [processOn(stores), processOn(stores)];
    const pair = await here.sessions.start({ subject: 'u1' });
    await there.sessions.verify(pair.accessToken);
    await here.sessions.revoke(pair.sessionId);
    await expect(there.sessions.refresh(pair.refreshToken)).rejects.toMatchObject({ details: { reason: 'ended' } });
  });
});
