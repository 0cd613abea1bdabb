// What users do to keep an account: a second factor, and a look at where they are logged in. And who may do what.
import { TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, client, password, type Tokens, type User } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

const folder = temporaryFolder();
let service: Service;
let api: Client;
beforeAll(async () => {
  service = await start(folder.path);
  api = client(service.url);
});
afterAll(async () => {
  await service?.stop();
  folder.remove();
});

type Caller = User & { token: string };
const post = <Body = { code: string }>(path: string, token: string | undefined, body?: object) =>
  api.callInTurn<Body>('POST', `/api/v1/auth/${path}`, {
    ...(token !== undefined && { token }),
    ...(body && { body }),
  });
const tryLogin = (email: string) =>
  post<Tokens & { second_factor_token: string }>('login', undefined, { email, password });
const statusWith = async ({ id }: User, token: string): Promise<number> =>
  (await api.call('GET', `/api/v1/users/${id}`, { token })).status;

/** A user with an authenticator app; `next` gives a code that was not used yet. */
async function enrolled(): Promise<Caller & { next: () => string; recoveryCodes: string[] }> {
  const user = await api.newUser();
  const { body } = await post<{ secret: string; uri: string }>('second-factor', user.token);
  expect(body.uri).toMatch(/^otpauth:\/\/totp\/user-service:/);
  const app = new TOTP({ secret: body.secret });
  const confirmed = await post<{ recoveryCodes: string[] }>('second-factor/confirm', user.token, {
    code: app.generate(),
  });
  expect(confirmed.status).toBe(200);
  const next = () => app.generate({ timestamp: Date.now() + 30_000 });
  return { ...user, next, recoveryCodes: confirmed.body.recoveryCodes };
}

/** What a client has after its password. */
const half = async (email: string): Promise<string> => {
  const answer = await tryLogin(email);
  expect(answer).toMatchObject({ status: 202, body: { expires_in: expect.any(Number) } });
  expect(answer.body.access_token).toBeUndefined();
  expect(answer.headers.get('cache-control')).toContain('no-store');
  return answer.body.second_factor_token;
};
const complete = (token: string, code: string) =>
  post<Tokens & { code: string }>('login/second-factor', undefined, { second_factor_token: token, code });

describe('a second factor', () => {
  it('is asked for once it is confirmed, and a code completes the login', async () => {
    const user = await enrolled();
    const token = await half(user.email);
    expect(await complete(token, '12345')).toMatchObject({ status: 401, body: { code: 'auth.code_invalid' } });
    const answer = await complete(token, user.next());
    expect(answer.status).toBe(200);
    expect(await statusWith(user, answer.body.access_token)).toBe(200);
    const { body } = await api.call<{ items: { current: boolean; methods: string[] }[] }>(
      'GET',
      '/api/v1/auth/sessions',
      { token: answer.body.access_token },
    );
    expect(body.items.find(({ current }) => current)?.methods).toEqual(['pwd', 'otp']);
    // Neither the token nor the code works again.
    expect((await complete(token, user.next())).status).toBe(400);
    expect((await complete(await half(user.email), user.next())).status).toBe(401);
  });

  it('is no way around by the form of OAuth2, which has no place for a code', async () => {
    const { email } = await enrolled();
    const answer = await api.callInTurn('POST', '/api/v1/auth/token', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      raw: String(new URLSearchParams({ grant_type: 'password', username: email, password })),
    });
    expect(answer).toMatchObject({ status: 401, body: { code: 'auth.step_up_required' } });
    expect(answer.body).not.toHaveProperty('access_token');
  });

  it('is replaced by a recovery code, each of which works once, also when it comes twice at once', async () => {
    const { email, token, recoveryCodes } = await enrolled();
    const [code = ''] = recoveryCodes;
    const first = await half(email);
    const answers = await Promise.all([complete(first, code), complete(first, code)]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await complete(await half(email), code)).status).toBe(401);
    expect(await api.call('GET', '/api/v1/auth/account', { token })).toMatchObject({
      body: { secondFactor: true, recoveryCodesLeft: 9 },
    });
  });

  it('of a login that began with an old password is no good once there is a new one', async () => {
    const { id, email, token, next } = await enrolled();
    const begun = await half(email);
    const change = await api.callInTurn('PUT', `/api/v1/users/${id}`, {
      token,
      body: { password: 'another long one' },
    });
    expect(change.status).toBe(200);
    expect(await complete(begun, next())).toMatchObject({ status: 401, body: { code: 'auth.credentials_invalid' } });
  });

  it('cannot be guessed: a few wrong codes are answered, and then none', async () => {
    const { email, next } = await enrolled();
    const token = await half(email);
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await complete(token, '000000')).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
    expect((await complete(token, next())).status).toBe(429);
  });

  it('is ended by a code, or by an administrator, and not by the password alone', async () => {
    const user = await enrolled();
    const [first = '', second = ''] = user.recoveryCodes;
    expect((await post('second-factor/disable', user.token, { code: '000000' })).status).toBe(401);
    const renewed = await post<{ recoveryCodes: string[] }>('second-factor/recovery-codes', user.token, {
      code: first,
    });
    expect(renewed.body.recoveryCodes).toHaveLength(10);
    expect((await post('second-factor/disable', user.token, { code: second })).status).toBe(401);
    const [fresh = ''] = renewed.body.recoveryCodes;
    expect((await post('second-factor/disable', user.token, { code: fresh })).status).toBe(204);
    expect((await tryLogin(user.email)).status).toBe(200);

    const other = await enrolled();
    const path = `/api/v1/users/${other.id}/second-factor`;
    const { access_token: root } = await api.loginAdmin();
    expect((await api.call('DELETE', path, { token: other.token })).status).toBe(403);
    expect((await api.call('DELETE', path, { token: root })).status).toBe(204);
    expect((await api.call('DELETE', path, { token: root })).status).toBe(404);
    expect((await tryLogin(other.email)).status).toBe(200);
  });

  it('can be enrolled again after a first try that was not confirmed, and not over one that is in force', async () => {
    const user = await api.newUser();
    await post('second-factor', user.token);
    expect((await tryLogin(user.email)).status).toBe(200);
    expect((await post('second-factor', user.token)).status).toBe(200);
    const { token } = await enrolled();
    expect(await post('second-factor', token)).toMatchObject({ status: 409, body: { code: 'auth.totp_enrolled' } });
  });
});

describe('the sessions of a user', () => {
  interface Listed {
    items: { id: string; current: boolean; userAgent: string | null; address: string | null }[];
  }
  const list = async (token: string) => (await api.call<Listed>('GET', '/api/v1/auth/sessions', { token })).body.items;

  it('are listed with device and address, end one by one, and all but the own', async () => {
    const user = await api.newUser();
    const headers = { 'user-agent': 'the phone' };
    const login = await api.callInTurn<Tokens>('POST', '/api/v1/auth/login', {
      body: { email: user.email, password },
      headers,
    });
    const phone = login.body.access_token;
    await api.login(user.email);
    const sessions = await list(user.token);
    expect(sessions).toHaveLength(3);
    expect(sessions.filter(({ current }) => current)).toHaveLength(1);
    const lost = sessions.find(({ userAgent }) => userAgent === 'the phone');
    expect(lost).toMatchObject({ current: false, address: '127.0.0.1' });

    const path = `/api/v1/auth/sessions/${lost?.id}`;
    const stranger = await api.newUser();
    expect((await api.call('DELETE', path, { token: stranger.token })).status).toBe(404);
    expect(await statusWith(user, phone)).toBe(200);
    expect((await api.call('DELETE', path, { token: user.token })).status).toBe(204);
    expect(await statusWith(user, phone)).toBe(401);
    expect((await api.refresh(login.body.refresh_token)).status).toBe(401);
    expect((await api.call('DELETE', path, { token: user.token })).status).toBe(404);

    expect((await api.call('DELETE', '/api/v1/auth/sessions', { token: user.token })).status).toBe(204);
    expect((await list(user.token)).map(({ current }) => current)).toEqual([true]);
    expect(await list(stranger.token)).toHaveLength(1);
  });
});

describe('the table of roles', () => {
  it('is for administrators, as data and as Markdown', async () => {
    const { access_token: token } = await api.loginAdmin();
    const table = await api.call<{ items: object[] }>('GET', '/api/v1/admin/roles', { token });
    expect(table.body.items).toContainEqual({
      role: 'admin',
      effect: 'allow',
      permission: 'users:update',
      own: true,
      path: ['admin', 'user'],
    });
    const { body, headers } = await api.call<string>('GET', '/api/v1/admin/roles.md', { token });
    expect(headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(body).toMatchInlineSnapshot(`
      "| role | may or not | what | which | by |
      | --- | --- | --- | --- | --- |
      | user | may | users:read | own | itself |
      | user | may | users:update | own | itself |
      | user | may | users:delete | own | itself |
      | admin | may | users:* | any | itself |
      | admin | may | roles:list | any | itself |
      | admin | may | users:read | own | user |
      | admin | may | users:update | own | user |
      | admin | may | users:delete | own | user |
      "
    `);
    const user = await api.newUser();
    expect((await api.call('GET', '/api/v1/admin/roles', { token: user.token })).status).toBe(403);
    expect((await api.call('GET', '/api/v1/admin/roles.md')).status).toBe(401);
  });
});

describe('the secret of second factors', () => {
  it('can be set later: what was enrolled before still works', async () => {
    const own = temporaryFolder();
    const before = api;
    try {
      const first = await start(own.path);
      api = client(first.url);
      const { email, recoveryCodes } = await enrolled();
      await first.stop();
      const secret = { SECOND_FACTOR_SECRET: 'of the environment, at least 32 bytes' };
      const second = await start(own.path, settings(own.path, secret));
      api = client(second.url);
      expect((await complete(await half(email), recoveryCodes[0] as string)).status).toBe(200);
      await second.stop();
    } finally {
      api = before;
      own.remove();
    }
  });
});
