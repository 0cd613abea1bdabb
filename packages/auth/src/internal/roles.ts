import { refuseUnknown } from '@ent/internal';
import { authErrors } from '../errors.ts';
import type { PolicyRow } from '../policy-table.ts';
import type { ConditionalRule, Conditions, DecidingRule, RoleDefinition } from '../rules.ts';
import { ownedBy, type Parts, readConditions } from './conditions.ts';
import { createTrie, parsePattern, type Trie } from './patterns.ts';

/**
 * A role with the rules that stand in it, and the roles that it inherits;
 * those are shared, so that each is compiled once.
 */
export interface Role {
  readonly name: string;
  readonly rules: Trie<Rule>;
  /** The same rules, in the order in which they were written. */
  readonly list: readonly Rule[];
  readonly parents: Role[];
}

interface Rule {
  readonly effect: 'allow' | 'deny';
  readonly pattern: string;
  readonly own: boolean;
  /** What it asks of a resource, ownership by a field included; undefined for a rule without `where`. */
  readonly when: Parts | undefined;
  /** The fields that `where` names. */
  readonly where: readonly string[] | undefined;
  /** `where` as it was written, for the table. */
  readonly conditions: Conditions | undefined;
  /** The more specific pattern has the lesser rank: exact segments before wildcards. */
  readonly rank: string;
}

/**
 * Compiles roles, in time proportional to the roles, their rules and who inherits whom.
 *
 * @throws `auth.configuration` for an unknown role, a circle, a malformed rule, an `own` rule without a resolver
 */
export function compileRoles(
  definitions: Readonly<Record<string, RoleDefinition>>,
  owners: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, Role> {
  const roles = new Map<string, Role>();
  for (const [name, definition] of Object.entries(definitions)) {
    const known = { inherits: true, allow: true, deny: true } as const;
    refuseUnknown(definition, known, `Role "${name}"`, authErrors.configuration);
    const list = readRules(name, definition, owners);
    const rules = createTrie<Rule>();
    for (const { segments, rule } of list) rules.add(segments, rule);
    roles.set(name, { name, rules, list: list.map(({ rule }) => rule), parents: [] });
  }
  for (const [name, definition] of Object.entries(definitions)) {
    for (const parent of definition.inherits ?? []) {
      const role = roles.get(parent);
      if (!role) throw authErrors.configuration(`Role "${name}" inherits "${parent}", which is not defined.`);
      roles.get(name)?.parents.push(role);
    }
  }
  refuseCircles(roles.values());
  return roles;
}

function readRules(
  name: string,
  role: RoleDefinition,
  owners: ReadonlyMap<string, unknown>,
): { segments: readonly string[]; rule: Rule }[] {
  const rules: { segments: readonly string[]; rule: Rule }[] = [];
  for (const effect of ['deny', 'allow'] as const) {
    for (const rule of role[effect] ?? []) {
      if (typeof rule !== 'string') demandConditional(rule, name);
      const conditional = typeof rule === 'string' ? undefined : rule;
      const own = conditional?.own === true;
      const pattern = typeof rule === 'string' ? rule : rule.permission;
      const segments = parsePattern(pattern);
      if (!segments) {
        throw authErrors.configuration(
          `Role "${name}": ${JSON.stringify(pattern)} is not a permission: words joined by ":", "*" for one, "**" at the end for the rest.`,
        );
      }
      if (own && !owners.has(segments[0] as string)) {
        throw authErrors.configuration(
          `Role "${name}": the rule "${pattern}" is about owned resources, but "owners" has no resolver for "${segments[0]}".`,
        );
      }
      const rank = segments.map((segment) => (segment === '**' ? '2' : segment === '*' ? '1' : '0')).join('');
      const conditions = conditional?.where;
      const owner = own ? owners.get(segments[0] as string) : undefined;
      if (conditions !== undefined && typeof owner === 'function') {
        throw authErrors.configuration(
          `Role "${name}": the rule "${pattern}" has "own" and "where", but "owners" has a function for "${segments[0]}": name the field.`,
        );
      }
      const when = conditions && [
        ...(typeof owner === 'string' ? ownedBy(owner) : []),
        ...readConditions(conditions, `Role "${name}": the rule "${pattern}"`),
      ];
      const where = conditions && Object.keys(conditions);
      // A copy: what the policy says does not change with an object of the application.
      const copy = structuredClone(conditions);
      rules.push({ segments, rule: { effect, pattern, own, when, where, conditions: copy, rank } });
    }
  }
  return rules;
}

function demandConditional(rule: ConditionalRule, name: string): void {
  const known = { permission: true, own: true, where: true } as const;
  refuseUnknown(rule, known, `A rule of role "${name}"`, authErrors.configuration);
  if (rule.own !== undefined && (rule.own as unknown) !== true) {
    throw authErrors.configuration(`Role "${name}": "own" of a rule is true, or left out.`);
  }
  if (rule.own === undefined && (rule.where as unknown) === undefined) {
    throw authErrors.configuration(`Role "${name}": a rule that is an object has "own" or "where".`);
  }
}

/** Walks each role once. No recursion: a chain of ten thousand roles has no place on the stack. */
function refuseCircles(roles: Iterable<Role>): void {
  const done = new Set<Role>();
  for (const start of roles) {
    const way: { role: Role; next: number }[] = [{ role: start, next: 0 }];
    const onWay = new Set<Role>([start]);
    for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
      const parent = done.has(step.role) ? undefined : step.role.parents[step.next++];
      if (parent === undefined) {
        done.add(step.role);
        onWay.delete(step.role);
        way.pop();
      } else if (onWay.has(parent)) {
        const names = way.map(({ role }) => role.name);
        const circle = [...names.slice(names.indexOf(parent.name)), parent.name].join(' -> ');
        throw authErrors.configuration(`Roles inherit in a circle: ${circle}.`);
      } else {
        way.push({ role: parent, next: 0 });
        onWay.add(parent);
      }
    }
  }
}

/** A role on the way from where a search began. */
interface Step {
  readonly role: Role;
  readonly from: Step | undefined;
}

type Kind = 'deny' | 'denyOwn' | 'allow' | 'allowOwn';

/** A rule with conditions on fields, and what they are. */
export interface RuleWhen {
  readonly rule: DecidingRule;
  readonly when: Parts;
}

/**
 * The rules of a role, inherited ones included, that speak of a permission: of each kind the most specific one, and of
 * those the nearest; and all that have conditions on fields. Each inherited role is looked at once, however many ways
 * lead to it.
 */
export function rulesFor(
  start: Role,
  permission: readonly string[],
): { readonly [K in Kind]?: DecidingRule } & { readonly when: readonly RuleWhen[] } {
  const when: RuleWhen[] = [];
  const best: { [K in Kind]?: { rule: Rule; at: Step } } = {};
  for (const at of inheritance(start)) {
    for (const rule of at.role.rules.find(permission)) {
      if (rule.when !== undefined) {
        when.push({ rule: decidingRule(rule, at), when: rule.when });
        continue;
      }
      const kind: Kind = rule.own ? `${rule.effect}Own` : rule.effect;
      const before = best[kind];
      if (before === undefined || rule.rank < before.rule.rank) best[kind] = { rule, at };
    }
  }
  const rules = Object.entries(best).map(([kind, { rule, at }]) => [kind, decidingRule(rule, at)]);
  return { ...(Object.fromEntries(rules) as { [K in Kind]?: DecidingRule }), when };
}

/** All rules of all roles, inherited ones included; those of a role that is inherited by several ways once. */
export function rowsOf(roles: Iterable<Role>): PolicyRow[] {
  const rows: PolicyRow[] = [];
  for (const start of roles) {
    for (const at of inheritance(start)) {
      const path = Object.freeze(pathTo(at));
      for (const { effect, pattern, own, conditions } of at.role.list) {
        rows.push(Object.freeze({ role: start.name, effect, permission: pattern, own, where: conditions, path }));
      }
    }
  }
  return rows;
}

/** A role and those that it inherits, each once, however many ways lead to it. */
function* inheritance(start: Role): Generator<Step> {
  const seen = new Set<Role>();
  const steps: Step[] = [{ role: start, from: undefined }];
  for (let at = steps.pop(); at !== undefined; at = steps.pop()) {
    const { role } = at;
    if (seen.has(role)) continue;
    seen.add(role);
    yield at;
    // The last one first, so that the first is looked at next.
    for (let i = role.parents.length - 1; i >= 0; i--) steps.push({ role: role.parents[i] as Role, from: at });
  }
}

function pathTo(at: Step): string[] {
  const path: string[] = [];
  for (let step: Step | undefined = at; step !== undefined; step = step.from) path.push(step.role.name);
  return path.reverse();
}

function decidingRule({ effect, pattern, own, where }: Rule, at: Step): DecidingRule {
  return Object.freeze({ effect, pattern, own, ...(where && { where }), path: Object.freeze(pathTo(at)) });
}
