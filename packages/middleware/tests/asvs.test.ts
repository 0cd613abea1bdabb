// What a library can hold of OWASP ASVS 5.0.0, by the numbers of its requirements, for docs/security.md.
import { AuthenticationError } from '@ent/errors';
import { accessLog, cors, csrf, requestId, securityHeaders, setCookie } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { serve } from './support/serve.ts';

const app = 'https://app.example.com';
const lines: object[] = [];
let url: string;

beforeEach(async () => {
  lines.length = 0;
  const listener = createNodeListener(
    (exchange) => {
      if (exchange.path === '/boom') throw new Error('select * from secrets where token = abc');
      if (exchange.path === '/login') throw new AuthenticationError('Wrong.');
      return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: exchange.peer };
    },
    {
      middleware: [
        requestId(),
        accessLog({ info: (_message, fields) => void lines.push(fields) }),
        securityHeaders(),
        cors({ origins: [app], credentials: true }),
        csrf({}),
      ],
      trustProxies: ['10.0.0.0/8'],
    },
  );
  ({ url } = await serve(listener));
});

describe('cookies', () => {
  it('ASVS 3.3.1: a cookie is Secure where nothing else is said, and one whose name promises it cannot be without', () => {
    expect(setCookie('a', '1')).toContain('Secure');
    expect(() => setCookie('__Secure-a', '1', { secure: false })).toThrow();
  });

  it('ASVS 3.3.2: a cookie has SameSite, Lax where nothing else is said', () => {
    expect(setCookie('a', '1')).toContain('SameSite=Lax');
    expect(setCookie('a', '1', { sameSite: 'strict' })).toContain('SameSite=Strict');
  });

  it('ASVS 3.3.3: a name with __Host- is for this host and all its paths, or it is refused', () => {
    expect(setCookie('__Host-session', '1').split('; ')).toEqual(expect.arrayContaining(['Path=/', 'Secure']));
    for (const wrong of [{ domain: 'example.com' }, { path: '/app' }, { secure: false }]) {
      expect(() => setCookie('__Host-session', '1', wrong)).toThrow();
    }
  });

  it('ASVS 3.3.4: a script does not see a cookie where nothing else is said', () => {
    expect(setCookie('a', '1')).toContain('HttpOnly');
  });

  it('ASVS 3.3.5: a cookie that browsers would drop is refused', () => {
    expect(() => setCookie('a', 'x'.repeat(5000))).toThrow();
  });
});

/** A header of a good answer and of a failed one. */
const valuesOf = async (name: string): Promise<(string | null)[]> =>
  Promise.all(['/', '/boom'].map(async (path) => (await fetch(url + path)).headers.get(name)));

describe('headers of every answer, errors too', () => {
  it('ASVS 3.4.1: TLS is asked for, for a year and for the hosts below', async () => {
    const value = 'max-age=31536000; includeSubDomains';
    expect(await valuesOf('strict-transport-security')).toEqual([value, value]);
  });

  it('ASVS 3.4.3: a page that was made of an answer loads and runs nothing, and has no other base', async () => {
    for (const policy of await valuesOf('content-security-policy')) {
      expect(policy?.split(';')).toEqual(expect.arrayContaining(["default-src 'none'", "base-uri 'none'"]));
    }
  });

  it('ASVS 3.4.4: a browser takes the media type as it is said', async () => {
    expect(await valuesOf('x-content-type-options')).toEqual(['nosniff', 'nosniff']);
  });

  it('ASVS 3.4.5: no address is told to where a link leads', async () => {
    expect(await valuesOf('referrer-policy')).toEqual(['no-referrer', 'no-referrer']);
  });

  it('ASVS 3.4.6: no page may frame an answer', async () => {
    for (const policy of await valuesOf('content-security-policy')) {
      expect(policy?.split(';')).toContain("frame-ancestors 'none'");
    }
  });

  it('ASVS 14.3.2: no cache keeps an answer that says nothing of it', async () => {
    expect(await valuesOf('cache-control')).toEqual(['no-store', 'no-store']);
  });
});

describe('requests of other origins', () => {
  it('ASVS 3.4.2: an origin is named to a browser where it is listed, and never repeated', async () => {
    const allowed = async (origin: string): Promise<string | null> =>
      (await fetch(url, { headers: { origin } })).headers.get('access-control-allow-origin');
    const origins = [app, `${app}.evil.example`, 'http://app.example.com', 'null'];
    expect(await Promise.all(origins.map(allowed))).toEqual([app, null, null, null]);
    expect(() => cors({ origins: '*', credentials: true })).toThrow();
  });

  it('ASVS 3.5.1: what changes something by a cookie comes from the own pages', async () => {
    const send = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(url, { method: 'POST', headers: { cookie: 'a=b', ...headers } })).status;
    expect(await send({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }, {}]) {
      expect(await send(headers as Record<string, string>)).toBe(403);
    }
  });

  it('ASVS 3.5.2: a form, which no browser asks about before, is looked at as all else', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=a', 'text/plain']) {
      const headers = { cookie: 'a=b', 'content-type': type, origin: 'https://evil.example' };
      expect((await fetch(url, { method: 'POST', headers, body: '' })).status).toBe(403);
    }
  });
});

it('ASVS 4.1.3: a client that is no proxy of ours cannot say where it is', async () => {
  const headers = { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7', 'x-real-ip': '203.0.113.7' };
  expect(await (await fetch(url, { headers })).text()).toBe('127.0.0.1');
});

describe('logs and errors', () => {
  it('ASVS 16.2.1: a line of the access log says who, from where, what and how it ended', async () => {
    await fetch(`${url}/login`, { headers: { 'user-agent': 'otter/1' } });
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(lines[0]).toMatchObject({
      'http.request.id': expect.stringMatching(/./) as string,
      'http.request.method': 'GET',
      'url.path': '/login',
      'client.address': '127.0.0.1',
      'user_agent.original': 'otter/1',
      'http.response.status_code': 401,
      'error.type': 'unauthenticated',
    });
  });

  it('ASVS 16.2.5: what stands in the query or in a header of a login is in no line', async () => {
    await fetch(`${url}/login?token=hush`, { headers: { authorization: 'Bearer hush', cookie: 'session=hush' } });
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(JSON.stringify(lines)).not.toContain('hush');
  });

  it('ASVS 16.5.1: an error that nobody expected is answered with words that say nothing of it', async () => {
    const answer = await fetch(`${url}/boom`);
    const body = await answer.text();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([500, 'application/problem+json']);
    expect(body).not.toMatch(/select|secrets|abc|Error:|at .*:\d+/);
  });

  it('ASVS 16.5.4: what a handler throws ends its request, and the service goes on', async () => {
    for (let turn = 0; turn < 3; turn++) expect((await fetch(`${url}/boom`)).status).toBe(500);
    expect((await fetch(url)).status).toBe(200);
  });
});
