import type { AuthStores, RefreshTokenRecord, SessionRecord } from '../driver.ts';

/**
 * Stores in this process: for tests, and for a service of one process that may lose its sessions when it stops.
 * Each operation is one synchronous step, which is what makes it atomic.
 *
 * Expired records stay until `sessions.purge()` is called.
 *
 * @example
 * ```ts
 * import { memoryStores } from '@ent/auth/stores';
 *
 * const stores = memoryStores();
 * console.log(await stores.sessions.list('nobody'));
 * ```
 */
export function memoryStores(): AuthStores {
  const sessions = new Map<string, SessionRecord>();
  const bySubject = new Map<string, Set<string>>();
  const tokens = new Map<string, RefreshTokenRecord>();

  const revoke = (id: string, at: Date, reason: string): boolean => {
    const session = sessions.get(id);
    if (!session || session.revokedAt !== null) return false;
    sessions.set(id, { ...session, revokedAt: at, revokedReason: reason });
    return true;
  };

  return {
    sessions: {
      async insert(session) {
        sessions.set(session.id, session);
        const ids = bySubject.get(session.subject) ?? new Set();
        bySubject.set(session.subject, ids.add(session.id));
      },
      get: async (id) => sessions.get(id),
      async touch(id, at) {
        const session = sessions.get(id);
        if (session) sessions.set(id, { ...session, lastUsedAt: at });
      },
      revoke: async (id, at, reason) => revoke(id, at, reason),
      async revokeSubject(subject, at, reason, except) {
        const ids = [...(bySubject.get(subject) ?? [])].filter((id) => id !== except);
        return ids.filter((id) => revoke(id, at, reason)).length;
      },
      list: async (subject) =>
        [...(bySubject.get(subject) ?? [])].map((id) => sessions.get(id)).filter((session) => session !== undefined),
      async deleteExpired(before) {
        const expired = [...sessions.values()].filter((session) => session.expiresAt < before);
        for (const { id, subject } of expired) {
          sessions.delete(id);
          const ids = bySubject.get(subject);
          ids?.delete(id);
          if (ids?.size === 0) bySubject.delete(subject);
        }
        return expired.length;
      },
    },
    refreshTokens: {
      async insert(token) {
        if (tokens.has(token.id)) return false;
        tokens.set(token.id, token);
        return true;
      },
      get: async (id) => tokens.get(id),
      async spend(id, at, successorId) {
        const token = tokens.get(id);
        if (!token) return undefined;
        if (token.spentAt !== null) return { record: token, first: false };
        const record = { ...token, spentAt: at, successorId };
        tokens.set(id, record);
        return { record, first: true };
      },
      async deleteExpired(before) {
        const expired = [...tokens.values()].filter((token) => token.expiresAt < before);
        for (const { id } of expired) tokens.delete(id);
        return expired.length;
      },
    },
  };
}
