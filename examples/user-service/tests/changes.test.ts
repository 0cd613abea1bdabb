import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin, type Service, settings, start, temporaryFolder } from './service.ts';
import { type Client, client, newEmail, password, type User } from './client.ts';

/** What changes of a user mean for those who are at work with it at the same time. */
describe('changes of users', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let service: Service;
  let api: Client;
  let root: { id: string; token: string };

  beforeAll(async () => {
    folder = temporaryFolder();
    service = await start(folder.path, settings(folder.path));
    api = client(service.url);
    const token = (await api.loginAdmin()).access_token;
    const found = await api.call('GET', `/api/v1/users/?email=${admin.email}`, { token });
    root = { id: found.body.items[0]!.id, token };
  });
  afterAll(async () => {
    await service?.stop();
    folder?.remove();
  });

  const put = (id: string, token: string, body: unknown) =>
    api.call<User>('PUT', `/api/v1/users/${id}`, { token, body });
  const newAdmin = async (): ReturnType<Client['newUser']> => {
    const user = await api.newUser();
    expect(await put(user.id, root.token, { roles: ['user', 'admin'] })).toMatchObject({ status: 200 });
    return user;
  };

  it('leave no session of an old password, whatever logs in meanwhile', async () => {
    const next = (round: number): string => `another long passphrase ${round}`;
    const user = await api.newUser();
    let current = password;
    let { token } = user;
    for (let round = 0; round < 6; round++) {
      const changing = put(user.id, token, { password: next(round) });
      // Some are at the hash while it is changed, and begin their session just after.
      const logins = Array.from({ length: 6 }, () =>
        api.callInTurn<{ access_token: string }>('POST', '/api/v1/auth/login', {
          body: { email: user.email, password: current },
        }),
      );
      const change = await changing;
      expect(change.status).toBe(200);
      for (const login of await Promise.all(logins)) {
        expect([200, 401]).toContain(login.status);
        if (login.status === 200) {
          const read = await api.call('GET', `/api/v1/users/${user.id}`, { token: login.body.access_token });
          expect(read.status).toBe(401);
        }
      }
      current = next(round);
      token = (await api.login(user.email, current)).access_token;
    }
  });

  it('of roles are in force at once, for tokens from before too', async () => {
    const user = await api.newUser();
    const list = () => api.call('GET', '/api/v1/users/', { token: user.token });
    expect((await list()).status).toBe(403);
    await put(user.id, root.token, { roles: ['user', 'admin'] });
    expect((await list()).status).toBe(200);
    await put(user.id, root.token, { roles: ['user'] });
    expect((await list()).status).toBe(403);
    expect((await put(user.id, user.token, { roles: ['user', 'admin'] })).status).toBe(403);
    expect((await put(user.id, user.token, { name: 'Still myself' })).status).toBe(200);
  });

  it('of roles by one who loses the role at the same time do not bring it back', async () => {
    for (let round = 0; round < 10; round++) {
      const other = await newAdmin();
      await Promise.all([
        put(other.id, root.token, { roles: ['user'] }),
        ...Array.from({ length: 4 }, () => put(other.id, other.token, { roles: ['user', 'admin'] })),
      ]);
      expect((await put(other.id, other.token, { roles: ['user', 'admin'] })).status).toBe(403);
    }
  });

  it('leave an administrator', async () => {
    for (const body of [{ roles: ['user'] }, { roles: ['user'], name: 'x' }]) {
      expect(await put(root.id, root.token, body)).toMatchObject({
        status: 409,
        body: { code: 'users.last_administrator' },
      });
    }
    const erased = await api.call('DELETE', `/api/v1/users/${root.id}`, { token: root.token });
    expect(erased).toMatchObject({ status: 409, body: { code: 'users.last_administrator' } });
    expect((await put(root.id, root.token, { roles: ['admin'] })).status).toBe(200);
    expect((await api.call('GET', '/api/v1/users/', { token: root.token })).status).toBe(200);
  });

  it('leave an administrator of two who end each other at the same time', async () => {
    for (let round = 0; round < 6; round++) {
      const other = await newAdmin();
      const [mine, its] = await Promise.all([
        put(other.id, root.token, { roles: ['user'] }),
        round % 2 === 0
          ? put(root.id, other.token, { roles: ['user'] })
          : api.call('DELETE', `/api/v1/users/${other.id}`, { token: other.token }),
      ]);
      expect([mine.status, its.status].filter((status) => status < 300).length).toBeGreaterThanOrEqual(1);
      const listed = await api.call('GET', '/api/v1/users/', { token: root.token });
      if (listed.status === 200) continue;
      // The other one won: it gives the role back.
      expect(await put(root.id, other.token, { roles: ['user', 'admin'] })).toMatchObject({ status: 200 });
      expect(await put(other.id, root.token, { roles: ['user'] })).toMatchObject({ status: 200 });
    }
  });

  it('honour If-Match in DELETE as in PUT', async () => {
    const user = await api.newUser();
    const path = `/api/v1/users/${user.id}`;
    const stale = (await api.call('GET', path, { token: user.token })).headers.get('etag') as string;
    const changed = await put(user.id, user.token, { name: 'Grace' });
    const erase = (tag: string) => api.call('DELETE', path, { token: user.token, headers: { 'if-match': tag } });
    expect(await erase(stale)).toMatchObject({ status: 412, body: { code: 'middleware.precondition_failed' } });
    expect((await erase('"nonsense"')).status).toBe(412);
    expect((await erase(changed.headers.get('etag') as string)).status).toBe(204);
  });

  it.each<[string, string, string, unknown]>([
    ['NUL in a name', 'POST', '/api/v1/users/', { email: newEmail(), password, name: 'a\u0000b' }],
    ['half a character in a name', 'POST', '/api/v1/users/', { email: newEmail(), password, name: 'a\ud800' }],
    ['a name of blanks', 'POST', '/api/v1/users/', { email: newEmail(), password, name: ' \t ' }],
    [
      'half a character in a password',
      'POST',
      '/api/v1/users/',
      { email: newEmail(), password: `${password}\ud800`, name: 'a' },
    ],
    ['NUL in the email of a login', 'POST', '/api/v1/auth/login', { email: 'a\u0000b', password }],
    ['a local part of 65', 'POST', '/api/v1/users/', { email: `${'a'.repeat(65)}@example.com`, password, name: 'a' }],
  ])('are refused with their place: %s', async (_name, method, path, body) => {
    const answer = await api.call(method, path, { body });
    expect(answer.status).toBe(422);
    const [field] = Object.keys(body as object).filter((key) => _name.replace('local part', 'email').includes(key));
    expect(answer.body.errors).toEqual(
      expect.arrayContaining([expect.objectContaining({ pointer: `#/${field}`, in: 'body' })]),
    );
  });

  it.each(['limit=0x10', 'limit=1e1', 'limit=%2B5', 'limit=', 'email=%00', 'email=a%00b'])(
    'and queries too: ?%s',
    async (query) => {
      const answer = await api.call('GET', `/api/v1/users/?${query}`, { token: root.token });
      expect(answer.status).toBe(422);
      expect(answer.body.errors).toEqual([
        expect.objectContaining({ in: 'query', pointer: `#/${query.split('=')[0]}` }),
      ]);
    },
  );

  it.each(['%00', 'a%00b', '..%2F', '%F0%9F%98%80', 'x'.repeat(400)])('a user %s is none', async (id) => {
    for (const [method, body] of [['GET'], ['PUT', { name: 'x' }], ['DELETE']] as const) {
      const answer = await api.call(method, `/api/v1/users/${id}`, { token: root.token, body });
      expect(answer.status).toBe(404);
    }
  });

  it('refuse roles that are named twice, and take an international domain', async () => {
    const user = await api.newUser();
    expect((await put(user.id, root.token, { roles: ['user', 'user'] })).status).toBe(422);
    expect((await put(user.id, user.token, { email: 'a@xn--p1ai.xn--p1ai' })).status).toBe(200);
    expect((await put(user.id, user.token, {})).status).toBe(422);
  });
});
