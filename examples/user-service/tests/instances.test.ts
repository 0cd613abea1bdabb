// Three instances on one database, one cache and one broker: what one does the others know, and what is limited is
// limited once for all.
import { type Server, startServer } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Client, client, type User } from './client.ts';
import { type Estate, openEstate } from './estate.ts';

describeWithServer('postgres', { killable: true }, (database) => {
  describeWithServer('redis', { killable: true }, (cache) => {
    let broker: Server;
    let estate: Estate;
    let all: Client[];
    let urls: string[];
    let [one, two, three]: Client[] = [];

    beforeAll(async () => {
      broker = await startServer('redis');
      estate = await openEstate({ database, cache, broker }, { RATE_LIMIT_PER_MINUTE: '120' });
      const services = await Promise.all([estate.start(), estate.start(), estate.start()]);
      urls = services.map(({ url }) => url);
      // Each from a network of its own, so that only the tests about limits meet them.
      all = urls.map((url, n) => client(url, { 'x-forwarded-for': `198.51.100.${n}` }));
      [one, two, three] = all as [Client, Client, Client];
    });
    afterAll(async () => {
      await estate?.close();
      await broker?.close();
    });

    const statusesOf = async (calls: readonly Promise<{ status: number }>[]): Promise<number[]> =>
      (await Promise.all(calls)).map(({ status }) => status);

    it('a change on one is seen on the others at once', async () => {
      const { id, token } = await one!.newUser();
      const path = `/api/v1/users/${id}`;
      for (let round = 0; round < 9; round++) {
        const name = `name ${round}`;
        expect((await all[round % 3]!.call('PUT', path, { token, body: { name } })).status).toBe(200);
        const shown = await Promise.all(all.map((api) => api.call<User>('GET', path, { token })));
        expect(shown.map(({ body }) => body.name)).toEqual([name, name, name]);
      }
    });

    it('a registration that is sent again with its key is answered as it was, by whichever instance', async () => {
      const body = { email: 'again@example.com', password: 'a long passphrase', name: 'Ada' };
      const register = (n: number, more: object = {}, key = 'f6f47ab5-4c2b-4a70-9a9c-5d3c7b4c0d2e') =>
        all[n % 3]!.call<User>('POST', '/api/v1/users/', {
          // One client, whichever way it comes.
          headers: { 'idempotency-key': key, 'x-forwarded-for': '203.0.113.9' },
          body: { ...body, ...more },
        });
      const first = await Promise.all([0, 1, 2].map((n) => register(n)));
      // One does it; the others are told to wait, or how it went.
      expect(first.filter(({ status }) => status === 201 || status === 409)).toHaveLength(3);
      const answers = await Promise.all([0, 1, 2].map((n) => register(n)));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
      expect(new Set(answers.map(({ body: { id } }) => id)).size).toBe(1);
      expect(answers.map(({ headers }) => headers.get('idempotent-replayed'))).toEqual(['true', 'true', 'true']);
      expect(answers[0]!.headers.get('location')).toBe(`/api/v1/users/${answers[0]!.body.id}`);
      expect((await register(1, { name: 'Eve' })).status).toBe(422);
      expect((await register(2, {}, 'another')).status).toBe(409);
    });

    it('a cursor of one goes on at another', async () => {
      const made = await Promise.all([one!.register(), two!.register(), three!.register()]);
      const { access_token: token } = await one!.loginAdmin();
      const seen: string[] = [];
      let next: string | null = null;
      do {
        const query: string = next === null ? '' : `&cursor=${encodeURIComponent(next)}`;
        const page = await all[seen.length % 3]!.call('GET', `/api/v1/users/?limit=1${query}`, { token });
        expect(page.status).toBe(200);
        seen.push(...page.body.items.map(({ id }) => id));
        next = page.body.next;
      } while (next !== null);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
    });

    it('a session is one: it is renewed anywhere, and its end ends it everywhere', async () => {
      const { id, tokens } = await one!.newUser();
      const path = `/api/v1/users/${id}`;
      const renewed = await two!.refresh(tokens.refresh_token);
      // A client that got no answer tries again, at whichever it reaches.
      const again = await three!.refresh(tokens.refresh_token);
      expect(again.body.refresh_token).toBe(renewed.body.refresh_token);
      const { access_token: token, refresh_token } = renewed.body;
      expect(await statusesOf(all.map((api) => api.call('GET', path, { token })))).toEqual([200, 200, 200]);
      expect((await one!.call('POST', '/api/v1/auth/logout', { token, body: { refresh_token } })).status).toBe(204);
      const everywhere = () => statusesOf(all.map((api) => api.call('GET', path, { token })));
      await expect.poll(everywhere).toEqual([401, 401, 401]);
      expect(await statusesOf(all.map((api) => api.refresh(refresh_token)))).toEqual([401, 401, 401]);
    });

    it('wrong passwords are counted over all of them', async () => {
      const { email } = await one!.register();
      const headers = { 'x-forwarded-for': '203.0.113.1' };
      const body = { email, password: 'no such password' };
      const statuses: number[] = [];
      for (let n = 0; n < 12; n++) {
        statuses.push((await all[n % 3]!.callInTurn('POST', '/api/v1/auth/login', { headers, body })).status);
      }
      expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    });

    it('wrong codes of a second factor are counted over all of them', async () => {
      const user = await one!.newUser();
      const enrolled = await two!.call<{ secret: string }>('POST', '/api/v1/auth/second-factor', { token: user.token });
      const code = new TOTP({ secret: enrolled.body.secret }).generate();
      const confirmed = { token: user.token, body: { code } };
      expect((await three!.call('POST', '/api/v1/auth/second-factor/confirm', confirmed)).status).toBe(200);
      const wrong = { token: user.token, body: { code: 'AAAA-AAAA-AAAA-AAAA' } };
      const statuses: number[] = [];
      for (let n = 0; n < 7; n++) {
        statuses.push((await all[n % 3]!.call('POST', '/api/v1/auth/second-factor/disable', wrong)).status);
      }
      expect(statuses.at(-1)).toBe(429);
      expect(statuses.filter((status) => status !== 429)).toHaveLength(5);
    });

    it('calls, and mails for an account, are limited over all of them', async () => {
      const { email } = await one!.register();
      const mails: number[] = [];
      for (let n = 0; n < 6; n++) {
        mails.push((await all[n % 3]!.call('POST', '/api/v1/auth/password-reset', { body: { email } })).status);
      }
      expect(mails).toEqual([202, 202, 202, 202, 202, 429]);

      // Of three limits of 120 none would be met before 360.
      const headers = { 'x-forwarded-for': '203.0.113.2' };
      let sent = 0;
      const caller = async (): Promise<void> => {
        while ((await all[sent++ % 3]!.call('GET', '/.well-known/jwks.json', { headers })).status === 200);
      };
      await Promise.all(Array.from({ length: 6 }, caller));
      expect(sent).toBeGreaterThan(120);
      expect(sent).toBeLessThan(360);
    });
  });
});
