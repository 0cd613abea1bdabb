// One document of all services.
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import type { RouteTable } from '../src/routes.ts';
import { gateway, nobody, upstream } from './gateway.ts';

const documentOf = (name: string, paths: string[], thing: object) => ({
  openapi: '3.1.0',
  info: { title: name, version: '1' },
  paths: Object.fromEntries(
    paths.map((path) => [
      path,
      {
        get: {
          security: [{ bearerAuth: [] }],
          responses: {
            200: {
              description: 'it',
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
            },
          },
        },
      },
    ]),
  ),
  components: {
    schemas: { Thing: thing, Same: { type: 'string' } },
    securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } },
  },
  tags: [{ name: 'things' }],
});

describe('the document', () => {
  it('has the paths that routes lead to, and the components of both, told apart', async () => {
    const serving = (document: object) => upstream((_, res) => void res.end(JSON.stringify(document)));
    await using a = await serving(documentOf('a', ['/a', '/a/{id}', '/internal'], { type: 'integer' }));
    await using b = await serving(documentOf('b', ['/b'], { type: 'boolean' }));
    const table: RouteTable = {
      services: {
        a: { targets: [a.url], document: '/openapi.json' },
        b: { targets: [b.url], document: '/openapi.json' },
        gone: { targets: [await nobody()], document: '/openapi.json' },
      },
      routes: [
        { prefix: '/a', service: 'a', auth: 'everyone' },
        { prefix: '/b', service: 'b', auth: 'everyone' },
      ],
    };
    await using edge = await gateway(table);
    const document = (await (await fetch(`${edge.url}/openapi.json`)).json()) as Record<string, Record<string, never>>;
    expect(Object.keys(document['paths'] as object)).toEqual(['/a', '/a/{id}', '/b']);
    expect(document['components']).toEqual({
      schemas: { Thing: { type: 'integer' }, 'b.Thing': { type: 'boolean' }, Same: { type: 'string' } },
      securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } },
    });
    expect(JSON.stringify(document['paths']?.['/b'])).toContain('"#/components/schemas/b.Thing"');
    expect(document['tags']).toEqual([{ name: 'things' }]);
    // `/a/{id}` names a parameter that the sample does not declare; nothing else is wrong with it.
    expect((await new Validator().validate(structuredClone(document))).errors ?? []).toEqual([]);
    expect(edge.lines()).toContain('the document of a service is left out');
    expect((await fetch(`${edge.url}/docs`)).headers.get('content-type')).toMatch(/html/);
  });
});
