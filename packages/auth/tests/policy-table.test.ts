import { describe, expect, it } from 'vitest';
import { createPolicy, formatPolicyTable } from '../src/index.ts';

const policy = createPolicy({
  roles: {
    guest: { allow: ['docs:read'] },
    member: {
      inherits: ['guest'],
      allow: [{ permission: 'docs:update', own: true, where: { status: 'draft' } }],
      deny: [{ permission: 'docs:delete', where: { locked: true, size: { gt: 5n }, at: { lt: new Date(0) } } }],
    },
    admin: { inherits: ['member', 'guest'], allow: ['docs:**', { permission: 'users:*', own: true }] },
  },
  owners: { docs: 'author', users: 'id' },
});

describe('the table of a policy', () => {
  it('is printed with each rule of each role, those of a role that is inherited twice once', () => {
    const denied = 'docs:delete | {"locked":true,"size":{"gt":"5n"},"at":{"lt":"1970-01-01T00:00:00.000Z"}}';
    expect(formatPolicyTable(policy.table())).toBe(
      [
        '| role | may or not | what | which | by |',
        '| --- | --- | --- | --- | --- |',
        '| guest | may | docs:read | any | itself |',
        `| member | may not | ${denied} | itself |`,
        '| member | may | docs:update | own, {"status":"draft"} | itself |',
        '| member | may | docs:read | any | guest |',
        '| admin | may | docs:** | any | itself |',
        '| admin | may | users:* | own | itself |',
        `| admin | may not | ${denied} | member |`,
        '| admin | may | docs:update | own, {"status":"draft"} | member |',
        '| admin | may | docs:read | any | member > guest |',
        '',
      ].join('\n'),
    );
  });

  it('says of a rule what the policy goes by, whatever becomes of the objects that it was made of', () => {
    const where: Record<string, string> = { status: 'open' };
    const own = createPolicy({ roles: { r: { allow: [{ permission: 'a:b', where }] } } });
    where['status'] = 'closed';
    expect(own.table()).toEqual([
      { role: 'r', effect: 'allow', permission: 'a:b', own: false, where: { status: 'open' }, path: ['r'] },
    ]);
    expect(Object.isFrozen(own.table()[0])).toBe(true);
  });

  it('keeps a row in its line and a cell in its bars', () => {
    const odd = createPolicy({ roles: { 'a|b\nc': { allow: ['x:y'] } } });
    expect(formatPolicyTable(odd.table()).split('\n')[2]).toBe('| a\\|b c | may | x:y | any | itself |');
    expect(() => formatPolicyTable(policy as never)).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
  });
});
