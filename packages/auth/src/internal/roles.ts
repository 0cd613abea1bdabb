import { refuseUnknown } from '@ent/internal';
import { authErrors } from '../errors.ts';
import type { DecidingRule, RoleDefinition } from '../rules.ts';
import { createTrie, parsePattern, type Trie } from './patterns.ts';

/**
 * A role with the rules that stand in it, and the roles that it inherits;
 * those are shared, so that each is compiled once.
 */
export interface Role {
  readonly name: string;
  readonly rules: Trie<Rule>;
  readonly parents: Role[];
}

interface Rule {
  readonly effect: 'allow' | 'deny';
  readonly pattern: string;
  readonly own: boolean;
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
    roles.set(name, { name, rules: compileRules(name, definition, owners), parents: [] });
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

function compileRules(name: string, role: RoleDefinition, owners: ReadonlyMap<string, unknown>): Trie<Rule> {
  const trie = createTrie<Rule>();
  for (const effect of ['deny', 'allow'] as const) {
    for (const rule of role[effect] ?? []) {
      const own = typeof rule !== 'string';
      const pattern = own ? rule.permission : rule;
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
      trie.add(segments, { effect, pattern, own, rank });
    }
  }
  return trie;
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

/**
 * The rules of a role, inherited ones included, that speak of a permission: of each kind the most specific one, and of
 * those the nearest. Each inherited role is looked at once, however many ways lead to it.
 */
export function rulesFor(start: Role, permission: readonly string[]): { readonly [K in Kind]?: DecidingRule } {
  const best: { [K in Kind]?: { rule: Rule; at: Step } } = {};
  const seen = new Set<Role>();
  const steps: Step[] = [{ role: start, from: undefined }];
  for (let at = steps.pop(); at !== undefined; at = steps.pop()) {
    const { role } = at;
    // By another way before; its rules count once.
    if (seen.has(role)) continue;
    seen.add(role);
    for (const rule of role.rules.find(permission)) {
      const kind: Kind = rule.own ? `${rule.effect}Own` : rule.effect;
      const before = best[kind];
      if (before === undefined || rule.rank < before.rule.rank) best[kind] = { rule, at };
    }
    // The last one first, so that the first is looked at next.
    for (let i = role.parents.length - 1; i >= 0; i--) steps.push({ role: role.parents[i] as Role, from: at });
  }
  return Object.fromEntries(Object.entries(best).map(([kind, { rule, at }]) => [kind, decidingRule(rule, at)]));
}

function decidingRule({ effect, pattern, own }: Rule, at: Step): DecidingRule {
  const path: string[] = [];
  for (let step: Step | undefined = at; step !== undefined; step = step.from) path.push(step.role.name);
  return Object.freeze({ effect, pattern, own, path: Object.freeze(path.reverse()) });
}
