import { demandMethods } from '../internal/demand.ts';
import { insertNew } from '../internal/insert-new.ts';
import { LATEST } from '../internal/latest.ts';
import type { PasskeyRecord, PasskeyStore } from '../driver.ts';
import type { StoreRepository } from './repository.ts';

/**
 * Passkeys in this process: for tests. Each operation is one synchronous step, which is what makes it atomic.
 *
 * @example
 * ```ts
 * import { memoryPasskeyStore } from '@ent/auth/stores';
 *
 * console.log(await memoryPasskeyStore().list('nobody')); // []
 * ```
 */
export function memoryPasskeyStore(): PasskeyStore {
  const passkeys = new Map<string, PasskeyRecord>();
  return {
    async insert(passkey) {
      if (passkeys.has(passkey.id)) return false;
      passkeys.set(passkey.id, passkey);
      return true;
    },
    get: async (id) => passkeys.get(id),
    list: async (subject) => [...passkeys.values()].filter((passkey) => passkey.subject === subject),
    async use(id, counter, at) {
      const passkey = passkeys.get(id);
      if (passkey === undefined) return false;
      if (counter <= passkey.counter && !(counter === 0 && passkey.counter === 0)) return false;
      passkeys.set(id, { ...passkey, counter, lastUsedAt: at });
      return true;
    },
    async delete(subject, id) {
      return passkeys.get(id)?.subject === subject && passkeys.delete(id);
    },
  };
}

type Row = { -readonly [K in keyof PasskeyRecord]: PasskeyRecord[K] };

/**
 * Passkeys in a database, through a repository of `@ent/database`. No transactions are needed or used.
 *
 * @example
 * ```ts no-run
 * import { repositoryPasskeyStore } from '@ent/auth/stores';
 * import { defineEntity, nullable } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const passkeys = defineEntity({
 *   name: 'passkeys',
 *   fields: {
 *     id: 'string',
 *     credentialId: 'string', // up to 1,364 characters
 *     subject: 'string', // give it an index
 *     userHandle: 'string',
 *     publicKey: 'string', // up to 800 characters
 *     counter: 'int',
 *     transports: 'string',
 *     synced: 'boolean',
 *     name: 'string',
 *     createdAt: 'date',
 *     lastUsedAt: nullable('date'),
 *   },
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const store = repositoryPasskeyStore(db.repo(passkeys));
 * ```
 */
export function repositoryPasskeyStore(repository: StoreRepository<Row>): PasskeyStore {
  const methods = ['get', 'find', 'insert', 'updateMany', 'deleteMany'];
  demandMethods(repository, methods, 'repositoryPasskeyStore: the repository');
  return {
    insert: (passkey) => insertNew(repository, { ...passkey }),
    get: async (id) => (await repository.get(id, LATEST)) ?? undefined,
    list: (subject) => repository.find({ where: { subject }, ...LATEST }),
    async use(id, counter, at) {
      const set = { counter, lastUsedAt: at };
      const where = { id, counter: counter === 0 ? 0 : { lt: counter } };
      return (await repository.updateMany({ set }, { where })).matched > 0;
    },
    delete: async (subject, id) => (await repository.deleteMany({ where: { id, subject } })).matched > 0,
  };
}
