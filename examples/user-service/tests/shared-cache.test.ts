import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { client } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

for (const name of ['redis', 'memcached'] as const) {
  describeWithServer(name, (server) => {
    let folder: ReturnType<typeof temporaryFolder>;
    let instances: Service[];

    beforeEach(async () => {
      folder = temporaryFolder();
      const env = settings(folder.path, { CACHE_URL: server.url });
      instances = await Promise.all([start(folder.path, env), start(folder.path, env)]);
    });
    afterEach(async () => {
      for (const instance of instances) await instance.stop();
      folder.remove();
    });

    it('shows a change that one instance made on the other at once', async () => {
      const [one, two] = instances.map((instance) => client(instance.url)) as [
        ReturnType<typeof client>,
        ReturnType<typeof client>,
      ];
      const user = await one.newUser();
      const path = `/api/v1/users/${user.id}`;
      for (let round = 0; round < 20; round++) {
        const renamed = `name ${round}`;
        const [writer, reader] = round % 2 ? [two, one] : [one, two];
        expect(await reader.call('GET', path, { token: user.token })).toMatchObject({ status: 200 });
        expect(await writer.call('PUT', path, { token: user.token, body: { name: renamed } })).toMatchObject({
          status: 200,
        });
        expect(await reader.call('GET', path, { token: user.token })).toMatchObject({
          status: 200,
          body: { name: renamed },
        });
      }
    });

    it.runIf(server.killable)('goes on serving while the cache is down, and says so', async () => {
      const api = client((instances[0] as Service).url);
      const user = await api.newUser();
      const path = `/api/v1/users/${user.id}`;
      await server.kill();
      expect(await api.call('GET', path, { token: user.token })).toMatchObject({ status: 200 });
      await expect.poll(async () => (await api.call('GET', '/health')).body.status, { timeout: 10_000 }).toBe('warn');
      expect(await api.call('GET', '/readyz')).toMatchObject({ status: 200 });
      await server.start();
      await expect.poll(async () => (await api.call('GET', '/health')).body.status, { timeout: 20_000 }).toBe('pass');
      expect(await api.call('PUT', path, { token: user.token, body: { name: 'back' } })).toMatchObject({ status: 200 });
    });
  });
}
