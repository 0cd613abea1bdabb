import type { Principal, Sessions } from '@ent/auth';
import { type Authenticator, reply, type Route, route } from '@ent/http';
import { policy } from '../auth/policy.ts';
import { SessionList, toSessionList } from '../auth/session-routes.ts';
import { userErrors } from '../users/errors.ts';

const parts = {
  tags: ['users'],
  guards: [(principal: Principal) => policy.authorize(principal, 'users:sessions')],
} as const;

/** The logins of others, for administrators: where a user is logged in, and an end to it. */
export function userSessionRoutes(sessions: Sessions, authenticate: Authenticator<Principal>): Route[] {
  return [
    route({
      ...parts,
      method: 'GET',
      path: '/api/v1/users/:id/sessions',
      operationId: 'listUserSessions',
      summary: 'Where a user is logged in, as an administrator',
      description: 'The latest used first; of a user who does not exist there are none.',
      auth: authenticate,
      responses: { 200: SessionList },
      handler: async ({ params, principal }) => toSessionList(await sessions.list(params.id), principal),
    }),
    route({
      ...parts,
      method: 'DELETE',
      path: '/api/v1/users/:id/sessions/:sessionId',
      operationId: 'endUserSession',
      summary: 'End one session of a user, as an administrator',
      description: 'Its refresh and access tokens stop working.',
      auth: authenticate,
      responses: { 204: {} },
      problems: [404],
      async handler({ params }) {
        const living = await sessions.list(params.id);
        const isTheirs = living.some(({ id }) => id === params.sessionId);
        if (!isTheirs || !(await sessions.revoke(params.sessionId))) {
          throw userErrors.session_not_found('The user has no such session, or it has ended.');
        }
        return reply(204);
      },
    }),
    route({
      ...parts,
      method: 'DELETE',
      path: '/api/v1/users/:id/sessions',
      operationId: 'endUserSessions',
      summary: 'End all sessions of a user, as an administrator',
      description: 'For an account that somebody else has got into.',
      auth: authenticate,
      responses: { 204: {} },
      async handler({ params }) {
        await sessions.revokeAll(params.id);
        return reply(204);
      },
    }),
  ];
}
