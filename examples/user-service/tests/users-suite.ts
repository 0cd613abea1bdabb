import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, client, newEmail, password, type User } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

/**
 * Users over HTTP: how they register, change, are listed and go.
 *
 * @param settingsOf where the service has its data; asked in hooks
 */
export function testUsers(settingsOf: () => Record<string, string>): void {
  let folder: ReturnType<typeof temporaryFolder>;
  let service: Service;
  let api: Client;
  let adminToken: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    service = await start(folder.path, settings(folder.path, settingsOf()));
    api = client(service.url);
    adminToken = (await api.loginAdmin()).access_token;
  });
  afterAll(async () => {
    await service?.stop();
    folder?.remove();
  });

  describe('POST /api/v1/users/', () => {
    it('registers a user and tells where it is', async () => {
      const email = newEmail();
      const answer = await api.call<User>('POST', '/api/v1/users/', { body: { email, password, name: 'Ada' } });
      expect(answer.status).toBe(201);
      expect(answer.headers.get('location')).toBe(`/api/v1/users/${answer.body.id}`);
      expect(answer.body).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
        email,
        name: 'Ada',
        roles: ['user'],
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        updatedAt: answer.body.createdAt,
      });
    });

    it('works without the trailing slash', async () => {
      const answer = await api.call('POST', '/api/v1/users', { body: { email: newEmail(), password, name: 'Ada' } });
      expect(answer.status).toBe(201);
    });

    it.each(['/api/v1/users/', '/api/v1/users', '/api/v1/%75sers'])(
      'answers a second attempt with its key: %s',
      async (path) => {
        const body = { email: newEmail(), password, name: 'Ada' };
        const register = () => api.call<User>('POST', path, { body, headers: { 'idempotency-key': body.email } });
        const [first, second] = [await register(), await register()];
        expect([first.status, second.status, second.headers.get('idempotent-replayed')]).toEqual([201, 201, 'true']);
        expect(second.body.id).toBe(first.body.id);
        const other = await api.call('PATCH', path, { body: {}, headers: { 'idempotency-key': body.email } });
        expect(other.status).toBe(405);
      },
    );

    it('refuses an address that is taken, whatever its case', async () => {
      const { email } = await api.register();
      const answer = await api.call('POST', '/api/v1/users/', {
        body: { email: email.toUpperCase(), password, name: 'Eve' },
      });
      expect(answer).toMatchObject({ status: 409, body: { status: 409, code: 'users.email_taken' } });
      expect(JSON.stringify(answer.body).toLowerCase()).not.toContain(email);
    });

    it('lets exactly one of many concurrent registrations of one address through', async () => {
      const email = newEmail();
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          api.callInTurn('POST', '/api/v1/users/', {
            body: { email: i % 2 ? email : email.toUpperCase(), password, name: `n${i}` },
          }),
        ),
      );
      expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
    });

    it('lists every fault with its pointer', async () => {
      const answer = await api.call('POST', '/api/v1/users/', {
        body: { email: 'nonsense', password: 'short', id: 'mine', roles: ['admin'] },
      });
      expect(answer.status).toBe(422);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(answer.body).toMatchObject({
        status: 422,
        title: expect.any(String),
        type: expect.any(String),
        code: expect.any(String),
      });
      const pointers = answer.body.errors.map((issue: { pointer: string }) => issue.pointer);
      expect(new Set(pointers)).toEqual(new Set(['#/email', '#/password', '#/name', '#/id', '#/roles']));
      for (const issue of answer.body.errors) {
        expect(issue).toEqual({
          pointer: expect.any(String),
          in: 'body',
          code: expect.any(String),
          detail: expect.any(String),
        });
      }
      expect(JSON.stringify(answer.body)).not.toContain('nonsense');
    });

    it.each<[string, string | Uint8Array, Record<string, string>, number]>([
      ['unparsable JSON', '{"email": ', {}, 400],
      ['an empty body', '', {}, 422],
      ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), {}, 400],
      ['JSON that is not an object', '[]', {}, 422],
      ['another content type', 'email=a', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
      ['more than 1 MiB', `{"name":"${'x'.repeat(1024 * 1024)}"}`, {}, 413],
      ['an attempt on the prototype', '{"__proto__": {"roles": ["admin"]}}', {}, 400],
    ])('refuses %s', async (_name, raw, headers, status) => {
      const answer = await api.call('POST', '/api/v1/users/', { raw, headers });
      expect(answer).toMatchObject({ status, body: { status, code: expect.any(String) } });
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    });
  });

  describe('GET /api/v1/users/{id}', () => {
    it('shows a user to itself and to an administrator, and to nobody else', async () => {
      const user = await api.newUser();
      const other = await api.newUser();
      const own = await api.call<User>('GET', `/api/v1/users/${user.id}`, { token: user.token });
      expect(own.status).toBe(200);
      expect(Object.keys(own.body).sort()).toEqual(['createdAt', 'email', 'id', 'name', 'roles', 'updatedAt']);
      expect(await api.call('GET', `/api/v1/users/${user.id}/`, { token: adminToken })).toMatchObject({ status: 200 });
      expect(await api.call('GET', `/api/v1/users/${user.id}`, { token: other.token })).toMatchObject({
        status: 403,
        body: { code: expect.any(String) },
      });
    });

    it('asks for a token, and for a good one', async () => {
      const user = await api.newUser();
      for (const authorization of [
        '',
        'Basic dTpw',
        'Bearer',
        'Bearer ',
        `Bearer ${user.token}x`,
        `Bearer ${user.token} x`,
      ]) {
        const answer = await api.call('GET', `/api/v1/users/${user.id}`, { headers: { authorization } });
        expect(answer).toMatchObject({ status: 401, body: { status: 401 } });
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
      }
    });

    it('answers 404 for a user who does not exist', async () => {
      for (const id of ['00000000-0000-4000-8000-000000000000', 'nonsense']) {
        expect(await api.call('GET', `/api/v1/users/${id}`, { token: adminToken })).toMatchObject({
          status: 404,
          body: { status: 404 },
        });
      }
    });

    it('answers 304 while the user has not changed', async () => {
      const user = await api.newUser();
      const path = `/api/v1/users/${user.id}`;
      const etag = (await api.call('GET', path, { token: user.token })).headers.get('etag') as string;
      expect(etag).toMatch(/^(W\/)?".+"$/);
      const headers = { 'if-none-match': etag };
      expect(await api.call('GET', path, { token: user.token, headers })).toMatchObject({ status: 304, body: '' });
      await api.call('PUT', path, { token: user.token, body: { name: 'Grace' } });
      const changed = await api.call<User>('GET', path, { token: user.token, headers });
      expect(changed).toMatchObject({ status: 200, body: { name: 'Grace' } });
      expect(changed.headers.get('etag')).not.toBe(etag);
    });
  });

  describe('GET /api/v1/users/', () => {
    it('is for administrators', async () => {
      const { token } = await api.newUser();
      expect(await api.call('GET', '/api/v1/users/', { token })).toMatchObject({ status: 403 });
      expect(await api.call('GET', '/api/v1/users/')).toMatchObject({ status: 401 });
    });

    it.each(['createdAt', '-createdAt', 'email', '-email', 'name'])(
      'pages through everyone by sort=%s, each exactly once',
      async (sort) => {
        const registered = await Promise.all(
          Array.from({ length: 5 }, (_, i) => api.register(newEmail(), `Same name ${i % 2}`)),
        );
        const seen: User[] = [];
        let cursor: string | null = '';
        while (cursor !== null) {
          const query: string = `limit=3&sort=${sort}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
          const page = await api.call<{ items: User[]; next: string | null }>('GET', `/api/v1/users/?${query}`, {
            token: adminToken,
          });
          expect(page.status).toBe(200);
          expect(page.body.items.length).toBeLessThanOrEqual(3);
          seen.push(...page.body.items);
          // A user who registers meanwhile neither doubles nor hides another.
          if (seen.length === 3) await api.register();
          cursor = page.body.next;
        }
        const ids = seen.map((user) => user.id);
        expect(new Set(ids).size).toBe(ids.length);
        for (const user of registered) expect(ids).toContain(user.id);
        const field = sort.replace('-', '') as 'createdAt' | 'email' | 'name';
        const values = seen.map((user) => user[field]);
        const sorted = values.toSorted();
        expect(values).toEqual(sort.startsWith('-') ? sorted.toReversed() : sorted);
      },
    );

    it('finds a user by address, whatever its case', async () => {
      const user = await api.register();
      const answer = await api.call('GET', `/api/v1/users/?email=${encodeURIComponent(user.email.toUpperCase())}`, {
        token: adminToken,
      });
      expect(answer.body).toEqual({ items: [user], next: null });
    });

    it('has a default of 20 a page', async () => {
      await Promise.all(Array.from({ length: 21 }, () => api.register()));
      const answer = await api.call('GET', '/api/v1/users/', { token: adminToken });
      expect(answer.body.items).toHaveLength(20);
      expect(answer.body.next).toEqual(expect.any(String));
    });

    it.each(['limit=0', 'limit=101', 'limit=1.5', 'limit=x', 'sort=passwordHash', 'cursor=nonsense', 'unknown=1'])(
      'refuses ?%s with its place',
      async (query) => {
        const answer = await api.call('GET', `/api/v1/users/?${query}`, { token: adminToken });
        expect(answer.status).toBe(422);
        expect(answer.body.errors).toEqual([
          expect.objectContaining({ in: 'query', pointer: `#/${query.split('=')[0]}` }),
        ]);
      },
    );

    it('refuses a cursor that was changed or belongs to another sort', async () => {
      await Promise.all([api.register(), api.register()]);
      const page = await api.call('GET', '/api/v1/users/?limit=1&sort=email', { token: adminToken });
      const cursor = encodeURIComponent(String(page.body.next));
      expect(
        await api.call('GET', `/api/v1/users/?limit=1&sort=name&cursor=${cursor}`, { token: adminToken }),
      ).toMatchObject({ status: 422 });
    });
  });

  describe('PUT /api/v1/users/{id}', () => {
    it('changes the fields it is given and leaves the others', async () => {
      const user = await api.newUser();
      const answer = await api.call<User>('PUT', `/api/v1/users/${user.id}`, {
        token: user.token,
        body: { name: 'Grace' },
      });
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ id: user.id, email: user.email, name: 'Grace', createdAt: user.createdAt });
      expect(answer.body.updatedAt >= user.updatedAt).toBe(true);
      expect((await api.call('GET', `/api/v1/users/${user.id}`, { token: user.token })).body).toEqual(answer.body);
    });

    it('lets nobody give themselves roles, and an administrator give them', async () => {
      const user = await api.newUser();
      const path = `/api/v1/users/${user.id}`;
      expect(await api.call('PUT', path, { token: user.token, body: { roles: ['admin'] } })).toMatchObject({
        status: 403,
      });
      expect(await api.call('PUT', path, { token: adminToken, body: { roles: ['user', 'admin'] } })).toMatchObject({
        status: 200,
        body: { roles: ['user', 'admin'] },
      });
      expect(await api.call('PUT', path, { token: adminToken, body: { roles: ['emperor'] } })).toMatchObject({
        status: 422,
      });
    });

    it('does not let others change a user', async () => {
      const [user, other] = [await api.newUser(), await api.newUser()];
      expect(
        await api.call('PUT', `/api/v1/users/${user.id}`, { token: other.token, body: { name: 'Eve' } }),
      ).toMatchObject({ status: 403 });
    });

    it('refuses an address of somebody else, unknown fields and an empty change', async () => {
      const [user, other] = [await api.newUser(), await api.register()];
      const put = (body: unknown) => api.call('PUT', `/api/v1/users/${user.id}`, { token: user.token, body });
      expect(await put({ email: other.email.toUpperCase() })).toMatchObject({
        status: 409,
        body: { code: 'users.email_taken' },
      });
      expect(await put({ passwordHash: 'x' })).toMatchObject({ status: 422 });
      expect(await put({})).toMatchObject({ status: 422 });
      expect(await put({ email: user.email.toUpperCase() })).toMatchObject({ status: 200 });
    });

    it('refuses a change of a stale version', async () => {
      const user = await api.newUser();
      const path = `/api/v1/users/${user.id}`;
      const etag = (await api.call('GET', path, { token: user.token })).headers.get('etag') as string;
      const put = (name: string) =>
        api.call('PUT', path, { token: user.token, headers: { 'if-match': etag }, body: { name } });
      const answers = await Promise.all(['a', 'b', 'c', 'd'].map(put));
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 412, 412, 412]);
      expect(answers.find((answer) => answer.status === 412)?.headers.get('content-type')).toContain(
        'application/problem+json',
      );
    });

    it('changes the password, which ends the sessions made with the old one', async () => {
      const user = await api.newUser();
      const next = 'another long passphrase';
      expect(
        await api.call('PUT', `/api/v1/users/${user.id}`, { token: user.token, body: { password: next } }),
      ).toMatchObject({ status: 200 });
      expect(await api.call('POST', '/api/v1/auth/login', { body: { email: user.email, password } })).toMatchObject({
        status: 401,
      });
      expect(await api.refresh(user.tokens.refresh_token)).toMatchObject({ status: 401 });
      await api.login(user.email, next);
    });
  });

  describe('DELETE /api/v1/users/{id}', () => {
    it('deletes a user, whose sessions end', async () => {
      const user = await api.newUser();
      const path = `/api/v1/users/${user.id}`;
      expect(await api.call('DELETE', path, { token: user.token })).toMatchObject({ status: 204, body: '' });
      expect(await api.call('GET', path, { token: user.token })).toMatchObject({ status: 401 });
      expect(await api.refresh(user.tokens.refresh_token)).toMatchObject({ status: 401 });
      expect(await api.call('GET', path, { token: adminToken })).toMatchObject({ status: 404 });
      expect(await api.call('DELETE', path, { token: adminToken })).toMatchObject({ status: 404 });
      await api.register(user.email);
    });

    it('is for the user and administrators', async () => {
      const [user, other] = [await api.newUser(), await api.newUser()];
      expect(await api.call('DELETE', `/api/v1/users/${user.id}`, { token: other.token })).toMatchObject({
        status: 403,
      });
      expect(await api.call('DELETE', `/api/v1/users/${user.id}`, { token: adminToken })).toMatchObject({
        status: 204,
      });
    });
  });
}
