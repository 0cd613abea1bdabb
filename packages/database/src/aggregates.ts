import type { CountOptions } from './query.ts';

/** A key of a row whose values have an order, so that there is a least and a greatest. */
type OrderedKey<T> = {
  [K in keyof T & string]: NonNullable<T[K]> extends string | number | bigint | Date ? K : never;
}[keyof T & string];
type GroupKey<T> = {
  [K in keyof T & string]: NonNullable<T[K]> extends string | number | bigint | boolean | Date ? K : never;
}[keyof T & string];
/** Numbers; decimals are text to the compiler, so other text is refused while the program runs. */
type NumberKey<T> = {
  [K in keyof T & string]: NonNullable<T[K]> extends number | bigint | string ? K : never;
}[keyof T & string];

/**
 * One value over the rows of a group. `'count'` counts rows, `{ count }` those whose field is not null; the others pass
 * over null.
 *
 * `sum` is exact, and has the type of its field: what does not fit is `database.bad_data`, never rounded. `avg` is a
 * number; of a `bigint` or `decimal` it is a decimal as text, rounded to 20 digits after the point. Of no rows, or
 * nothing but null, the sum is 0, and `avg`, `min` and `max` are null.
 */
export type Aggregate<T> =
  | 'count'
  | { readonly count: keyof T & string }
  | { readonly sum: NumberKey<T> }
  | { readonly avg: NumberKey<T> }
  | { readonly min: OrderedKey<T> }
  | { readonly max: OrderedKey<T> };

/** The values of an aggregate, by the names that you give them. */
export type Aggregates<T> = Readonly<Record<string, Aggregate<T>>>;

/** Options of `aggregate`. */
export interface AggregateOptions<T, A extends Aggregates<T>> extends CountOptions<T> {
  /** What to answer: `{ orders: 'count', total: { sum: 'price' } }`. */
  readonly values: A;
}

/** Options of `aggregate` by groups. */
export interface GroupOptions<T, A extends Aggregates<T>, By extends GroupKey<T>> extends AggregateOptions<T, A> {
  /** The fields whose values make the groups, which come in their order. Null is a value. */
  readonly by: readonly By[];
}

/** What `aggregate` answers of one group. */
export type Aggregated<T, A> = { -readonly [Name in keyof A]: ValueOf<T, A[Name]> };

type ValueOf<T, A> = A extends 'count' | { readonly count: unknown }
  ? number
  : A extends { readonly sum: infer K extends keyof T }
    ? Widened<NonNullable<T[K]>>
    : A extends { readonly avg: infer K extends keyof T }
      ? (NonNullable<T[K]> extends number ? number : string) | null
      : A extends { readonly min: infer K extends keyof T }
        ? T[K] | null
        : A extends { readonly max: infer K extends keyof T }
          ? T[K] | null
          : never;
type Widened<V> = V extends number ? number : V extends bigint ? bigint : string;

export type { GroupKey };
