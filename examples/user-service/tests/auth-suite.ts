import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, client, newEmail, password, type Tokens } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

/**
 * Logins over HTTP: tokens, sessions, and what ends them.
 *
 * @param settingsOf where the service has its data; asked in hooks
 */
export function testAuth(settingsOf: () => Record<string, string>): void {
  let folder: ReturnType<typeof temporaryFolder>;
  let service: Service;
  let api: Client;

  beforeAll(async () => {
    folder = temporaryFolder();
    service = await start(folder.path, settings(folder.path, { ...settingsOf(), REFRESH_GRACE: '5s' }));
    api = client(service.url);
  });
  afterAll(async () => {
    await service?.stop();
    folder?.remove();
  });

  it('publishes the keys of its tokens, and nothing that could sign one', async () => {
    const { status, body, headers } = await api.call<{ keys: object[] }>('GET', '/.well-known/jwks.json');
    expect({ status, keys: body.keys }).toEqual({
      status: 200,
      keys: [{ kty: 'OKP', crv: 'Ed25519', x: expect.any(String), kid: expect.any(String), alg: 'EdDSA', use: 'sig' }],
    });
    expect(headers.get('cache-control')).toContain('max-age');
  });

  describe('POST /api/v1/auth/login', () => {
    it('gives tokens in the names of RFC 6749', async () => {
      const user = await api.register();
      const answer = await api.call('POST', '/api/v1/auth/login', {
        body: { email: user.email.toUpperCase(), password },
      });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toContain('no-store');
      expect(answer.body).toEqual({
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 900,
      });
    });

    it('says the same of an unknown user and of a wrong password', async () => {
      const user = await api.register();
      const login = (email: string) =>
        api.call('POST', '/api/v1/auth/login', { body: { email, password: 'wrong wrong wrong' } });
      const [wrong, unknown] = [await login(user.email), await login(newEmail())];
      expect(wrong.status).toBe(401);
      const { instance: _one, ...first } = wrong.body;
      const { instance: _two, ...second } = unknown.body;
      expect(first).toEqual(second);
      expect(wrong.headers.get('www-authenticate')).toMatch(/^Bearer/);
    });

    it('throttles guessing at one account and says when to come back', async () => {
      const user = await api.register();
      const guess = () =>
        api.call('POST', '/api/v1/auth/login', { body: { email: user.email, password: 'wrong wrong wrong' } });
      let answer = await guess();
      for (let i = 0; i < 50 && answer.status === 401; i++) answer = await guess();
      expect(answer).toMatchObject({ status: 429, body: { status: 429, code: expect.any(String) } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      // Another account from the same address still gets in.
      await api.newUser();
    });
  });

  describe('POST /api/v1/auth/token', () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const enter = (username: string, secret: string, more: Record<string, string> = {}) =>
      api.callInTurn('POST', '/api/v1/auth/token', {
        headers: { ...form, authorization: 'Basic Og==' },
        raw: String(new URLSearchParams({ grant_type: 'password', username, password: secret, ...more })),
      });

    it('gives for a form what the login gives, as the password flow of OAuth2 has it', async () => {
      const user = await api.register();
      const answer = await enter(user.email.toUpperCase(), password, { scope: '', client_id: 'page' });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toContain('no-store');
      expect(answer.body).toEqual({
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 900,
      });
      const { access_token: token } = answer.body as unknown as Tokens;
      expect(await api.call('GET', `/api/v1/users/${user.id}`, { token })).toMatchObject({ status: 200 });
      const { body } = await api.call('GET', '/openapi.json');
      expect(body).toMatchObject({
        components: {
          securitySchemes: {
            bearerAuth: { type: 'http', scheme: 'bearer' },
            passwordFlow: { type: 'oauth2', flows: { password: { tokenUrl: '/api/v1/auth/token', scopes: {} } } },
          },
        },
      });
    });

    it('refuses as the login does, and counts a wrong password with those of the login', async () => {
      const user = await api.register();
      const wrong = await enter(user.email, 'wrong wrong wrong');
      expect(wrong).toMatchObject({ status: 401, body: { code: 'auth.credentials_invalid' } });
      expect(wrong.headers.get('www-authenticate')).toMatch(/^Bearer/);
      const login = () =>
        api.call('POST', '/api/v1/auth/login', { body: { email: user.email, password: 'wrong wrong wrong' } });
      let answer = await login();
      for (let i = 0; i < 50 && answer.status === 401; i++) answer = await login();
      expect(answer.status).toBe(429);
      const throttled = await enter(user.email, password);
      expect(throttled).toMatchObject({ status: 429, body: { code: answer.body.code } });
      expect(Number(throttled.headers.get('retry-after'))).toBeGreaterThan(0);
    });

    it.each<[string, Record<string, string>, string]>([
      ['another grant', { grant_type: 'client_credentials' }, '#/grant_type'],
      ['a scope, of which there are none', { scope: 'admin' }, '#/scope'],
      ['a field that is unknown', { otp: '123456' }, '#/otp'],
    ])('refuses %s', async (_name, more, pointer) => {
      const answer = await enter('ada@example.com', password, more);
      expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer }] } });
    });
  });

  describe('POST /api/v1/auth/refresh', () => {
    it('gives new tokens for a refresh token', async () => {
      const { tokens, id } = await api.newUser();
      const answer = await api.refresh(tokens.refresh_token);
      expect(answer).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 900 } });
      expect(answer.body.refresh_token).not.toBe(tokens.refresh_token);
      expect(await api.call('GET', `/api/v1/users/${id}`, { token: answer.body.access_token })).toMatchObject({
        status: 200,
      });
    });

    it('gives one successor to concurrent calls and to a retry', async () => {
      const { tokens } = await api.newUser();
      const answers = await Promise.all(Array.from({ length: 20 }, () => api.refresh(tokens.refresh_token)));
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
      expect(new Set(answers.map((answer) => answer.body.refresh_token)).size).toBe(1);
    });

    it('takes a spent token after its grace for theft and ends the whole family, but no other', async () => {
      const { tokens, email, id } = await api.newUser();
      const elsewhere = await api.login(email);
      const next = (await api.refresh(tokens.refresh_token)).body;
      const latest = (await api.refresh(next.refresh_token)).body;
      await expect.poll(async () => (await api.refresh(tokens.refresh_token)).status, { interval: 100 }).toBe(401);
      expect(await api.refresh(latest.refresh_token)).toMatchObject({ status: 401, body: { status: 401 } });
      expect(await api.call('GET', `/api/v1/users/${id}`, { token: latest.access_token })).toMatchObject({
        status: 401,
      });
      expect(await api.refresh(elsewhere.refresh_token)).toMatchObject({ status: 200 });
    });

    it.each(['', 'nonsense', 'a'.repeat(10_000)])('refuses %j', async (token) => {
      const answer = await api.refresh(token);
      expect([401, 422]).toContain(answer.status);
    });
  });

  describe('POST /api/v1/auth/logout', () => {
    it('ends the session: neither its refresh nor its access token works any more', async () => {
      const user = await api.newUser();
      const elsewhere = await api.login(user.email);
      const logout = () =>
        api.call('POST', '/api/v1/auth/logout', {
          token: user.token,
          body: { refresh_token: user.tokens.refresh_token },
        });
      expect(await logout()).toMatchObject({ status: 204, body: '' });
      expect(await api.call('GET', `/api/v1/users/${user.id}`, { token: user.token })).toMatchObject({ status: 401 });
      expect(await api.refresh(user.tokens.refresh_token)).toMatchObject({ status: 401 });
      expect(await api.call('GET', `/api/v1/users/${user.id}`, { token: elsewhere.access_token })).toMatchObject({
        status: 200,
      });
    });

    it("does not end another user's session", async () => {
      const [user, other] = [await api.newUser(), await api.newUser()];
      await api.call('POST', '/api/v1/auth/logout', {
        token: other.token,
        body: { refresh_token: user.tokens.refresh_token },
      });
      expect(await api.refresh(user.tokens.refresh_token)).toMatchObject({ status: 200 });
    });

    it('asks for a token', async () => {
      expect(await api.call('POST', '/api/v1/auth/logout', { body: { refresh_token: 'x' } })).toMatchObject({
        status: 401,
      });
    });
  });

  describe('access tokens', () => {
    it.each([
      ['without a signature', (token: string) => `${token.split('.').slice(0, 2).join('.')}.`],
      [
        'with the algorithm "none"',
        (token: string) =>
          `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${token.split('.')[1]}.`,
      ],
      [
        'with a changed payload',
        (token: string) => {
          const [head, payload, signature] = token.split('.') as [string, string, string];
          const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
          return `${head}.${Buffer.from(JSON.stringify({ ...claims, roles: ['admin'] })).toString('base64url')}.${signature}`;
        },
      ],
      ['of 1 MiB', (token: string) => token + 'x'.repeat(12_000)],
    ])('%s are refused', async (_name, forge) => {
      const user = await api.newUser();
      const answer = await api.call('GET', `/api/v1/users/${user.id}`, { token: forge(user.token) });
      expect([401, 431]).toContain(answer.status);
    });
  });
}
