import { AuthenticationError } from '@ent/errors';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { serve } from '../../middleware/tests/support/serve.ts';
import { createListener, route, sessionCookie, type SessionCookieOptions } from '../src/index.ts';

const start = async (options?: SessionCookieOptions) => {
  const auth = sessionCookie((value) => {
    if (value !== 'good') throw new AuthenticationError('The session is over.');
    return { name: 'Ada' };
  }, options);
  const responses = { 200: z.object({ name: z.string() }) };
  const routes = (['GET', 'POST'] as const).map((method) =>
    route({ method, path: '/me', auth, responses, handler: ({ principal }) => principal }),
  );
  const { url } = await serve(createListener(routes));
  return async (method: string, headers: Record<string, string>) => {
    const answer = await fetch(`${url}/me`, { method, headers });
    const { code, name } = (await answer.json()) as { code?: string; name?: string };
    return [answer.status, code ?? name, answer.headers.get('www-authenticate')];
  };
};

const session = (value: string) => ({ cookie: `__Host-session=${value}` });
const own = { 'sec-fetch-site': 'same-origin' };

describe('sessionCookie', () => {
  it('knows who it is by the cookie', async () => {
    const ask = await start();
    expect(await ask('GET', session('good'))).toEqual([200, 'Ada', null]);
    expect(await ask('POST', { ...session('good'), ...own })).toEqual([200, 'Ada', null]);
    expect((await ask('GET', session('bad')))[0]).toBe(401);
    expect(await ask('GET', {})).toEqual([401, 'http.token_missing', 'Cookie']);
    expect(await ask('GET', { cookie: '__Host-session=good; __Host-session=bad' })).toEqual([
      401,
      'http.token_missing',
      'Cookie',
    ]);
  });

  it('refuses what a page of somebody else sends, before it looks at the session', async () => {
    const ask = await start();
    expect(await ask('POST', { ...session('good'), 'sec-fetch-site': 'cross-site' })).toEqual([
      403,
      'middleware.cross_site',
      null,
    ]);
    expect((await ask('POST', session('good')))[0]).toBe(403);
    expect((await ask('GET', { ...session('good'), 'sec-fetch-site': 'cross-site' }))[0]).toBe(200);
  });

  it('takes another name, and leaves the check to the hook', async () => {
    const ask = await start({ name: 'sid', csrf: false });
    expect((await ask('POST', { cookie: 'sid=good', 'sec-fetch-site': 'cross-site' }))[0]).toBe(200);
    expect((await ask('GET', session('good')))[0]).toBe(401);
  });

  it.each<[string, () => unknown]>([
    ['no function', () => sessionCookie(undefined as never)],
    ['a name that is none', () => sessionCookie(() => 1, { name: 'a b' })],
    ['a misspelt option', () => sessionCookie(() => 1, { cookie: 'a' } as never)],
  ])('refuses %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'http.invalid_options' }) as Error);
  });
});
