import { setImmediate as nextTurn } from 'node:timers/promises';
import { EntError } from '@ent/errors';
import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import {
  type AuthStores,
  createAccessTokens,
  createKeyRing,
  createSessions,
  deriveSecret,
  generateKey,
  type RefreshTokenRecord,
  type SessionClaims,
  type SessionsOptions,
  toTokenResponse,
} from '../src/index.ts';
import { memoryStores } from '../src/stores.ts';

const START = Date.UTC(2030, 0, 1);
const DAY = 86_400_000;
const { key, pem } = await generateKey();
const secret = deriveSecret(pem, 'refresh-tokens');

function setUp(options: Partial<SessionsOptions> = {}) {
  const clock = { time: START };
  const stores = options.stores ?? memoryStores();
  const accessTokens = createAccessTokens({
    issuer: 'me',
    audience: 'me',
    keys: createKeyRing({ active: key }),
    now: () => clock.time,
  });
  const sessions = createSessions({ accessTokens, secret, ...options, stores });
  return { sessions, clock, stores, accessTokens };
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!EntError.is(error)) throw new Error('it was accepted, or something else than an EntError was thrown');
  expect(error.status).toBe(401);
  // Whatever the reason: a client reads the same.
  expect(error.toProblem()).toEqual({
    type: 'about:blank',
    title: 'Authentication failed',
    status: 401,
    code: error.code,
  });
  return error.details?.reason;
}

/** Every operation of the store lets others run before and after it, as one over a network does. */
function interleaved(stores: AuthStores, hops = () => 1): AuthStores {
  const slow = <T extends object>(store: T): T =>
    new Proxy(store, {
      get: (target, name, receiver) => {
        const method = Reflect.get(target, name, receiver) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          for (let hop = hops(); hop > 0; hop--) await nextTurn();
          const result = await method.apply(target, args);
          for (let hop = hops(); hop > 0; hop--) await nextTurn();
          return result;
        };
      },
    });
  return { sessions: slow(stores.sessions), refreshTokens: slow(stores.refreshTokens) };
}

describe('a session', () => {
  it('begins with tokens that work', async () => {
    const { sessions } = setUp({ claims: () => ({ roles: ['member'], claims: { tenant: 't1' } }) });
    const pair = await sessions.start({ subject: 'u1' });
    expect(toTokenResponse(pair)).toEqual({
      access_token: pair.accessToken,
      refresh_token: pair.refreshToken,
      token_type: 'Bearer',
      expires_in: 900,
    });
    expect(pair.refreshToken).toMatch(/^[\w-]{43}$/);
    const principal = await sessions.authenticate(`Bearer ${pair.accessToken}`);
    expect(principal).toMatchObject({
      subject: 'u1',
      sessionId: pair.sessionId,
      roles: ['member'],
      amr: ['pwd'],
      authenticatedAt: new Date(START),
      claims: { tenant: 't1' },
    });
  });

  it('does not begin for an account that is gone', async () => {
    const { sessions } = setUp({ claims: () => null });
    expect(await refusal(sessions.start({ subject: 'u1' }))).toBe('account');
  });

  it('takes roles, scopes and claims from the application, and nothing else that comes with them', async () => {
    const row = { roles: ['member'], subject: 'u2', sessionId: 's2', amr: ['otp'], authenticatedAt: new Date(0) };
    const { sessions } = setUp({ claims: () => row });
    const pair = await sessions.start({ subject: 'u1' });
    expect(await sessions.verify(pair.accessToken)).toMatchObject({
      subject: 'u1',
      sessionId: pair.sessionId,
      amr: ['pwd'],
      roles: ['member'],
    });
  });

  it('keeps what a client says about itself in a form that every database takes', async () => {
    const { sessions } = setUp();
    await sessions.start({ subject: 'u1', userAgent: `a\0${'🔑'.repeat(300)}`, address: 'x'.repeat(1000) });
    const [listed] = await sessions.list('u1');
    expect(listed?.userAgent?.isWellFormed()).toBe(true);
    expect(listed?.userAgent).not.toContain('\0');
    expect(listed?.userAgent?.length).toBeLessThanOrEqual(512);
    expect(listed?.address).toHaveLength(64);
  });

  it('keeps no token in the store, only hashes', async () => {
    const kept: RefreshTokenRecord[] = [];
    const inner = memoryStores();
    const stores: AuthStores = {
      sessions: inner.sessions,
      refreshTokens: {
        ...inner.refreshTokens,
        insert: async (record) => {
          kept.push(record);
          return inner.refreshTokens.insert(record);
        },
      },
    };
    const { sessions } = setUp({ stores });
    const first = await sessions.start({ subject: 'u1' });
    const second = await sessions.refresh(first.refreshToken);
    const everything = JSON.stringify(kept);
    expect(kept).toHaveLength(2);
    expect(everything).not.toContain(first.refreshToken);
    expect(everything).not.toContain(second.refreshToken);
  });

  it('ends at logout for the access token too, at once', async () => {
    const { sessions } = setUp();
    const pair = await sessions.start({ subject: 'u1' });
    const other = await sessions.start({ subject: 'u1' });
    await sessions.logout(await sessions.verify(pair.accessToken), pair.refreshToken);
    expect(await refusal(sessions.verify(pair.accessToken))).toBe('session');
    expect(await refusal(sessions.refresh(pair.refreshToken))).toBe('ended');
    await sessions.verify(other.accessToken);
  });

  it('ends with another session of the same account whose refresh token is handed in at logout', async () => {
    const { sessions } = setUp();
    const [a, b] = [await sessions.start({ subject: 'u1' }), await sessions.start({ subject: 'u1' })];
    await sessions.logout(await sessions.verify(a.accessToken), b.refreshToken);
    expect(await refusal(sessions.verify(a.accessToken))).toBe('session');
    expect(await refusal(sessions.verify(b.accessToken))).toBe('session');
  });

  it("is not ended by somebody else's logout", async () => {
    const { sessions } = setUp();
    const [mine, theirs] = [await sessions.start({ subject: 'u1' }), await sessions.start({ subject: 'u2' })];
    await sessions.logout(await sessions.verify(mine.accessToken), theirs.refreshToken);
    await sessions.verify(theirs.accessToken);
    for (const unknown of ['', 'x', 'A'.repeat(43)]) {
      const again = await sessions.start({ subject: 'u1' });
      await sessions.logout(await sessions.verify(again.accessToken), unknown);
      expect(await refusal(sessions.verify(again.accessToken))).toBe('session');
    }
  });

  it('ends with all others of the account, but for the one that is kept', async () => {
    const { sessions } = setUp();
    const pairs = await Promise.all([1, 2, 3].map(() => sessions.start({ subject: 'u1' })));
    const bystander = await sessions.start({ subject: 'u2' });
    const [kept, ...gone] = pairs as [(typeof pairs)[0], ...typeof pairs];
    expect(await sessions.revokeAll('u1', { except: kept.sessionId })).toBe(2);
    await sessions.verify(kept.accessToken);
    await sessions.verify(bystander.accessToken);
    for (const pair of gone) {
      expect(await refusal(sessions.verify(pair.accessToken))).toBe('session');
      expect(await refusal(sessions.refresh(pair.refreshToken))).toBe('ended');
    }
    expect(await sessions.revokeAll('u1')).toBe(1);
    expect(await sessions.revokeAll('u1')).toBe(0);
  });

  it('is revoked once', async () => {
    const { sessions } = setUp();
    const { sessionId } = await sessions.start({ subject: 'u1' });
    const results = await Promise.all([1, 2, 3].map(() => sessions.revoke(sessionId)));
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await sessions.revoke('nobody')).toBe(false);
  });

  it('is listed while it lives, the latest used first', async () => {
    const { sessions, clock } = setUp();
    const a = await sessions.start({ subject: 'u1', userAgent: 'Firefox', address: '192.0.2.1' });
    clock.time += 1000;
    const b = await sessions.start({ subject: 'u1' });
    await sessions.start({ subject: 'u2' });
    clock.time += 1000;
    await sessions.refresh(a.refreshToken);
    const listed = await sessions.list('u1');
    expect(listed.map(({ id }) => id)).toEqual([a.sessionId, b.sessionId]);
    expect(listed[0]).toMatchObject({ userAgent: 'Firefox', address: '192.0.2.1', lastUsedAt: new Date(START + 2000) });
    await sessions.revoke(a.sessionId);
    expect((await sessions.list('u1')).map(({ id }) => id)).toEqual([b.sessionId]);
    clock.time += 91 * DAY;
    expect(await sessions.list('u1')).toEqual([]);
  });

  it('ends when its token says another account than its record', async () => {
    const { sessions, accessTokens } = setUp();
    const { sessionId } = await sessions.start({ subject: 'u1' });
    const { token } = await accessTokens.issue({ subject: 'u2', sessionId });
    expect(await refusal(sessions.verify(token))).toBe('session');
  });
});

describe('refreshing', () => {
  it('spends the token and gives the next one', async () => {
    const { sessions } = setUp();
    let pair = await sessions.start({ subject: 'u1' });
    const seen = new Set([pair.refreshToken]);
    for (let turn = 0; turn < 20; turn++) {
      pair = await sessions.refresh(pair.refreshToken);
      seen.add(pair.refreshToken);
      await sessions.verify(pair.accessToken);
    }
    expect(seen.size).toBe(21);
  });

  it('asks again what the account may do', async () => {
    let claims: SessionClaims | null = { roles: ['member'] };
    const { sessions } = setUp({ claims: async () => claims });
    const first = await sessions.start({ subject: 'u1' });
    claims = { roles: ['member', 'admin'] };
    const second = await sessions.refresh(first.refreshToken);
    expect((await sessions.verify(second.accessToken)).roles).toEqual(['member', 'admin']);
    claims = null;
    expect(await refusal(sessions.refresh(second.refreshToken))).toBe('account');
    claims = {};
    expect(await refusal(sessions.verify(second.accessToken))).toBe('session');
    expect(await refusal(sessions.refresh(second.refreshToken))).toBe('ended');
  });

  it('gives a retry within ten seconds the same successor', async () => {
    const { sessions, clock } = setUp();
    const first = await sessions.start({ subject: 'u1' });
    const second = await sessions.refresh(first.refreshToken);
    clock.time += 10_000;
    const retry = await sessions.refresh(first.refreshToken);
    expect(retry.refreshToken).toBe(second.refreshToken);
    expect(retry.refreshExpiresAt).toEqual(second.refreshExpiresAt);
    await sessions.verify(retry.accessToken);
    await sessions.refresh(second.refreshToken);
  });

  it('takes a spent token after that for a copy, and revokes the whole family', async () => {
    const { sessions, clock } = setUp();
    const first = await sessions.start({ subject: 'u1' });
    const second = await sessions.refresh(first.refreshToken);
    const third = await sessions.refresh(second.refreshToken);
    const bystander = await sessions.start({ subject: 'u1' });
    clock.time += 10_001;
    expect(await refusal(sessions.refresh(first.refreshToken))).toBe('reuse');
    expect(await refusal(sessions.refresh(third.refreshToken))).toBe('ended');
    expect(await refusal(sessions.verify(third.accessToken))).toBe('session');
    // One family is one login: the account's other logins live on.
    await sessions.refresh(bystander.refreshToken);
  });

  itInDepth('a thousand times at once gives one successor', { full: 200, ci: 1, of: 'times' }, async (round) => {
    const random = randomOf(round.seed);
    for (let turn = 0; turn < round.count; turn++) {
      const { sessions, clock } = setUp({ stores: interleaved(memoryStores(), () => Math.floor(random() * 3)) });
      const first = await sessions.start({ subject: 'u1' });
      const answers = await Promise.all(Array.from({ length: 1000 }, () => sessions.refresh(first.refreshToken)));
      expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1);
      const next = await sessions.refresh((answers[0] as (typeof answers)[0]).refreshToken);
      clock.time += 10_001;
      expect(await refusal(sessions.refresh(first.refreshToken))).toBe('reuse');
      expect(await refusal(sessions.refresh(next.refreshToken))).toBe('ended');
    }
  });

  const secrets = 'at once in processes with an old and a new secret gives one successor';
  itInDepth(secrets, { full: 1000, ci: 1, of: 'times' }, async (round) => {
    const random = randomOf(round.seed);
    for (let turn = 0; turn < round.count; turn++) {
      const stores = interleaved(memoryStores(), () => Math.floor(random() * 3));
      const newer = deriveSecret('n'.repeat(32), 'refresh-tokens');
      const [a, b] = [setUp({ stores, secret }), setUp({ stores, secret: [newer, secret] })];
      const first = await a.sessions.start({ subject: 'u1' });
      const answers = await Promise.allSettled(
        Array.from({ length: 100 }, (_, at) => (at % 2 ? a : b).sessions.refresh(first.refreshToken)),
      );
      const given = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value.refreshToken);
      expect(given.length).toBeGreaterThanOrEqual(50);
      expect(new Set(given).size).toBe(1);
    }
  });

  it('still serves a retry after the secret has changed, where the old one is known; else refuses without a theft', async () => {
    const stores = memoryStores();
    const newer = deriveSecret('n'.repeat(32), 'refresh-tokens');
    const first = await setUp({ stores }).sessions.start({ subject: 'u1' });
    const second = await setUp({ stores }).sessions.refresh(first.refreshToken);
    const retry = await setUp({ stores, secret: [newer, secret] }).sessions.refresh(first.refreshToken);
    expect(retry.refreshToken).toBe(second.refreshToken);
    expect(await refusal(setUp({ stores, secret: newer }).sessions.refresh(first.refreshToken))).toBe('secret_changed');
    await setUp({ stores, secret: newer }).sessions.refresh(second.refreshToken);
  });

  const logouts = { full: 10_000, ci: 50, of: 'logouts' };
  itInDepth('at the same time as logout gives nothing that works afterwards', logouts, async ({ count, seed }) => {
    const random = randomOf(seed);
    for (let round = 0; round < count; round++) {
      const { sessions } = setUp({ stores: interleaved(memoryStores(), () => Math.floor(random() * 4)) });
      const first = await sessions.start({ subject: 'u1' });
      const principal = await sessions.verify(first.accessToken);
      const [refreshed] = await Promise.allSettled([sessions.refresh(first.refreshToken), sessions.logout(principal)]);
      const given = refreshed.status === 'fulfilled' ? [first, refreshed.value] : [first];
      for (const pair of given) {
        expect(await refusal(sessions.verify(pair.accessToken))).toBe('session');
        expect(await refusal(sessions.refresh(pair.refreshToken))).toBe('ended');
      }
    }
  });

  it('loses nobody to a crash between its steps', async () => {
    const steps = ['sessions.touch', 'refreshTokens.insert', 'refreshTokens.spend'];
    for (const step of steps) {
      for (const when of ['before', 'after'] as const) {
        const inner = memoryStores();
        let broken = false;
        const breaking = <T extends object>(kind: string, store: T): T =>
          new Proxy(store, {
            get: (target, name, receiver) => {
              const method = Reflect.get(target, name, receiver) as (...args: unknown[]) => Promise<unknown>;
              return async (...args: unknown[]) => {
                const hit = broken && step === `${kind}.${String(name)}`;
                if (hit && when === 'before') throw new Error('connection lost');
                const result = await method.apply(target, args);
                if (hit) throw new Error('connection lost');
                return result;
              };
            },
          });
        const stores = {
          sessions: breaking('sessions', inner.sessions),
          refreshTokens: breaking('refreshTokens', inner.refreshTokens),
        };
        const { sessions } = setUp({ stores });
        const first = await sessions.start({ subject: 'u1' });
        broken = true;
        await expect(sessions.refresh(first.refreshToken)).rejects.toMatchObject({
          code: 'auth.store_failed',
          status: 503,
        });
        broken = false;
        const second = await sessions.refresh(first.refreshToken);
        expect((await sessions.refresh(first.refreshToken)).refreshToken).toBe(second.refreshToken);
        await sessions.refresh(second.refreshToken);
      }
    }
  });

  it('does not spend the token while the account cannot be looked up', async () => {
    let down = false;
    const { sessions, clock } = setUp({
      claims: () => {
        if (down) throw new Error('database is down');
        return {};
      },
    });
    const first = await sessions.start({ subject: 'u1' });
    down = true;
    await expect(sessions.refresh(first.refreshToken)).rejects.toThrow('database is down');
    down = false;
    clock.time += 60_000;
    await sessions.refresh(first.refreshToken);
  });

  it('ends with the idle time and with the lifetime of the session', async () => {
    const { sessions, clock } = setUp({ refreshTtl: '30d', sessionTtl: '90d' });
    const idle = await sessions.start({ subject: 'u1' });
    clock.time += 30 * DAY;
    expect(await refusal(sessions.refresh(idle.refreshToken))).toBe('expired');
    let busy = await sessions.start({ subject: 'u1' });
    const begun = clock.time;
    while (clock.time < begun + 80 * DAY) {
      clock.time += 20 * DAY;
      busy = await sessions.refresh(busy.refreshToken);
    }
    expect(busy.refreshExpiresAt).toEqual(new Date(begun + 90 * DAY));
    clock.time = begun + 90 * DAY;
    expect(await refusal(sessions.refresh(busy.refreshToken))).toBe('ended');
  });

  it.each([
    '',
    'x',
    'A'.repeat(43),
    'A'.repeat(44),
    'é'.repeat(43),
    '__proto__',
    undefined,
    null,
    7,
    {},
    'A'.repeat(10_000_000),
  ])('refuses the token number %#', async (token) => {
    const { sessions } = setUp();
    expect(['malformed', 'unknown']).toContain(await refusal(sessions.refresh(token as string)));
  });

  it('does not take an access token, nor a hash out of the store, for a refresh token', async () => {
    const { sessions, stores } = setUp();
    const pair = await sessions.start({ subject: 'u1' });
    expect(await refusal(sessions.refresh(pair.accessToken))).toBe('malformed');
    const { tokenId } = await import('../src/refresh-tokens.ts');
    const id = tokenId(pair.refreshToken);
    expect(await stores.refreshTokens.get(id)).toBeDefined();
    expect(await refusal(sessions.refresh(id))).toBe('unknown');
  });
});

describe('purging', () => {
  it('removes what has expired, keeps spent tokens that could still be reused', async () => {
    const { sessions, clock } = setUp({ refreshTtl: '30d', sessionTtl: '90d' });
    const first = await sessions.start({ subject: 'u1' });
    await sessions.refresh(first.refreshToken);
    clock.time += 29 * DAY;
    expect(await sessions.purge()).toBe(0);
    expect(await refusal(sessions.refresh(first.refreshToken))).toBe('reuse');
    clock.time += 2 * DAY;
    expect(await sessions.purge()).toBe(2);
    clock.time += 60 * DAY;
    expect(await sessions.purge()).toBe(1);
  });
});

describe('a session that was idle for too long', () => {
  it('is listed as long as it can be used, and no longer', async () => {
    const { sessions, clock } = setUp({ refreshTtl: '7d', sessionTtl: '90d' });
    const { refreshToken } = await sessions.start({ subject: 'u1' });
    clock.time += 6 * DAY;
    const next = await sessions.refresh(refreshToken);
    clock.time += 7 * DAY - 1;
    expect(await sessions.list('u1')).toHaveLength(1);
    clock.time += 1;
    expect(await sessions.list('u1')).toEqual([]);
    expect(await refusal(sessions.refresh(next.refreshToken))).toBe('expired');
  });

  it('is listed while its access token lives, where that outlives the refresh token', async () => {
    const { sessions, clock } = setUp({ refreshTtl: '1m' });
    const { accessToken } = await sessions.start({ subject: 'u1' });
    clock.time += 14 * 60_000;
    await sessions.verify(accessToken);
    expect(await sessions.list('u1')).toHaveLength(1);
  });

  it('has ended for a shorter idle time too, once that is in force', async () => {
    const { sessions, stores, clock } = setUp({ refreshTtl: '30d' });
    const { refreshToken } = await sessions.start({ subject: 'u1' });
    const later = setUp({ refreshTtl: '1d', stores });
    later.clock.time = clock.time + DAY;
    expect(await later.sessions.list('u1')).toEqual([]);
    expect(await refusal(later.sessions.refresh(refreshToken))).toBe('expired');
    clock.time += DAY;
    expect(await sessions.list('u1')).toHaveLength(1);
  });
});

describe('options of sessions', () => {
  it('that cannot work are refused at once', () => {
    for (const bad of [
      { secret: 'short' },
      { secret: new Uint8Array(31) },
      { secret: [] },
      { secret: [secret, 'short'] },
      { secret: 7 },
      { refreshTtl: 0 },
      { sessionTtl: 'soon' },
      { retryWindow: -1 },
      { retryWindow: '61s' },
      { retryWindow: '30d' },
    ]) {
      expect(() => setUp(bad as never)).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
    }
    expect(() => setUp({ retryWindow: '61s' })).toThrow('"retryWindow"');
    expect(() => setUp({ retryWindow: '60s' })).not.toThrow();
    expect(() => deriveSecret('short', 'x')).toThrow('32');
    expect(() => deriveSecret(pem, '')).toThrow('purpose');
  });

  it('derive different secrets for different purposes', () => {
    expect(deriveSecret(pem, 'a')).not.toEqual(deriveSecret(pem, 'b'));
    expect(deriveSecret(pem, 'a')).toEqual(deriveSecret(pem, 'a'));
  });
});

describe('a login beside a change of the account', () => {
  it('gives no session when what was proved does not hold any more', async () => {
    const { sessions, stores } = setUp();
    const reason = await refusal(sessions.start({ subject: 'u1', confirm: async () => false }));
    expect(reason).toBe('changed');
    expect(await sessions.list('u1')).toEqual([]);
    expect(await stores.sessions.list('u1')).toMatchObject([{ revokedReason: 'not_started' }]);
  });

  it('gives no session when it cannot be confirmed, and the error is the own one', async () => {
    const { sessions } = setUp();
    const confirm = async (): Promise<boolean> => {
      throw new Error('the database is away');
    };
    await expect(sessions.start({ subject: 'u1', confirm })).rejects.toThrow('the database is away');
    expect(await sessions.list('u1')).toEqual([]);
  });

  it('asks when the session is where revokeAll finds it', async () => {
    const { sessions } = setUp();
    let found = -1;
    const confirm = async (): Promise<boolean> => {
      found = await sessions.revokeAll('u1');
      return true;
    };
    const pair = await sessions.start({ subject: 'u1', confirm });
    expect(found).toBe(1);
    expect(await refusal(sessions.verify(pair.accessToken))).toBe('session');
  });

  it('leaves no session of an account that goes meanwhile', async () => {
    let asked = 0;
    const { sessions } = setUp({ claims: () => (++asked === 1 ? {} : null) });
    expect(await refusal(sessions.start({ subject: 'u1' }))).toBe('account');
    expect(await sessions.list('u1')).toEqual([]);
  });

  // Every order of the steps of both sides, as far as a store that hops at random gives them.
  it('leaves no session of an old password, however the two meet', async () => {
    for (let round = 0; round < 200; round++) {
      const stores = interleaved(memoryStores(), () => Math.floor(Math.random() * 4));
      const { sessions } = setUp({ stores });
      let password = 'old';
      const login = async (): Promise<string | undefined> => {
        const proved = password;
        try {
          const { accessToken } = await sessions.start({ subject: 'u1', confirm: () => password === proved });
          return proved === 'old' ? accessToken : undefined;
        } catch {
          return undefined;
        }
      };
      const change = async (): Promise<void> => {
        for (let hop = Math.floor(Math.random() * 8); hop > 0; hop--) await nextTurn();
        password = 'new';
        await sessions.revokeAll('u1', { reason: 'password' });
      };
      const [token] = await Promise.all([login(), change()]);
      if (token !== undefined) expect(await refusal(sessions.verify(token))).toBe('session');
    }
  });
});

describe('claimsAt', () => {
  it('"verify" has a change in force at once, for tokens from before too', async () => {
    let claims: SessionClaims | null = { roles: ['admin'], scopes: ['a:**'], claims: { tenant: 't1' } };
    const { sessions } = setUp({ claims: async () => claims, claimsAt: 'verify' });
    const { accessToken, sessionId } = await sessions.start({ subject: 'u1' });
    expect(await sessions.verify(accessToken)).toMatchObject({ roles: ['admin'], claims: { tenant: 't1' } });
    claims = { roles: ['user'] };
    const now = await sessions.verify(accessToken);
    expect(now).toMatchObject({
      subject: 'u1',
      sessionId,
      roles: ['user'],
      scopes: undefined,
      claims: {},
      amr: ['pwd'],
    });
    claims = null;
    expect(await refusal(sessions.verify(accessToken))).toBe('account');
  });

  it('"refresh" leaves it to the next token', async () => {
    let roles = ['admin'];
    const { sessions } = setUp({ claims: () => ({ roles }) });
    const { accessToken } = await sessions.start({ subject: 'u1' });
    roles = ['user'];
    expect(await sessions.verify(accessToken)).toMatchObject({ roles: ['admin'] });
  });

  it('is one of the two', () => {
    expect(() => setUp({ claimsAt: 'always' as never })).toThrow(/claimsAt/);
  });
});

it('a clock that is set back by an hour does not make the window of a spent refresh token an hour longer', async () => {
  const { sessions, clock } = setUp();
  const { refreshToken, accessToken } = await sessions.start({ subject: 'u1' });
  await sessions.refresh(refreshToken);
  clock.time -= 3_600_000;
  expect(await refusal(sessions.refresh(refreshToken))).toBe('reuse');
  expect(await sessions.list('u1')).toEqual([]);
  clock.time += 3_600_000;
  expect(await refusal(sessions.verify(accessToken))).toBe('session');
});
