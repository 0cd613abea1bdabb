import { EntError } from '@ent/errors';
import { refuseUnknown } from '@ent/internal';
import { authErrors } from '../errors.ts';
import { demandMethods } from '../internal/demand.ts';
import { LATEST } from '../internal/latest.ts';
import type { AuthStores, RefreshTokenRecord, SessionRecord } from '../driver.ts';

/** The conditions that these stores use, on the fields of `T`. All parts must hold; null means "is null". */
export type StoreFilter<T> = {
  readonly [K in keyof T & string]?: T[K] | { readonly ne: T[K] } | { readonly lt: NonNullable<T[K]> };
};

/**
 * What a repository must be able to do: the smallest part of `Repository` of `@ent/database`, which fits as it is.
 * `updateMany` has to be one statement, so that its condition and its change are one step (compare and set).
 */
export interface StoreRepository<T extends { id: string }> {
  /** `from: 'primary'` asks for what is true now, also where reads go to replicas. */
  get(id: string, options?: { readonly from: 'primary' }): Promise<T | null>;
  find(options: { readonly where: StoreFilter<T>; readonly from?: 'primary' }): Promise<T[]>;
  /** Rejects with an error of status 409 when the id is taken. */
  insert(row: T): Promise<unknown>;
  updateMany(
    patch: { readonly set: Partial<Omit<T, 'id'>> },
    options: { readonly where: StoreFilter<T> },
  ): Promise<{ matched: number }>;
  deleteMany(options: { readonly where: StoreFilter<T> }): Promise<{ matched: number }>;
}

/**
 * The repositories of {@link repositoryStores}. Their rows may have further
 * fields that fill themselves in, such as a version.
 */
export interface StoreRepositories {
  readonly sessions: StoreRepository<Mutable<SessionRecord>>;
  readonly refreshTokens: StoreRepository<Mutable<RefreshTokenRecord>>;
}

/**
 * Sessions and refresh tokens in a database, through its repositories. No transactions are needed or used: each change
 * is one conditional statement, so that it works on databases without them.
 *
 * @example
 * ```ts no-run
 * import { repositoryStores } from '@ent/auth/stores';
 * import { defineEntity, nullable } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const sessions = defineEntity({
 *   name: 'sessions',
 *   fields: {
 *     id: 'string',
 *     subject: 'string', // give it an index
 *     createdAt: 'date',
 *     lastUsedAt: 'date',
 *     expiresAt: 'date', // give it an index
 *     revokedAt: nullable('date'),
 *     revokedReason: nullable('string'),
 *     amr: 'string',
 *     userAgent: nullable('string'),
 *     address: nullable('string'),
 *     jkt: nullable('string'),
 *   },
 * });
 * const refreshTokens = defineEntity({
 *   name: 'refresh_tokens',
 *   fields: {
 *     id: 'string',
 *     sessionId: 'string',
 *     nonce: 'string',
 *     createdAt: 'date',
 *     expiresAt: 'date', // give it an index
 *     spentAt: nullable('date'),
 *     successorId: nullable('string'),
 *   },
 * });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const stores = repositoryStores({ sessions: db.repo(sessions), refreshTokens: db.repo(refreshTokens) });
 * ```
 */
export function repositoryStores(repositories: StoreRepositories): AuthStores {
  const known = { sessions: true, refreshTokens: true } as const;
  refuseUnknown(repositories, known, 'repositoryStores', authErrors.configuration);
  const { sessions, refreshTokens } = repositories;
  for (const [name, repository] of Object.entries({ sessions, refreshTokens })) {
    const methods = ['get', 'find', 'insert', 'updateMany', 'deleteMany'];
    demandMethods(repository, methods, `repositoryStores: ${name}`);
  }
  return {
    sessions: {
      async insert(session) {
        await sessions.insert({ ...session });
      },
      get: async (id) => (await sessions.get(id, LATEST)) ?? undefined,
      async touch(id, at) {
        await sessions.updateMany({ set: { lastUsedAt: at } }, { where: { id } });
      },
      async revoke(id, at, reason) {
        const set = { revokedAt: at, revokedReason: reason };
        return (await sessions.updateMany({ set }, { where: { id, revokedAt: null } })).matched > 0;
      },
      async revokeSubject(subject, at, reason, except) {
        const others = except === undefined ? {} : { id: { ne: except } };
        const set = { revokedAt: at, revokedReason: reason };
        return (await sessions.updateMany({ set }, { where: { subject, revokedAt: null, ...others } })).matched;
      },
      list: (subject) => sessions.find({ where: { subject }, ...LATEST }),
      deleteExpired: async (before) => (await sessions.deleteMany({ where: { expiresAt: { lt: before } } })).matched,
    },
    refreshTokens: {
      async insert(token) {
        try {
          await refreshTokens.insert({ ...token });
          return true;
        } catch (error) {
          if (isTaken(error) && (await refreshTokens.get(token.id, LATEST))) return false;
          throw error;
        }
      },
      get: async (id) => (await refreshTokens.get(id, LATEST)) ?? undefined,
      async spend(id, at, successorId) {
        const set = { spentAt: at, successorId };
        const { matched } = await refreshTokens.updateMany({ set }, { where: { id, spentAt: null } });
        const record = await refreshTokens.get(id, LATEST);
        return record ? { record, first: matched > 0 } : undefined;
      },
      deleteExpired: async (before) =>
        (await refreshTokens.deleteMany({ where: { expiresAt: { lt: before } } })).matched,
    },
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Whatever database it is: a row that is there already is a conflict. */
function isTaken(error: unknown): boolean {
  return EntError.is(error) && error.status === 409;
}
