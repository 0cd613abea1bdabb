import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { createClient, type Json } from '../src/client.ts';
import { type Route, reply, route } from '../src/index.ts';

const User = z.object({ id: z.string(), since: z.date(), nick: z.string().optional() });
const routes = [
  route({ method: 'GET', path: '/users/:id', responses: { 200: User }, handler: ({ params }) => user(params.id) }),
  route({
    method: 'GET',
    path: '/users',
    query: z.object({ limit: z.int().default(20), tag: z.array(z.string()).optional() }),
    responses: { 200: z.array(User), 404: z.object({ hint: z.string() }) },
    handler: () => reply(404, { hint: 'x' }),
  }),
  route({
    method: 'POST',
    path: '/users/:id/notes/:note',
    params: z.object({ id: z.string(), note: z.int() }),
    headers: z.object({ 'x-tenant': z.string() }),
    body: z.object({ text: z.string(), at: z.date().optional() }),
    responses: { 201: z.object({ n: z.number() }), 202: {} },
    handler: () => reply(202),
  }),
  route({ method: 'GET', path: '/text', responses: { 200: { contentType: 'text/plain' } }, handler: () => 'x' }),
  route({ method: 'GET', path: '/file', responses: { 200: { contentType: 'image/png' } }, handler: () => 'x' }),
  route({
    method: 'PUT',
    path: '/settings',
    body: z.object({ dark: z.boolean().optional() }),
    responses: { 204: {} },
    handler() {},
  }),
  route({
    method: 'PATCH',
    path: '/settings',
    body: z.object({ dark: z.boolean() }).optional(),
    responses: { 204: {} },
    handler() {},
  }),
];
declare function user(id: string): z.input<typeof User>;

const client = createClient<typeof routes>('http://localhost');

describe('a client', () => {
  it('knows what a route answers, as JSON carries it', async () => {
    const { status, body, headers } = await client.get('/users/:id', { params: { id: '7' } });
    expectTypeOf(status).toEqualTypeOf<200>();
    expectTypeOf(body).toEqualTypeOf<{ id: string; since: string; nick?: string | undefined }>();
    expectTypeOf(headers).toEqualTypeOf<Headers>();
    expectTypeOf((await client.get('/text')).body).toBeString();
    expectTypeOf((await client.get('/file')).body).toEqualTypeOf<Uint8Array>();
    expectTypeOf((await client.put('/settings', { body: {} })).body).toBeUndefined();
  });

  it('tells several answers apart by their status', async () => {
    const made = await client.post('/users/:id/notes/:note', {
      params: { id: '7', note: 1 },
      headers: { 'x-tenant': 'a', 'x-other': 'b' },
      body: { text: 'hello', at: new Date() },
    });
    expectTypeOf(made.status).toEqualTypeOf<201 | 202>();
    if (made.status === 201) expectTypeOf(made.body).toEqualTypeOf<{ n: number }>();
    else expectTypeOf(made.body).toBeUndefined();
  });

  it('gives an answer that is no success only where it is expected', async () => {
    expectTypeOf((await client.get('/users')).status).toEqualTypeOf<200>();
    const found = await client.get('/users', { query: { tag: ['a'] }, expect: [404, 304] });
    expectTypeOf(found.status).toEqualTypeOf<200 | 404 | 304>();
    if (found.status === 404) expectTypeOf(found.body).toEqualTypeOf<{ hint: string }>();
  });

  it('refuses what the routes do not have', () => {
    // @ts-expect-error no such path
    void client.get('/nobody');
    // @ts-expect-error not by this method
    void client.delete('/users/:id', { params: { id: '7' } });
    // @ts-expect-error a parameter is missing
    void client.get('/users/:id');
    // @ts-expect-error a parameter is another one
    void client.get('/users/:id', { params: { name: '7' } });
    // @ts-expect-error the route reads no query
    void client.get('/users/:id', { params: { id: '7' }, query: { a: '1' } });
    // @ts-expect-error limit is a number
    void client.get('/users', { query: { limit: 'many' } });
    // @ts-expect-error there is no such parameter
    void client.get('/users', { query: { limits: 1 } });
    // @ts-expect-error an empty object is a body, and it is needed
    void client.put('/settings');
    // @ts-expect-error the header is missing
    void client.post('/users/:id/notes/:note', { params: { id: '7', note: 1 }, body: { text: '' } });
    // @ts-expect-error a misspelt option
    void client.get('/text', { timeOut: '1s' });
    void client.patch('/settings');
  });

  it('has nothing to call where the table has lost its types', () => {
    const erased: Route[] = routes;
    const blind = createClient<typeof erased>('http://localhost');
    // @ts-expect-error annotated as Route[], the table has no paths
    void blind.get('/text');
  });

  it('says what JSON makes of a value', () => {
    expectTypeOf<Json<{ a: Date; b?: bigint[]; c: [1, null]; d: unknown }>>().toEqualTypeOf<{
      a: string;
      b?: never[];
      c: [1, null];
      d: unknown;
    }>();
    expectTypeOf<Json<z.output<typeof branded>>>().toEqualTypeOf<z.output<typeof branded>>();
  });
});

const branded = z.string().brand('Id');
