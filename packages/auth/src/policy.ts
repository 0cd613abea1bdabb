import { kindOf, refuseUnknown, traced } from '@ent/internal';
import { channels } from './channels.ts';
import { authErrors } from './errors.ts';
import { createTrie, parsePattern, parsePermission, type Trie } from './internal/patterns.ts';
import { compileRoles, type Role, rulesFor } from './internal/roles.ts';
import { isPrincipal, type Principal } from './principal.ts';
import type { DecidingRule, RoleDefinition } from './rules.ts';

/**
 * Says who owns a resource, as a principal's `subject`, by the first segment of the permission:
 * `{ users: (user) => user.id }`. An answer that is no string, or a resolver that throws, is "nobody knows":
 * allowing rules do not apply, denying ones do.
 */
export type OwnerResolvers = Readonly<Record<string, (resource: never) => string | null | undefined>>;

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
   * `allowed`; `denied` by a denying rule; `no_rule` speaks of it; `out_of_scope` of the token; `not_owner`; or
   * `needs_resource`: only an `own` rule speaks of it, and no resource was given.
   */
  readonly reason: 'allowed' | 'denied' | 'no_rule' | 'out_of_scope' | 'not_owner' | 'needs_resource';
  /** The rule that decided. */
  readonly rule?: DecidingRule;
}

/** The resource that goes with a permission, as its owner resolver takes it. */
export type ResourceFor<Owners extends OwnerResolvers, P extends string> = P extends `${infer Kind}:${string}`
  ? Kind extends keyof Owners
    ? Parameters<Owners[Kind]>[0]
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
  const owners = new Map(Object.entries(definition.owners ?? {}));
  const compiled = new Map<string, CompiledRole>();
  for (const [name, role] of compileRoles(definition.roles, owners)) compiled.set(name, compileRole(role));

  /**
   * Undefined where no rule speaks of it. Decisions are made once for a role and permission: nothing is allocated here.
   */
  const evaluate = (
    principal: Principal,
    permission: string,
    resource: unknown,
    some: boolean,
  ): Decision | undefined => {
    if (!isPrincipal(principal))
      throw authErrors.configuration(
        'Not a principal: it must come from verify(), authenticate() or trustedPrincipal().',
      );
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
    }
    return allowed ?? refused;
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
    authorize(principal, permission, resource) {
      const { allowed, reason } = explain(principal, permission, resource);
      if (allowed) return;
      throw authErrors.forbidden(`The principal may not ${permission}: ${reason}.`, {
        details: { permission, reason },
      });
    },
  };
}

/** What the rules of one role, inherited ones included, say about one permission. */
interface Match {
  deny?: Decision;
  denyOwn?: Decision;
  allow?: Decision;
  allowOwn?: { allowed: Decision; notOwner: Decision; needsResource: Decision };
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
  const { deny, denyOwn, allow, allowOwn } = rulesFor(role, segments);
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
  };
}

function ownerOf(owners: Map<string, unknown>, permission: string, resource: unknown): string | undefined {
  if (resource === undefined || resource === null) return undefined;
  const resolve = owners.get(permission.split(':', 1)[0] as string) as (resource: unknown) => unknown;
  try {
    const owner = resolve(resource);
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
