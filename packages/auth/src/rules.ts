/** What a condition compares a field with. */
export type Scalar = string | number | bigint | boolean | Date;

/**
 * Something of the principal: its `subject`, its `roles`, or one of its claims, `claims.tenant`. What it does not have
 * compares with nothing.
 */
export interface PrincipalRef {
  readonly principal: 'subject' | 'roles' | `claims.${string}`;
}

/** Comparisons of one field; all of them must hold. Texts are equal or not, and have no order. */
export interface Operators {
  readonly eq?: Scalar | PrincipalRef | null | undefined;
  readonly ne?: Scalar | PrincipalRef | null | undefined;
  readonly in?: readonly Scalar[] | PrincipalRef | undefined;
  readonly nin?: readonly Scalar[] | PrincipalRef | undefined;
  readonly lt?: number | bigint | Date | PrincipalRef | undefined;
  readonly lte?: number | bigint | Date | PrincipalRef | undefined;
  readonly gt?: number | bigint | Date | PrincipalRef | undefined;
  readonly gte?: number | bigint | Date | PrincipalRef | undefined;
}

/** What one field must be: a value, null for "is null", or {@link Operators}. */
export type ConditionValue = Scalar | PrincipalRef | null | Operators;

/**
 * Conditions on the fields of a resource, as data; all of them must hold:
 * `{ status: 'published', teamId: { in: { principal: 'claims.teams' } } }`.
 */
export type Conditions = Readonly<Record<string, ConditionValue>>;

/** A rule that holds for some resources only: for those that the principal owns, or whose fields are so, or both. */
export type ConditionalRule =
  | { readonly permission: string; readonly own: true; readonly where?: Conditions | undefined }
  | { readonly permission: string; readonly own?: undefined; readonly where: Conditions };

/** A rule: a permission pattern (`users:read`, `users:*`, `users:**`), or one with conditions. */
export type Rule = string | ConditionalRule;

/** What a role may do. */
export interface RoleDefinition<Name extends string = string> {
  /** Roles whose rules, allowing and denying, this one has too. */
  readonly inherits?: readonly Name[] | undefined;
  readonly allow?: readonly Rule[] | undefined;
  /** Wins over any `allow`, of this or another role of the principal. */
  readonly deny?: readonly Rule[] | undefined;
}

/** A rule and how the principal came by it. */
export interface DecidingRule {
  readonly effect: 'allow' | 'deny';
  readonly pattern: string;
  readonly own: boolean;
  /** The fields that its conditions look at; undefined where it has none. */
  readonly where?: readonly string[];
  /** From the principal's role to the one that the rule stands in: `["admin", "member"]`. */
  readonly path: readonly string[];
}

/**
 * Which rows: the option `where` of a repository of `@ent/database`, and a part of one
 * (`{ $and: [filter, { status: 'open' }] }`).
 */
export interface RowFilter {
  readonly $and?: readonly RowFilter[];
  readonly $or?: readonly RowFilter[];
}

/** Why a decision came out as it did. */
export interface Decision {
  readonly allowed: boolean;
  readonly permission: string;
  /**
   * `allowed`; `denied` by a denying rule; `no_rule` speaks of it; `out_of_scope` of the token; `not_owner`;
   * `not_met`: the conditions of a rule; or `needs_resource`: only rules with conditions speak of it, and no resource
   * was given.
   */
  readonly reason: 'allowed' | 'denied' | 'no_rule' | 'out_of_scope' | 'not_owner' | 'not_met' | 'needs_resource';
  /** The rule that decided. */
  readonly rule?: DecidingRule;
}
