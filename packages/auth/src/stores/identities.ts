import { demandMethods } from '../internal/demand.ts';
import { insertNew } from '../internal/insert-new.ts';
import { LATEST } from '../internal/latest.ts';
import type { IdentityRecord, IdentityStore } from '../driver.ts';
import type { StoreRepository } from './repository.ts';

/**
 * Logins elsewhere in this process: for tests. Each operation is one synchronous step, which is what makes it atomic.
 *
 * @example
 * ```ts
 * import { memoryIdentityStore } from '@ent/auth/stores';
 *
 * console.log(await memoryIdentityStore().list('nobody')); // []
 * ```
 */
export function memoryIdentityStore(): IdentityStore {
  const identities = new Map<string, IdentityRecord>();
  return {
    async insert(identity) {
      if (identities.has(identity.id)) return false;
      identities.set(identity.id, identity);
      return true;
    },
    get: async (id) => identities.get(id),
    list: async (subject) => [...identities.values()].filter((identity) => identity.subject === subject),
    async delete(subject, id) {
      return identities.get(id)?.subject === subject && identities.delete(id);
    },
  };
}

type Row = { -readonly [K in keyof IdentityRecord]: IdentityRecord[K] };

/**
 * Logins elsewhere in a database, through a repository of `@ent/database`. No transactions are needed or used.
 *
 * @example
 * ```ts no-run
 * import { repositoryIdentityStore } from '@ent/auth/stores';
 * import { defineEntity } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const identities = defineEntity({
 *   name: 'identities',
 *   fields: {
 *     id: 'string',
 *     issuer: 'string',
 *     externalSubject: 'string',
 *     subject: 'string', // the account; give it an index
 *     createdAt: 'date',
 *   },
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const store = repositoryIdentityStore(db.repo(identities));
 * ```
 */
export function repositoryIdentityStore(
  repository: Pick<StoreRepository<Row>, 'get' | 'find' | 'insert' | 'deleteMany'>,
): IdentityStore {
  demandMethods(repository, ['get', 'find', 'insert', 'deleteMany'], 'repositoryIdentityStore: the repository');
  return {
    insert: (identity) => insertNew(repository, { ...identity }),
    get: async (id) => (await repository.get(id, LATEST)) ?? undefined,
    list: (subject) => repository.find({ where: { subject }, ...LATEST }),
    delete: async (subject, id) => (await repository.deleteMany({ where: { id, subject } })).matched > 0,
  };
}
