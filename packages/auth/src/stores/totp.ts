import { demandMethods } from '../internal/demand.ts';
import { insertNew } from '../internal/insert-new.ts';
import { LATEST } from '../internal/latest.ts';
import type { TotpRecord, TotpStore } from '../driver.ts';
import type { StoreRepository } from './repository.ts';

/**
 * Second factors in this process: for tests. Each operation is one synchronous step, which is what makes it atomic.
 *
 * @example
 * ```ts
 * import { memoryTotpStore } from '@ent/auth/stores';
 *
 * console.log(await memoryTotpStore().get('nobody')); // undefined
 * ```
 */
export function memoryTotpStore(): TotpStore {
  const records = new Map<string, TotpRecord>();
  return {
    get: async (subject) => records.get(subject),
    async write(record) {
      if ((records.get(record.id)?.revision ?? 0) !== record.revision - 1) return false;
      records.set(record.id, record);
      return true;
    },
  };
}

type Row = { -readonly [K in keyof TotpRecord]: TotpRecord[K] };

/**
 * Second factors in a database, through a repository of `@ent/database`: a row for each account. No transactions are
 * needed or used.
 *
 * @example
 * ```ts no-run
 * import { repositoryTotpStore } from '@ent/auth/stores';
 * import { defineEntity, nullable } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const secondFactors = defineEntity({
 *   name: 'second_factors',
 *   fields: {
 *     id: 'string', // the account
 *     revision: 'int',
 *     secret: 'string',
 *     createdAt: 'date',
 *     confirmedAt: nullable('date'),
 *     lastStep: 'int',
 *     recoveryCodes: 'string', // up to 439 characters
 *   },
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const store = repositoryTotpStore(db.repo(secondFactors));
 * ```
 */
export function repositoryTotpStore(
  repository: Pick<StoreRepository<Row>, 'get' | 'insert' | 'updateMany'>,
): TotpStore {
  demandMethods(repository, ['get', 'insert', 'updateMany'], 'repositoryTotpStore: the repository');
  return {
    get: async (subject) => (await repository.get(subject, LATEST)) ?? undefined,
    async write(record) {
      const { id, revision, secret, createdAt, confirmedAt, lastStep, recoveryCodes } = record;
      const set = { revision, secret, createdAt, confirmedAt, lastStep, recoveryCodes };
      if (revision > 1) {
        return (await repository.updateMany({ set }, { where: { id, revision: revision - 1 } })).matched > 0;
      }
      return insertNew(repository, { id, ...set });
    },
  };
}
