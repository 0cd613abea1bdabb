import { type Middleware, problemReply, type Reply, requestId } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { bearer, createListener, createServer, drain, reply, route } from '../src/index.ts';

interface Account {
  subject: string;
}
declare const sessions: { verify(token: string): Promise<Account> };
const Id = z.object({ id: z.string() });

describe('what a new user writes compiles', () => {
  it('an authenticator inside of the route, whose principal the guards and the handler know', () => {
    route({
      method: 'GET',
      path: '/me/:id',
      auth: bearer((token) => sessions.verify(token)),
      guards: [(principal) => void principal.subject.trim()],
      responses: { 200: Id },
      handler: ({ principal, params }) => {
        expectTypeOf(principal).toEqualTypeOf<Account>();
        return { id: principal.subject + params.id };
      },
    });
    route({
      method: 'GET',
      path: '/me',
      auth: bearer(async (token) => ({ account: await sessions.verify(token) })),
      responses: { 200: Id },
      handler: ({ principal }) => ({ id: principal.account.subject }),
    });
    route({
      method: 'GET',
      path: '/all',
      auth: false,
      responses: { 200: Id, 404: {} },
      handler: ({ principal }) => {
        expectTypeOf(principal).toBeUndefined();
        return reply(404);
      },
    });
  });

  it('handlers and hooks that give nothing', () => {
    route({ method: 'DELETE', path: '/a', responses: { 204: {} }, handler() {} });
    route({ method: 'DELETE', path: '/b', responses: { 204: {} }, handler: async () => {} });
    route({
      method: 'DELETE',
      path: '/c',
      responses: { 204: {} },
      async handler() {
        await Promise.resolve();
      },
    });
    route({
      method: 'GET',
      path: '/d',
      responses: { 200: Id },
      // @ts-expect-error where a body is declared, nothing is not enough
      handler() {},
    });
    const hooks: Middleware[] = [
      { name: 'a', before() {}, head() {}, done() {} },
      { name: 'b', before: async () => {} },
      {
        name: 'c',
        before(exchange) {
          if (exchange.path === '/') return { status: 204 };
          return;
        },
      },
    ];
    createNodeListener((exchange) => void exchange.res.end('x'), { middleware: hooks });
    createNodeListener(async (exchange) => {
      exchange.res.end('x');
    });
  });

  it('settings that may be undefined, with exactOptionalPropertyTypes', () => {
    const unset = {} as { readonly number: number | undefined; readonly text: string | undefined };
    createListener([], { maxBodyBytes: unset.number, middleware: [requestId({ header: unset.text })] });
    const server = createServer(() => {}, { keepAliveTimeout: unset.text });
    void drain(server, { grace: unset.text });
    route({ method: 'GET', path: '/', summary: unset.text, responses: { 204: {} }, handler() {} });
  });

  it('a problem handed to a framework', () => {
    const problem = problemReply(new Error('x'));
    expectTypeOf(problem).toExtend<Reply>();
    expectTypeOf(problem.headers).toExtend<Partial<Record<string, number | string | string[] | undefined>>>();
    expectTypeOf(problem.body).toBeString();
  });
});
