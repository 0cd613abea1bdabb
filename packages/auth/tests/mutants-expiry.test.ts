import { describe, expect, it } from 'vitest';
import type { AuthStores, RefreshTokenStore, SessionStore } from '../src/index.ts';
import { memoryStores } from '../src/stores.ts';
import { type TestRunner, testAuthStores } from '../src/testing.ts';

// The suite for a backend that removes by itself what has expired: it has to pass a right one, and to fail each mutant.

interface Lives {
  /** Whether it has lived as long as it may. */
  readonly gone: (id: string) => boolean;
  readonly born: (record: { id: string; createdAt: Date; expiresAt: Date }) => void;
}

function lives(): Lives {
  const ends = new Map<string, number>();
  return {
    gone: (id) => performance.now() >= (ends.get(id) ?? Number.POSITIVE_INFINITY),
    born: ({ id, createdAt, expiresAt }) =>
      void ends.set(id, performance.now() + expiresAt.getTime() - createdAt.getTime()),
  };
}

type Change = (
  right: AuthStores,
  plain: AuthStores,
) => { sessions?: Partial<SessionStore>; refreshTokens?: Partial<RefreshTokenStore> };

/** Stores in memory that do so, with a bug. */
const expiring = (change: Change) => (): AuthStores => {
  const plain = memoryStores();
  const { gone, born } = lives();
  const right: AuthStores = {
    sessions: {
      ...plain.sessions,
      insert: async (session) => {
        born(session);
        await plain.sessions.insert(session);
      },
      get: async (id) => (gone(id) ? undefined : plain.sessions.get(id)),
      touch: async (id, at) => (gone(id) ? undefined : plain.sessions.touch(id, at)),
      revoke: async (id, at, reason) => !gone(id) && plain.sessions.revoke(id, at, reason),
      list: async (subject) => (await plain.sessions.list(subject)).filter(({ id }) => !gone(id)),
      revokeSubject: async (subject, at, reason, except) => {
        const ids = (await plain.sessions.list(subject)).map(({ id }) => id).filter((id) => !gone(id) && id !== except);
        return (await Promise.all(ids.map((id) => plain.sessions.revoke(id, at, reason)))).filter(Boolean).length;
      },
      deleteExpired: async () => 0,
    },
    refreshTokens: {
      insert: async (token) => {
        const added = await plain.refreshTokens.insert(token);
        if (added) born(token);
        return added;
      },
      get: async (id) => (gone(id) ? undefined : plain.refreshTokens.get(id)),
      spend: async (id, at, by) => (gone(id) ? undefined : plain.refreshTokens.spend(id, at, by)),
      deleteExpired: async () => 0,
    },
  };
  const { sessions, refreshTokens } = change(right, plain);
  return {
    sessions: { ...right.sessions, ...sessions },
    refreshTokens: { ...right.refreshTokens, ...refreshTokens },
  };
};

const mutants: Record<string, () => AuthStores> = {
  'lists sessions that are gone': expiring((_right, plain) => ({ sessions: { list: plain.sessions.list } })),
  'ends sessions that are gone': expiring((_right, plain) => ({ sessions: { revoke: plain.sessions.revoke } })),
  'counts sessions that are gone': expiring((_right, plain) => ({
    sessions: { revokeSubject: plain.sessions.revokeSubject },
  })),
  'brings a session back by touching it': expiring((right, plain) => {
    const touched = new Set<string>();
    return {
      sessions: {
        touch: async (id, at) => {
          touched.add(id);
          await plain.sessions.touch(id, at);
        },
        get: (id) => (touched.has(id) ? plain : right).sessions.get(id),
      },
    };
  }),
  'spends tokens that are gone': expiring((_right, plain) => ({ refreshTokens: { spend: plain.refreshTokens.spend } })),
  'takes all sessions along with one': expiring((right) => {
    let any = false;
    return {
      sessions: {
        get: async (id) => {
          const session = any ? undefined : await right.sessions.get(id);
          any ||= session === undefined;
          return session;
        },
      },
    };
  }),
  'says that it removed some': expiring(() => ({ sessions: { deleteExpired: async () => 1 } })),
};

async function failures(make: () => AuthStores): Promise<string[]> {
  const cases: { readonly name: string; readonly run: () => Promise<void> }[] = [];
  const runner: TestRunner = { it: (name, run) => cases.push({ name, run }) };
  testAuthStores(runner, { expiresByItself: true, make });
  const failed: string[] = [];
  for (const { name, run } of cases) await run().catch(() => failed.push(name));
  return failed;
}

describe('the suite for stores whose backend removes what has expired', () => {
  it('passes one that does', async () => {
    expect(await failures(expiring(() => ({})))).toEqual([]);
  });

  it.each(Object.keys(mutants))('fails one that %s', async (name) => {
    expect(await failures(mutants[name] as () => AuthStores)).not.toEqual([]);
  });
});
