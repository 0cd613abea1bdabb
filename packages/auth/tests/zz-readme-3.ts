import { createPolicy, trustedPrincipal } from '@ent/auth';

const policy = createPolicy({
  roles: {
    member: { allow: ['docs:read', { permission: 'users:update', own: true }] },
    admin: { inherits: ['member'], allow: ['users:**'], deny: [{ permission: 'users:delete', own: true }] },
  },
  owners: { users: (user: { id: string }) => user.id },
});
const ann = trustedPrincipal({ subject: 'ann', roles: ['member'] });
console.log(policy.can(ann, 'users:update', { id: 'ann' })); // true
console.log(policy.can(ann, 'users:update')); // false: not for every user
console.log(policy.explain(ann, 'users:update', { id: 'bob' }).reason); // not_owner
