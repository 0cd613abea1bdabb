// Two instances, one database, one cache that both use: what one changes the
// other shows, also around an outage of the cache.
import { openCache } from '@ent/cache/open';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Client, client, type User } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

for (const name of ['redis', 'memcached'] as const) {
  describeWithServer(name, (server) => {
    let folder: ReturnType<typeof temporaryFolder>;
    let instances: Service[] = [];
    let one: Client;
    let two: Client;
    /** What the service keeps in the cache, read and written beside it. */
    let kept: Awaited<ReturnType<typeof openCache>>;

    beforeAll(async () => {
      folder = temporaryFolder();
      const env = settings(folder.path, { CACHE_URL: server.url, RATE_LIMIT_PER_MINUTE: '100000' });
      instances = await Promise.all([start(folder.path, env), start(folder.path, env)]);
      [one, two] = instances.map((instance) => client(instance.url)) as [Client, Client];
      kept = await openCache(server.url, { prefix: 'user-service:', timeout: '1m' });
    });
    afterAll(async () => {
      await kept?.close();
      await Promise.all(instances.map((instance) => instance.stop()));
      folder?.remove();
    });

    const pathOf = (user: User): string => `/api/v1/users/${user.id}`;
    const keyOf = (user: User): string => `user:${user.id}`;
    /** Answers the name that an instance shows. */
    const nameOn = async (api: Client, user: User & { token: string }): Promise<string> => {
      const answer = await api.call<User>('GET', pathOf(user), { token: user.token });
      expect(answer).toMatchObject({ status: 200 });
      return answer.body.name;
    };
    const rename = async (api: Client, user: User & { token: string }, to: string): Promise<void> => {
      const answer = await api.call('PUT', pathOf(user), { token: user.token, body: { name: to } });
      expect(answer).toMatchObject({ status: 200, body: { name: to } });
    };
    const health = async (api: Client): Promise<unknown> => (await api.call('GET', '/health')).body.status;

    it('shows a change that one instance made on the other at once', async () => {
      const user = await one.newUser();
      for (let round = 0; round < 20; round++) {
        const [writer, reader] = round % 2 ? [two, one] : [one, two];
        await nameOn(reader, user);
        await rename(writer, user, `name ${round}`);
        expect(await nameOn(reader, user)).toBe(`name ${round}`);
      }
    });

    it('reads users from the cache, on both instances', async () => {
      const user = await one.newUser();
      // Where the cache was slow to answer, the service has read the database, and keeps the user at the next try.
      const keptOnce = async (): Promise<User | undefined> => {
        await nameOn(one, user);
        return kept.get<User>(keyOf(user));
      };
      await expect.poll(keptOnce).toMatchObject({ id: user.id, name: user.name });
      const entry = await keptOnce();
      expect(JSON.stringify(entry)).not.toContain('argon2');
      for (const api of [one, two]) {
        const shown = async (): Promise<string> => {
          await kept.set(keyOf(user), { ...entry, name: 'from the cache' });
          return nameOn(api, user);
        };
        await expect.poll(shown).toBe('from the cache');
      }
    });

    it.runIf(server.killable)('serves on without the cache, says so, and shows nothing older afterwards', async () => {
      const [user, quiet, leaver] = await Promise.all([one.newUser(), one.newUser(), one.newUser()]);
      const { access_token: admin } = await one.loginAdmin();
      for (const each of [user, quiet, leaver]) {
        const isKept = async (): Promise<boolean> => {
          await nameOn(two, each);
          return kept.has(keyOf(each));
        };
        await expect.poll(isKept).toBe(true);
      }
      await server.kill();

      // What the cache holds is read, changed and deleted: nothing fails, and all shows at once on both instances.
      for (const [round, writer] of [one, two, one, two].entries()) {
        await rename(writer, user, `during ${round}`);
        for (const api of [one, two]) expect(await nameOn(api, user)).toBe(`during ${round}`);
      }
      await rename(one, quiet, 'changed on one');
      expect(await one.call('DELETE', pathOf(leaver), { token: leaver.token })).toMatchObject({ status: 204 });
      for (const api of [one, two]) {
        expect(await api.call('GET', pathOf(leaver), { token: admin })).toMatchObject({ status: 404 });
      }
      // What comes after the invalidation is done too: sessions end.
      expect(await two.refresh(leaver.tokens.refresh_token)).toMatchObject({ status: 401 });
      const changed = { password: 'another long passphrase' };
      expect(await two.call('PUT', pathOf(user), { token: user.token, body: changed })).toMatchObject({ status: 200 });
      expect(await one.refresh(user.tokens.refresh_token)).toMatchObject({ status: 401 });
      user.token = (await one.login(user.email, changed.password)).access_token;

      for (const api of [one, two]) {
        await expect.poll(() => health(api)).toBe('warn');
        const { status, body } = await api.call('GET', '/health');
        expect(status).toBe(200);
        expect(body.checks).toMatchObject({
          'cache:responseTime': [{ status: 'warn', output: expect.stringMatching(/^cache\./) }],
          'database:responseTime': [{ status: 'pass' }],
        });
        expect(await api.call('GET', '/readyz')).toMatchObject({ status: 200 });
      }

      // Redis comes back with what it had. Who made a change shows nothing older, from the first moment on.
      await server.start();
      const older: unknown[] = [];
      const inCache = async (): Promise<string | undefined> => {
        for (const api of [one, two]) {
          const shown = await nameOn(api, user);
          if (shown !== 'during 3') older.push(shown);
        }
        const gone = await one.call('GET', pathOf(leaver), { token: admin });
        if (gone.status !== 404) older.push(gone);
        return (await kept.get<User>(keyOf(user)).catch(() => undefined))?.name;
      };
      await expect.poll(inCache).toBe('during 3');
      expect(older).toEqual([]);
      // The other instance has no word of a change until the cache has.
      await expect.poll(() => nameOn(two, quiet)).toBe('changed on one');
      const goneOnTwo = async () => (await two.call('GET', pathOf(leaver), { token: admin })).status;
      await expect.poll(goneOnTwo).toBe(404);
      for (const api of [one, two]) await expect.poll(() => health(api)).toBe('pass');
    });
  });
}
