import type { AuthStores, RefreshTokenRecord, SessionRecord } from '../driver.ts';
import {
  RedisRecords,
  type RedisScripts,
  type RedisStoreOptions,
  readRedisOptions,
} from '../internal/redis-records.ts';

/**
 * Sessions and refresh tokens in Redis 6.2 or later, or Valkey: one server, a cluster or sentinels, which need no hash
 * tags. Each step is one script over one key. The client is the application's, and connected by it; while the server
 * is away, logins, refreshes and checks of sessions are refused with 503.
 *
 * The server removes what has expired, so that `sessions.purge()` has nothing to do. Let it evict nothing
 * (`maxmemory-policy noeviction`), and keep an append-only file: what it forgets is logged out, and after a failover
 * to a replica that was behind, a session that was ended in that moment lives again.
 *
 * @throws `auth.configuration`
 *
 * @example
 * ```ts no-run
 * import { redisStores } from '@ent/auth/stores';
 * import { createClient } from 'redis';
 *
 * const client = createClient({ url: 'redis://localhost:6379', disableOfflineQueue: true });
 * await client.connect();
 * const stores = redisStores(client, { prefix: 'shop' });
 * ```
 */
export function redisStores(client: RedisScripts, options: RedisStoreOptions = {}): AuthStores {
  const { prefix } = readRedisOptions(client, options, 'redisStores');
  const sessions = new RedisRecords<SessionRecord>(client, prefix, 'session', {
    id: 'text',
    subject: 'text',
    createdAt: 'date',
    lastUsedAt: 'date',
    expiresAt: 'date',
    revokedAt: 'date',
    revokedReason: 'text',
    amr: 'text',
    userAgent: 'text',
    address: 'text',
    jkt: 'text',
  });
  const tokens = new RedisRecords<RefreshTokenRecord>(client, prefix, 'refresh-token', {
    id: 'text',
    sessionId: 'text',
    nonce: 'text',
    createdAt: 'date',
    expiresAt: 'date',
    spentAt: 'date',
    successorId: 'text',
  });
  const revoke = async (id: string, at: Date, reason: string): Promise<boolean> =>
    (await sessions.setOnce(id, { revokedAt: at, revokedReason: reason }))?.first === true;

  return {
    sessions: {
      async insert(session) {
        // Both at once: nobody knows the id before this is done, and who ends all sessions after it finds this one.
        await Promise.all([sessions.note(session.subject, session), sessions.insert(session)]);
      },
      get: (id) => sessions.get(id),
      touch: (id, at) => sessions.set(id, { lastUsedAt: at }),
      revoke,
      async revokeSubject(subject, at, reason, except) {
        const others = (await sessions.noted(subject)).filter((id) => id !== except);
        const revoked = await Promise.all(others.map((id) => revoke(id, at, reason)));
        return revoked.filter(Boolean).length;
      },
      async list(subject) {
        const found = await Promise.all((await sessions.noted(subject)).map((id) => sessions.get(id)));
        return found.filter((session) => session !== undefined);
      },
      deleteExpired: async () => 0,
    },
    refreshTokens: {
      insert: (token) => tokens.insert(token),
      get: (id) => tokens.get(id),
      spend: (id, at, successorId) => tokens.setOnce(id, { spentAt: at, successorId }),
      deleteExpired: async () => 0,
    },
  };
}
