import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type {
  ApiKeyRecord,
  ApiKeyStore,
  AuthStores,
  PasswordDriver,
  RefreshTokenRecord,
  RefreshTokenStore,
  SessionRecord,
  SessionStore,
  SingleUseTokenRecord,
  SingleUseTokenStore,
  ThrottleStore,
  TotpRecord,
  TotpStore,
} from '../src/index.ts';
import {
  memoryApiKeyStore,
  memorySingleUseTokenStore,
  memoryStores,
  memoryThrottleStore,
  memoryTotpStore,
} from '../src/stores.ts';
import {
  type TestRunner,
  testApiKeyStore,
  testAuthStores,
  testPasswordDriver,
  testSingleUseTokenStore,
  testThrottleStore,
  testTotpStore,
} from '../src/testing.ts';

// A suite is worth what it finds. Each mutant is a right implementation with one bug, of a kind that one over a real
// backend can have; the suite has to fail each of them.

const onSessions =
  (change: (store: SessionStore, all: Map<string, SessionRecord>) => Partial<SessionStore>) => (): AuthStores => {
    const { sessions, refreshTokens } = memoryStores();
    const all = new Map<string, SessionRecord>();
    const insert = async (record: SessionRecord): Promise<void> => {
      all.set(record.id, record);
      await sessions.insert(record);
    };
    return { sessions: { ...sessions, insert, ...change(sessions, all) }, refreshTokens };
  };

const onTokens = (change: (store: RefreshTokenStore) => Partial<RefreshTokenStore>) => (): AuthStores => {
  const { sessions, refreshTokens } = memoryStores();
  return { sessions, refreshTokens: { ...refreshTokens, ...change(refreshTokens) } };
};

/** Tokens in a map of their own, changed by reading and writing in two steps. */
const inTwoSteps = (): AuthStores => {
  const tokens = new Map<string, RefreshTokenRecord>();
  return {
    ...memoryStores(),
    refreshTokens: {
      async insert(token) {
        const taken = tokens.has(token.id);
        await nextTurn();
        if (!taken) tokens.set(token.id, token);
        return !taken;
      },
      get: async (id) => tokens.get(id),
      async spend(id, at, successorId) {
        const token = tokens.get(id);
        if (!token) return undefined;
        await nextTurn();
        if (token.spentAt) return { record: token, first: false };
        const record = { ...token, spentAt: at, successorId };
        tokens.set(id, record);
        return { record, first: true };
      },
      deleteExpired: async () => 1,
    },
  };
};

const storeMutants: Record<string, () => AuthStores> = {
  'reads and writes in two steps': inTwoSteps,
  'replaces a token whose id is taken': onTokens((store) => {
    const tokens = new Map<string, RefreshTokenRecord>();
    return {
      insert: async (token) => {
        const isNew = !tokens.has(token.id);
        tokens.set(token.id, token);
        await store.insert(token);
        return isNew;
      },
      get: async (id) => tokens.get(id),
    };
  }),
  'says that a taken id was added': onTokens((store) => ({
    insert: async (token) => {
      await store.insert(token);
      return true;
    },
  })),
  'tells everybody that they spent the token': onTokens((store) => ({
    spend: async (...call) => {
      const spent = await store.spend(...call);
      return spent && { ...spent, first: true };
    },
  })),
  'tells nobody that they spent the token': onTokens((store) => ({
    spend: async (...call) => {
      const spent = await store.spend(...call);
      return spent && { ...spent, first: false };
    },
  })),
  'answers with the token as it was before': onTokens((store) => ({
    spend: async (id, ...call) => {
      const before = await store.get(id);
      const spent = await store.spend(id, ...call);
      return spent && before && { ...spent, record: before };
    },
  })),
  'forgets the successor': onTokens((store) => ({ spend: (id, at) => store.spend(id, at, '') })),
  'spends a token that it does not have': onTokens((store) => ({
    spend: async (id, at, successorId) =>
      (await store.spend(id, at, successorId)) ?? { record: { id } as RefreshTokenRecord, first: true },
  })),
  'ignores case in ids': onTokens((store) => ({
    insert: (token) => store.insert({ ...token, id: token.id.toLowerCase() }),
    get: (id) => store.get(id.toLowerCase()),
    spend: (id, ...call) => store.spend(id.toLowerCase(), ...call),
  })),
  'cuts ids at 32 characters': onTokens((store) => ({
    insert: (token) => store.insert({ ...token, id: token.id.slice(0, 32) }),
    get: (id) => store.get(id.slice(0, 32)),
    spend: (id, ...call) => store.spend(id.slice(0, 32), ...call),
  })),
  'cuts times to seconds': onTokens((store) => ({
    insert: (token) =>
      store.insert({ ...token, createdAt: new Date(Math.floor(token.createdAt.getTime() / 1000) * 1000) }),
  })),
  'removes tokens that expire now': onTokens((store) => ({
    deleteExpired: (before) => store.deleteExpired(new Date(before.getTime() + 1)),
  })),
  'removes no tokens': onTokens(() => ({ deleteExpired: async () => 1 })),
  'removes all tokens': onTokens((store) => ({ deleteExpired: () => store.deleteExpired(new Date(8e15)) })),
  'removes sessions that expire now': onSessions((store) => ({
    deleteExpired: (before) => store.deleteExpired(new Date(before.getTime() + 1)),
  })),
  'removes no sessions': onSessions(() => ({ deleteExpired: async () => 1 })),
  'stores an absent text as an empty one': onSessions((store) => ({
    insert: (session) => store.insert({ ...session, userAgent: session.userAgent ?? '' }),
  })),
  'stores an empty text as an absent one': onSessions((store) => ({
    insert: (session) => store.insert({ ...session, amr: session.amr || (null as never) }),
  })),
  'takes text for ASCII': onSessions((store) => ({
    insert: (session) =>
      store.insert({ ...session, userAgent: session.userAgent?.replace(/[^\x20-\x7e]/g, '?') ?? null }),
  })),
  'forgets the key that tokens are bound to': onSessions((store) => ({
    insert: (session) => store.insert({ ...session, jkt: null }),
  })),
  'answers null for what is unknown': onSessions((store) => ({
    get: async (id) => (await store.get(id)) ?? (null as never),
  })),
  'lets the last reason win': onSessions((store, all) => ({
    revoke: async (id, at, reason) => {
      const session = all.get(id);
      if (session) all.set(id, { ...session, revokedAt: at, revokedReason: reason });
      return store.revoke(id, at, reason);
    },
    get: async (id) => all.get(id),
  })),
  'tells everybody that they revoked the session': onSessions((store) => ({
    revoke: async (...call) => {
      await store.revoke(...call);
      return true;
    },
  })),
  'touches by writing the whole session back': onSessions((_store, all) => ({
    touch: async (id, at) => {
      const session = all.get(id);
      await nextTurn();
      if (session) all.set(id, { ...session, lastUsedAt: at });
    },
    revoke: async (id, at, reason) => {
      const session = all.get(id);
      if (!session || session.revokedAt) return false;
      all.set(id, { ...session, revokedAt: at, revokedReason: reason });
      return true;
    },
    get: async (id) => all.get(id),
  })),
  'does not touch': onSessions(() => ({ touch: async () => {} })),
  'throws for an unknown session that is touched': onSessions((store) => ({
    touch: async (id, at) => {
      if (!(await store.get(id))) throw new Error('not found');
      await store.touch(id, at);
    },
  })),
  'lists living sessions only': onSessions((store) => ({
    list: async (subject) => (await store.list(subject)).filter(({ revokedAt }) => revokedAt === null),
  })),
  'takes accounts that begin alike for one': onSessions((store, all) => ({
    list: async (subject) => {
      const alike = [...all.values()].filter((session) => session.subject.startsWith(subject));
      return (await Promise.all(alike.map(({ id }) => store.get(id)))).filter((session) => session !== undefined);
    },
  })),
  'revokes accounts that differ by case': onSessions((store, all) => ({
    revokeSubject: async (subject, ...call) => {
      const names = new Set([...all.values()].map((session) => session.subject));
      const alike = [...names].filter((name) => name.toLowerCase() === subject.toLowerCase());
      const counts = await Promise.all(alike.map((name) => store.revokeSubject(name, ...call)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
  })),
  'does not keep the session that is excepted': onSessions((store) => ({
    revokeSubject: (subject, at, reason) => store.revokeSubject(subject, at, reason),
  })),
  'keeps one more': onSessions((store) => ({
    revokeSubject: async (subject, at, reason, except) =>
      store.revokeSubject(subject, at, reason, except ?? (await store.list(subject))[1]?.id),
  })),
  'counts what had been revoked before': onSessions((store) => ({
    revokeSubject: async (subject, ...call) => {
      await store.revokeSubject(subject, ...call);
      return (await store.list(subject)).length;
    },
  })),
};

const onThrottle = (change: (store: ThrottleStore) => Partial<ThrottleStore>) => (): ThrottleStore => {
  const store = memoryThrottleStore();
  return { ...store, ...change(store) };
};

const throttleMutants: Record<string, () => ThrottleStore> = {
  'reads and writes in two steps': () => {
    const empty = new Map<string, number>();
    return {
      async take(key, { burst, intervalMs }, now) {
        const at = Math.max(empty.get(key) ?? 0, now);
        await nextTurn();
        const retryAfterMs = at + intervalMs - now - burst * intervalMs;
        if (retryAfterMs > 0) return { ok: false, retryAfterMs };
        empty.set(key, at + intervalMs);
        return { ok: true, retryAfterMs: 0 };
      },
      give: async () => {},
      reset: async () => {},
    };
  },
  'lets one more through': onThrottle((store) => ({
    take: (key, rule, now) => store.take(key, { ...rule, burst: rule.burst + 1 }, now),
  })),
  'counts what it refuses': onThrottle((store) => ({
    take: async (key, rule, now) => {
      const answer = await store.take(key, rule, now);
      if (!answer.ok) await store.give(key, { ...rule, intervalMs: -rule.intervalMs }, now);
      return answer;
    },
  })),
  'refills at once': onThrottle((store) => ({
    take: (key, rule, now) => store.take(key, rule, now + (now % 1000 === 400 ? 10_000 : 0)),
  })),
  'saves up without end': () => {
    const used = new Map<string, number>();
    return {
      async take(key, { burst, intervalMs }, now) {
        const allowed = burst + Math.floor((now - Date.UTC(2030, 0, 1)) / intervalMs);
        const taken = used.get(key) ?? 0;
        if (taken >= allowed) return { ok: false, retryAfterMs: intervalMs };
        used.set(key, taken + 1);
        return { ok: true, retryAfterMs: 0 };
      },
      give: async (key) => void used.set(key, Math.max(0, (used.get(key) ?? 0) - 1)),
      reset: async (key) => void used.delete(key),
    };
  },
  'gives nothing back': onThrottle(() => ({ give: async () => {} })),
  'gives credit': () => {
    const empty = new Map<string, number>();
    return {
      async take(key, { burst, intervalMs }, now) {
        const at = Math.max(empty.get(key) ?? now, now - burst * intervalMs);
        const retryAfterMs = at + intervalMs - now - burst * intervalMs;
        if (retryAfterMs > 0) return { ok: false, retryAfterMs };
        empty.set(key, Math.max(at, empty.has(key) ? at : now) + intervalMs);
        return { ok: true, retryAfterMs: 0 };
      },
      give: async (key, { intervalMs }, now) => void empty.set(key, (empty.get(key) ?? now) - intervalMs),
      reset: async (key) => void empty.delete(key),
    };
  },
  'has one key': onThrottle((store) => ({ take: (_key, rule, now) => store.take('', rule, now) })),
  'ignores case in keys': onThrottle((store) => ({
    take: (key, rule, now) => store.take(key.toLowerCase(), rule, now),
  })),
  'forgets nothing': onThrottle(() => ({ reset: async () => {} })),
};

/** The records of a store of API keys, which a mutant changes in its own way. */
const onApiKeys = (change: (all: Map<string, ApiKeyRecord>) => Partial<ApiKeyStore>) => (): ApiKeyStore => {
  const all = new Map<string, ApiKeyRecord>();
  const store = memoryApiKeyStore();
  const set = (id: string, more: Partial<ApiKeyRecord>): boolean => {
    const key = all.get(id);
    if (key) all.set(id, { ...key, ...more });
    return key !== undefined;
  };
  return {
    ...store,
    insert: async (key) => void all.set(key.id, key),
    get: async (id) => all.get(id),
    touch: async (id, at) => void set(id, { lastUsedAt: at }),
    retire: async (subject, id, successorId, expiresAt) => {
      const key = all.get(id);
      if (key?.subject !== subject || key.revokedAt || key.successorId) return false;
      return set(id, { successorId, expiresAt });
    },
    revoke: async (subject, id, at) => {
      const key = all.get(id);
      return key?.subject === subject && key.revokedAt === null && set(id, { revokedAt: at });
    },
    revokeSubject: async (subject, at) =>
      [...all.values()].filter((key) => key.subject === subject && !key.revokedAt && set(key.id, { revokedAt: at }))
        .length,
    list: async (subject) => [...all.values()].filter((key) => key.subject === subject),
    ...change(all),
  };
};

const apiKeyMutants: Record<string, () => ApiKeyStore> = {
  'revokes keys of others': onApiKeys((all) => ({
    revoke: async (_subject, id, at) => {
      const key = all.get(id);
      if (!key || key.revokedAt) return false;
      all.set(id, { ...key, revokedAt: at });
      return true;
    },
  })),
  'lets the last revocation win': onApiKeys((all) => ({
    revoke: async (subject, id, at) => {
      const key = all.get(id);
      if (key?.subject !== subject) return false;
      all.set(id, { ...key, revokedAt: at });
      return true;
    },
  })),
  'touches by writing the whole key back': onApiKeys((all) => ({
    touch: async (id, at) => {
      const key = all.get(id);
      await nextTurn();
      if (key) all.set(id, { ...key, lastUsedAt: at });
    },
  })),
  'gives a key two successors': onApiKeys((all) => ({
    retire: async (subject, id, successorId, expiresAt) => {
      const key = all.get(id);
      if (key?.subject !== subject || key.revokedAt || key.successorId) return false;
      await nextTurn();
      all.set(id, { ...key, successorId, expiresAt });
      return true;
    },
  })),
  'gives a revoked key a successor': onApiKeys((all) => ({
    retire: async (subject, id, successorId, expiresAt) => {
      const key = all.get(id);
      if (key?.subject !== subject || key.successorId) return false;
      all.set(id, { ...key, successorId, expiresAt });
      return true;
    },
  })),
  'retires keys of others': onApiKeys((all) => ({
    retire: async (_subject, id, successorId, expiresAt) => {
      const key = all.get(id);
      if (!key || key.revokedAt || key.successorId) return false;
      all.set(id, { ...key, successorId, expiresAt });
      return true;
    },
  })),
  'forgets when the old key ends': onApiKeys((all) => ({
    retire: async (subject, id, successorId) => {
      const key = all.get(id);
      if (key?.subject !== subject || key.revokedAt || key.successorId) return false;
      all.set(id, { ...key, successorId });
      return true;
    },
  })),
  'lists living keys only': onApiKeys((all) => ({
    list: async (subject) => [...all.values()].filter((key) => key.subject === subject && !key.revokedAt),
  })),
  'takes accounts that begin alike for one': onApiKeys((all) => ({
    list: async (subject) => [...all.values()].filter((key) => key.subject.startsWith(subject)),
  })),
  'revokes accounts that differ by case': onApiKeys((all) => ({
    revokeSubject: async (subject, at) => {
      const alike = [...all.values()].filter(
        (key) => key.subject.toLowerCase() === subject.toLowerCase() && !key.revokedAt,
      );
      for (const key of alike) all.set(key.id, { ...key, revokedAt: at });
      return alike.filter((key) => key.subject === subject).length;
    },
  })),
  'stores an end for a key without one': onApiKeys((all) => ({
    insert: async (key) => void all.set(key.id, { ...key, expiresAt: key.expiresAt ?? new Date(8e15) }),
  })),
};

const onSingleUse =
  (change: (store: SingleUseTokenStore, all: Map<string, SingleUseTokenRecord>) => Partial<SingleUseTokenStore>) =>
  (): SingleUseTokenStore => {
    const store = memorySingleUseTokenStore();
    const all = new Map<string, SingleUseTokenRecord>();
    const insert = async (record: SingleUseTokenRecord): Promise<void> => {
      all.set(record.id, record);
      await store.insert(record);
    };
    return { ...store, insert, ...change(store, all) };
  };

const singleUseMutants: Record<string, () => SingleUseTokenStore> = {
  'lets everybody use a token': onSingleUse((store) => ({
    consume: async (...call) => {
      await store.consume(...call);
      return true;
    },
  })),
  'looks and writes in two steps': onSingleUse((_store, all) => ({
    get: async (id) => all.get(id),
    consume: async (id, at) => {
      const token = all.get(id);
      if (!token || token.consumedAt) return false;
      await nextTurn();
      all.set(id, { ...token, consumedAt: at });
      return true;
    },
  })),
  'ends tokens of other purposes': onSingleUse((store) => ({
    consumeAll: async (purpose, subject, at) => {
      await store.consumeAll('password-reset', subject, at);
      return store.consumeAll(purpose, subject, at);
    },
  })),
  'ends tokens of accounts that begin alike': onSingleUse((store, all) => ({
    consumeAll: async (purpose, subject, at) => {
      const alike = [...all.values()].filter((token) => token.subject.startsWith(`${subject}x`));
      for (const { id } of alike) await store.consume(id, at);
      return store.consumeAll(purpose, subject, at);
    },
  })),
  'ends nothing': onSingleUse(() => ({ consumeAll: async () => 2 })),
  'counts what had ended before': onSingleUse((store, all) => ({
    consumeAll: async (purpose, subject, at) => {
      await store.consumeAll(purpose, subject, at);
      return [...all.values()].filter((token) => token.subject === subject && token.purpose === purpose).length;
    },
  })),
  'ignores case in ids': onSingleUse((store) => ({
    insert: (token) => store.insert({ ...token, id: token.id.toLowerCase() }),
    get: (id) => store.get(id.toLowerCase()),
    consume: (id, at) => store.consume(id.toLowerCase(), at),
  })),
  'stores nothing as an empty text': onSingleUse((store) => ({
    insert: (token) => store.insert({ ...token, data: token.data ?? '' }),
  })),
  'removes tokens that expire now': onSingleUse((store) => ({
    deleteExpired: (before) => store.deleteExpired(new Date(before.getTime() + 1)),
  })),
  'removes no tokens': onSingleUse(() => ({ deleteExpired: async () => 1 })),
};

const onTotp = (change: (store: TotpStore, all: Map<string, TotpRecord>) => Partial<TotpStore>) => (): TotpStore => {
  const store = memoryTotpStore();
  return { ...store, ...change(store, new Map()) };
};

const totpMutants: Record<string, () => TotpStore> = {
  'looks and writes in two steps': onTotp((_store, all) => ({
    get: async (subject) => all.get(subject),
    write: async (record) => {
      const before = all.get(record.id)?.revision ?? 0;
      await nextTurn();
      if (before !== record.revision - 1) return false;
      all.set(record.id, record);
      return true;
    },
  })),
  'takes any later revision': onTotp((_store, all) => ({
    get: async (subject) => all.get(subject),
    write: async (record) => {
      if ((all.get(record.id)?.revision ?? 0) >= record.revision) return false;
      all.set(record.id, record);
      return true;
    },
  })),
  'begins anew with the first revision': onTotp((store, all) => ({
    get: async (subject) => all.get(subject) ?? store.get(subject),
    write: async (record) => {
      if (record.revision === 1) all.set(record.id, record);
      return record.revision === 1 || store.write(record);
    },
  })),
  'says that it wrote what it did not': onTotp((store) => ({
    write: async (record) => {
      await store.write(record);
      return true;
    },
  })),
  'keeps a confirmation that was taken back': onTotp((store) => ({
    write: async (record) =>
      store.write({ ...record, confirmedAt: record.confirmedAt ?? (record.secret === '' ? null : new Date(0)) }),
  })),
  'cuts recovery codes at 255 characters': onTotp((store) => ({
    write: (record) => store.write({ ...record, recoveryCodes: record.recoveryCodes.slice(0, 255) }),
  })),
  'ignores case in accounts': onTotp((store) => ({
    get: (subject) => store.get(subject.toLowerCase()),
    write: (record) => store.write({ ...record, id: record.id.toLowerCase() }),
  })),
};

/** A right driver, cheap enough to try many bugs on. */
function plainDriver(): PasswordDriver {
  const text = (password: string): string => Buffer.from(password).toString('hex');
  let salt = 0;
  const make = (password: string): string => `$plain$${String(++salt).padStart(6, '0')}$${digest(password, salt)}`;
  const digest = (password: string, by: number): string => {
    let state = by;
    for (const char of text(password)) state = (Math.imul(state, 31) + char.charCodeAt(0)) >>> 0;
    return `${state.toString(36).padStart(8, '0')}${text(password).length.toString(36).padStart(8, '0')}`;
  };
  const FORM = /^\$plain\$(\d{6})\$([0-9a-z]{16})$/;
  const read = (hash: string) => (/[\s]/.test(hash) ? null : FORM.exec(hash));
  return {
    features: { algorithm: 'plain', maxPasswordBytes: null, usesThreadPool: false },
    hash: async (password) => make(password),
    inspect: (hash) => (read(hash) ? 'current' : 'unreadable'),
    verify: async (password, hash) => {
      const parts = read(hash);
      return parts !== null && parts[2] === digest(password, Number(parts[1]));
    },
    decoy: () => make(`decoy ${++salt}`),
  };
}

const onDriver = (change: (driver: PasswordDriver) => Partial<PasswordDriver>) => (): PasswordDriver => {
  const driver = plainDriver();
  return { ...driver, ...change(driver) };
};

const driverMutants: Record<string, () => PasswordDriver> = {
  'cuts passwords at 72 bytes': onDriver((driver) => ({
    hash: (password) => driver.hash(password.slice(0, 72)),
    verify: (password, hash) => driver.verify(password.slice(0, 72), hash),
  })),
  'stops at NUL': onDriver((driver) => ({
    hash: (password) => driver.hash(password.split('\0', 1)[0] as string),
    verify: (password, hash) => driver.verify(password.split('\0', 1)[0] as string, hash),
  })),
  'ignores case': onDriver((driver) => ({
    hash: (password) => driver.hash(password.toLowerCase()),
    verify: (password, hash) => driver.verify(password.toLowerCase(), hash),
  })),
  'trims passwords': onDriver((driver) => ({
    hash: (password) => driver.hash(password.trim()),
    verify: (password, hash) => driver.verify(password.trim(), hash),
  })),
  'has one salt': onDriver(() => ({ hash: (password) => plainDriver().hash(password) })),
  'accepts everything': onDriver(() => ({ verify: async () => true })),
  'throws at a damaged hash': onDriver((driver) => ({
    verify: async (password, hash) => {
      if (driver.inspect(hash) === 'unreadable') throw new Error('malformed');
      return driver.verify(password, hash);
    },
  })),
  'takes everything for a hash': onDriver(() => ({ inspect: () => 'current' })),
  'overlooks white space around a hash': onDriver((driver) => ({
    inspect: (hash) => driver.inspect(hash.trim()),
    verify: (password, hash) => driver.verify(password, hash.trim()),
  })),
  'finds its own hashes outdated': onDriver((driver) => ({
    inspect: (hash) => (driver.inspect(hash) === 'current' ? 'outdated' : 'unreadable'),
  })),
  'has one decoy': () => {
    const decoy = plainDriver().decoy();
    return onDriver(() => ({ decoy: () => decoy }))();
  },
  'has a decoy with a password': onDriver((driver) => ({
    decoy: () => `$plain$${String(Math.floor(Math.random() * 1e6)).padStart(6, '0')}$${'0'.repeat(16)}`,
    verify: async (password, hash) => hash.endsWith('0'.repeat(16)) || driver.verify(password, hash),
  })),
  'keeps the password in the hash': onDriver((driver) => ({
    hash: async (password) => `${await driver.hash(password)}${password.includes('secret') ? 'secret' : ''}`,
  })),
};

async function firstFailure(declare: (runner: TestRunner) => void): Promise<string | undefined> {
  const cases: { readonly name: string; readonly run: () => Promise<void> }[] = [];
  declare({ it: (name, run) => cases.push({ name, run }) });
  for (const { name, run } of cases) {
    try {
      await run();
    } catch {
      return name;
    }
  }
  return undefined;
}

describe('the suite for stores of sessions and tokens', () => {
  it.each(Object.keys(storeMutants))('fails stores of which one %s', async (name) => {
    expect(
      await firstFailure((runner) => testAuthStores(runner, { make: storeMutants[name] as () => AuthStores })),
    ).toBeDefined();
  });
});

describe('the suite for stores of attempts', () => {
  it.each(Object.keys(throttleMutants))('fails a store that %s', async (name) => {
    expect(
      await firstFailure((runner) => testThrottleStore(runner, { make: throttleMutants[name] as () => ThrottleStore })),
    ).toBeDefined();
  });
});

describe('the suite for stores of API keys', () => {
  it('passes a store without a bug', async () => {
    expect(await firstFailure((runner) => testApiKeyStore(runner, { make: onApiKeys(() => ({})) }))).toBeUndefined();
  });

  it.each(Object.keys(apiKeyMutants))('fails a store that %s', async (name) => {
    expect(
      await firstFailure((runner) => testApiKeyStore(runner, { make: apiKeyMutants[name] as () => ApiKeyStore })),
    ).toBeDefined();
  });
});

describe('the suite for stores of single-use tokens', () => {
  it.each(Object.keys(singleUseMutants))('fails a store of which one %s', async (name) => {
    const make = singleUseMutants[name] as () => SingleUseTokenStore;
    expect(await firstFailure((runner) => testSingleUseTokenStore(runner, { make }))).toBeDefined();
  });
});

describe('the suite for stores of second factors', () => {
  it.each(Object.keys(totpMutants))('fails a store that %s', async (name) => {
    const make = totpMutants[name] as () => TotpStore;
    expect(await firstFailure((runner) => testTotpStore(runner, { make }))).toBeDefined();
  });
});

describe('the suite for password drivers', () => {
  it('passes a driver without a bug', async () => {
    expect(await firstFailure((runner) => testPasswordDriver(runner, { make: plainDriver }))).toBeUndefined();
  });

  it.each(Object.keys(driverMutants))('fails a driver that %s', async (name) => {
    expect(
      await firstFailure((runner) => testPasswordDriver(runner, { make: driverMutants[name] as () => PasswordDriver })),
    ).toBeDefined();
  });
});
