import { demandMethods } from '../internal/demand.ts';
import { LATEST } from '../internal/latest.ts';
import type { SingleUseTokenRecord, SingleUseTokenStore } from '../driver.ts';
import {
  RedisRecords,
  type RedisScripts,
  type RedisStoreOptions,
  readRedisOptions,
} from '../internal/redis-records.ts';
import type { StoreRepository } from './repository.ts';

/**
 * Single-use tokens in this process: for tests. Each operation is one synchronous step, which is what makes it atomic.
 *
 * @example
 * ```ts
 * import { memorySingleUseTokenStore } from '@ent/auth/stores';
 *
 * console.log(await memorySingleUseTokenStore().consume('unknown', new Date())); // false
 * ```
 */
export function memorySingleUseTokenStore(): SingleUseTokenStore {
  const tokens = new Map<string, SingleUseTokenRecord>();
  const consume = (id: string, at: Date): boolean => {
    const token = tokens.get(id);
    if (token === undefined || token.consumedAt !== null) return false;
    tokens.set(id, { ...token, consumedAt: at });
    return true;
  };
  return {
    async insert(token) {
      tokens.set(token.id, token);
    },
    get: async (id) => tokens.get(id),
    consume: async (id, at) => consume(id, at),
    async consumeAll(purpose, subject, at) {
      const same = [...tokens.values()].filter((token) => token.purpose === purpose && token.subject === subject);
      return same.filter(({ id }) => consume(id, at)).length;
    },
    async deleteExpired(before) {
      const expired = [...tokens.values()].filter((token) => token.expiresAt < before);
      for (const { id } of expired) tokens.delete(id);
      return expired.length;
    },
  };
}

type Row = { -readonly [K in keyof SingleUseTokenRecord]: SingleUseTokenRecord[K] };

/**
 * Single-use tokens in a database, through a repository of `@ent/database`. No transactions are needed; inside one, a
 * token that was used is good again when the transaction fails.
 *
 * @example
 * ```ts no-run
 * import { repositorySingleUseTokenStore } from '@ent/auth/stores';
 * import { defineEntity, nullable } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const singleUseTokens = defineEntity({
 *   name: 'single_use_tokens',
 *   fields: {
 *     id: 'string',
 *     purpose: 'string',
 *     subject: 'string', // give it an index
 *     data: nullable('string'),
 *     createdAt: 'date',
 *     expiresAt: 'date', // give it an index
 *     consumedAt: nullable('date'),
 *   },
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const store = repositorySingleUseTokenStore(db.repo(singleUseTokens));
 * ```
 */
export function repositorySingleUseTokenStore(repository: Omit<StoreRepository<Row>, 'find'>): SingleUseTokenStore {
  const methods = ['get', 'insert', 'updateMany', 'deleteMany'];
  demandMethods(repository, methods, 'repositorySingleUseTokenStore: the repository');
  return {
    async insert(token) {
      await repository.insert({ ...token });
    },
    get: async (id) => (await repository.get(id, LATEST)) ?? undefined,
    async consume(id, at) {
      return (
        (await repository.updateMany({ set: { consumedAt: at } }, { where: { id, consumedAt: null } })).matched > 0
      );
    },
    async consumeAll(purpose, subject, at) {
      const where = { purpose, subject, consumedAt: null };
      return (await repository.updateMany({ set: { consumedAt: at } }, { where })).matched;
    },
    deleteExpired: async (before) => (await repository.deleteMany({ where: { expiresAt: { lt: before } } })).matched,
  };
}

/**
 * Single-use tokens in Redis 6.2 or later, or Valkey, as {@link redisStores} keeps sessions: what has expired is
 * removed by the server.
 *
 * @throws `auth.configuration`
 *
 * @example
 * ```ts no-run
 * import { redisSingleUseTokenStore } from '@ent/auth/stores';
 * import { createClient } from 'redis';
 *
 * const client = createClient({ url: 'redis://localhost:6379', disableOfflineQueue: true });
 * await client.connect();
 * const store = redisSingleUseTokenStore(client, { prefix: 'shop' });
 * ```
 */
export function redisSingleUseTokenStore(client: RedisScripts, options: RedisStoreOptions = {}): SingleUseTokenStore {
  const { prefix } = readRedisOptions(client, options, 'redisSingleUseTokenStore');
  const tokens = new RedisRecords<SingleUseTokenRecord>(client, prefix, 'single-use-token', {
    id: 'text',
    purpose: 'text',
    subject: 'text',
    data: 'text',
    createdAt: 'date',
    expiresAt: 'date',
    consumedAt: 'date',
  });
  const indexOf = (purpose: string, subject: string): string => JSON.stringify([purpose, subject]);
  const consume = async (id: string, at: Date): Promise<boolean> =>
    (await tokens.setOnce(id, { consumedAt: at }))?.first === true;
  return {
    async insert(token) {
      await Promise.all([tokens.note(indexOf(token.purpose, token.subject), token), tokens.insert(token)]);
    },
    get: (id) => tokens.get(id),
    consume,
    async consumeAll(purpose, subject, at) {
      const ids = await tokens.noted(indexOf(purpose, subject));
      return (await Promise.all(ids.map((id) => consume(id, at)))).filter(Boolean).length;
    },
    deleteExpired: async () => 0,
  };
}
