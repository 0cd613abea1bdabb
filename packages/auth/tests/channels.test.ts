import { describe, expect, it } from 'vitest';
import {
  channels,
  createAccessTokens,
  createKeyRing,
  createPolicy,
  createSessions,
  createThrottle,
  deriveSecret,
  generateKey,
  trustedPrincipal,
} from '../src/index.ts';
import { memoryStores, memoryThrottleStore } from '../src/stores.ts';

type Name = keyof typeof channels;

/** Everything that is published while `work` runs: events by name, and all payloads as they are at the end. */
async function listen(name: Name, work: () => unknown) {
  const outcomes: unknown[] = [];
  const payloads: object[] = [];
  const end = (payload: object): void => {
    payloads.push(payload);
    outcomes.push((payload as { outcome?: string }).outcome);
  };
  const listener = { start: (payload: object) => void payloads.push(payload), end: () => {}, asyncEnd: end };
  channels[name].subscribe(listener as never);
  await work();
  channels[name].unsubscribe(listener as never);
  return { outcomes, payloads };
}

function setUp() {
  const clock = { time: Date.UTC(2030, 0, 1) };
  return generateKey().then(({ key, pem }) => {
    const accessTokens = createAccessTokens({
      issuer: 'me',
      audience: 'me',
      keys: createKeyRing({ active: key }),
      now: () => clock.time,
    });
    const secret = deriveSecret(pem, 'refresh-tokens');
    return { clock, accessTokens, sessions: createSessions({ accessTokens, stores: memoryStores(), secret }) };
  });
}

describe('the channel of', () => {
  it('verification tells why, and no token', async () => {
    const { accessTokens, clock } = await setUp();
    const { token } = await accessTokens.issue({ subject: 'u1', sessionId: 's1' });
    const { outcomes, payloads } = await listen('verify', async () => {
      await accessTokens.verify(token);
      await accessTokens.verify(`${token.slice(0, -4)}AAAA`).catch(() => {});
      await accessTokens.verify('garbage').catch(() => {});
      clock.time += 3_600_000;
      await accessTokens.verify(token).catch(() => {});
    });
    expect(outcomes).toEqual(['ok', 'signature', 'malformed', 'expired']);
    // Not the token, and not the principal: what a subscriber logs must not be a credential.
    for (const payload of payloads) expect(Object.keys(payload).sort()).toEqual(expect.not.arrayContaining(['token']));
    expect(JSON.stringify(payloads)).not.toContain(token.slice(0, 30));
    expect(payloads.map((payload) => (payload as { result?: unknown }).result).filter(Boolean)).toEqual([]);
  });

  it('verification tells of an ended session once', async () => {
    const { sessions } = await setUp();
    const { accessToken, sessionId } = await sessions.start({ subject: 'u1' });
    const { outcomes } = await listen('verify', async () => {
      await sessions.verify(accessToken);
      await sessions.revoke(sessionId);
      await sessions.verify(accessToken).catch(() => {});
    });
    expect(outcomes).toEqual(['ok', 'session']);
  });

  it('ASVS 16.3.1: refreshes, retries and theft are told apart, and no token', async () => {
    const { sessions, clock } = await setUp();
    const given: string[] = [];
    const { outcomes, payloads } = await listen('session', async () => {
      const first = await sessions.start({ subject: 'u1' });
      const second = await sessions.refresh(first.refreshToken);
      await sessions.refresh(first.refreshToken);
      clock.time += 11_000;
      await sessions.refresh(first.refreshToken).catch(() => {});
      await sessions.refresh(second.refreshToken).catch(() => {});
      await sessions.refresh('A'.repeat(43)).catch(() => {});
      await sessions.revokeAll('u1');
      given.push(first.refreshToken, first.accessToken, second.refreshToken, second.accessToken);
    });
    expect(outcomes).toEqual(['ok', 'ok', 'retry', 'reuse', 'ended', 'unknown', 'ok']);
    const text = JSON.stringify(payloads);
    for (const token of given) expect(text).not.toContain(token);
    expect(payloads.map((payload) => (payload as { result?: unknown }).result).filter(Boolean)).toEqual([]);
  });

  it('attempts tells which limit refused, and neither account nor address', async () => {
    const throttle = createThrottle({ store: memoryThrottleStore(), pair: { attempts: 1, per: '1h' } });
    const who = { address: '192.0.2.1', account: 'ann@example.com' };
    const { outcomes, payloads } = await listen('throttle', async () => {
      await throttle.attempt(who);
      await throttle.attempt(who).catch(() => {});
    });
    expect(outcomes).toEqual(['ok', 'pair']);
    expect(JSON.stringify(payloads)).not.toMatch(/ann|192\.0/);
  });

  it('ASVS 16.3.2: decisions are told with the permission and the reason', async () => {
    const policy = createPolicy({ roles: { member: { allow: ['docs:read'] } } });
    const ann = trustedPrincipal({ subject: 'ann', roles: ['member'] });
    const { outcomes, payloads } = await listen('authorize', () => {
      policy.can(ann, 'docs:read');
      policy.explain(ann, 'docs:write');
    });
    expect(outcomes).toEqual(['allowed', 'no_rule']);
    expect([...new Set(payloads)]).toMatchObject([
      { permission: 'docs:read', outcome: 'allowed' },
      { permission: 'docs:write', outcome: 'no_rule' },
    ]);
  });
});
