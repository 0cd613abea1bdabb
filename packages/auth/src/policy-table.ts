import { kindOf } from '@ent/internal';
import { authErrors } from './errors.ts';
import type { Conditions } from './rules.ts';

/** One rule that a role has, by itself or by inheritance: a row of the table of who may do what. */
export interface PolicyRow {
  readonly role: string;
  readonly effect: 'allow' | 'deny';
  /** A pattern, as the rule has it. */
  readonly permission: string;
  /** Whether it is about what the principal owns. */
  readonly own: boolean;
  /** What it asks of the fields of a resource; undefined where it asks nothing. */
  readonly where: Conditions | undefined;
  /** From the role to the one that the rule stands in. */
  readonly path: readonly string[];
}

/**
 * The rows of `policy.table()` as a table in Markdown, for reviews: keep it in a file, let a test compare it, and each
 * change of who may do what shows in a pull request.
 *
 * @throws `auth.configuration` for what is no list of rows
 *
 * @example
 * ```ts
 * import { createPolicy, formatPolicyTable } from '@ent/auth';
 *
 * const policy = createPolicy({
 *   roles: { guest: { allow: ['docs:read'] }, member: { inherits: ['guest'], deny: ['docs:delete'] } },
 * });
 * console.log(formatPolicyTable(policy.table()));
 * // | member | may not | docs:delete | any | itself |
 * ```
 */
export function formatPolicyTable(rows: readonly PolicyRow[]): string {
  if (!Array.isArray(rows)) {
    throw authErrors.configuration(`formatPolicyTable: give it the rows of policy.table(); got ${kindOf(rows)}.`);
  }
  const lines = (rows as readonly PolicyRow[]).map(({ role, effect, permission, own, where, path }) => {
    const which = [...(own ? ['own'] : []), ...(where ? [printed(where)] : [])].join(', ') || 'any';
    return [role, effect === 'allow' ? 'may' : 'may not', permission, which, path.slice(1).join(' > ') || 'itself'];
  });
  const head = ['role', 'may or not', 'what', 'which', 'by'];
  const table = [head, head.map(() => '---'), ...lines];
  return `${table.map((cells) => `| ${cells.map(inCell).join(' | ')} |`).join('\n')}\n`;
}

/** JSON, but for the numbers that JSON has not; dates are as JSON has them. */
function printed(where: Conditions): string {
  return JSON.stringify(where, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

/** A cell of Markdown ends at a bar, and a row at its line. */
function inCell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ');
}
