import { refuseUnknown, traced } from '@ent/internal';
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
import { type Match, named, NO_RULE, OUT_OF_SCOPE, roleSets } from './internal/decisions.ts';
import { remembering } from './internal/remembering.ts';
import { compileRoles, rowsOf } from './internal/roles.ts';
import { inScope } from './internal/scopes.ts';
import type { PolicyRow } from './policy-table.ts';
import { isPrincipal, type Principal } from './principal.ts';
import type { Decision, RoleDefinition, RowFilter } from './rules.ts';

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
  /** The opposite of `can`. */
  cannot<P extends string>(principal: Principal, permission: P, resource?: ResourceFor<Owners, P>): boolean;
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
  const sets = roleSets(byName);
  const resolverFor = remembering((permission): OwnerOf => {
    const resolve = owners.get(permission.split(':', 1)[0] as string) as OwnerOf['resolve'];
    return { resolve };
  });

  const decide = (principal: Principal, permission: string, resource: unknown, some: boolean): Decision => {
    demandPrincipal(principal);
    if (principal.scopes && !inScope(principal.scopes, permission)) return OUT_OF_SCOPE;
    const said = sets(principal.roles).about(permission);
    return said.always ?? weigh(said.matches, principal, permission, resource, some);
  };

  /** Where it depends on the resource, or on who asks. Nothing is allocated here. */
  const weigh = (
    matches: readonly Match[],
    principal: Principal,
    permission: string,
    resource: unknown,
    some: boolean,
  ): Decision => {
    const { subject } = principal;
    let owner: string | undefined;
    let asked = false;
    let refused: Decision | undefined;
    let allowed: Decision | undefined;
    for (const match of matches) {
      if (match.deny) return match.deny;
      if (match.denyOwn || match.allowOwn) {
        if (!asked) owner = ownerOf(resolverFor(permission), resource);
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
    return allowed ?? refused ?? NO_RULE;
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
    const { matches } = sets(principal.roles).about(permission);
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

  const explain = (principal: Principal, permission: string, resource?: unknown): Decision => {
    if (!channels.authorize.hasSubscribers) return named(decide(principal, permission, resource, false), permission);
    const operation = { permission, outcome: 'error' };
    return traced(channels.authorize, operation, () => {
      const decision = named(decide(principal, permission, resource, false), permission);
      operation.outcome = decision.reason;
      return decision;
    });
  };

  const can = (principal: Principal, permission: string, resource?: unknown): boolean =>
    channels.authorize.hasSubscribers
      ? explain(principal, permission, resource).allowed
      : decide(principal, permission, resource, false).allowed;

  return {
    roles: names,
    isRole: (value): value is Name => typeof value === 'string' && byName.has(value),
    can,
    cannot: (principal, permission, resource) => !can(principal, permission, resource),
    maybe: (principal, permission) => decide(principal, permission, undefined, true).allowed,
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

function demandPrincipal(principal: Principal): void {
  if (isPrincipal(principal)) return;
  throw authErrors.configuration('Not a principal: it must come from verify(), authenticate() or trustedPrincipal().');
}

/** What says who owns a resource of one kind. */
interface OwnerOf {
  readonly resolve: string | ((resource: unknown) => unknown);
}

function ownerOf({ resolve }: OwnerOf, resource: unknown): string | undefined {
  if (resource === undefined || resource === null) return undefined;
  try {
    const owner = typeof resolve === 'string' ? (resource as Record<string, unknown>)[resolve] : resolve(resource);
    return typeof owner === 'string' && owner !== '' ? owner : undefined;
  } catch {
    return undefined;
  }
}
