// The service on each database server: two instances that start at once on an empty database, and one for both.
import { type Server, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { admin, type Service, settings, start, temporaryFolder } from './service.ts';
import { type Client, client, newEmail, password, type User } from './client.ts';
import { tokensTo } from './mails.ts';

describeWithServer('postgres', { killable: true }, (server) => {
  serves(server, () => `${server.url}?application_name=${uniqueName('users')}&max=5`);
});

describeWithServer('mariadb', { killable: true }, (server) => {
  serves(server, () => `${server.url}?max=5`);
});

describeWithServer('mongodb', { killable: true }, (server) => {
  const urlOf = (): string =>
    server.url.replace(/[^/]*$/, `${uniqueName('users')}?maxPoolSize=5&transactions=false&decimals=text`);
  serves(server, urlOf, 'this database has no transactions');
});

/** @param weaker what the start warns of */
function serves(server: Server, urlOf: () => string, weaker?: string): void {
  let folder: ReturnType<typeof temporaryFolder>;
  let env: Record<string, string>;
  let instances: Service[] = [];
  let one: Client;
  let two: Client;

  const startAll = async (): Promise<void> => {
    instances = await Promise.all([start(folder.path, env), start(folder.path, env)]);
    [one, two] = instances.map((instance) => client(instance.url)) as [Client, Client];
  };
  beforeAll(async () => {
    folder = temporaryFolder();
    env = settings(folder.path, { DATABASE_URL: urlOf(), RATE_LIMIT_PER_MINUTE: '100000' });
    await startAll();
  });
  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.stop()));
    folder?.remove();
  });

  it(`${weaker === undefined ? 'gives no warning' : 'warns'} of a weaker guarantee when it starts`, async () => {
    for (const { output } of instances) {
      const warnings = (): string[] =>
        output()
          .split('\n')
          .filter((line) => line.includes('"log.level":"warning"') && !line.includes('JWT_PRIVATE_KEY'));
      await expect.poll(warnings).toEqual(weaker === undefined ? [] : [expect.stringContaining(weaker)]);
    }
  });

  it('has one administrator, made by whichever instance was first', async () => {
    const { access_token: token } = await one.loginAdmin();
    const { body } = await two.call('GET', '/api/v1/users/', { token });
    expect(body.items.map(({ email }) => email)).toEqual([admin.email]);
  });

  it('a user who registers with one is known to the other, changes, and is listed in pages', async () => {
    const users = await Promise.all(Array.from({ length: 5 }, (_, n) => one.register(newEmail(), `Ann ${n}`)));
    const [first] = users as [User];
    const { access_token: token } = await two.login(first.email);
    const path = `/api/v1/users/${first.id}`;
    expect(await two.call('GET', path, { token })).toMatchObject({ status: 200, body: { ...first } });
    const renamed = await one.call('PUT', path, { token, body: { name: 'É 日本語' } });
    expect(renamed).toMatchObject({ status: 200, body: { name: 'É 日本語' } });
    expect((await two.call<User>('GET', path, { token })).body.createdAt).toBe(first.createdAt);

    const told = (): boolean =>
      instances
        .flatMap(({ output }) => output().split('\n'))
        .some((line) => line.includes('"user.created"') && line.includes(first.id));
    await expect.poll(told).toBe(true);

    const { access_token: adminToken } = await one.loginAdmin();
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const query: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`;
      const answer = await two.call('GET', `/api/v1/users/?limit=2${query}`, { token: adminToken });
      expect(answer.status).toBe(200);
      seen.push(...answer.body.items.map(({ id }) => id));
      next = answer.body.next;
    }
    expect(new Set(seen).size).toBe(seen.length);
    for (const { id } of users) expect(seen).toContain(id);
  });

  it('of many who take one address at once exactly one gets it', async () => {
    const email = newEmail();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        (n % 2 ? one : two).callInTurn('POST', '/api/v1/users/', { body: { email, password, name: `n${n}` } }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
  });

  it('keeps the last administrator, and ends the sessions of an old password', async () => {
    const root = await one.loginAdmin();
    const { body } = await one.call('GET', '/api/v1/users/', { token: root.access_token });
    const [{ id }] = body.items.filter(({ email }) => email === admin.email) as [User];
    const path = `/api/v1/users/${id}`;
    const resign = await two.call('PUT', path, { token: root.access_token, body: { roles: ['user'] } });
    expect(resign.status).toBe(409);
    expect((await one.call('DELETE', path, { token: root.access_token })).status).toBe(409);
    expect((await one.call<User>('GET', path, { token: root.access_token })).body.roles).toContain('admin');

    const user = await one.register();
    const { access_token: old } = await one.login(user.email);
    const own = `/api/v1/users/${user.id}`;
    const changed = await two.call('PUT', own, { token: old, body: { password: 'another long passphrase' } });
    expect(changed.status).toBe(200);
    expect((await one.call('GET', own, { token: old })).status).toBe(401);
    expect((await two.call('DELETE', own, { token: root.access_token })).status).toBe(204);
    expect((await one.call('GET', own, { token: root.access_token })).status).toBe(404);
  });

  it('resets a password and asks for a second factor, whichever instance was told', async () => {
    const user = await one.newUser('Grace');
    const enrolled = await one.call<{ secret: string }>('POST', '/api/v1/auth/second-factor', { token: user.token });
    const code = new TOTP({ secret: enrolled.body.secret }).generate();
    const confirmed = await two.call<{ recoveryCodes: string[] }>('POST', '/api/v1/auth/second-factor/confirm', {
      token: user.token,
      body: { code },
    });
    expect(confirmed.status).toBe(200);

    await two.call('POST', '/api/v1/auth/password-reset', { body: { email: user.email } });
    const tokens = (): string[] => tokensTo(instances[1] as Service, user.name, 'reset-password');
    await expect.poll(tokens).toHaveLength(1);
    const secret = 'nine otters paint the harbour';
    const reset = { token: tokens()[0], password: secret };
    const done = await one.callInTurn('POST', '/api/v1/auth/password-reset/confirm', { body: reset });
    expect(done.status).toBe(204);

    const body = { email: user.email, password: secret };
    const half = await two.callInTurn<{ second_factor_token: string }>('POST', '/api/v1/auth/login', { body });
    expect(half.status).toBe(202);
    const whole = await one.call('POST', '/api/v1/auth/login/second-factor', {
      body: { ...half.body, expires_in: undefined, code: confirmed.body.recoveryCodes[0] },
    });
    expect(whole.status).toBe(200);
  });

  it('is well again by itself after the database was killed, and has everything', async () => {
    const user = await one.register();
    await server.kill();
    const answer = await one.call('POST', '/api/v1/auth/login', { body: { email: user.email, password } });
    expect(answer.status).toBe(503);
    await server.start();
    for (const each of [one, two]) {
      await expect.poll(async () => (await each.call('GET', '/readyz')).status).toBe(200);
    }
    await two.login(user.email);
  });

  it('has everything when it is started again', async () => {
    const user = await one.register();
    await Promise.all(instances.map((instance) => instance.stop()));
    instances = [await start(folder.path, env)];
    await client(instances[0]!.url).login(user.email);
  });
}
