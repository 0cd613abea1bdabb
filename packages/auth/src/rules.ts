/**
 * A rule: a permission pattern (`users:read`, `users:*`, `users:**`), or one that holds only for resources that the
 * principal owns.
 */
export type Rule = string | { readonly permission: string; readonly own: true };

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
  /** From the principal's role to the one that the rule stands in: `["admin", "member"]`. */
  readonly path: readonly string[];
}
