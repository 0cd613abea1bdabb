import { kindOf, refuseUnknown, traced } from '@ent/internal';
import { channels } from './channels.ts';
import { authErrors } from './errors.ts';
import {
  allOf,
  anyOf,
  EACH_ROW,
  NO_ROW,
  ownedBy,
  type Parts,
  rowsWhere,
  rowsWhereNot,
  truthOf,
} from './internal/conditions.ts';
import { createTrie, parsePattern, parsePermission, type Trie } from './internal/patterns.ts';
import { compileRoles, type Role, rowsOf, rulesFor } from './internal/roles.ts';
import type { PolicyRow } from './policy-table.ts';
import { isPrincipal, type Principal } from './principal.ts';
import type { DecidingRule, RoleDefinition, RowFilter } from './rules.ts';

/**
 * Says who owns a resource, as a principal's `subject`, by the first segment of the permission: the name of the field
 * that holds it, `{ users: 'id' }`, or a function, `{ users: (user) => user.id }`. An answer that is no string, or a
 * resolver that throws, is "nobody knows": allowing rules do not apply, denying ones do.
 */
export type OwnerResolvers = Readonly<Record<string, string | ((resource: never) => string | null | undefined)>>;

/** The roles of an application. */
export interface PolicyDefinition<Name extends string, Owners extends OwnerResolvers> {
  readonly roles: { readonly [N in Name]: RoleDefinition<NoInfer<Name>> };
  /** Needed for each kind of resource that an `own` rule speaks of. */
  readonly owners?: Owners | undefined;
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

/** The resource that goes with a permission, as its owner resolver takes it. */
export type ResourceFor<Owners extends OwnerResolvers, P extends string> = P extends `${infer Kind}:${string}`
  ? Kind extends keyof Owners
    ? Owners[Kind] extends (resource: infer Resource) => unknown
      ? Resource
      : unknown
    : unknown
  : unknown;

/**
 * Decides who may do what. Each method throws `auth.configuration` for what is no principal, and for a permission that
 * is none where a role is asked for it.
 */
export interface Policy<Name extends string = string, Owners extends OwnerResolvers = OwnerResolvers> {
  readonly roles: readonly Name[];
  isRole(value: unknown): value is Name;
  /**
   * Whether the principal may do this, to this resource. Without a resource the answer holds for every one
   * of its kind, so that `own` rules do not allow.
   */
  can<P extends string>(principal: Principal, permission: P, resource?: ResourceFor<Owners, P>): boolean;
  /**
   * The rows to which the principal may do this, as a filter of `@ent/database`: `can` is true of each row that it
   * matches, and of no other. Rows are compared by their fields, in which null is what is missing.
   *
   * @throws `auth.configuration` where an `own` rule decides whose owner is found by a function: name its field
   */
  filterFor(principal: Principal, permission: string): RowFilter;
  /** Whether the principal may do this to some resource: for showing a button, never for guarding what it does. */
  maybe(principal: Principal, permission: string): boolean;
  /** As `can`, with the reason. */
  explain<P extends string>(principal: Principal, permission: P, resource?: ResourceFor<Owners, P>): Decision;
  /**
   * As `can`, and throws where that is false.
   *
   * @throws `auth.forbidden`; `details` has the permission and the reason, for the log
   */
  authorize<P extends string>(principal: Principal, permission: P, resource?: ResourceFor<Owners, P>): void;
  /** Who may do what: the rules of each role, inherited ones included. `formatPolicyTable` prints it, for reviews. */
  table(): readonly PolicyRow[];
}

/**
 * Compiles roles into a policy. All faults are found here: a cycle, an unknown role, a malformed pattern, an `own` rule
 * without a resolver for its kind.
 *
 * @throws `auth.configuration`
 *
 * @example
 * ```ts
 * import { createPolicy, trustedPrincipal } from '@ent/auth';
 *
 * const policy = createPolicy({
 *   roles: {
 *     member: { allow: [{ permission: 'users:*', own: true }] },
 *     admin: { inherits: ['member'], allow: ['users:**'], deny: [{ permission: 'users:delete', own: true }] },
 *   },
 *   owners: { users: (user: { id: string }) => user.id },
 * });
 * const ann = trustedPrincipal({ subject: 'ann', roles: ['member'] });
 * console.log(policy.can(ann, 'users:update', { id: 'ann' })); // true
 * console.log(policy.explain(ann, 'users:update', { id: 'bob' }).reason); // not_owner
 * ```
 */
export function createPolicy<const Name extends string, Owners extends OwnerResolvers = Record<never, never>>(
  definition: PolicyDefinition<Name, Owners>,
): Policy<Name, Owners> {
  refuseUnknown(definition, { roles: true, owners: true }, 'createPolicy', authErrors.configuration);
  if (typeof definition.roles !== 'object' || definition.roles === null) {
    throw authErrors.configuration('createPolicy: "roles" must be an object of roles by name.');
  }
  const names = Object.keys(definition.roles) as Name[];
  const owners = new Map<string, unknown>(Object.entries(definition.owners ?? {}));
  for (const [kind, owner] of owners) {
    if (typeof owner === 'function' || (typeof owner === 'string' && owner !== '')) continue;
    throw authErrors.configuration(`createPolicy: owners.${kind} must be the name of a field, or a function.`);
  }
  const byName = compileRoles(definition.roles, owners);
  const compiled = new Map<string, CompiledRole>();
  for (const [name, role] of byName) compiled.set(name, compileRole(role));

  /**
   * Undefined where no rule speaks of it. Decisions are made once for a role and permission: nothing is allocated here.
   */
  const evaluate = (
    principal: Principal,
    permission: string,
    resource: unknown,
    some: boolean,
  ): Decision | undefined => {
    demandPrincipal(principal);
    if (principal.scopes && !inScope(principal.scopes, permission))
      return { allowed: false, permission, reason: 'out_of_scope' };
    const { roles, subject } = principal;
    let owner: string | undefined;
    let asked = false;
    let refused: Decision | undefined;
    let allowed: Decision | undefined;
    for (const role of roles) {
      const match = compiled.get(role)?.match(permission);
      if (!match) continue;
      if (match.deny) return match.deny;
      if (match.denyOwn || match.allowOwn) {
        if (!asked) owner = ownerOf(owners, permission, resource);
        asked = true;
        if (match.denyOwn && !some && (owner === undefined || owner === subject)) return match.denyOwn;
        if (match.allowOwn && (some || owner === subject)) allowed ??= match.allowOwn.allowed;
        else if (match.allowOwn)
          refused ??= resource === undefined ? match.allowOwn.needsResource : match.allowOwn.notOwner;
      }
      if (match.allow) allowed ??= match.allow;
      if (match.when === undefined) continue;
      for (const one of match.when) {
        const truth = truthOf(one.when, principal, resource);
        if (one.denied) {
          if (!some && truth !== false) return one.denied;
        } else if (some || truth === true) allowed ??= one.allowed;
        else refused ??= resource === undefined ? one.needsResource : one.notMet;
      }
    }
    return allowed ?? refused;
  };

  /** The parts of a rule about owned rows. */
  const owned = (permission: string): Parts => {
    const [kind = ''] = permission.split(':', 1);
    const owner = owners.get(kind);
    if (typeof owner === 'string') return ownedBy(owner);
    throw authErrors.configuration(
      `policy.filterFor: "owners.${kind}" is a function; a filter needs the name of the field.`,
    );
  };

  const filterFor = (principal: Principal, permission: string): RowFilter => {
    demandPrincipal(principal);
    if (principal.scopes && !inScope(principal.scopes, permission)) return NO_ROW;
    const matches = principal.roles.flatMap((role) => compiled.get(role)?.match(permission) ?? []);
    if (matches.some(({ deny }) => deny)) return NO_ROW;
    const when = matches.flatMap((match) => match.when ?? []);
    const isAllowed = matches.some(({ allow }) => allow);
    const some = when.filter(({ denied }) => !denied).map((one) => rowsWhere(one.when, principal));
    if (!isAllowed && matches.some(({ allowOwn }) => allowOwn)) some.push(rowsWhere(owned(permission), principal));
    const allowed = isAllowed ? EACH_ROW : anyOf(some);
    if (allowed === NO_ROW) return NO_ROW;
    const spared = when.filter(({ denied }) => denied).map((one) => rowsWhereNot(one.when, principal));
    if (matches.some(({ denyOwn }) => denyOwn)) spared.push(rowsWhereNot(owned(permission), principal));
    return allOf([allowed, ...spared]);
  };

  const decide = (principal: Principal, permission: string, resource: unknown): Decision =>
    evaluate(principal, permission, resource, false) ?? { allowed: false, permission, reason: 'no_rule' };

  const explain = (principal: Principal, permission: string, resource?: unknown): Decision => {
    if (!channels.authorize.hasSubscribers) return decide(principal, permission, resource);
    const operation = { permission, outcome: 'error' };
    return traced(channels.authorize, operation, () => {
      const decision = decide(principal, permission, resource);
      operation.outcome = decision.reason;
      return decision;
    });
  };

  return {
    roles: names,
    isRole: (value): value is Name => typeof value === 'string' && compiled.has(value),
    can: (principal, permission, resource) =>
      channels.authorize.hasSubscribers
        ? explain(principal, permission, resource).allowed
        : evaluate(principal, permission, resource, false)?.allowed === true,
    maybe: (principal, permission) => evaluate(principal, permission, undefined, true)?.allowed === true,
    explain,
    filterFor,
    authorize(principal, permission, resource) {
      const { allowed, reason } = explain(principal, permission, resource);
      if (allowed) return;
      throw authErrors.forbidden(`The principal may not ${permission}: ${reason}.`, {
        details: { permission, reason },
      });
    },
    table: () => rowsOf(byName.values()),
  };
}

/** What the rules of one role, inherited ones included, say about one permission. */
interface Match {
  deny?: Decision;
  denyOwn?: Decision;
  allow?: Decision;
  allowOwn?: { allowed: Decision; notOwner: Decision; needsResource: Decision };
  /** Rules with conditions on fields, of which `denied` says that it is a denying one. */
  when?: readonly ConditionalMatch[];
}

interface ConditionalMatch {
  readonly when: Parts;
  readonly denied: Decision | undefined;
  readonly allowed: Decision;
  readonly notMet: Decision;
  readonly needsResource: Decision;
}

interface CompiledRole {
  match(permission: string): Match;
}

/**
 * Permissions are written in the code, so they are few. Should somebody build them from input, this bounds the memory.
 */
const MAX_CACHED = 4096;

function compileRole(role: Role): CompiledRole {
  const cache = new Map<string, Match>();
  return {
    match(permission) {
      let match = cache.get(permission);
      if (!match) {
        match = matchOf(role, permission);
        if (cache.size >= MAX_CACHED) cache.clear();
        cache.set(permission, match);
      }
      return match;
    },
  };
}

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

function demandPrincipal(principal: Principal): void {
  if (isPrincipal(principal)) return;
  throw authErrors.configuration('Not a principal: it must come from verify(), authenticate() or trustedPrincipal().');
}

function ownerOf(owners: Map<string, unknown>, permission: string, resource: unknown): string | undefined {
  if (resource === undefined || resource === null) return undefined;
  const resolve = owners.get(permission.split(':', 1)[0] as string) as string | ((resource: unknown) => unknown);
  try {
    const owner = typeof resolve === 'string' ? (resource as Record<string, unknown>)[resolve] : resolve(resource);
    return typeof owner === 'string' && owner !== '' ? owner : undefined;
  } catch {
    return undefined;
  }
}

const scopeTries = new WeakMap<readonly string[], Trie<true>>();

/** Scopes are patterns too. One of another kind (`openid`, a URL) is passed over: it grants nothing here. */
function inScope(scopes: readonly string[], permission: string): boolean {
  let trie = scopeTries.get(scopes);
  if (!trie) {
    trie = createTrie<true>();
    for (const scope of scopes) {
      const pattern = parsePattern(scope);
      if (pattern) trie.add(pattern, true);
    }
    scopeTries.set(scopes, trie);
  }
  const segments = parsePermission(permission);
  return segments !== undefined && trie.find(segments).length > 0;
}
