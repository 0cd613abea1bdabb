import { cors, type CorsOptions, requestId } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { serve } from './support/serve.ts';

const start = async (options: CorsOptions): Promise<(init: RequestInit) => Promise<Response>> => {
  const listener = createNodeListener(
    ({ path }) => {
      if (path === '/boom') throw new Error('boom');
      return { status: 200, headers: { vary: 'Accept' } };
    },
    { middleware: [requestId(), cors(options)] },
  );
  const { url } = await serve(listener);
  return (init) => fetch(init.method === 'DELETE' ? `${url}/boom` : url, init);
};
const app = 'https://app.example';
const preflight = (origin: string): RequestInit => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type' },
});
const allowed = (answer: Response): string | null => answer.headers.get('access-control-allow-origin');

describe('cors', () => {
  it('answers the preflight of a listed origin', async () => {
    const call = await start({ origins: [app], credentials: true });
    const answer = await call(preflight(app));
    expect([answer.status, allowed(answer)]).toEqual([204, app]);
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
    expect(answer.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE');
    expect(answer.headers.get('access-control-allow-headers')).toBe(
      'authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, x-csrf-token, x-request-id',
    );
    expect(answer.headers.get('access-control-max-age')).toBe('600');
    expect(answer.headers.get('vary')).toBe('Origin');
  });

  it.each([
    'https://app.example.evil.com',
    'https://evil-app.example',
    'http://app.example',
    'https://app.example:8443',
    'https://APP.example',
    'null',
    '',
  ])('gives nothing to the origin %j', async (origin) => {
    const call = await start({ origins: [app], credentials: true });
    for (const answer of [await call(preflight(origin)), await call({ headers: { origin } })]) {
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
      expect(answer.headers.get('vary')).toContain('Origin');
    }
  });

  it('covers errors, so that a script can read them', async () => {
    const call = await start({ origins: [app] });
    const answer = await call({ method: 'DELETE', headers: { origin: app } });
    expect([answer.status, allowed(answer)]).toEqual([500, app]);
    expect(answer.headers.get('access-control-expose-headers')).toBe(
      'etag, idempotent-replayed, location, ratelimit, ratelimit-policy, retry-after, x-request-id',
    );
  });

  it('keeps what the answer varies on, and says Origin also to requests without one', async () => {
    const call = await start({ origins: [app] });
    expect((await call({})).headers.get('vary')).toBe('Accept, Origin');
  });

  it('lets everybody in with *, without credentials', async () => {
    const call = await start({ origins: '*' });
    const answer = await call({ headers: { origin: 'https://any.example' } });
    expect([
      allowed(answer),
      answer.headers.get('access-control-allow-credentials'),
      answer.headers.get('vary'),
    ]).toEqual(['*', null, 'Accept']);
  });

  it('leaves OPTIONS that is no preflight to the handler', async () => {
    const call = await start({ origins: [app] });
    expect((await call({ method: 'OPTIONS', headers: { origin: app } })).status).toBe(200);
  });

  it.each<[string, CorsOptions]>([
    ['* with credentials', { origins: '*', credentials: true }],
    ['a path', { origins: ['https://app.example/'] }],
    ['a pattern', { origins: ['https://*.app.example'] }],
    ['* in a list', { origins: ['*'] }],
    ['null', { origins: ['null'] }],
    ['a bare host', { origins: ['app.example'] }],
    ['upper case', { origins: ['https://App.example'] }],
  ])('refuses %s at set-up', (_name, options) => {
    expect(() => cors(options)).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
  });
});
