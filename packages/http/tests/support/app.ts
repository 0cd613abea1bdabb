import { AuthenticationError, AuthorizationError, ConflictError } from '@ent/errors';
import { entityTag, requestId, requireMatch } from '@ent/middleware';
import { z } from 'zod';
import { apiKey, bearer, type Guard, type ListenerOptions, type Route, reply, route } from '../../src/index.ts';

/** The application that the case table is about: every feature of a route, once. */
export interface Caller {
  id: string;
  roles: readonly string[];
}

const Item = z
  .object({ id: z.string(), name: z.string(), parts: z.array(z.object({ n: z.number() })) })
  .meta({ id: 'Item' });

const authenticate = bearer((token): Caller => {
  if (token === 'admin-token') return { id: 'root', roles: ['admin'] };
  if (token === 'user-token') return { id: '7', roles: [] };
  throw new AuthenticationError('The access token is not valid.', {
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  });
});

const requireRole =
  (role: string): Guard<Caller> =>
  (caller) => {
    if (!caller.roles.includes(role)) throw new AuthorizationError(`This needs the role "${role}".`);
  };

export const stored = { id: '7', name: 'seven', parts: [{ n: 1, secret: 'part' }], passwordHash: '$argon2id$secret' };
export const tag: string = entityTag('7:1');

export const routes: Route[] = [
  route({
    method: 'GET',
    path: '/items/:id',
    params: z.object({ id: z.string().max(20) }),
    responses: { 200: Item },
    handler: ({ params }) => reply(200, { ...stored, id: params.id }, { ETag: tag }),
  }),
  route({
    method: 'POST',
    path: '/items/',
    query: z.object({ dry: z.stringbool().default(false), tag: z.array(z.string()).optional() }),
    body: z.object({ name: z.string().min(1), parts: z.array(z.object({ n: z.number() })).default([]) }),
    responses: { 201: Item },
    problems: [409],
    handler: ({ body, query }) => {
      if (body.name === 'taken') throw new ConflictError('There is an item of this name.');
      return reply(201, { id: (query.tag ?? ['8']).join('+'), ...body }, { location: '/items/8' });
    },
  }),
  route({
    method: 'PUT',
    path: '/items/:id',
    body: z.object({ name: z.string() }),
    responses: { 204: { description: 'Changed' } },
    handler: ({ exchange }) => {
      requireMatch(exchange, tag);
      return undefined;
    },
  }),
  route({
    method: 'GET',
    path: '/admin',
    auth: authenticate,
    guards: [requireRole('admin')],
    responses: { 200: z.object({ caller: z.string() }) },
    handler: ({ principal }) => ({ caller: principal.id }),
  }),
  route({
    method: 'GET',
    path: '/keys',
    auth: apiKey((key) => ({ id: `key ${key}`, roles: [] }), { or: authenticate }),
    responses: { 200: z.object({ caller: z.string() }) },
    handler: ({ principal }) => ({ caller: principal.id }),
  }),
  route({
    method: 'POST',
    path: '/admin/items',
    auth: authenticate,
    body: z.object({ name: z.string() }),
    responses: { 204: {} },
    handler: () => undefined,
  }),
  route({
    method: 'GET',
    path: '/text',
    responses: { 200: { contentType: 'text/plain; charset=utf-8' } },
    handler: () => 'grüße',
  }),
  route({
    method: 'GET',
    path: '/stream',
    responses: { 200: { contentType: 'text/plain' } },
    handler: () => words(),
  }),
  route({
    method: 'GET',
    path: '/header',
    headers: z.object({ 'x-tenant': z.string().min(2) }),
    responses: { 200: z.object({ tenant: z.string() }) },
    handler: ({ headers }) => ({ tenant: headers['x-tenant'] }),
  }),
  route({
    method: 'GET',
    path: '/boom',
    responses: { 200: z.object({}) },
    handler: () => {
      throw new Error('select * from secrets');
    },
  }),
  route({
    method: 'GET',
    path: '/wrong-shape',
    responses: { 200: z.object({ n: z.number() }) },
    handler: () => ({ n: 'row value' }) as never,
  }),
  route({
    method: 'GET',
    path: '/bad-header',
    responses: { 200: z.object({}) },
    handler: () => reply(200, {}, { location: '/a\r\nset-cookie: x=1' }),
  }),
];

export const options: ListenerOptions = { middleware: [requestId()], maxBodyBytes: 1000, maxBodyDepth: 8 };

async function* words(): AsyncGenerator<string | Uint8Array> {
  yield 'one,';
  yield Buffer.from('two');
}
