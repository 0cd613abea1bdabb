import { clearCookie, csrf, createCsrfTokens, readCookie, setCookie } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { serve } from './support/serve.ts';

const cookie = (header: string | undefined) => ({ header: (name: string) => (name === 'cookie' ? header : undefined) });

describe('readCookie', () => {
  it.each([
    ['a=1; b=2', 'a', '1'],
    ['a=1; b=2', 'b', '2'],
    ['b=2;a=x%20y', 'a', 'x y'],
    ['a=%zz', 'a', '%zz'],
    ['a="quoted"', 'a', expect.stringContaining('quoted')],
    ['ab=1', 'a', undefined],
    ['a', 'a', undefined],
    ['', 'a', undefined],
    [undefined, 'a', undefined],
    ['__proto__=1', '__proto__', '1'],
    ['x=1', 'constructor', undefined],
    ['b=a=1', 'a', undefined],
    // One of them was planted, and nobody can tell which.
    ['a=1; a=2', 'a', undefined],
    ['a=1;a=1', 'a', undefined],
  ])('%j, %s: %j', (header, name, value) => {
    expect(readCookie(cookie(header), name)).toEqual(value);
  });

  it('reads many cookies in one header, and refuses what is no exchange', () => {
    expect(readCookie(cookie(`${'x=1; '.repeat(1000)}a=1`), 'a')).toBe('1');
    expect(() => readCookie(new Request('http://x') as never, 'a')).toThrow(/takes the exchange/);
  });
});

describe('setCookie', () => {
  it('is strict where nothing else is said', () => {
    expect(setCookie('a', '1').split('; ').toSorted()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure', 'a=1']);
  });

  it('says what it is told to', () => {
    const parts = setCookie('a', 'x y;z', {
      maxAge: '1500ms',
      domain: 'example.com',
      path: '/app',
      secure: true,
      httpOnly: false,
      sameSite: 'none',
      partitioned: true,
    }).split('; ');
    expect(parts.toSorted()).toEqual([
      'Domain=example.com',
      'Max-Age=2',
      'Partitioned',
      'Path=/app',
      'SameSite=None',
      'Secure',
      'a=x%20y%3Bz',
    ]);
  });

  it.each<[string, () => string]>([
    ['a name with a space', () => setCookie('a b', '1')],
    ['a name with a line end', () => setCookie('a\r\nset-cookie: b', '1')],
    ['a name with =', () => setCookie('a=b', '1')],
    ['no name', () => setCookie('', '1')],
    ['a path with ;', () => setCookie('a', '1', { path: '/;secure' })],
    ['a domain with a line end', () => setCookie('a', '1', { domain: 'x\r\ny' })],
    ['a value that browsers drop', () => setCookie('a', 'x'.repeat(4096))],
    ['__Host- with a domain', () => setCookie('__Host-a', '1', { domain: 'example.com' })],
    ['__Host- with a path', () => setCookie('__Host-a', '1', { path: '/app' })],
    ['__Host- without TLS', () => setCookie('__HOST-a', '1', { secure: false })],
    ['__Secure- without TLS', () => setCookie('__Secure-a', '1', { secure: false })],
    ['SameSite=None without TLS', () => setCookie('a', '1', { sameSite: 'none', secure: false })],
    ['a time of zero', () => setCookie('a', '1', { maxAge: 0 })],
    ['a misspelt option', () => setCookie('a', '1', { httponly: true } as never)],
    ['a value that is no text', () => setCookie('a', undefined as never)],
    ['clearing with __Host- and a domain', () => clearCookie('__Host-a', { domain: 'example.com' })],
  ])('refuses %s, and does not quote the value', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
  });

  it('makes a browser forget what it set', () => {
    expect(clearCookie('__Host-a')).toMatch(/^__Host-a=; Max-Age=0;.*Expires=Thu, 01 Jan 1970 00:00:00 GMT/);
  });

  it('comes through the real thing', async () => {
    const { url } = await serve(
      createNodeListener((exchange) => ({
        status: 200,
        headers: { 'set-cookie': [setCookie('a', 'ü'), clearCookie('b')] },
        body: readCookie(exchange, 'a') ?? 'none',
      })),
    );
    const answer = await fetch(url, { headers: { cookie: 'a=%C3%BC' } });
    expect(await answer.text()).toBe('ü');
    expect(answer.headers.getSetCookie()).toHaveLength(2);
  });
});

const secret = 's'.repeat(32);
const tokens = createCsrfTokens({ secret, session: (exchange) => readCookie(exchange, '__Host-session') });

describe('csrf', () => {
  const start = async () => {
    const { url, port } = await serve(
      createNodeListener(
        (exchange) => ({ status: 200, body: exchange.method === 'GET' ? (tokens.issue(exchange) ?? 'none') : 'done' }),
        { middleware: [csrf({ origins: ['https://app.example.com'], tokens })] },
      ),
    );
    const send = async (headers: Record<string, string>, method = 'POST') => {
      const answer = await fetch(url, { method, headers: { cookie: '__Host-session=abc', ...headers } });
      return [answer.status, await answer.text()] as const;
    };
    return { send, own: `http://127.0.0.1:${port}`, url };
  };

  it.each<[string, Record<string, string>, number]>([
    ['the same origin', { 'sec-fetch-site': 'same-origin' }, 200],
    ['the user', { 'sec-fetch-site': 'none' }, 200],
    ['a listed origin', { 'sec-fetch-site': 'cross-site', origin: 'https://app.example.com' }, 200],
    ['a listed origin in an old browser', { origin: 'https://app.example.com' }, 200],
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
    ['another site that says nothing else', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a site beside this one', { 'sec-fetch-site': 'same-site', origin: 'https://x.example.com' }, 403],
    ['a word that there is not', { 'sec-fetch-site': 'Same-Origin' }, 403],
    ['a list of words', { 'sec-fetch-site': 'cross-site, same-origin' }, 403],
    ['another origin in an old browser', { origin: 'https://evil.example' }, 403],
    ['a frame without an origin', { origin: 'null' }, 403],
    ['what is no origin', { origin: 'nonsense' }, 403],
    ['a listed origin in another case', { origin: 'https://APP.example.com' }, 403],
    ['a listed origin with more behind it', { origin: 'https://app.example.com.evil.example' }, 403],
    ['nobody knows', {}, 403],
    ['a made-up token', { 'x-csrf-token': 'a.b' }, 403],
  ])('a POST with a cookie by %s: %s, %i', async (_name, headers, status) => {
    const { send } = await start();
    const [sent, body] = await send(headers);
    expect(sent).toBe(status);
    if (status === 403) expect(body).toContain('middleware.cross_site');
  });

  it('takes its own origin, which is that of Host', async () => {
    const { send, own } = await start();
    expect((await send({ origin: own }))[0]).toBe(200);
    expect((await send({ origin: `${own}0` }))[0]).toBe(403);
    expect((await send({ origin: own, 'sec-fetch-site': 'cross-site' }))[0]).toBe(403);
  });

  it.each(['PUT', 'PATCH', 'DELETE', 'PURGE'])('looks at %s as well', async (method) => {
    const { send } = await start();
    expect((await send({ 'sec-fetch-site': 'cross-site' }, method))[0]).toBe(403);
  });

  it('lets pass what changes nothing, and what has no cookie and no browser', async () => {
    const { send, url } = await start();
    for (const method of ['GET', 'HEAD', 'OPTIONS'])
      expect((await send({ 'sec-fetch-site': 'cross-site' }, method))[0]).toBe(200);
    expect((await fetch(url, { method: 'POST' })).status).toBe(200);
    // Logging somebody in as somebody else needs no cookie.
    expect((await fetch(url, { method: 'POST', headers: { origin: 'https://evil.example' } })).status).toBe(403);
  });

  it('takes a token of the session, which is another text each time, and of no other session', async () => {
    const { send } = await start();
    const [[, one], [, two]] = [await send({}, 'GET'), await send({}, 'GET')];
    expect(one).not.toBe(two);
    for (const token of [one, two]) expect((await send({ 'x-csrf-token': token }))[0]).toBe(200);
    const [nonce, signature] = one.split('.') as [string, string];
    const wrong = [
      `${nonce}.`,
      `.${signature}`,
      signature,
      `${one}.x`,
      `${two.split('.')[0]}.${signature}`,
      one.slice(0, -2),
    ];
    for (const token of wrong) expect((await send({ 'x-csrf-token': token }))[0]).toBe(403);
    expect((await send({ 'x-csrf-token': one, cookie: '__Host-session=other' }))[0]).toBe(403);
    expect((await send({ 'x-csrf-token': one, cookie: 'x=1' }))[0]).toBe(403);
    // A token is no word against what the browser says.
    expect((await send({ 'x-csrf-token': one, 'sec-fetch-site': 'cross-site' }))[0]).toBe(403);
    expect((await send({ cookie: 'x=1' }, 'GET'))[1]).toBe('none');
  });

  it.each<[string, () => unknown]>([
    ['an origin that is none', () => csrf({ origins: ['app.example.com'] })],
    ['any origin', () => csrf({ origins: ['*'] })],
    ['the origin of nobody', () => csrf({ origins: ['null'] })],
    ['one origin as text', () => csrf({ origins: 'https://a.example' as never })],
    ['tokens that are none', () => csrf({ tokens: {} as never })],
    ['a misspelt option', () => csrf({ origin: [] } as never)],
    ['a short secret', () => createCsrfTokens({ secret: 'short', session: () => 'a' })],
    ['no session', () => createCsrfTokens({ secret } as never)],
  ])('refuses %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
  });
});
