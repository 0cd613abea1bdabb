// A policy that is changed in one place is noticed: by the table that a review looks at, and by what it decides.
import { describe, expect, it } from 'vitest';
import { createPolicy, formatPolicyTable, type RoleDefinition, type Rule, trustedPrincipal } from '../src/index.ts';

type Roles = Record<string, RoleDefinition>;
type Effect = 'allow' | 'deny';

const roles: Roles = {
  guest: { allow: ['docs:list', { permission: 'docs:read', where: { status: 'published' } }] },
  member: {
    inherits: ['guest'],
    allow: [
      { permission: 'docs:update', own: true, where: { status: { ne: 'archived' } } },
      { permission: 'docs:read', where: { team: { in: { principal: 'claims.teams' } } } },
      'docs:create',
    ],
    deny: [{ permission: 'docs:*', where: { locked: true } }],
  },
  editor: {
    inherits: ['member'],
    allow: ['docs:publish', { permission: 'docs:delete', where: { views: { lt: 100 } } }],
    deny: [{ permission: 'docs:publish', own: true }],
  },
  auditor: { allow: ['*:read', 'logs:**'], deny: ['logs:delete'] },
};

/** Each change of one place, with what it is. */
function* mutants(of: Roles): Generator<[what: string, mutant: Roles]> {
  for (const [name, role] of Object.entries(of)) {
    const changed = (change: Partial<RoleDefinition>): Roles => ({ ...of, [name]: { ...role, ...change } });
    const { [name]: _gone, ...others } = of;
    const isInherited = Object.values(others).some(({ inherits = [] }) => inherits.includes(name));
    if (!isInherited) yield [`role ${name} is gone`, others];
    if (role.inherits) yield [`${name} inherits nothing`, changed({ inherits: [] })];
    for (const effect of ['allow', 'deny'] as Effect[]) {
      const rules = role[effect] ?? [];
      for (const [at, rule] of rules.entries()) {
        const put = (...by: Rule[]) => changed({ [effect]: rules.toSpliced(at, 1, ...by) });
        const what = `${name} ${effect} ${JSON.stringify(rule)}`;
        yield [`${what}: gone`, put()];
        const other = effect === 'allow' ? 'deny' : 'allow';
        yield [
          `${what}: the other way round`,
          changed({ [effect]: rules.toSpliced(at, 1), [other]: [...(role[other] ?? []), rule] }),
        ];
        for (const each of changesOf(rule)) yield [`${what}: ${JSON.stringify(each)}`, put(each)];
      }
    }
  }
}

function* changesOf(rule: Rule): Generator<Rule> {
  const { permission, own, where } = typeof rule === 'string' ? { permission: rule } : rule;
  const conditional = (change: object): Rule => ({
    permission,
    ...(own && { own }),
    ...(where && { where }),
    ...change,
  });
  const [kind = '', action = ''] = permission.split(':');
  for (const other of [`${kind}:other`, `other:${action}`]) {
    yield typeof rule === 'string' ? other : conditional({ permission: other });
  }
  if (own && where) yield { permission, where };
  else if (own) yield permission;
  else if (kind === 'docs') yield conditional({ own: true });
  for (const [field, condition] of Object.entries(where ?? {})) {
    const others = Object.fromEntries(Object.entries(where ?? {}).filter(([each]) => each !== field));
    if (Object.keys(others).length > 0) yield conditional({ where: others });
    else yield own ? { permission, own } : permission;
    const values: object[] =
      typeof condition === 'object' && condition !== null
        ? Object.entries(condition).flatMap(([operator, value]) => [
            { [operator]: typeof value === 'number' ? value + 1 : typeof value === 'string' ? 'else' : ['else'] },
            { [opposite(operator)]: value },
          ])
        : [{ ne: condition }, { eq: typeof condition === 'boolean' ? !condition : 'else' }];
    for (const value of values) yield conditional({ where: { ...where, [field]: value } });
  }
}

const opposite = (operator: string): string => ({ ne: 'eq', in: 'nin', lt: 'gte' })[operator] ?? 'ne';

const policyOf = (definition: Roles) =>
  createPolicy({
    roles: definition,
    owners: { docs: 'owner', other: 'owner', logs: 'owner', users: 'owner', '*': 'owner' },
  });

const PERMISSIONS = ['list', 'read', 'update', 'create', 'publish', 'delete', 'other'].flatMap((action) =>
  ['docs', 'logs', 'users', 'other'].map((kind) => `${kind}:${action}`),
);
const DOCS = [undefined, { owner: 'ann' }].concat(
  ['ann', 'bob'].flatMap((owner) =>
    ['published', 'archived', 'else'].flatMap((status) =>
      ['t1', 'else'].flatMap((team) =>
        [true, false].flatMap((locked) => [99, 100, 101].map((views) => ({ owner, status, team, locked, views }))),
      ),
    ),
  ),
);

/** What a policy decides about everything that there is here. */
function decisionsOf(definition: Roles): string {
  const policy = policyOf(definition);
  return Object.keys(roles)
    .map((role) => {
      const ann = trustedPrincipal({ subject: 'ann', roles: [role], claims: { teams: ['t1'] } });
      return PERMISSIONS.map((permission) =>
        DOCS.map((doc) => (policy.can(ann, permission, doc) ? 1 : 0)).join(''),
      ).join();
    })
    .join('\n');
}

describe('a policy that is changed in one place', () => {
  const all = [...mutants(roles)];
  const table = formatPolicyTable(policyOf(roles).table());
  const decisions = decisionsOf(roles);

  it(`is told by its table, each of ${all.length} times`, () => {
    const missed = all.filter(([, mutant]) => formatPolicyTable(policyOf(mutant).table()) === table);
    expect(missed.map(([what]) => what)).toEqual([]);
    expect(all.length).toBeGreaterThan(60);
  });

  it('decides otherwise, at least 95 times of a hundred', () => {
    const missed = all.filter(([, mutant]) => decisionsOf(mutant) === decisions).map(([what]) => what);
    const score = 1 - missed.length / all.length;
    expect({ missed: score >= 0.95 ? [] : missed, isEnough: score >= 0.95 }).toEqual({ missed: [], isEnough: true });
  });
});
