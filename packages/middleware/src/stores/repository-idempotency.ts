import { hash } from 'node:crypto';
import type { IdempotencyStore } from '../idempotency-store.ts';
import { boundedKey } from '../internal/bounded-key.ts';
import { demandMethods } from '../internal/demand.ts';
import { insertNew } from '../internal/insert-new.ts';

/** A row of {@link repositoryIdempotencyStore}. */
export interface IdempotencyRow {
  id: string;
  /** The record as a text of JSON: not every database keeps a NUL. */
  record: string;
  /** Of the record, which may be long: what is compared. */
  digest: string;
  /** When the row may go. */
  expiresAt: Date;
}

/**
 * What {@link repositoryIdempotencyStore} needs of a repository: the smallest part of `Repository` of `@ent/database`,
 * which fits as it is. `updateMany` and `deleteMany` have to be one statement each, so that the condition and the
 * change are one step.
 */
export interface IdempotencyRepository {
  /** `from: 'primary'` asks for what is true now, also where reads go to replicas. */
  get(id: string, options?: { readonly from: 'primary' }): Promise<IdempotencyRow | null>;
  /** Rejects with an error of status 409 when the id is taken. */
  insert(row: IdempotencyRow): Promise<unknown>;
  updateMany(
    patch: { readonly set: { record: string; digest: string; expiresAt: Date } },
    options: { readonly where: { readonly id: string; readonly digest: string; readonly expiresAt?: Before | After } },
  ): Promise<{ matched: number }>;
  deleteMany(options: {
    readonly where: { readonly id?: string; readonly digest?: string; readonly expiresAt?: Before };
  }): Promise<unknown>;
}

interface Before {
  readonly lte: Date;
}
interface After {
  readonly gt: Date;
}

/** After so many claims the rows that are over are deleted: often enough, and no work for a single request. */
const SWEEP_EVERY = 1000;
/** A record may go between two looks at it; so often in a row it does not. */
const LOOKS = 5;

/**
 * Keeps answers in a database that all processes share, through a repository: nothing is dropped where a cache would
 * be full. A claim is an insertion, and each change has a condition. The time is that of the processes. Rows that are
 * over are deleted now and then. Records are as large as answers: up to a MiB, see `maxBytes` of `idempotency()`.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { defineEntity } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 * import { idempotency } from '@ent/middleware';
 * import { repositoryIdempotencyStore } from '@ent/middleware/stores';
 *
 * const idempotencyKeys = defineEntity({
 *   name: 'idempotency_keys',
 *   fields: { id: 'string', record: 'string', digest: 'string', expiresAt: 'date' }, // give expiresAt an index
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const middleware = [idempotency({ store: repositoryIdempotencyStore(db.repo(idempotencyKeys)) })];
 * ```
 */
export function repositoryIdempotencyStore(repository: IdempotencyRepository): IdempotencyStore {
  const methods = ['get', 'insert', 'updateMany', 'deleteMany'] as const;
  demandMethods(repository, methods, 'repositoryIdempotencyStore: the repository');
  let claims = 0;
  const sweep = (): void => {
    if (++claims % SWEEP_EVERY !== 0) return;
    // What stays is deleted the next time.
    repository.deleteMany({ where: { expiresAt: { lte: new Date() } } }).catch(() => {});
  };
  return {
    async claim(key, record, ttlMs) {
      const id = boundedKey(key);
      sweep();
      for (let look = 0; look < LOOKS; look++) {
        const there = await repository.get(id, { from: 'primary' });
        if (there !== null && there.expiresAt.getTime() > Date.now()) return JSON.parse(there.record) as string;
        if (
          there === null
            ? await insertNew(repository, { id, ...valuesOf(record, ttlMs) })
            : await takeOver(repository, there, record, ttlMs)
        ) {
          return undefined;
        }
      }
      // It changes hands all the time: somebody has it.
      return '';
    },
    async replace(key, expected, record, ttlMs) {
      const where = { id: boundedKey(key), digest: digestOf(expected), expiresAt: { gt: new Date() } };
      return (await repository.updateMany({ set: valuesOf(record, ttlMs) }, { where })).matched > 0;
    },
    async release(key, expected) {
      await repository.deleteMany({ where: { id: boundedKey(key), digest: digestOf(expected) } });
    },
  };
}

/** Puts a record in the place of one that is over. */
async function takeOver(
  repository: IdempotencyRepository,
  { id, digest }: IdempotencyRow,
  record: string,
  ttlMs: number,
): Promise<boolean> {
  const where = { id, digest, expiresAt: { lte: new Date() } };
  return (await repository.updateMany({ set: valuesOf(record, ttlMs) }, { where })).matched > 0;
}

function valuesOf(record: string, ttlMs: number): Omit<IdempotencyRow, 'id'> {
  const expiresAt = new Date(Math.ceil(Date.now() + ttlMs));
  return { record: JSON.stringify(record), digest: digestOf(record), expiresAt };
}

function digestOf(record: string): string {
  return hash('sha256', record, 'base64url');
}
