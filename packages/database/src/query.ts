import type { CallOptions } from './options.ts';

type Comparable = string | number | bigint | boolean | Date;
type Searchable = Comparable | Uint8Array;

/** Operators on one field. Several in one object must all hold. */
export type Operators<V> = {
  readonly eq?: V;
  /**
   * Not equal; a null is not equal to any value, so rows with null are included. `{ id: { ne: null } }` is every row.
   */
  readonly ne?: V | null;
  readonly in?: readonly V[];
  /** None of these; rows with null are included, unless null is one of them. */
  readonly nin?: readonly V[];
} & (NonNullable<V> extends Comparable
  ? {
      readonly gt?: NonNullable<V>;
      readonly gte?: NonNullable<V>;
      readonly lt?: NonNullable<V>;
      readonly lte?: NonNullable<V>;
    }
  : unknown) &
  (NonNullable<V> extends string
    ? {
        readonly startsWith?: string;
        readonly endsWith?: string;
        readonly contains?: string;
        /**
         * Applies to `eq`, `ne`, `in`, `nin`, `startsWith`, `endsWith` and `contains`: compares in lower case. Default
         * `false`.
         */
        readonly ignoreCase?: boolean;
      }
    : unknown);

type Condition<V> =
  NonNullable<V> extends Searchable ? V | Operators<V> : null extends V ? null | NullOperators : never;
interface NullOperators {
  readonly eq?: null;
  readonly ne?: null;
}

/**
 * Which rows: `{ name: 'Ann', age: { gte: 18 }, $or: [{ city: null }, { city: { startsWith: 'A' } }] }`. All parts must
 * hold.
 *
 * A bare value means `eq`. `null` means "is null". `undefined` is refused: it is usually a value that got lost, and a
 * filter that quietly matches everything is how tables get emptied. Every condition is true or false, never "unknown":
 * `$not` and `ne` include rows where the field is null. JSON fields can only be compared with null.
 */
export type Filter<T> = { readonly [K in keyof T & string]?: Condition<T[K]> } & {
  readonly $and?: readonly Filter<T>[];
  readonly $or?: readonly Filter<T>[];
  readonly $not?: Filter<T>;
};

/**
 * The order: `[['createdAt', 'desc'], ['name', 'asc']]`. The id is appended in the direction of the last field, so the
 * order is always total. Null is smaller than every value. Strings go by code point.
 */
export type Sort<T> = readonly (readonly [SortKey<T>, 'asc' | 'desc'])[];
type SortKey<T> = { [K in keyof T & string]: NonNullable<T[K]> extends Comparable ? K : never }[keyof T & string];

/** What an update changes. `undefined` leaves a field as it is; `null` stores null. */
export interface Patch<T, Key extends string = 'id'> {
  readonly set?: { readonly [K in keyof Omit<T, Key>]?: T[K] | undefined } | undefined;
  /** Adds to numbers, in the database, so that concurrent increments all count. Not for fields that may be null. */
  readonly inc?:
    | {
        readonly [K in keyof Omit<T, Key> as T[K & keyof T] extends number | bigint ? K : never]?:
          | T[K & keyof T]
          | undefined;
      }
    | undefined;
}

/** Options of the calls that read. */
export interface ReadOptions extends CallOptions {
  /** Also rows that are soft-deleted. Default `false`. */
  readonly withDeleted?: boolean | undefined;
  /**
   * `primary`: where reads go to replicas, this one does not. For what must be seen as soon as anybody has written it,
   * such as whether a session still lives. Without replicas it changes nothing.
   */
  readonly from?: 'primary' | undefined;
}

/** Options of `count`; the calls that read many rows have more. */
export interface CountOptions<T> extends ReadOptions {
  /** Which rows. Default: every row. */
  readonly where?: Filter<T> | undefined;
}

/** Options of the calls that answer rows. */
export interface SelectOptions<Selected extends string> {
  /** The fields that are read and answered. Default: all. */
  readonly select?: readonly Selected[] | undefined;
}

/** Options of `get`. */
export interface GetOptions<Selected extends string> extends ReadOptions, SelectOptions<Selected> {}

/** Options of `find`. */
export interface FindOptions<T, Selected extends keyof T & string = keyof T & string>
  extends CountOptions<T>,
    SelectOptions<Selected> {
  readonly sort?: Sort<T> | undefined;
  /** How many rows at most. Default: no limit. */
  readonly limit?: number | undefined;
  /**
   * How many rows to pass over. For pages use `window`: an offset reads all it skips, and shifts when rows come and go.
   * Default 0.
   */
  readonly offset?: number | undefined;
}

/** Options of `stream`. */
export interface StreamOptions<T, Selected extends keyof T & string = keyof T & string>
  extends CountOptions<T>,
    SelectOptions<Selected> {
  readonly sort?: Sort<T> | undefined;
  /** Rows per query. Default 500. */
  readonly batchSize?: number | undefined;
}

/** Options of `window`. */
export interface WindowOptions<T, Selected extends keyof T & string = keyof T & string>
  extends CountOptions<T>,
    SelectOptions<Selected> {
  readonly sort?: Sort<T> | undefined;
  /** How many rows at most. */
  readonly limit: number;
  /** The `next` of another window: the rows after it. */
  readonly after?: string | null | undefined;
  /** The `prev` of another window: the rows before it. */
  readonly before?: string | null | undefined;
}

/** One page of a sorted result. */
export interface Window<T> {
  readonly items: T[];
  /** Cursor for the next window; null at the end. */
  readonly next: string | null;
  /** Cursor for the previous window; null at the beginning. */
  readonly prev: string | null;
}

/** Options of `update`. */
export interface UpdateOptions extends Omit<ReadOptions, 'from'> {
  /** Only if the row has this version; else `database.version_conflict`. Needs an entity with a `version` field. */
  readonly version?: number | undefined;
}

/** Options of `updateMany`. */
export interface UpdateManyOptions<T> extends Omit<ReadOptions, 'from'> {
  /** Which rows. Has to leave some out; `{ id: { ne: null } }` is every row, said on purpose. */
  readonly where: Filter<T>;
}

/** Options of `delete`. */
export interface DeleteOptions extends CallOptions {
  /** Only if the row has this version; else `database.version_conflict`. Needs an entity with a `version` field. */
  readonly version?: number | undefined;
  /**
   * Removes the row for good although the entity has `deletedAt`, also one that is soft-deleted already. Default
   * `false`.
   */
  readonly hard?: boolean | undefined;
}

/** Options of `deleteMany`. */
export interface DeleteManyOptions<T> extends Omit<DeleteOptions, 'version'> {
  /** Which rows. Has to leave some out; `{ id: { ne: null } }` is every row, said on purpose. */
  readonly where: Filter<T>;
}
