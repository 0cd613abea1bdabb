import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithEachCache } from './caches.ts';
import { type Client, client } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

describeWithEachCache((cache) => {
  let folder: ReturnType<typeof temporaryFolder>;
  let service: Service;
  let api: Client;

  beforeAll(async () => {
    folder = temporaryFolder();
    service = await start(
      folder.path,
      settings(folder.path, { CACHE_URL: cache.url, CORS_ORIGINS: 'https://app.example.com' }),
    );
    api = client(service.url);
  });
  afterAll(async () => {
    await service?.stop();
    folder?.remove();
  });

  describe('every answer', () => {
    it('has an id, a sane one that came in being kept', async () => {
      const fresh = await api.call('GET', '/livez');
      expect(fresh.headers.get('x-request-id')).toMatch(/^[\w-]{8,}$/);
      const kept = await api.call('GET', '/livez', { headers: { 'x-request-id': 'trace-me-42' } });
      expect(kept.headers.get('x-request-id')).toBe('trace-me-42');
      const insane = await api.call('GET', '/livez', { headers: { 'x-request-id': `${'a'.repeat(2000)}` } });
      expect(insane.headers.get('x-request-id')).toMatch(/^[\w-]{8,128}$/);
      await expect.poll(() => service.output()).toContain('trace-me-42');
    });

    it.each(['/livez', '/nowhere', '/api/v1/users/'])('has security headers (%s)', async (path) => {
      const { headers } = await api.call('GET', path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('x-request-id')).toBeTruthy();
      expect(headers.get('x-powered-by')).toBeNull();
    });

    it('tells an allowed origin that it is allowed, errors included, and no other', async () => {
      for (const path of ['/livez', '/nowhere', '/api/v1/users/']) {
        const good = await api.call('GET', path, { headers: { origin: 'https://app.example.com' } });
        expect(good.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
        const evil = await api.call('GET', path, { headers: { origin: 'https://app.example.com.evil.example' } });
        expect(evil.headers.get('access-control-allow-origin')).toBeNull();
      }
    });

    it('answers a preflight', async () => {
      const answer = await api.call('OPTIONS', '/api/v1/users/', {
        headers: {
          origin: 'https://app.example.com',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,authorization',
        },
      });
      expect(answer.status).toBe(204);
      expect(answer.headers.get('access-control-allow-methods')).toContain('POST');
      expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
    });
  });

  describe('an answer', () => {
    it('is compressed where that is worth it, and has the bytes of the plain one', async () => {
      const read = async (encoding: string) => {
        const response = await fetch(`${service.url}/openapi.json`, { headers: { 'accept-encoding': encoding } });
        return { coding: response.headers.get('content-encoding'), text: await response.text() };
      };
      const [plain, zipped, small] = [await read('identity'), await read('gzip'), await api.call('GET', '/livez')];
      expect([plain.coding, zipped.coding]).toEqual([null, 'gzip']);
      expect(zipped.text).toBe(plain.text);
      expect(small.headers.get('content-encoding')).toBeNull();
    });

    it('has the title of a problem in the language of who asks, and the same code', async () => {
      const ask = (language: string) =>
        api.call<{ title: string; code: string }>('GET', '/nowhere', { headers: { 'accept-language': language } });
      const [english, german] = [await ask('fr, en'), await ask('de-AT, en;q=0.5')];
      expect(german.body).toMatchObject({ title: 'Nicht gefunden', code: english.body.code });
      expect(english.body.title).not.toBe(german.body.title);
      expect(german.headers.get('content-language')).toBe('de');
    });
  });

  describe('what does not exist', () => {
    it('is 404 for a path and 405 with Allow for a method', async () => {
      expect(await api.call('GET', '/nowhere')).toMatchObject({
        status: 404,
        body: { status: 404, code: 'http.route_not_found' },
      });
      const answer = await api.call('PATCH', '/api/v1/users/');
      expect(answer).toMatchObject({ status: 405, body: { status: 405 } });
      expect(answer.headers.get('allow')?.split(/,\s*/)).toEqual(expect.arrayContaining(['GET', 'POST']));
    });

    it.each(['/%61pi/v1/users/', '/api/v1//users/', '/API/v1/users/', '/api/v1/users/..%2f', '/%c0%ae', '/%'])(
      'never opens a guarded path by %s',
      async (path) => {
        expect([400, 401, 404]).toContain((await api.call('GET', path)).status);
      },
    );
  });

  describe('garbage', () => {
    const send = async (bytes: string): Promise<string> => {
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
      socket.end(bytes);
      return text(socket).catch(() => '');
    };

    it.each([
      ['no HTTP at all', 'hello\r\n\r\n'],
      ['two lengths', 'POST /api/v1/users/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}'],
      [
        'a length and chunks',
        'POST /api/v1/users/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
      ['a header bomb', `GET / HTTP/1.1\r\nHost: a\r\n${'x: y\r\n'.repeat(5000)}\r\n`],
      [
        'a body that ends early',
        'POST /api/v1/users/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":',
      ],
      ['a prototype header', 'GET /livez HTTP/1.1\r\nHost: a\r\n__proto__: x\r\n\r\n'],
    ])('%s neither crashes the service nor shows its insides', async (_name, bytes) => {
      const answer = await send(bytes);
      expect(answer).not.toMatch(/ at .*\.ts:\d+|node:internal/);
      expect(await api.call('GET', '/livez')).toMatchObject({ status: 200 });
    });
  });

  describe('health and metrics', () => {
    it.each(['/health', '/livez', '/readyz', '/startupz', '/health/'])('%s passes', async (path) => {
      const answer = await api.call('GET', path);
      expect(answer).toMatchObject({ status: 200, body: { status: 'pass' } });
      expect(answer.headers.get('content-type')).toContain('application/health+json');
    });

    it('shows each dependency', async () => {
      const { body } = await api.call('GET', '/health');
      expect(
        Object.keys(body.checks)
          .map((name) => name.split(':')[0])
          .sort(),
      ).toEqual(['broker', 'cache', 'database', 'outbox']);
    });

    it('counts requests by route, never by address or id', async () => {
      const user = await api.newUser();
      await api.call('GET', `/api/v1/users/${user.id}`, { token: user.token });
      await api.call('GET', `/nowhere/${user.id}`);
      const answer = await api.call<string>('GET', '/metrics');
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toContain('text/plain');
      expect(answer.body).toMatch(
        /^http_server_request_duration_seconds_count\{[^}]*http_route="\/api\/v1\/users\/:id"[^}]*\} [1-9]/m,
      );
      expect(answer.body).toMatch(/^process_cpu_seconds_total /m);
      expect(answer.body).not.toContain(user.id);
      expect(answer.body).not.toContain('nowhere');
    });
  });

  describe('logs', () => {
    it('have a line for each request with its id, and no secret', async () => {
      const user = await api.newUser();
      await api.call('GET', `/api/v1/users/${user.id}`, {
        token: user.token,
        headers: { 'x-request-id': 'the-one-to-find' },
      });
      const find = () =>
        service
          .output()
          .split('\n')
          .find((line) => line.includes('the-one-to-find'));
      await expect.poll(find).toBeDefined();
      const line = JSON.parse(find() as string);
      expect(line).toMatchObject({ '@timestamp': expect.any(String), message: expect.any(String) });
      expect(JSON.stringify(line)).toContain('/api/v1/users/:id');
      for (const secret of [user.token, user.tokens.refresh_token, user.email, 'tr0ub4dor', 'argon2']) {
        expect(service.output()).not.toContain(secret);
      }
    });
  });
});
