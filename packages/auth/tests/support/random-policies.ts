import { randomOf } from '@ent/testkit';
import {
  type ConditionValue,
  createPolicy,
  type Policy,
  type Principal,
  type Rule,
  type RoleDefinition,
  trustedPrincipal,
} from '../../src/index.ts';

/** A row that the policies of {@link randomPolicies} speak of: anything but its id may be absent. */
export interface Doc {
  readonly id: string;
  readonly owner: string | null;
  readonly status: string | null;
  readonly team: string | null;
  readonly size: number | null;
  readonly open: boolean | null;
  readonly at: Date | null;
}

const SUBJECTS = ['ann', 'bob'];
const TEXTS = ['a', 'A', 'b', ''];
const SIZES = [-1, 0, 1, 2];
const DATES = [0, 1000, 2000].map((ms) => new Date(ms));
const ROLES = ['r0', 'r1', 'r2'];

/** Policies, principals and rows by chance. The same seed gives the same ones. */
export function randomPolicies(seed: number) {
  const random = randomOf(seed);
  const upTo = (count: number): number => Math.floor(random() * count);
  const one = <T>(list: readonly T[]): T => list[upTo(list.length)] as T;
  const some = <T>(list: readonly T[]): T[] => list.filter(() => random() < 0.5);
  const maybe = <T>(value: () => T): T | undefined => (random() < 0.7 ? value() : undefined);

  const textCondition = (): ConditionValue =>
    one<() => ConditionValue>([
      () => one(TEXTS),
      () => null,
      () => ({ ne: null }),
      () => ({ ne: one(TEXTS) }),
      () => ({ in: some(TEXTS) }),
      () => ({ nin: some(TEXTS) }),
      () => ({ principal: 'claims.team' }),
      () => ({ ne: { principal: 'claims.team' } }),
      () => ({ in: { principal: 'claims.teams' } }),
      () => ({ nin: { principal: 'claims.teams' } }),
      () => ({ ne: 'a', nin: ['b'] }),
    ])();
  const orderOf = (value: () => number | Date): ConditionValue =>
    one<() => ConditionValue>([
      () => value(),
      () => ({ ne: value() }),
      () => ({ lt: value() }),
      () => ({ lte: value() }),
      () => ({ gt: value(), lte: value() }),
      () => ({ gte: value() }),
      () => null,
    ])();
  const where = () => {
    const all: Record<string, () => ConditionValue> = {
      status: textCondition,
      team: textCondition,
      size: () => (random() < 0.2 ? { lt: { principal: 'claims.level' } } : orderOf(() => one(SIZES))),
      at: () => orderOf(() => one(DATES)),
      open: () => one<ConditionValue>([true, false, null, { ne: true }]),
    };
    const fields = some(Object.keys(all)).slice(0, 3);
    return Object.fromEntries(
      (fields.length > 0 ? fields : ['status']).map((field) => [field, all[field]?.() ?? null]),
    );
  };
  const permission = (): string => one(['docs:read', 'docs:*', 'docs:**', 'other:read', '*:read']);
  const ofDocs = (): string => one(['docs:read', 'docs:*', 'docs:**']);
  const rule = (): Rule =>
    one<() => Rule>([
      permission,
      () => ({ permission: ofDocs(), own: true }),
      () => ({ permission: permission(), where: where() }),
      () => ({ permission: permission(), where: where() }),
      () => ({ permission: ofDocs(), own: true, where: where() }),
    ])();
  const rules = (most: number): Rule[] => Array.from({ length: upTo(most + 1) }, rule);

  return {
    policy(): Policy {
      const roles: Record<string, RoleDefinition> = {};
      for (const [at, name] of ROLES.entries()) {
        roles[name] = { inherits: some(ROLES.slice(0, at)), allow: rules(3), deny: random() < 0.5 ? rules(2) : [] };
      }
      return createPolicy({ roles, owners: { docs: 'owner' } }) as Policy;
    },
    principal(): Principal {
      return trustedPrincipal({
        subject: one(SUBJECTS),
        roles: some(ROLES),
        scopes: random() < 0.2 ? [one(['docs:read', 'docs:*', 'other:read'])] : undefined,
        claims: {
          ...(random() < 0.7 && { team: one(TEXTS) }),
          ...(random() < 0.7 && { teams: some(TEXTS) }),
          ...(random() < 0.7 && { level: one(SIZES) }),
        },
      });
    },
    doc(id: string): Doc {
      return {
        id,
        owner: maybe(() => one([...SUBJECTS, ''])) ?? null,
        status: maybe(() => one(TEXTS)) ?? null,
        team: maybe(() => one(TEXTS)) ?? null,
        size: maybe(() => one(SIZES)) ?? null,
        open: maybe(() => random() < 0.5) ?? null,
        at: maybe(() => one(DATES)) ?? null,
      };
    },
    one,
    some,
  };
}
