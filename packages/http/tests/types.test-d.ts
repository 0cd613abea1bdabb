import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { type Authenticator, bearer, type Guard, type Route, reply, route } from '../src/index.ts';

interface Account {
  id: string;
  roles: readonly string[];
}
const authenticate: Authenticator<Account> = bearer(async (token) => ({ id: token, roles: [] }));
const requireRole =
  (_role: string): Guard<{ roles: readonly string[] }> =>
  () => {};

describe('route', () => {
  it('infers the parameters from the path', () => {
    route({
      method: 'GET',
      path: '/users/:id/posts/:post',
      responses: { 204: {} },
      handler: ({ params, query, body, principal }) => {
        expectTypeOf(params.id).toBeString();
        expectTypeOf(params.post).toBeString();
        // @ts-expect-error the path has no such parameter
        void params.other;
        expectTypeOf(query).toBeUndefined();
        expectTypeOf(body).toBeUndefined();
        expectTypeOf(principal).toBeUndefined();
        return undefined;
      },
    });
  });

  it('infers validated parts, principal and result from the schemas', () => {
    const made = route({
      method: 'POST',
      path: '/things/:id',
      params: z.object({ id: z.coerce.number() }),
      query: z.object({ limit: z.coerce.number().default(20), tags: z.array(z.string()).optional() }),
      headers: z.object({ 'x-tenant': z.string() }),
      body: z.object({ name: z.string(), at: z.iso.datetime().transform((at) => new Date(at)) }),
      auth: authenticate,
      guards: [requireRole('admin')],
      responses: { 201: z.object({ id: z.number() }), 202: { description: 'Later' } },
      handler: async ({ params, query, headers, body, principal }) => {
        expectTypeOf(params).toEqualTypeOf<{ id: number }>();
        expectTypeOf(query).toEqualTypeOf<{ limit: number; tags?: string[] | undefined }>();
        expectTypeOf(headers).toEqualTypeOf<{ 'x-tenant': string }>();
        expectTypeOf(body).toEqualTypeOf<{ name: string; at: Date }>();
        expectTypeOf(principal).toEqualTypeOf<Account>();
        return query.limit > 3 ? reply(202) : reply(201, { id: params.id }, { location: '/' });
      },
    });
    expectTypeOf(made).toExtend<Route>();
    expectTypeOf(made.method).toEqualTypeOf<'POST'>();
    expectTypeOf(made.path).toEqualTypeOf<'/things/:id'>();
  });

  it('infers the same where a list of routes is expected', () => {
    const list = (): Route[] => [
      route({
        method: 'GET',
        path: '/users/:id',
        responses: { 200: z.object({ id: z.string() }) },
        handler: ({ params, query, principal }) => {
          expectTypeOf(params.id).toBeString();
          expectTypeOf(query).toBeUndefined();
          expectTypeOf(principal).toBeUndefined();
          return { id: params.id };
        },
      }),
    ];
    expectTypeOf(list).returns.toExtend<readonly Route[]>();
  });

  it('takes plain data only when there is one success, and only what its schema takes', () => {
    const one = {
      method: 'GET',
      path: '/',
      responses: { 200: z.object({ n: z.number() }), 404: z.object({ m: z.string() }) },
    } as const;
    route({ ...one, handler: () => ({ n: 1 }) });
    route({ ...one, handler: () => reply(404, { m: 'no' }) });
    // @ts-expect-error n is a number
    route({ ...one, handler: () => ({ n: '1' }) });
    // @ts-expect-error 500 is not declared
    route({ ...one, handler: () => reply(500) });
    // @ts-expect-error 404 carries m
    route({ ...one, handler: () => reply(404, { n: 1 }) });
    const two = {
      method: 'GET',
      path: '/',
      responses: { 200: z.object({ n: z.number() }), 201: z.object({ n: z.number() }) },
    } as const;
    // @ts-expect-error which of the two?
    route({ ...two, handler: () => ({ n: 1 }) });
  });

  it('takes text, bytes and streams where the content type is not JSON', () => {
    const text = { method: 'GET', path: '/', responses: { 200: { contentType: 'text/plain' } } } as const;
    route({ ...text, handler: () => 'hello' });
    route({ ...text, handler: () => Buffer.from('hello') });
    // @ts-expect-error not a body
    route({ ...text, handler: () => ({ hello: 1 }) });
  });

  it('refuses a guard that wants more than the principal has', () => {
    const wantsTenant: Guard<{ tenant: string }> = () => {};
    route({
      method: 'GET',
      path: '/',
      auth: authenticate,
      // @ts-expect-error an Account has no tenant
      guards: [wantsTenant],
      responses: { 204: {} },
      handler: () => undefined,
    });
  });
});
