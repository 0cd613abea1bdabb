import { demandMethods } from '../internal/demand.ts';
import { LATEST } from '../internal/latest.ts';
import type { ApiKeyRecord, ApiKeyStore } from '../driver.ts';
import type { StoreRepository } from './repository.ts';

/**
 * API keys in this process: for tests. Each operation is one synchronous step, which is what makes it atomic.
 *
 * @example
 * ```ts
 * import { memoryApiKeyStore } from '@ent/auth/stores';
 *
 * console.log(await memoryApiKeyStore().list('nobody')); // []
 * ```
 */
export function memoryApiKeyStore(): ApiKeyStore {
  const keys = new Map<string, ApiKeyRecord>();
  const of = (subject: string): ApiKeyRecord[] => [...keys.values()].filter((key) => key.subject === subject);
  const change = (key: ApiKeyRecord | undefined, set: Partial<ApiKeyRecord>): boolean => {
    if (key === undefined || key.revokedAt !== null) return false;
    keys.set(key.id, { ...key, ...set });
    return true;
  };
  const ofSubject = (subject: string, id: string): ApiKeyRecord | undefined => {
    const key = keys.get(id);
    return key?.subject === subject ? key : undefined;
  };
  return {
    async insert(key) {
      keys.set(key.id, key);
    },
    get: async (id) => keys.get(id),
    async touch(id, at) {
      const key = keys.get(id);
      if (key) keys.set(id, { ...key, lastUsedAt: at });
    },
    async retire(subject, id, successorId, expiresAt) {
      const key = ofSubject(subject, id);
      return key?.successorId === null && change(key, { successorId, expiresAt });
    },
    revoke: async (subject, id, at) => change(ofSubject(subject, id), { revokedAt: at }),
    revokeSubject: async (subject, at) => of(subject).filter((key) => change(key, { revokedAt: at })).length,
    list: async (subject) => of(subject),
  };
}

type Row = { -readonly [K in keyof ApiKeyRecord]: ApiKeyRecord[K] };

/**
 * API keys in a database, through a repository of `@ent/database`. No transactions are needed or used.
 *
 * @example
 * ```ts no-run
 * import { repositoryApiKeyStore } from '@ent/auth/stores';
 * import { defineEntity, nullable } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const apiKeys = defineEntity({
 *   name: 'api_keys',
 *   fields: {
 *     id: 'string',
 *     subject: 'string', // give it an index
 *     name: 'string',
 *     hash: 'string',
 *     scopes: 'string',
 *     createdAt: 'date',
 *     expiresAt: nullable('date'),
 *     lastUsedAt: nullable('date'),
 *     revokedAt: nullable('date'),
 *     successorId: nullable('string'),
 *   },
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const store = repositoryApiKeyStore(db.repo(apiKeys));
 * ```
 */
export function repositoryApiKeyStore(repository: Omit<StoreRepository<Row>, 'deleteMany'>): ApiKeyStore {
  demandMethods(repository, ['get', 'find', 'insert', 'updateMany'], 'repositoryApiKeyStore: the repository');
  return {
    async insert(key) {
      await repository.insert({ ...key });
    },
    get: async (id) => (await repository.get(id, LATEST)) ?? undefined,
    async touch(id, at) {
      await repository.updateMany({ set: { lastUsedAt: at } }, { where: { id } });
    },
    async retire(subject, id, successorId, expiresAt) {
      const where = { id, subject, revokedAt: null, successorId: null };
      return (await repository.updateMany({ set: { successorId, expiresAt } }, { where })).matched > 0;
    },
    async revoke(subject, id, at) {
      const where = { id, subject, revokedAt: null };
      return (await repository.updateMany({ set: { revokedAt: at } }, { where })).matched > 0;
    },
    async revokeSubject(subject, at) {
      return (await repository.updateMany({ set: { revokedAt: at } }, { where: { subject, revokedAt: null } })).matched;
    },
    list: (subject) => repository.find({ where: { subject }, ...LATEST }),
  };
}
