import { createPolicy } from '@ent/auth';

export type Role = 'user' | 'admin';

/** Who may do what. Users have rights over themselves; administrators over everyone, and over roles. */
export const policy = createPolicy({
  roles: {
    user: {
      allow: [
        { permission: 'users:read', own: true },
        { permission: 'users:update', own: true },
        { permission: 'users:delete', own: true },
      ],
    },
    admin: { inherits: ['user'], allow: ['users:*', 'roles:list'] },
  },
  owners: { users: (user: { id: string }) => user.id },
});
