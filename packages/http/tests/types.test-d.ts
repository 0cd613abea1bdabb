import { describe, expectTypeOf, it } from 'vitest';
import { fileReply } from '@ent/middleware/static';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import {
  type Authenticator,
  bearer,
  eventStream,
  fileAnswer,
  formBody,
  type Guard,
  negotiated,
  type Route,
  reply,
  route,
  type ServerSentEvent,
  streamBody,
} from '../src/index.ts';
import { webSocket } from '../src/websocket.ts';
import { type FilePart, type FormPart, multipartBody, multipartParts } from '../src/multipart.ts';

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

  it('infers cookies, forms and files from their schemas', () => {
    const post = { method: 'POST', path: '/', responses: { 204: {} } } as const;
    const schema = z.object({ n: z.int(), tags: z.array(z.string()).optional(), file: z.file() });
    route({
      ...post,
      cookies: z.object({ theme: z.string().optional() }),
      body: formBody(z.object({ n: z.int() })),
      handler: ({ cookies, body }) => {
        expectTypeOf(cookies).toEqualTypeOf<{ theme?: string | undefined }>();
        expectTypeOf(body).toEqualTypeOf<{ n: number }>();
      },
    });
    route({
      ...post,
      body: multipartBody(schema),
      handler: ({ body }) => void expectTypeOf(body.file).toEqualTypeOf<File>(),
    });
    route({
      ...post,
      body: multipartParts(schema),
      handler: async ({ body }) => {
        expectTypeOf(body).toEqualTypeOf<
          AsyncIterable<FormPart<{ n: number; tags?: string[] | undefined; file: File }>>
        >();
        for await (const part of body) {
          if (part.kind === 'file') expectTypeOf(part).toEqualTypeOf<FilePart<'file'>>();
          else if (part.name === 'n') expectTypeOf(part.value).toEqualTypeOf<number>();
          else expectTypeOf(part.value).toEqualTypeOf<string>();
        }
      },
    });
    route({
      ...post,
      body: streamBody('image/png'),
      handler: ({ body }) => void expectTypeOf(body).toEqualTypeOf<AsyncIterable<Uint8Array> | undefined>(),
    });
  });

  it('takes what an answer is made for', () => {
    const get = { method: 'GET', path: '/' } as const;
    const data = z.object({ n: z.int() });
    async function* numbers(): AsyncGenerator<ServerSentEvent<{ n: number }>> {
      yield { data: { n: 1 }, id: '1' };
    }
    async function* texts(): AsyncGenerator<ServerSentEvent> {
      yield { data: 'one' };
    }
    route({ ...get, responses: { 200: eventStream({ data }) }, handler: () => numbers() });
    route({ ...get, responses: { 200: eventStream() }, handler: () => texts() });
    // @ts-expect-error n is a number
    route({ ...get, responses: { 200: eventStream({ data }) }, handler: () => texts() });
    // @ts-expect-error text, where no schema says what it is
    route({ ...get, responses: { 200: eventStream() }, handler: () => numbers() });
    const rows = negotiated(z.array(z.int()), { 'text/csv': (list) => list.join(';') });
    route({ ...get, responses: { 200: rows }, handler: () => [1] });
    // @ts-expect-error a list of numbers
    route({ ...get, responses: { 200: rows }, handler: () => ['1'] });
    route({ ...get, responses: { 200: fileAnswer() }, handler: ({ exchange }) => fileReply(exchange, '.', 'a') });
    // @ts-expect-error no reply of a file
    route({ ...get, responses: { 200: fileAnswer() }, handler: () => 'text' });
  });

  it('infers what a WebSocket begins with', () => {
    webSocket({
      path: '/rooms/:room',
      query: z.object({ since: z.int().optional() }),
      auth: authenticate,
      guards: [requireRole('admin')],
      handler: ({ socket, params, query, headers, principal }) => {
        expectTypeOf(socket).toEqualTypeOf<WebSocket>();
        expectTypeOf(params.room).toBeString();
        expectTypeOf(query).toEqualTypeOf<{ since?: number | undefined }>();
        expectTypeOf(headers).toBeUndefined();
        expectTypeOf(principal).toEqualTypeOf<Account>();
      },
    });
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
