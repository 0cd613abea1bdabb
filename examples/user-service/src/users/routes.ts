import { authErrors, type Principal } from '@ent/auth';
import { EntError, ValidationError } from '@ent/errors';
import { type Authenticator, reply, type Route, route } from '@ent/http';
import {
  addressKey,
  entityTag,
  type Exchange,
  idempotencyKeyPattern,
  type RateLimiter,
  requireMatch,
} from '@ent/middleware';
import { z } from 'zod';
import { policy } from '../auth/policy.ts';
import type { UserService } from './service.ts';
import { NewUser, type User, UserChange, UserPage, UserQuery, UserView } from './user.ts';

const tags = ['users'];
// A cached user is read far more often than made, and to hash costs more than to read.
const entityTags = new WeakMap<User, string>();
const tagOf = (user: User): string => {
  let tag = entityTags.get(user);
  if (tag === undefined) entityTags.set(user, (tag = entityTag(`${user.id}:${user.version}`)));
  return tag;
};
const EtagHeader = { etag: 'Version of the user, for If-None-Match and If-Match.' };

const IdempotencyKey = z.object({ 'idempotency-key': z.string().regex(idempotencyKeyPattern).optional() });
const IfMatch = z.object({ 'if-match': z.string().optional() });

/** What a conditional change asks of the user as stored; `undefined` for an unconditional one. */
function ifMatch(exchange: Exchange): ((current: User) => void) | undefined {
  if (exchange.header('if-match') === undefined) return undefined;
  return (current) => requireMatch(exchange, tagOf(current));
}

/** What @ent/auth says of a password, said of the place where the client sent it. */
export function inBody(error: unknown): never {
  if (!EntError.is(error) || error.code !== authErrors.password_rejected.code) throw error;
  const issues = (error.issues ?? []).map((issue) => ({ ...issue, in: 'body' as const }));
  throw authErrors.password_rejected('The password is not accepted.', { issues, cause: error });
}

/** What the database says of a cursor, said of the place where the client sent it. */
function inQuery(error: unknown): never {
  if (!EntError.is(error) || error.code !== 'database.invalid_cursor') throw error;
  const issues = (error.issues ?? []).map((issue) => ({ ...issue, in: 'query' as const }));
  throw new ValidationError('The cursor is not one of this list in this order; begin again without it.', {
    issues,
    cause: error,
  });
}

export interface UserRouteParts {
  service: UserService;
  authenticate: Authenticator<Principal>;
  /** Limits how many users one address may make: each costs a hash, which logins wait for too. */
  registrations: RateLimiter;
  /** Told of each user who has registered. */
  welcome: (user: User) => void;
}

/** `/api/v1/users/`: registration, reading, changing, listing. */
export function userRoutes({ service, authenticate, registrations, welcome }: UserRouteParts): Route[] {
  // Guards look at the id in the path and not at the user: who may not read a user does not learn whether it exists.
  const may =
    (permission: string) =>
    (principal: Principal, { params }: { params: Readonly<Record<string, string>> }): void =>
      policy.authorize(principal, permission, params['id'] === undefined ? undefined : { id: params['id'] });

  const register = route({
    method: 'POST',
    path: '/api/v1/users/',
    operationId: 'registerUser',
    summary: 'Register a user',
    description:
      'For everyone. The user has the role `user`; log in with the email address and the password. Sent again with its ' +
      '`Idempotency-Key` within an hour, it is answered as before.',
    tags,
    auth: false,
    headers: IdempotencyKey,
    body: NewUser,
    responses: { 201: { schema: UserView, headers: { location: 'Where the user is.', ...EtagHeader } } },
    problems: [400, 409, 429, 503],
    async handler({ body, exchange }) {
      await registrations.require(addressKey(exchange.peer));
      const user = await service.create(body, { from: exchange.peer }).catch(inBody);
      welcome(user);
      return reply(201, user, { location: `/api/v1/users/${user.id}`, etag: tagOf(user) });
    },
  });

  const read = route({
    method: 'GET',
    path: '/api/v1/users/:id',
    operationId: 'getUser',
    summary: 'Read a user: oneself, or anyone as an administrator',
    description: 'With the `ETag` of an earlier answer in `If-None-Match`, 304 says that nothing has changed.',
    tags,
    auth: authenticate,
    guards: [may('users:read')],
    responses: { 200: { schema: UserView, headers: EtagHeader } },
    problems: [404],
    async handler({ params }) {
      const user = await service.get(params.id);
      return reply(200, user, { etag: tagOf(user), 'cache-control': 'private, no-cache' });
    },
  });

  const list = route({
    method: 'GET',
    path: '/api/v1/users/',
    operationId: 'listUsers',
    summary: 'List users, as an administrator',
    description: '`next` of a page is the `cursor` of the one that follows; it is null on the last.',
    tags,
    auth: authenticate,
    guards: [may('users:list')],
    query: UserQuery,
    responses: { 200: UserPage },
    handler: ({ query }) => service.list(query).catch(inQuery),
  });

  const update = route({
    method: 'PUT',
    path: '/api/v1/users/:id',
    operationId: 'updateUser',
    summary: 'Change a user: the fields that are given',
    description:
      "With the `ETag` of what you have read in `If-Match`, nobody else's change is overwritten: 412 says that there was one.",
    tags,
    auth: authenticate,
    guards: [may('users:update')],
    headers: IfMatch,
    body: UserChange,
    responses: { 200: { schema: UserView, headers: EtagHeader } },
    problems: [404, 409, 412],
    async handler({ params, body, principal, exchange }) {
      if (body.roles !== undefined) policy.authorize(principal, 'users:assign_roles');
      const user = await service
        .update(params.id, body, { by: principal.subject, from: exchange.peer, check: ifMatch(exchange) })
        .catch(inBody);
      return reply(200, user, { etag: tagOf(user) });
    },
  });

  const remove = route({
    method: 'DELETE',
    path: '/api/v1/users/:id',
    operationId: 'deleteUser',
    summary: 'Delete a user, whose sessions end',
    description: 'With `If-Match`, only if nobody has changed the user since.',
    tags,
    auth: authenticate,
    guards: [may('users:delete')],
    headers: IfMatch,
    responses: { 204: {} },
    problems: [404, 409, 412],
    async handler({ params, exchange }) {
      await service.remove(params.id, ifMatch(exchange));
      return reply(204);
    },
  });

  return [register, read, list, update, remove];
}
