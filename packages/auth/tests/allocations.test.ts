// A check is done for each row of a list: it makes nothing that has to be cleared away.
import { GCProfiler } from 'node:v8';
import { expect, it } from 'vitest';
import { createPolicy, type Principal, trustedPrincipal } from '../src/index.ts';

const CALLS = 2_000_000;
/** Of the engine itself, and of what runs beside it. An object of each call would be some ten. */
const MOST = 2;

/** How often the heap was cleared while `work` ran so many times. */
function collections(work: () => unknown): number {
  for (let i = 0; i < CALLS / 10; i++) work();
  const profiler = new GCProfiler();
  profiler.start();
  for (let i = 0; i < CALLS; i++) work();
  return profiler.stop()?.statistics.length ?? 0;
}

const { can, explain } = createPolicy({
  roles: {
    guest: { allow: ['docs:read'], deny: ['docs:delete'] },
    member: { inherits: ['guest'], allow: [{ permission: 'users:*', own: true }] },
    blocked: { deny: [{ permission: 'users:*', own: true }] },
  },
  owners: { users: 'id' },
});
const member = trustedPrincipal({ subject: 'ann', roles: ['member'] });
const own = { id: 'ann' };
const other = { id: 'bob' };

it.each<[string, boolean, Principal, string, object?]>([
  ['is allowed by a role', true, member, 'docs:read'],
  ['is denied by a role', false, member, 'docs:delete'],
  ['no role speaks of', false, member, 'docs:write'],
  ['is asked for without a role', false, trustedPrincipal({ subject: 'ann' }), 'docs:read'],
  ['is out of scope', false, trustedPrincipal({ subject: 'ann', roles: ['member'], scopes: ['a:b'] }), 'docs:read'],
  ['is one’s own', true, member, 'users:update', own],
  ['is somebody else’s', false, member, 'users:update', other],
  ['is denied of the own alone', false, trustedPrincipal({ subject: 'ann', roles: ['blocked'] }), 'users:read', other],
])('a check of what %s makes no object', (_name, allowed, principal, permission, resource) => {
  expect(can(principal, permission, resource)).toBe(allowed);
  expect(collections(() => can(principal, permission, resource))).toBeLessThanOrEqual(MOST);
  expect(explain(principal, permission, resource)).toMatchObject({ allowed, permission });
});

it('one that made an object each time would be seen', () => {
  const made: unknown[] = [];
  const decide = (): boolean => {
    made[0] = { allowed: false, permission: 'docs:read', reason: 'no_rule' };
    return false;
  };
  expect(collections(decide)).toBeGreaterThan(MOST);
});
