import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import { createPolicy, type Rule, trustedPrincipal } from '../src/index.ts';
import { type Doc, randomPolicies } from './support/random-policies.ts';

const ann = trustedPrincipal({
  subject: 'ann',
  roles: ['member'],
  claims: { team: 't1', teams: ['t1', 't2'], level: 3 },
});
const policyOf = (allow: readonly Rule[], deny: readonly Rule[] = []) =>
  createPolicy({ roles: { member: { allow, deny } }, owners: { docs: 'owner' } });
const can = (rule: object, doc: object) =>
  policyOf([{ permission: 'docs:read', where: rule } as Rule]).can(ann, 'docs:read', doc);

describe('a condition', () => {
  it.each<[object, object, boolean]>([
    [{ status: 'open' }, { status: 'open' }, true],
    [{ status: 'open' }, { status: 'Open' }, false],
    [{ status: { ne: 'open' } }, { status: 'closed' }, true],
    [{ status: { in: ['open', 'new'] } }, { status: 'new' }, true],
    [{ status: { nin: ['open', 'new'] } }, { status: 'closed' }, true],
    [{ status: null }, { status: null }, true],
    [{ status: { ne: null } }, { status: 'open' }, true],
    [{ size: { gt: 1, lte: 3 } }, { size: 3 }, true],
    [{ size: { gt: 1, lte: 3 } }, { size: 4 }, false],
    [{ at: { lt: new Date(5) } }, { at: new Date(4) }, true],
    [{ at: new Date(5) }, { at: new Date(5) }, true],
    [{ big: { gte: 5n } }, { big: 5n }, true],
    [{ open: true, status: 'open' }, { open: true, status: 'open' }, true],
    [{ open: true, status: 'open' }, { open: false, status: 'open' }, false],
    [{ team: { principal: 'claims.team' } }, { team: 't1' }, true],
    [{ team: { in: { principal: 'claims.teams' } } }, { team: 't2' }, true],
    [{ owner: { principal: 'subject' } }, { owner: 'ann' }, true],
    [{ role: { in: { principal: 'roles' } } }, { role: 'member' }, true],
    [{ size: { lte: { principal: 'claims.level' } } }, { size: 3 }, true],
  ])('%o of %o: %s', (where, doc, expected) => {
    expect(can(where, doc)).toBe(expected);
  });

  it.each<[object, unknown]>([
    [{ status: { ne: 'open' } }, {}],
    [{ status: { ne: 'open' } }, { status: null }],
    [{ status: { ne: 'open' } }, { status: 5 }],
    [{ status: { nin: ['open'] } }, { status: undefined }],
    [{ status: { nin: ['open'] } }, { status: ['closed'] }],
    [{ status: null }, {}],
    [{ status: { ne: null } }, {}],
    [{ size: { lt: 5 } }, { size: null }],
    [{ size: { lt: 5 } }, { size: '1' }],
    [{ size: { lt: 5 } }, { size: Number.NaN }],
    [{ size: 1 }, { size: 1n }],
    [{ at: { lt: new Date(5) } }, { at: new Date(Number.NaN) }],
    [{ at: { lt: new Date(5) } }, { at: 4 }],
    [{ team: { ne: { principal: 'claims.absent' } } }, { team: 't1' }],
    [{ team: { nin: { principal: 'claims.absent' } } }, { team: 't1' }],
    [{ team: { nin: { principal: 'claims.team' } } }, { team: 't9' }],
    [{ team: { ne: { principal: 'claims.teams' } } }, { team: 't9' }],
    [{ team: { ne: { principal: 'claims.constructor' } } }, { team: 't9' }],
    [{ team: { ne: { principal: 'claims.team.length' } } }, { team: 't9' }],
    [{ status: 'open' }, undefined],
    [{ status: 'open' }, null],
    [{ status: 'open' }, 'open'],
  ])('that nobody can answer neither allows nor lets a denying rule go: %o of %o', (where, doc) => {
    const rule = { permission: 'docs:read', where } as Rule;
    expect(policyOf([rule]).can(ann, 'docs:read', doc)).toBe(false);
    expect(policyOf(['**'], [rule]).can(ann, 'docs:read', doc)).toBe(false);
  });

  it('of what throws when it is looked at is answered by nobody', () => {
    const fail = (): never => {
      throw new Error('away');
    };
    const rule = { permission: 'docs:read', where: { status: 'open' } } as const;
    for (const doc of [Object.defineProperty({}, 'status', { get: fail }), new Proxy({}, { get: fail })]) {
      expect(policyOf([rule]).can(ann, 'docs:read', doc)).toBe(false);
      expect(policyOf(['**'], [rule]).can(ann, 'docs:read', doc)).toBe(false);
    }
  });

  it('of a rule about what one owns holds with that', () => {
    const policy = policyOf([{ permission: 'docs:update', own: true, where: { status: 'draft' } }]);
    expect(policy.can(ann, 'docs:update', { owner: 'ann', status: 'draft' })).toBe(true);
    expect(policy.can(ann, 'docs:update', { owner: 'ann', status: 'published' })).toBe(false);
    expect(policy.can(ann, 'docs:update', { owner: 'bob', status: 'draft' })).toBe(false);
    expect(policy.can(ann, 'docs:update', { status: 'draft' })).toBe(false);
  });

  it('is explained', () => {
    const policy = policyOf([{ permission: 'docs:read', where: { status: 'open' } }]);
    const rule = { effect: 'allow', pattern: 'docs:read', own: false, where: ['status'], path: ['member'] };
    const reasons = [{ status: 'open' }, { status: 'closed' }, undefined].map((doc) => {
      const { reason, rule: by } = policy.explain(ann, 'docs:read', doc);
      expect(by).toEqual(rule);
      return reason;
    });
    expect(reasons).toEqual(['allowed', 'not_met', 'needs_resource']);
    expect(policy.maybe(ann, 'docs:read')).toBe(true);
    expect(() => policy.authorize(ann, 'docs:read', { status: 'closed' })).toThrow('not_met');
  });

  it('finds the owner by the name of a field, as by a function', () => {
    const policy = policyOf([{ permission: 'docs:read', own: true }]);
    expect(policy.can(ann, 'docs:read', { owner: 'ann' })).toBe(true);
    for (const doc of [{ owner: 'bob' }, { owner: '' }, { owner: null }, {}, undefined]) {
      expect(policy.can(ann, 'docs:read', doc)).toBe(false);
    }
  });
});

describe('a filter', () => {
  const filter = (allow: readonly Rule[], deny: readonly Rule[] = []) =>
    policyOf(allow, deny).filterFor(ann, 'docs:read');
  const none = { $or: [] };

  it('is everything, or nothing, where no condition speaks', () => {
    expect(filter(['docs:read'])).toEqual({});
    expect(filter([])).toEqual(none);
    expect(filter(['docs:read'], ['docs:*'])).toEqual(none);
    const limited = trustedPrincipal({ subject: 'ann', roles: ['member'], scopes: ['docs:write'] });
    expect(policyOf(['**']).filterFor(limited, 'docs:read')).toEqual(none);
    const nobody = trustedPrincipal({ subject: 'ann', roles: ['unknown'] });
    expect(policyOf(['**']).filterFor(nobody, 'docs:read')).toEqual(none);
  });

  it('has what allows, joined by or, and what denies, each kept out', () => {
    const where = { status: 'open' };
    expect(
      filter([
        { permission: 'docs:read', own: true },
        { permission: 'docs:read', where },
      ]),
    ).toEqual({
      $or: [{ status: { eq: 'open' } }, { owner: { eq: 'ann' } }],
    });
    expect(filter(['**'], [{ permission: 'docs:read', where }])).toEqual({ status: { nin: ['open'], ne: null } });
    expect(filter(['**'], [{ permission: 'docs:read', where: { team: { principal: 'claims.absent' } } }])).toEqual(
      none,
    );
  });

  it('needs the name of the field of an owner', () => {
    const policy = createPolicy({
      roles: { member: { allow: [{ permission: 'docs:read', own: true }, 'docs:list'] } },
      owners: { docs: (doc: { owner: string }) => doc.owner },
    });
    expect(() => policy.filterFor(ann, 'docs:read')).toThrow('"owners.docs" is a function');
    expect(policy.filterFor(ann, 'docs:list')).toEqual({});
    expect(() => policy.filterFor({ subject: 'ann', roles: ['member'] } as never, 'docs:list')).toThrow(
      'Not a principal',
    );
    expect(() => policy.filterFor(ann, 'docs:*')).toThrow('A permission is words');
  });
});

itInDepth(
  'less to know never allows more: of rows, of principals, whatever throws',
  { full: 50_000, ci: 3000, of: 'policies' },
  async ({ count, seed }) => {
    const random = randomPolicies(seed);
    const spoil: ((doc: Doc, field: keyof Doc) => object)[] = [
      (doc, field) => ({ ...doc, [field]: undefined }),
      (doc, field) => Object.fromEntries(Object.entries(doc).filter(([name]) => name !== field)),
      // Of another kind, unless it is null: to be there is something to know.
      (doc, field) => (doc[field] === null ? doc : { ...doc, [field]: ['a'] }),
      (doc, field) => (doc[field] === null ? doc : { ...doc, [field]: Symbol('a') }),
      (doc, field) => (doc[field] === null ? doc : { ...doc, [field]: Number.NaN }),
      (doc, field) =>
        Object.defineProperty({ ...doc }, field, {
          get() {
            throw new Error('away');
          },
        }),
    ];
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    let allowed = 0;
    for (let round = 0; round < count; round++) {
      const policy = random.policy();
      const principal = random.principal();
      const doc = random.doc('d');
      const before = policy.can(principal, 'docs:read', doc);
      if (before) allowed++;
      const less = random.one(spoil)(doc, random.one(['owner', 'status', 'team', 'size', 'open', 'at'] as const));
      const { subject, roles, scopes } = principal;
      const unclaimed = trustedPrincipal({ subject, roles, scopes });
      for (const [who, what] of [
        [principal, less],
        [unclaimed, doc],
        [unclaimed, less],
        [principal, undefined],
        [principal, null],
        [principal, revoked.proxy],
      ] as const) {
        const after = policy.can(who, 'docs:read', what);
        expect(!after || before).toBe(true);
        // One decision, however it is asked for.
        expect(policy.explain(who, 'docs:read', what).allowed).toBe(after);
        if (after) expect(policy.maybe(who, 'docs:read')).toBe(true);
      }
    }
    expect(allowed).toBeGreaterThan(count / 10);
    expect(allowed).toBeLessThan(count);
  },
);

describe('what cannot be is refused when the policy is made:', () => {
  it.each<[string, unknown]>([
    ['"where"', { permission: 'docs:read', where: {} }],
    ['"where"', { permission: 'docs:read', where: [] }],
    ['"where"', { permission: 'docs:read', where: 'status' }],
    ['"own" or "where"', { permission: 'docs:read' }],
    ['"own"', { permission: 'docs:read', own: false, where: { a: 1 } }],
    ['whre', { permission: 'docs:read', own: true, whre: { a: 1 } }],
    ['no name of a field', { permission: 'docs:read', where: { 'a b': 1 } }],
    ['no name of a field', { permission: 'docs:read', where: { $or: 1 } }],
    ['no name of a field', { permission: 'docs:read', where: JSON.parse('{"__proto__": 1}') as object }],
    ['where.a', { permission: 'docs:read', where: { a: undefined } }],
    ['where.a', { permission: 'docs:read', where: { a: [1] } }],
    ['where.a', { permission: 'docs:read', where: { a: {} } }],
    ['where.a', { permission: 'docs:read', where: { a: Number.NaN } }],
    ['like', { permission: 'docs:read', where: { a: { like: 'x' } } }],
    ['where.a.in', { permission: 'docs:read', where: { a: { in: 'open' } } }],
    ['where.a.in', { permission: 'docs:read', where: { a: { in: [null] } } }],
    ['where.a.lt', { permission: 'docs:read', where: { a: { lt: 'b' } } }],
    ['where.a.ne', { permission: 'docs:read', where: { a: { ne: undefined } } }],
    ['of a principal', { permission: 'docs:read', where: { a: { principal: 'claims' } } }],
    ['of a principal', { permission: 'docs:read', where: { a: { principal: 'scopes' } } }],
    ['of a principal', { permission: 'docs:read', where: { a: { principal: 5 } } }],
  ])('%s of %j', (message, rule) => {
    const make = () => policyOf([rule as Rule]);
    expect(make).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
    expect(make).toThrow(message);
  });

  it('an owner that is neither, and conditions beside an owner that only a function finds', () => {
    const roles = { member: { allow: [{ permission: 'docs:read', own: true, where: { a: 1 } }] } } as const;
    expect(() => createPolicy({ roles, owners: { docs: 5 as never } })).toThrow('owners.docs');
    expect(() => createPolicy({ roles, owners: { docs: () => 'ann' } })).toThrow('name the field');
  });
});
