// What drivers are asked for, as data.

/** A stored row by field name. Values have the types of their fields: `Date` for a date, `bigint`, ... */
export type Row = Record<string, unknown>;

/**
 * A condition. It is always true or false, never "unknown": a comparison with a null field is false, and `not` is plain
 * negation. `and` and `or` have at least two members, `in` at least one value, texts at least one character. A json
 * field occurs only in `null`.
 */
export type Condition =
  | { readonly op: 'all' }
  | { readonly op: 'none' }
  | { readonly op: 'and' | 'or'; readonly nodes: readonly Condition[] }
  | { readonly op: 'not'; readonly node: Condition }
  | { readonly op: 'null'; readonly field: string }
  | { readonly op: 'gt' | 'gte' | 'lt' | 'lte'; readonly field: string; readonly value: unknown }
  | { readonly op: 'eq'; readonly field: string; readonly value: unknown; readonly ignoreCase: boolean }
  | { readonly op: 'in'; readonly field: string; readonly values: readonly unknown[]; readonly ignoreCase: boolean }
  | {
      readonly op: 'startsWith' | 'endsWith' | 'contains';
      readonly field: string;
      readonly value: string;
      readonly ignoreCase: boolean;
    };

/** A total order; null is smaller than every value, strings go by code point. */
export type Order = readonly { readonly field: string; readonly descending: boolean }[];

/** Which rows, in which order. */
export interface DriverQuery {
  readonly where: Condition;
  /** Empty: any order. */
  readonly order: Order;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  /** Which fields to answer; undefined: all of them. */
  readonly fields?: readonly string[] | undefined;
}

/** One value over the rows of a group; without a field it counts the rows. Null is passed over. */
export interface AggregateValue {
  /** What it is called in the answer. That of no field. */
  readonly name: string;
  readonly op: 'count' | 'sum' | 'min' | 'max';
  readonly field?: string | undefined;
}

/** What is told of the rows that match, by groups. */
export interface DriverAggregate {
  readonly where: Condition;
  /**
   * The fields whose values make the groups, which come in their order, as an {@link Order} has it; null is a value.
   * Empty: all rows are one group, also when there are none.
   */
  readonly by: readonly string[];
  readonly values: readonly AggregateValue[];
}

/** What an update does. Never empty; no field occurs in both. */
export interface Change {
  readonly set: Row;
  /** Adds to numbers that are not null. A result that does not fit the type of its field is an error, never rounded. */
  readonly add: Readonly<Record<string, number | bigint | string>>;
}
