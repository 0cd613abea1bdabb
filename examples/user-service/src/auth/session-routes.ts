import type { Principal, SessionRecord, Sessions } from '@ent/auth';
import { type Authenticator, reply, type Route, route } from '@ent/http';
import { z } from 'zod';
import { userErrors } from '../users/errors.ts';

const SessionView = z
  .object({
    id: z.string(),
    current: z.boolean().meta({ description: 'Whether it is the one that asks.' }),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    methods: z.array(z.string()).meta({ description: 'How the user proved itself, in the words of RFC 8176.' }),
    userAgent: z.string().nullable(),
    address: z.string().nullable(),
  })
  .meta({ id: 'Session' });
export const SessionList = z.object({ items: z.array(SessionView) }).meta({
  id: 'SessionList',
  examples: [
    {
      items: [
        {
          id: 'Zk3v...',
          current: true,
          createdAt: '2026-01-31T12:00:00.000Z',
          lastUsedAt: '2026-01-31T12:30:00.000Z',
          expiresAt: '2026-05-01T12:00:00.000Z',
          methods: ['pwd', 'otp'],
          userAgent: 'Mozilla/5.0',
          address: '192.0.2.1',
        },
      ],
    },
  ],
});

/** Sessions as clients see them. */
export function toSessionList(living: readonly SessionRecord[], asking: Principal): z.output<typeof SessionList> {
  return {
    items: living.map(({ id, createdAt, lastUsedAt, expiresAt, amr, userAgent, address }) => ({
      id,
      current: id === asking.sessionId,
      createdAt: createdAt.toISOString(),
      lastUsedAt: lastUsedAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
      methods: amr.split(' ').filter((method) => method !== ''),
      userAgent,
      address,
    })),
  };
}

const tags = ['auth'];

export interface SessionRouteParts {
  sessions: Sessions;
  authenticate: Authenticator<Principal>;
}

/** The logins of who asks: where one is logged in, and an end to those that are not one's own. */
export function sessionRoutes({ sessions, authenticate }: SessionRouteParts): Route[] {
  const list = route({
    method: 'GET',
    path: '/api/v1/auth/sessions',
    operationId: 'listSessions',
    summary: 'Where one is logged in',
    description: 'The latest used first.',
    tags,
    auth: authenticate,
    responses: { 200: SessionList },
    async handler({ principal }) {
      return toSessionList(await sessions.list(principal.subject), principal);
    },
  });

  const end = route({
    method: 'DELETE',
    path: '/api/v1/auth/sessions/:id',
    operationId: 'endSession',
    summary: 'End one of the own sessions',
    description: 'Its refresh and access tokens stop working.',
    tags,
    auth: authenticate,
    responses: { 204: {} },
    problems: [404],
    async handler({ params, principal }) {
      const living = await sessions.list(principal.subject);
      const isOwn = living.some(({ id }) => id === params.id);
      if (!isOwn || !(await sessions.revoke(params.id))) {
        throw userErrors.session_not_found('You have no such session, or it has ended.');
      }
      return reply(204);
    },
  });

  const endOthers = route({
    method: 'DELETE',
    path: '/api/v1/auth/sessions',
    operationId: 'endOtherSessions',
    summary: 'End all own sessions but the one that asks',
    description: 'For who has lost a device, or sees a login that is not his.',
    tags,
    auth: authenticate,
    responses: { 204: {} },
    async handler({ principal }) {
      await sessions.revokeAll(principal.subject, { except: principal.sessionId });
      return reply(204);
    },
  });

  return [list, end, endOthers];
}
