import { createPolicy } from '@ent/auth';

/** Who may do what; the roles are those of user-service. Customers have rights over their own orders. */
export const policy = createPolicy({
  roles: {
    user: {
      allow: ['orders:place', { permission: 'orders:read', own: true }, { permission: 'orders:cancel', own: true }],
    },
    admin: { inherits: ['user'], allow: ['orders:*', 'products:*', 'sales:read'] },
  },
  owners: { orders: 'customerId' },
});
