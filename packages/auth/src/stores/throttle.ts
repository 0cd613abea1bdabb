import { GcraTable, refuseUnknown, repositorySlot } from '@ent/internal';
import type { ThrottleStore } from '../driver.ts';
import { authErrors } from '../errors.ts';
import { demandMethods } from '../internal/demand.ts';
import { insertNew } from '../internal/insert-new.ts';
import { slotThrottleStore } from '../internal/slot-throttle.ts';
import type { StoreRepository } from './repository.ts';

/** Options of {@link memoryThrottleStore}. */
export interface MemoryThrottleOptions {
  /** How many keys are counted at most. Default 100,000, about 20 MB. */
  readonly maxKeys?: number | undefined;
}

/**
 * Counts attempts in this process. With several processes each counts for itself: a client gets as many times the
 * limit. When there are more keys than it may keep, those that are nearest to being forgotten anyway go first.
 */
export function memoryThrottleStore(options: MemoryThrottleOptions = {}): ThrottleStore {
  refuseUnknown(options, { maxKeys: true }, 'memoryThrottleStore', authErrors.configuration);
  const { maxKeys = 100_000 } = options;
  if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) {
    throw authErrors.configuration(`"maxKeys" must be a whole number of at least 1; got ${String(maxKeys)}.`);
  }
  const table = new GcraTable(maxKeys);
  return {
    async take(key, rule, now) {
      const { allowed, retryAfterMs } = table.take(key, 1, rule, now);
      return { ok: allowed, retryAfterMs };
    },
    async give(key, rule, now) {
      table.give(key, rule, now);
    },
    async reset(key) {
      table.reset(key);
    },
  };
}

/** A row of {@link repositoryThrottleStore}. */
export interface ThrottleRow {
  id: string;
  /** When all attempts are free again, in epoch milliseconds. As text, which every database compares exactly. */
  arrival: string;
  /** When the row may go. */
  expiresAt: Date;
}

/**
 * Counts attempts in a database, through a repository of `@ent/database`: once for all processes that share it, and
 * across restarts. A read for each attempt, and a conditional write for each that gets through; no transactions are
 * needed. The time is that of the processes: clocks that differ by a second shift a limit by a second. The rows are
 * those of `repositoryRateLimitStore` of `@ent/middleware`: both can share a table.
 *
 * @throws `auth.configuration`; its calls throw `auth.overloaded` where many processes are at one key at once
 * @example
 * ```ts no-run
 * import { createThrottle } from '@ent/auth';
 * import { repositoryThrottleStore } from '@ent/auth/stores';
 * import { defineEntity } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const attempts = defineEntity({
 *   name: 'login_attempts',
 *   fields: { id: 'string', arrival: 'string', expiresAt: 'date' }, // give expiresAt an index
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const throttle = createThrottle({ store: repositoryThrottleStore(db.repo(attempts)) });
 * ```
 */
export function repositoryThrottleStore(repository: Omit<StoreRepository<ThrottleRow>, 'find'>): ThrottleStore {
  demandMethods(repository, ['get', 'insert', 'updateMany', 'deleteMany'], 'repositoryThrottleStore: the repository');
  return slotThrottleStore(
    repositorySlot(repository, (row) => insertNew(repository, row)),
    async (id) => {
      await repository.deleteMany({ where: { id } });
    },
  );
}
