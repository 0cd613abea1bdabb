import { describe, expect, it } from 'vitest';
import { apiKey, bearer, createHandler, route } from '../src/index.ts';
import { openapi } from '../src/openapi.ts';
import { ask } from './support/host.ts';

// What it answers on each host is among the cases of support/cases.ts.
const routeOf = (auth: ReturnType<typeof apiKey<{ id: string }>>) =>
  route({ method: 'GET', path: '/', auth, responses: { 204: {} }, handler() {} });

describe('apiKey()', () => {
  it('is in the document, beside what may stand in its place', () => {
    const caller = () => ({ id: '7' });
    const document = openapi([routeOf(apiKey(caller, { header: 'X-Acme-Key', or: bearer(caller) }))], {
      title: 'Shop',
      version: '1',
    });
    expect(document.components).toMatchObject({
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'x-acme-key' },
        bearerAuth: { type: 'http', scheme: 'bearer' },
      },
    });
    expect(document.paths['/']?.['get']).toMatchObject({ security: [{ apiKey: [] }, { bearerAuth: [] }] });
  });

  it('says which header it wants where nothing may stand in its place', async () => {
    const handler = createHandler([routeOf(apiKey(() => ({ id: '7' })))]);
    const { status, body, headers } = await ask(handler, 'GET', '/');
    expect([status, JSON.parse(body as string)]).toMatchObject([
      401,
      { code: 'http.token_missing', detail: 'Send an API key: "x-api-key: <key>".' },
    ]);
    expect(headers).toMatchObject({ 'www-authenticate': 'ApiKey' });
  });

  it.each<[string, () => unknown]>([
    ['no function', () => apiKey(undefined as never)],
    ['a header that is none', () => apiKey(() => 1, { header: 'x api key' })],
    ['an alternative that is none', () => apiKey(() => 1, { or: 'bearer' as never })],
    ['a misspelt option', () => apiKey(() => 1, { name: 'a' } as never)],
  ])('refuses %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'http.invalid_options' }) as Error);
  });
});
