import { isDeepStrictEqual } from 'node:util';
import { durationOption, kindOf, outsideContext, pause, refuseUnknown } from '@ent/internal';
import { channels } from './channels.ts';
import type { KeySetStore } from './driver.ts';
import { authErrors, storeCall } from './errors.ts';
import { demandMethods } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import type { Clock, Duration } from './options.ts';
import { createPolicy, type OwnerResolvers, type Policy } from './policy.ts';
import type { RoleDefinition } from './rules.ts';

/** Roles as data: what JSON keeps of them is all that there is. */
export type PolicyRoles = Readonly<Record<string, RoleDefinition>>;

/** How processes tell each other that there is a new policy: `LISTEN` of a database, a topic, a channel of Redis. */
export interface PolicyChanges {
  /** Tells the others. A failure is passed over: they read the store within `reloadAfter`. */
  publish(revision: number): unknown;
  /**
   * Calls `changed` when another one tells it, and gives what ends that. Where it is called with the revision, and the
   * store does not show that one yet, the store is read once more a second later.
   */
  subscribe(changed: (revision?: unknown) => void): (() => unknown) | Promise<() => unknown>;
}

/** Where roles are kept, and how. */
export interface StoredPolicyOptions<Owners extends OwnerResolvers> {
  /** `fileKeyStore()` or `repositoryKeyStore(repository, 'policy')` of `@ent/auth/stores`, or your own. */
  store: KeySetStore;
  /** The roles of the first revision, where the store has none yet. */
  initial: PolicyRoles;
  /** As for `createPolicy`; functions are code, and stay in it. */
  owners?: Owners | undefined;
  /** Where it is left out, a change arrives within `reloadAfter`. */
  changes?: PolicyChanges | undefined;
  /** How old what a process knows of the store may be before it reads it again. Default `"1m"`. */
  reloadAfter?: Duration | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** A policy whose roles are in a store, which processes share. Each decision goes by one revision as a whole. */
export interface StoredPolicy<Owners extends OwnerResolvers = OwnerResolvers> extends Policy<string, Owners> {
  /** Which revision decides now; the first is 1. */
  readonly revision: number;
  /** Its roles, to be changed and given to `replace`. */
  definition(): PolicyRoles;
  /**
   * Puts other roles in the place of those of `revision`: in force here at once.
   *
   * @returns the new revision
   * @throws `auth.configuration` for roles that cannot be, with nothing changed; `auth.policy_changed` (409) where
   *   somebody else was first; `auth.store_failed`
   */
  replace(roles: PolicyRoles, revision: number): Promise<number>;
  /** Reads the store now. */
  reload(): Promise<void>;
  /** Ends the subscription to changes. */
  close(): Promise<void>;
}

const OPTIONS = { store: true, initial: true, owners: true, changes: true, reloadAfter: true, now: true } as const;
/** A store where the first roles are neither to be written nor there will not have them later. */
const MOST_TRIES = 5;
/** How long a store may take to show what was written, as a replica does. */
const LATE_MS = 1000;

/**
 * A policy that is kept in a store as JSON, versioned, and changed while services run.
 *
 * While the store is away, and where it holds roles that cannot be, the ones that were known decide on; the channel
 * `ent:auth:policy` says so.
 *
 * @throws `auth.configuration` for options, or stored roles, that cannot be; `auth.store_failed`
 *
 * @example
 * ```ts
 * import { openPolicy, trustedPrincipal } from '@ent/auth';
 * import { fileKeyStore } from '@ent/auth/stores'; // or repositoryKeyStore(db.repo(policies), 'policy')
 * import { mkdtemp } from 'node:fs/promises';
 *
 * const store = fileKeyStore(await mkdtemp('/tmp/policy-'));
 * const policy = await openPolicy({ store, initial: { member: { allow: ['docs:read'] } } });
 * const ann = trustedPrincipal({ subject: 'ann', roles: ['member'] });
 * const { member } = policy.definition();
 * await policy.replace({ member: { ...member, deny: ['docs:read'] } }, policy.revision);
 * console.log(policy.revision, policy.can(ann, 'docs:read')); // 2 false
 * ```
 */
export async function openPolicy<Owners extends OwnerResolvers = Record<never, never>>(
  options: StoredPolicyOptions<Owners>,
): Promise<StoredPolicy<Owners>> {
  refuseUnknown(options, OPTIONS, 'openPolicy', authErrors.configuration);
  const { store, initial, owners, changes, now = Date.now } = options;
  demandMethods(store, ['read', 'write'], 'openPolicy: store, such as fileKeyStore(),');
  if (changes !== undefined) demandMethods(changes, ['publish', 'subscribe'], 'openPolicy: changes');
  if (typeof now !== 'function') throw authErrors.configuration('openPolicy: "now" must be a function.');
  const reloadAfterMs = durationOption(options.reloadAfter ?? '1m', 'reloadAfter', authErrors.configuration);

  const compile = (roles: PolicyRoles, revision: number): Known<Owners> => ({
    revision,
    roles,
    policy: createPolicy<string, Owners>({ roles, owners }),
  });
  const parse = (data: string, revision: number): Known<Owners> => {
    try {
      return compile(JSON.parse(data) as PolicyRoles, revision);
    } catch (cause) {
      throw authErrors.configuration(`Revision ${revision} of the stored policy cannot be.`, { cause });
    }
  };

  const first = compile(asJson(initial), 1);
  const open = async (): Promise<Known<Owners>> => {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const stored = await storeCall('read the policy', () => store.read());
      if (stored !== undefined) return parse(stored.data, stored.revision);
      if (await storeCall('write the policy', () => store.write(JSON.stringify(first.roles), 0))) return first;
      // Another process was first.
    }
    throw authErrors.store_failed('The store has a policy that it does not give.');
  };
  let known = await open();
  let readAt = now();
  let reading: Promise<void> | undefined;
  let again = false;
  /** The highest revision that was told of, until the store was read once more for it. */
  let told = 0;
  let waiting = false;
  const closing = new AbortController();

  const read = (): Promise<void> =>
    tracedOutcome(channels.policy, { operation: 'load' }, async (operation) => {
      const found = await storeCall('read the policy', () => store.read());
      readAt = now();
      // An older one was read before another one was put in its place here, or from a replica that is behind.
      if (found === undefined || found.revision <= known.revision) return;
      operation.revision = found.revision;
      operation.outcome = 'invalid';
      known = parse(found.data, found.revision);
      operation.outcome = 'ok';
    });

  /** Of many calls one reads; who calls meanwhile is answered by what is read after that. */
  const reload = (): Promise<void> => {
    if (reading !== undefined) {
      again = true;
      return reading;
    }
    reading = outsideContext(async () => {
      try {
        do {
          again = false;
          await read();
        } while (again);
      } finally {
        reading = undefined;
      }
    });
    return reading;
  };
  /** A failure is on the channel; what is known decides on. */
  const look = (): Promise<void> => reload().catch(() => {});
  const hear = async (revision: unknown): Promise<void> => {
    const number = Number(revision);
    if (Number.isSafeInteger(number)) told = Math.max(told, number);
    await look();
    if (told <= known.revision || waiting) return;
    waiting = true;
    await pause(LATE_MS, closing.signal);
    waiting = false;
    // Once: a store that was put back may never have it.
    told = 0;
    if (!closing.signal.aborted) await look();
  };
  const current = (): Policy<string, Owners> => {
    const age = now() - readAt;
    if ((age >= reloadAfterMs || age < 0) && reading === undefined) {
      // A store that is away is not asked with each decision.
      readAt = now();
      void look();
    }
    return known.policy;
  };

  const unsubscribe = await changes?.subscribe((revision) => void outsideContext(() => hear(revision)));
  return {
    get revision() {
      return known.revision;
    },
    get roles() {
      return current().roles;
    },
    definition: () => structuredClone(known.roles),
    isRole: (value): value is string => current().isRole(value),
    can: (principal, permission, resource) => current().can(principal, permission, resource),
    cannot: (principal, permission, resource) => current().cannot(principal, permission, resource),
    maybe: (principal, permission) => current().maybe(principal, permission),
    explain: (principal, permission, resource) => current().explain(principal, permission, resource),
    filterFor: (principal, permission) => current().filterFor(principal, permission),
    authorize: (principal, permission, resource) => current().authorize(principal, permission, resource),
    table: () => current().table(),
    reload,
    replace: (roles, revision) =>
      tracedOutcome(channels.policy, { operation: 'replace' }, async (operation) => {
        const next = compile(asJson(roles), revision + 1);
        if (!(await storeCall('write the policy', () => store.write(JSON.stringify(next.roles), revision)))) {
          operation.outcome = 'changed';
          throw authErrors.policy_changed(`The policy is not that of revision ${revision} any more: read it anew.`);
        }
        operation.revision = next.revision;
        if (known.revision < next.revision) known = next;
        try {
          await changes?.publish(next.revision);
        } catch {
          // It is stored, and the others read it within `reloadAfter`.
        }
        return next.revision;
      }),
    async close() {
      closing.abort();
      await unsubscribe?.();
    },
  };
}

interface Known<Owners extends OwnerResolvers> {
  readonly revision: number;
  readonly roles: PolicyRoles;
  readonly policy: Policy<string, Owners>;
}

/** A copy as JSON keeps it. A date or a bigint in a condition would come back as another thing, or not at all. */
function asJson(roles: PolicyRoles): PolicyRoles {
  const lost = 'openPolicy: the roles hold something that JSON does not keep.';
  if (typeof roles !== 'object' || (roles as object | null) === null) {
    throw authErrors.configuration(`openPolicy: the roles must be an object; got ${kindOf(roles)}.`);
  }
  let copy: unknown;
  try {
    copy = JSON.parse(JSON.stringify(roles));
  } catch (cause) {
    throw authErrors.configuration(lost, { cause });
  }
  if (!isDeepStrictEqual(copy, roles)) throw authErrors.configuration(lost);
  return copy as PolicyRoles;
}
