import { kindOf } from '@ent/internal';
import { authErrors } from '../errors.ts';
import type { DecidingRule, Decision } from '../rules.ts';
import type { Parts } from './conditions.ts';
import { parsePermission } from './patterns.ts';
import { remembering } from './remembering.ts';
import { type Role, rulesFor } from './roles.ts';

/** What the rules of one role, inherited ones included, say about one permission. */
export interface Match {
  readonly deny?: Decision;
  readonly denyOwn?: Decision;
  readonly allow?: Decision;
  readonly allowOwn?: { readonly allowed: Decision; readonly notOwner: Decision; readonly needsResource: Decision };
  /** Rules with conditions on fields, of which `denied` says that it is a denying one. */
  readonly when?: readonly ConditionalMatch[];
}

interface ConditionalMatch {
  readonly when: Parts;
  readonly denied: Decision | undefined;
  readonly allowed: Decision;
  readonly notMet: Decision;
  readonly needsResource: Decision;
}

/** What the roles of a principal, taken together, say about one permission. */
export interface Said {
  /** The decision, where it is the same for each resource and for each principal with these roles. */
  readonly always: Decision | undefined;
  /** What each role says of it, in the order of the roles. */
  readonly matches: readonly Match[];
}

/** That no rule speaks of it, whatever it is. */
export const NO_RULE: Decision = Object.freeze({ allowed: false, permission: '', reason: 'no_rule' });
/** That the scopes of the token leave it out, whatever it is. */
export const OUT_OF_SCOPE: Decision = Object.freeze({ allowed: false, permission: '', reason: 'out_of_scope' });
const NOTHING: Said = { always: NO_RULE, matches: [] };

/** What is said about permissions. Decisions are made once, so that no call allocates one. */
export interface Sayings {
  about(permission: string): Said;
}

/** What the roles with these names say; names that are no role say nothing. */
export type RoleSets = (names: readonly string[]) => Sayings;

/**
 * Answers for any list of roles. A list that is frozen, as that of a principal is, is looked at once: all principals of
 * a token that was verified before have the same.
 */
export function roleSets(roles: ReadonlyMap<string, Role>): RoleSets {
  const matches = new Map([...roles].map(([name, role]) => [name, remembering((said) => matchOf(role, said))]));
  const numbers = new Map([...roles.keys()].map((name, number) => [name, String(number)]));
  const all = [...matches.values()];
  // By numbers, since the names in a token may have any letter that could stand between them.
  const ofNumbers = remembering((key) => sayingsOf(key.split(' ').map((number) => all[Number(number)] as MatchOf)));
  const byList = new WeakMap<readonly string[], Sayings>();
  return (names) => {
    const known = byList.get(names);
    if (known !== undefined) return known;
    const key = names.flatMap((name) => numbers.get(name) ?? []).join(' ');
    const sayings = key === '' ? SILENCE : ofNumbers(key);
    if (Object.isFrozen(names)) byList.set(names, sayings);
    return sayings;
  };
}

type MatchOf = (permission: string) => Match;

/** Of nobody's roles: what is asked for is not even read. */
const SILENCE: Sayings = { about: () => NOTHING };

function sayingsOf(roles: readonly MatchOf[]): Sayings {
  const about = remembering((permission): Said => {
    const matches = roles.map((match) => match(permission)).filter((match) => Object.keys(match).length > 0);
    const depends = matches.some(({ denyOwn, allowOwn, when }) => denyOwn ?? allowOwn ?? when);
    if (depends) return { always: undefined, matches };
    const denied = matches.find(({ deny }) => deny)?.deny;
    return { always: denied ?? matches.find(({ allow }) => allow)?.allow ?? NO_RULE, matches };
  });
  return { about };
}

/**
 * What a decision is called by whoever wants to know why. Those that are the same for each permission get its name here
 * only, so that who asks no more than whether makes no object.
 */
export function named(decision: Decision, permission: string): Decision {
  return decision === NO_RULE || decision === OUT_OF_SCOPE ? Object.freeze({ ...decision, permission }) : decision;
}

/** @throws `auth.configuration` for what is no permission */
function matchOf(role: Role, permission: string): Match {
  const segments = parsePermission(permission);
  if (!segments) {
    const got = typeof permission === 'string' ? JSON.stringify(permission.slice(0, 256)) : kindOf(permission);
    throw authErrors.configuration(`A permission is words joined by ":", without wildcards; got ${got}.`);
  }
  const { deny, denyOwn, allow, allowOwn, when } = rulesFor(role, segments);
  const decision = (reason: Decision['reason'], rule: DecidingRule): Decision =>
    Object.freeze({ allowed: reason === 'allowed', permission, reason, rule });
  return {
    ...(deny && { deny: decision('denied', deny) }),
    ...(denyOwn && { denyOwn: decision('denied', denyOwn) }),
    ...(allow && { allow: decision('allowed', allow) }),
    ...(allowOwn && {
      allowOwn: {
        allowed: decision('allowed', allowOwn),
        notOwner: decision('not_owner', allowOwn),
        needsResource: decision('needs_resource', allowOwn),
      },
    }),
    ...(when.length > 0 && {
      when: when.map(({ rule, when: parts }) => ({
        when: parts,
        denied: rule.effect === 'deny' ? decision('denied', rule) : undefined,
        allowed: decision('allowed', rule),
        notMet: decision('not_met', rule),
        needsResource: decision('needs_resource', rule),
      })),
    }),
  };
}
