import { formatPolicyTable, type Principal } from '@ent/auth';
import { type Authenticator, reply, type Route, route } from '@ent/http';
import { z } from 'zod';
import { policy } from '../auth/policy.ts';

const Rules = z
  .object({
    items: z.array(
      z.object({
        role: z.string(),
        effect: z.enum(['allow', 'deny']),
        permission: z.string(),
        own: z.boolean().meta({ description: 'Whether only what is the own.' }),
        path: z.array(z.string()).meta({ description: 'From the role to the one that the rule stands in.' }),
      }),
    ),
  })
  .meta({
    id: 'RoleTable',
    examples: [
      { items: [{ role: 'admin', effect: 'allow', permission: 'users:read', own: true, path: ['admin', 'user'] }] },
    ],
  });

const parts = {
  method: 'GET',
  tags: ['users'],
  guards: [(principal: Principal) => policy.authorize(principal, 'roles:list')],
} as const;

/** Who may do what, for who has to answer for it. */
export function adminRoutes(authenticate: Authenticator<Principal>): Route[] {
  return [
    route({
      ...parts,
      path: '/api/v1/admin/roles',
      operationId: 'listRoles',
      summary: 'Who may do what, as an administrator',
      description: 'The rules of each role, inherited ones included.',
      auth: authenticate,
      responses: { 200: Rules },
      handler: () => ({ items: policy.table().map((row) => ({ ...row, path: [...row.path] })) }),
    }),
    route({
      ...parts,
      path: '/api/v1/admin/roles.md',
      operationId: 'printRoles',
      summary: 'The same as a table in Markdown, for reviews',
      description: 'Keep it beside the code: a change of who may do what then shows in the comparison.',
      auth: authenticate,
      responses: { 200: { contentType: 'text/markdown; charset=utf-8' } },
      handler: () => reply(200, formatPolicyTable(policy.table()), { 'content-type': 'text/markdown; charset=utf-8' }),
    }),
  ];
}
