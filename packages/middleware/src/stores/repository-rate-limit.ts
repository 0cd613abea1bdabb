import { repositorySlot } from '@ent/internal';
import { compareAndSetStore } from '../internal/compare-and-set.ts';
import { demandMethods } from '../internal/demand.ts';
import { insertNew } from '../internal/insert-new.ts';
import type { RateLimitStore } from '../rate-limit-store.ts';

/** A row of {@link repositoryRateLimitStore}. */
export interface RateLimitRow {
  id: string;
  /** When everything is free again, in epoch milliseconds. As text, which every database compares exactly. */
  arrival: string;
  /** When the row may go. */
  expiresAt: Date;
}

/**
 * What {@link repositoryRateLimitStore} needs of a repository: the smallest part of `Repository` of `@ent/database`,
 * which fits as it is. `updateMany` has to be one statement, so that its condition and its change are one step.
 */
export interface RateLimitRepository {
  /** `from: 'primary'` asks for what is true now, also where reads go to replicas. */
  get(id: string, options?: { readonly from: 'primary' }): Promise<RateLimitRow | null>;
  /** Rejects with an error of status 409 when the id is taken. */
  insert(row: RateLimitRow): Promise<unknown>;
  updateMany(
    patch: { readonly set: { arrival: string; expiresAt: Date } },
    options: { readonly where: { readonly id: string; readonly arrival: string } },
  ): Promise<{ matched: number }>;
  deleteMany(options: { readonly where: { readonly expiresAt: { readonly lt: Date } } }): Promise<unknown>;
}

/**
 * Limits that all processes share, in a database, through a repository: a read for each attempt, and a conditional
 * write for each that is let through. Rows that are over are deleted now and then. For limits that are rarely asked,
 * such as logins or exports, where there is a database and nothing else; a request that is counted costs two
 * statements. The time is that of the processes: clocks that differ by a second shift a limit by a second.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { defineEntity } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 * import { createRateLimiter } from '@ent/middleware';
 * import { repositoryRateLimitStore } from '@ent/middleware/stores';
 *
 * const rateLimits = defineEntity({
 *   name: 'rate_limits',
 *   fields: { id: 'string', arrival: 'string', expiresAt: 'date' }, // give expiresAt an index
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const store = repositoryRateLimitStore(db.repo(rateLimits));
 * const exports = createRateLimiter({ name: 'export', limit: 2, window: '1h', store });
 * ```
 */
export function repositoryRateLimitStore(repository: RateLimitRepository): RateLimitStore {
  demandMethods(repository, ['get', 'insert', 'updateMany', 'deleteMany'], 'repositoryRateLimitStore: the repository');
  return compareAndSetStore(repositorySlot(repository, (row) => insertNew(repository, row)));
}
