import type { StoredEntity } from './tables.ts';

/**
 * What an outbox needs of a database: the smallest part of `Database` of `@ent/database`, which fits as it is.
 * `afterCommit` runs a hook after the commit of the transaction around it, and at once where there is none.
 */
export interface OutboxDatabase {
  readonly features: { readonly transactions: boolean };
  repo(entity: StoredEntity): StoredRows;
  transaction<R>(
    work: () => Promise<R>,
    options?: { readonly signal?: AbortSignal | undefined; readonly timeout?: number | undefined },
  ): Promise<R>;
  afterCommit(hook: () => unknown): void;
}

/**
 * The rows of one entity: the smallest part of `Repository` of `@ent/database`. What is asked of them, and what they
 * answer, has the fields of the entity.
 */
export interface StoredRows {
  get(id: string): Promise<object | null>;
  find(options: object): Promise<object[]>;
  count(options: object): Promise<number>;
  insert(row: object): Promise<object>;
  upsert(key: readonly 'id'[], row: object, patch: object): Promise<object>;
  updateMany(patch: object, options: { readonly where: object }): Promise<{ matched: number }>;
  deleteMany(options: { readonly where: object }): Promise<{ matched: number }>;
}

/** A condition on one field. */
type Operators<V> =
  | V
  | {
      readonly gt?: V;
      readonly lt?: V;
      readonly lte?: V;
      readonly in?: readonly V[];
      readonly startsWith?: string;
    };
type Fields<T> = { readonly [K in keyof T]?: Operators<T[K]> };
/** Which rows: all parts must hold. */
export type Where<T> = Fields<T> & { readonly $or?: readonly Fields<T>[] };

/** {@link StoredRows} with the type that its rows have. */
export interface Rows<T extends { id: string }> {
  get(id: string): Promise<T | null>;
  find(options: {
    readonly where: Where<T>;
    readonly sort?: readonly (readonly [keyof T & string, 'asc' | 'desc'])[];
    readonly limit: number;
  }): Promise<T[]>;
  count(options: { readonly where: Where<T> }): Promise<number>;
  /** An id is made for a row that has none. */
  insert(row: Omit<T, 'id'>): Promise<T>;
  /** One atomic step: of concurrent calls one inserts, and the others change what it inserted. */
  upsert(key: readonly ['id'], row: T, patch: Patch<T>): Promise<T>;
  /** One statement: compare and set. */
  updateMany(patch: Patch<T>, options: { readonly where: Where<T> }): Promise<{ matched: number }>;
  deleteMany(options: { readonly where: Where<T> }): Promise<{ matched: number }>;
}

interface Patch<T> {
  readonly set?: Partial<Omit<T, 'id'>>;
  readonly inc?: { readonly [K in keyof T as T[K] extends number ? K : never]?: number };
}

/** The rows of an entity whose fields are those of `T`. */
export function rowsOf<T extends { id: string }>(db: OutboxDatabase, entity: StoredEntity): Rows<T> {
  return db.repo(entity) as unknown as Rows<T>;
}
