import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeWithEachCache } from './caches.ts';
import { client, newEmail, password } from './client.ts';
import { run, type Service, settings, start, temporaryFolder } from './service.ts';

let folder: ReturnType<typeof temporaryFolder>;
const running: Service[] = [];
const launch = async (env = settings(folder.path)): Promise<Service> => {
  const service = await start(folder.path, env);
  running.push(service);
  return service;
};

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  for (const service of running.splice(0)) service.process.kill('SIGKILL');
  folder.remove();
});

describe('SIGTERM', () => {
  it('fails readiness, goes on serving for the drain time, then ends with 0', async () => {
    const service = await launch(settings(folder.path, { DRAIN_TIME: '10s' }));
    const api = client(service.url);
    const user = await api.newUser();
    const exit = service.stop();
    await expect.poll(async () => (await api.call('GET', '/readyz')).status).toBe(503);
    expect(await api.call('GET', '/livez')).toMatchObject({ status: 200 });
    expect(await api.call('GET', `/api/v1/users/${user.id}`, { token: user.token })).toMatchObject({ status: 200 });
    expect(await exit).toBe(0);
  });
});

describe('kill -9', () => {
  it('loses no user who was told that they are registered', async () => {
    const service = await launch();
    const api = client(service.url);
    const told: string[] = [];
    const registrations = Array.from({ length: 12 }, async () => {
      for (;;) {
        const email = newEmail();
        const answer = await api.call('POST', '/api/v1/users/', { body: { email, password, name: 'Ada' } });
        if (answer.status === 201) told.push(email);
      }
    });
    for (const registration of registrations) registration.catch(() => {});
    await expect.poll(() => told.length).toBeGreaterThan(10);
    await service.kill();
    await Promise.allSettled(registrations);

    const again = await launch();
    const admin = await client(again.url).loginAdmin();
    for (const email of told) {
      const answer = await client(again.url).call('GET', `/api/v1/users/?email=${encodeURIComponent(email)}`, {
        token: admin.access_token,
      });
      expect(answer.body.items).toHaveLength(1);
    }
    await client(again.url).login(told[0] as string);
    expect(await again.stop()).toBe(0);
  });
});

describe('a restart', () => {
  it('keeps users, sessions and keys', async () => {
    const first = await launch();
    const user = await client(first.url).newUser();
    expect(await first.stop()).toBe(0);
    const second = await launch();
    const api = client(second.url);
    expect(await api.call('GET', `/api/v1/users/${user.id}`, { token: user.token })).toMatchObject({ status: 200 });
    expect(await api.refresh(user.tokens.refresh_token)).toMatchObject({ status: 200 });
    expect(await second.stop()).toBe(0);
  });
});

// With each cache only what uses it: the other cases here are about processes, settings and the database.
describeWithEachCache((cache) => {
  it('two instances start at the same time on one new database and serve each other’s users and tokens', async () => {
    const env = settings(folder.path, { CACHE_URL: cache.url });
    const [one, two] = await Promise.all([launch(env), launch(env)]);
    const user = await client(one.url).newUser();
    expect(await client(two.url).call('GET', `/api/v1/users/${user.id}`, { token: user.token })).toMatchObject({
      status: 200,
    });
    expect(await client(two.url).refresh(user.tokens.refresh_token)).toMatchObject({ status: 200 });
    expect(await Promise.all([one.stop(), two.stop()])).toEqual([0, 0]);
  });

  it('SIGTERM under load fails no request', async () => {
    const service = await launch(settings(folder.path, { CACHE_URL: cache.url, DRAIN_TIME: '5s' }));
    const api = client(service.url);
    const user = await api.newUser();
    const failures: unknown[] = [];
    let served = 0;
    let leaving = false;
    // Each caller behaves as a load balancer does: it sends nothing more once it has seen readiness fail.
    const caller = async (): Promise<void> => {
      for (let i = 0; !leaving; i++) {
        try {
          const read = i % 3 !== 0;
          const answer = read
            ? await api.call('GET', `/api/v1/users/${user.id}`, { token: user.token })
            : await api.call('PUT', `/api/v1/users/${user.id}`, { token: user.token, body: { name: `n${i}` } });
          if (answer.status !== 200) failures.push(answer);
          served++;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const watcher = async (): Promise<void> => {
      while ((await api.call('GET', '/readyz')).status === 200);
      leaving = true;
    };
    const callers = Array.from({ length: 16 }, caller);
    await expect.poll(() => served).toBeGreaterThan(100);
    const watching = watcher();
    const exit = service.stop();
    await watching;
    await Promise.all(callers);
    expect(await exit).toBe(0);
    expect(failures).toEqual([]);
  });
});

describe('wrong settings', () => {
  const refuse = async (env: Record<string, string>): Promise<string> => {
    const { process: child, output } = run(folder.path, env);
    expect(await once(child, 'close')).toEqual([78, null]); // after the last of its output
    return output();
  };

  it('stop the start with every fault, its variable and what is expected, but no secret', async () => {
    const output = await refuse({
      PORT: 'eighty',
      LOG_LEVEL: 'loud',
      ACCESS_TOKEN_TTL: 'soon',
      DATABASE_ULR: 'sqlite:x.db',
      JWT_PRIVATE_KEY: 'hunter2-is-no-key',
      REFRESH_GRACE: '61s',
    });
    for (const name of ['PORT', 'LOG_LEVEL', 'ACCESS_TOKEN_TTL', 'JWT_PRIVATE_KEY', 'REFRESH_GRACE'])
      expect(output).toContain(name);
    expect(output).toMatch(/DATABASE_ULR.*DATABASE_URL/s);
    expect(output).not.toContain('hunter2');
    expect(output).not.toMatch(/ at .*\.ts:\d+/);
  });

  it('of backends are refused with what is supported', async () => {
    const env = { DATABASE_URL: 'oracle://x', CACHE_URL: 'etcd://x', BROKER_URL: 'nats://x' };
    const output = await refuse(settings(folder.path, env));
    expect(output).toMatch(/DATABASE_URL.*sqlite:/);
    for (const name of ['CACHE_URL', 'BROKER_URL']) expect(output).toMatch(new RegExp(`${name}.*memory:`));
  });

  it('do not let production run on a key that was made up', async () => {
    expect(await refuse(settings(folder.path, { NODE_ENV: 'production' }))).toMatch(/JWT_PRIVATE_KEY/);
  });

  it('tell when the port is taken', async () => {
    const service = await launch();
    const { process: child, output } = run(folder.path, settings(folder.path, { PORT: new URL(service.url).port }));
    expect((await once(child, 'close'))[0]).toBe(1);
    expect(output()).toMatch(/EADDRINUSE|already in use/);
  });
});

describe('embedded defaults', () => {
  it('need no setting at all, and warn about the key that was made', async () => {
    const service = await launch({ PORT: '0', LOG_FORMAT: 'json' });
    await client(service.url).newUser();
    await expect.poll(service.output).toMatch(/JWT_PRIVATE_KEY/);
    await expect.poll(service.output).toContain('/docs');
    expect(await service.stop()).toBe(0);
  });

  it('throttle calls of one address at the limit that is set', async () => {
    const service = await launch(settings(folder.path, { RATE_LIMIT_PER_MINUTE: '30' }));
    const api = client(service.url);
    const answers = await Promise.all(Array.from({ length: 60 }, () => api.call('GET', '/api/v1/users/')));
    const limited = answers.filter((answer) => answer.status === 429);
    expect(limited.length).toBeGreaterThan(0);
    expect(limited.length).toBeLessThan(60);
    expect(Number(limited[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await api.call('GET', '/livez')).toMatchObject({ status: 200 });
  });
});
