import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { createClient, type Json } from '../src/client.ts';
import { eventStream, formBody, type Route, reply, route, streamBody } from '../src/index.ts';
import { multipartBody, multipartParts } from '../src/multipart.ts';

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

const File1 = z.object({ alt: z.string(), image: z.file(), more: z.array(z.file()).optional() });
const bodies = [
  route({
    method: 'POST',
    path: '/form',
    body: formBody(z.object({ n: z.int() })),
    responses: { 204: {} },
    handler() {},
  }),
  route({ method: 'PUT', path: '/file', body: multipartBody(File1), responses: { 204: {} }, handler() {} }),
  route({ method: 'POST', path: '/file', body: multipartParts(File1), responses: { 204: {} }, handler() {} }),
  route({
    method: 'PUT',
    path: '/image',
    body: streamBody('image/*', 'text/csv'),
    responses: { 204: {} },
    handler() {},
  }),
  route({
    method: 'GET',
    path: '/seen',
    cookies: z.object({ theme: z.string() }),
    responses: { 200: { contentType: 'text/plain' }, 204: {} },
    handler: () => reply(204),
  }),
  route({
    method: 'GET',
    path: '/events/:room',
    responses: { 200: eventStream({ data: z.object({ at: z.date() }) }) },
    async *handler() {},
  }),
  route({ method: 'GET', path: '/words', responses: { 200: eventStream() }, async *handler() {} }),
];

describe('a body that is not JSON', () => {
  const its = createClient<typeof bodies>('http://localhost');
  const image = new File([], 'a.png');

  it('goes in the part that its route asks for', () => {
    void its.post('/form', { form: { n: 1 } });
    // @ts-expect-error a form is no JSON
    void its.post('/form', { body: { n: 1 } });
    // @ts-expect-error n is a number
    void its.post('/form', { form: { n: '1' } });
    // @ts-expect-error the form is missing
    void its.post('/form');
    void its.put('/file', { multipart: { alt: 'a', image, more: [new Blob([])] } });
    void its.post('/file', { multipart: { alt: 'a', image: { stream: new Uint8Array(), filename: 'a.png' } } });
    // @ts-expect-error a text is no file
    void its.post('/file', { multipart: { alt: 'a', image: 'a' } });
    // @ts-expect-error the file is missing
    void its.put('/file', { multipart: { alt: 'a' } });
    void its.put('/image', { body: new Uint8Array(), contentType: 'image/png' });
    void its.put('/image', { body: 'a,b', contentType: 'text/csv' });
    void its.put('/image');
    // @ts-expect-error not a type that the route takes
    void its.put('/image', { body: 'a', contentType: 'text/plain' });
    // @ts-expect-error bytes of which type?
    void its.put('/image', { body: 'a' });
    // @ts-expect-error this route takes JSON
    void client.put('/settings', { form: {} });
    // @ts-expect-error this route takes nothing
    void client.get('/text', { body: {} });
  });

  it('goes with cookies that the route reads', () => {
    void its.get('/seen', { cookies: { theme: 'dark' } });
    // @ts-expect-error it reads no such cookie
    void its.get('/seen', { cookies: { size: 1 } });
    // @ts-expect-error it reads no cookies
    void client.get('/text', { cookies: {} });
  });

  it('comes as a stream where that is said', async () => {
    const streamed = await its.get('/seen', { as: 'stream' });
    if (streamed.status === 200) expectTypeOf(streamed.body).toEqualTypeOf<ReadableStream<Uint8Array>>();
    else expectTypeOf(streamed.body).toBeUndefined();
  });

  it('are events with their data', async () => {
    for await (const event of its.events('/events/:room', { params: { room: 'a' } })) {
      expectTypeOf(event.data).toEqualTypeOf<{ at: string }>();
    }
    for await (const event of its.events('/words', { data: 'text' })) expectTypeOf(event.data).toBeString();
    // @ts-expect-error its data is text
    void its.events('/words');
    // @ts-expect-error its data is JSON
    void its.events('/events/:room', { params: { room: 'a' }, data: 'text' });
    // @ts-expect-error no events there
    void its.events('/seen');
    // @ts-expect-error the parameter is missing
    void its.events('/events/:room');
  });
});

const branded = z.string().brand('Id');
