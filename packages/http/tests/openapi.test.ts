import { BadRequestError } from '@ent/errors';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { apiKey, bearer, formBody, type Route, route } from '../src/index.ts';
import { type OpenApiDocument, type OpenApiOptions, openapi } from '../src/openapi.ts';
import { routes } from './support/app.ts';

const about = { title: 'Items', version: '1.2.3' };

// Checked by somebody else's validator, with every reference looked up.
async function validated(list: readonly Route[], options: OpenApiOptions = about): Promise<OpenApiDocument> {
  const document = openapi(list, options);
  const copy = JSON.parse(JSON.stringify(document)) as OpenApiDocument;
  const validator = new Validator();
  expect(await validator.validate(copy as never)).toEqual({ valid: true });
  for (const ref of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
    expect(document.components['schemas']).toHaveProperty([ref[1] as string]);
  }
  expect(JSON.stringify(document)).not.toContain('$defs');
  return document;
}

const at = (document: unknown, path: string): unknown =>
  path.split(' ').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);

const get = (path: string, more: Partial<Route> = {}): Route => ({
  ...route({ method: 'GET', path, responses: { 204: {} }, handler: () => undefined }),
  ...more,
});

describe('openapi', () => {
  it('describes every route', async () => {
    const document = await validated(routes);
    expect(Object.keys(document.paths)).toEqual([
      '/items/{id}',
      '/items',
      '/admin',
      '/keys',
      '/admin/items',
      '/text',
      '/stream',
      '/header',
      '/boom',
      '/wrong-shape',
      '/bad-header',
    ]);
    expect(at(document, 'info')).toEqual(about);
  });

  it('describes parameters by where they stand, with defaults and descriptions', async () => {
    const document = await validated([
      route({
        method: 'GET',
        path: '/a/:id/b/:other',
        params: z.object({ id: z.uuid(), other: z.coerce.number().int() }),
        query: z.object({
          limit: z.coerce.number().int().min(1).max(100).default(20).describe('How many'),
          tags: z.array(z.string()).optional(),
          on: z.stringbool().default(false),
          must: z.string(),
        }),
        headers: z.object({ 'x-tenant': z.string(), authorization: z.string() }),
        responses: { 204: {} },
        handler: () => undefined,
      }),
      get('/plain/:name'),
    ]);
    expect(at(document, 'paths /a/{id}/b/{other} get parameters')).toMatchObject([
      { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } },
      { name: 'other', in: 'path', required: true, schema: { type: 'integer' } },
      {
        name: 'limit',
        in: 'query',
        required: false,
        description: 'How many',
        schema: { default: 20, minimum: 1, maximum: 100 },
      },
      { name: 'tags', in: 'query', required: false, schema: { type: 'array', items: { type: 'string' } } },
      { name: 'on', in: 'query', required: false, schema: { type: 'string' } },
      { name: 'must', in: 'query', required: true },
      { name: 'x-tenant', in: 'header', required: true },
    ]);
    expect(at(document, 'paths /plain/{name} get parameters')).toEqual([
      { name: 'name', in: 'path', required: true, schema: { type: 'string' } },
    ]);
  });

  it('has for the status of a problem the words of the answers', () => {
    const problems = [400, 404, 409, 412, 413, 414, 416, 422, 429, 503];
    const document = openapi([get('/a', { responses: { 204: {}, 422: {} }, problems })], about);
    for (const status of problems) {
      const { title } = new BadRequestError('It was wrong.', { status });
      expect(at(document, `paths /a get responses ${status}`)).toMatchObject({ description: title });
    }
    expect(at(document, 'paths /a get responses 422')).toEqual({ description: 'Unprocessable Content' });
    expect(at(document, 'paths /a get responses 204')).toEqual({ description: 'No Content' });
  });

  it('lists the problems that validation, authentication and the handler cause', async () => {
    const document = await validated([
      route({
        method: 'POST',
        path: '/a',
        auth: bearer(() => 1),
        guards: [() => {}],
        body: z.object({ a: z.string() }),
        problems: [409],
        responses: { 201: { description: 'Made', headers: { Location: 'Where' } } },
        handler: () => undefined,
      }),
      get('/b'),
    ]);
    expect(Object.keys(at(document, 'paths /a post responses') as object)).toEqual([
      '201',
      '400',
      '401',
      '403',
      '409',
      '413',
      '415',
      '422',
      'default',
    ]);
    expect(Object.keys(at(document, 'paths /b get responses') as object)).toEqual(['204', '4XX', 'default']);
    expect(at(document, 'paths /a post responses 201')).toEqual({
      description: 'Made',
      headers: { Location: { description: 'Where', schema: { type: 'string' } } },
    });
    expect(at(document, 'paths /a post security')).toEqual([{ bearerAuth: [] }]);
    // For everyone, said so.
    expect(at(document, 'paths /b get security')).toEqual([]);
    expect(at(document, 'servers')).toEqual([{ url: '/' }]);
    expect(at(document, 'components securitySchemes')).toEqual({
      bearerAuth: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
    });
  });

  it('names the route that gives tokens for a password, where tools look for it on each server', async () => {
    const token = route({
      method: 'POST',
      path: '/auth/token/',
      auth: false,
      body: formBody(z.object({ grant_type: z.literal('password'), username: z.string(), password: z.string() })),
      responses: { 200: z.object({ access_token: z.string(), token_type: z.string() }) },
      handler: () => ({ access_token: 'a', token_type: 'Bearer' }),
    });
    const own = get('/own', { auth: bearer(() => 1, { passwordFlow: '/auth/token' }) });
    const written = get('/written', {
      auth: Object.assign(() => 1, {
        securitySchemes: {
          byHand: { type: 'oauth2', flows: { password: { tokenUrl: '/v1/auth/token', scopes: {} } } },
        },
      }),
    });
    const keyed = get('/keyed', { auth: apiKey(() => 1, { or: bearer(() => 1, { passwordFlow: '/auth/token' }) }) });
    const list = [token, own, written, keyed];
    const urlOn = async (servers?: { url: string }[]): Promise<unknown> => {
      const document = await validated(list, { ...about, ...(servers && { servers }) });
      expect(at(document, 'components securitySchemes byHand flows password tokenUrl')).toBe('/v1/auth/token');
      return at(document, 'components securitySchemes passwordFlow flows password tokenUrl');
    };
    expect(await urlOn()).toBe('/auth/token');
    expect(await urlOn([{ url: '/v1/' }])).toBe('/v1/auth/token');
    expect(await urlOn([{ url: 'https://api.example.com' }])).toBe('/auth/token');
    expect(await urlOn([{ url: 'https://{region}.example.com:8443/shop/v1' }])).toBe('/shop/v1/auth/token');

    const document = await validated(list);
    expect(at(document, 'components securitySchemes')).toMatchObject({
      bearerAuth: { type: 'http', scheme: 'bearer' },
      passwordFlow: { type: 'oauth2', flows: { password: { tokenUrl: '/auth/token', scopes: {} } } },
    });
    expect(at(document, 'paths /own get security')).toEqual([{ bearerAuth: [] }, { passwordFlow: [] }]);
    expect(at(document, 'paths /keyed get security')).toEqual([
      { apiKey: [] },
      { bearerAuth: [] },
      { passwordFlow: [] },
    ]);
  });

  it('says the same in words that other tools know: tuples, equal alternatives, named keys, halves of characters', async () => {
    const body = z.object({
      pair: z.tuple([z.string(), z.boolean()]),
      when: z.union([z.date(), z.date()]),
      counts: z.record(z.enum(['a', 'b']), z.boolean()),
      text: z.string().regex(/^[^\u0000\ud800-\udfff]*$/u),
      whole: z.string().regex(/^[^\ud800-\udfff]$/u),
    });
    const document = await validated([
      route({ method: 'POST', path: '/a', body, responses: { 204: {} }, handler() {} }),
    ]);
    const schema = at(document, 'paths /a post requestBody content application/json schema properties');
    expect(schema).toMatchObject({
      pair: { prefixItems: [{ type: 'string' }, { type: 'boolean' }], items: {}, minItems: 2, maxItems: 2 },
      when: { type: 'string', pattern: expect.any(String) },
      counts: { properties: { a: { type: 'boolean' }, b: { type: 'boolean' } }, required: ['a', 'b'] },
      text: { pattern: '^[^\\u0000]*$' },
      whole: { pattern: '^[\\s\\S]$' },
    });
    expect(schema).not.toHaveProperty('when.anyOf');
    expect(schema).not.toHaveProperty('counts.propertyNames');
  });

  it('keeps a schema with an id once, and names its input where it differs', async () => {
    const Address = z.object({ city: z.string().default('') }).meta({ id: 'Address' });
    const Same = z.string().meta({ id: 'Same' });
    const User = z.object({ id: Same, at: Address }).meta({ id: 'User', description: 'A user' });
    const document = await validated([
      route({
        method: 'PUT',
        path: '/u',
        body: User,
        responses: { 200: z.object({ items: z.array(User) }) },
        handler: ({ body }) => ({ items: [body] }),
      }),
      route({ method: 'GET', path: '/u', responses: { 200: User }, handler: () => ({ id: '', at: {} }) }),
    ]);
    expect(Object.keys(at(document, 'components schemas') as object).sort()).toEqual([
      'Address',
      'AddressInput',
      'Problem',
      'Same',
      'User',
      'UserInput',
    ]);
    expect(at(document, 'paths /u put requestBody content application/json schema')).toEqual({
      $ref: '#/components/schemas/UserInput',
    });
    expect(at(document, 'components schemas UserInput properties at')).toEqual({
      $ref: '#/components/schemas/AddressInput',
    });
    expect(at(document, 'components schemas UserInput additionalProperties')).toBe(false);
    expect(at(document, 'components schemas User')).toMatchObject({ description: 'A user', required: ['id', 'at'] });
    expect(at(document, 'components schemas User additionalProperties')).toBeUndefined();
  });

  it('gives an input name to what only refers to something that differs', async () => {
    const Leaf = z.object({ a: z.string() }).meta({ id: 'Leaf' });
    const List = z.array(Leaf).meta({ id: 'List' });
    const document = await validated([
      route({ method: 'PUT', path: '/l', body: List, responses: { 200: List }, handler: ({ body }) => body }),
    ]);
    expect(at(document, 'components schemas ListInput items')).toEqual({ $ref: '#/components/schemas/LeafInput' });
    expect(at(document, 'components schemas List items')).toEqual({ $ref: '#/components/schemas/Leaf' });
  });

  it('describes recursive schemas, with and without an id', async () => {
    interface Tree {
      name: string;
      kids: Tree[];
    }
    const Named: z.ZodType<Tree> = z
      .object({
        name: z.string(),
        get kids() {
          return z.array(Named);
        },
      })
      .meta({ id: 'Tree' });
    const Plain: z.ZodType<Tree> = z.object({
      name: z.string(),
      get kids() {
        return z.array(Plain);
      },
    });
    const Wrapped = z.object({ a: Plain, b: Plain });
    const make = (path: string, schema: z.ZodType<unknown>): Route =>
      route({ method: 'PUT', path, body: schema, responses: { 200: schema }, handler: ({ body }) => body });
    const document = await validated([make('/named', Named), make('/plain', Plain), make('/wrapped', Wrapped)]);
    expect(at(document, 'components schemas TreeInput properties kids items')).toEqual({
      $ref: '#/components/schemas/TreeInput',
    });
    expect(at(document, 'paths /plain put responses 200 content application/json schema')).toEqual({
      $ref: '#/components/schemas/PutPlain200',
    });
    expect(at(document, 'components schemas PutPlain200 properties kids items')).toEqual({
      $ref: '#/components/schemas/PutPlain200',
    });
  });

  it('describes what JSON makes of a date, and other content types', async () => {
    const document = await validated([
      route({
        method: 'GET',
        path: '/d',
        responses: { 200: z.object({ at: z.date() }) },
        handler: () => ({ at: new Date(0) }),
      }),
      get('/t', { responses: { 200: { contentType: 'text/plain' } } }),
      get('/h', { responses: { 200: { contentType: 'application/health+json', schema: z.object({}) } } }),
    ]);
    expect(at(document, 'paths /d get responses 200 content application/json schema properties at')).toEqual({
      type: 'string',
      format: 'date-time',
    });
    expect(at(document, 'paths /t get responses 200 content text/plain schema')).toEqual({ type: 'string' });
    expect(at(document, 'paths /h get responses 200 content')).toHaveProperty(['application/health+json']);
  });

  it('names operations, and leaves hidden routes out', async () => {
    const document = await validated([
      get('/a/:id/things/'),
      get('/b', { operationId: 'theB' }),
      get('/c', { hidden: true }),
    ]);
    expect(at(document, 'paths /a/{id}/things get operationId')).toBe('getAByIdThings');
    expect(at(document, 'paths /b get operationId')).toBe('theB');
    expect(at(document, 'paths /c')).toBeUndefined();
  });

  it('refuses two operations of one name, and two schemas of one id', () => {
    const refused = expect.objectContaining({ code: 'http.invalid_route' }) as Error;
    expect(() => openapi([get('/a-b'), get('/a/b')], about)).toThrow(refused);
    const One = z.object({ a: z.string() }).meta({ id: 'Twin' });
    const Two = z.object({ b: z.string() }).meta({ id: 'Twin' });
    expect(() =>
      openapi([get('/a', { responses: { 200: One } }), get('/b', { responses: { 200: Two } })], about),
    ).toThrow();
  });
});
