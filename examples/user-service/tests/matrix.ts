// Every database with every cache and every broker, and what a user of the service does on them. Without a test
// runner: `npm run matrix` runs it too.
import assert from 'node:assert/strict';
import { type ServerName, startServer, uniqueName, whyMissing } from '@ent/testkit';
import { client, password, type User } from './client.ts';
import { settings, start, temporaryFolder } from './service.ts';

const DATABASES = ['sqlite', 'postgres', 'mariadb', 'mongodb'] as const;
const CACHES = ['memory', 'redis', 'memcached'] as const;
const BROKERS = ['memory', 'rabbitmq', 'redis'] as const;

/** What the service stands on. */
export interface Combination {
  readonly database: (typeof DATABASES)[number];
  readonly cache: (typeof CACHES)[number];
  readonly broker: (typeof BROKERS)[number];
}

/** All of them; the first twelve have each pair of a database, a cache and a broker. */
export const combinations: readonly Combination[] = [0, 1, 2].flatMap((shift) =>
  DATABASES.flatMap((database, d) =>
    CACHES.map((cache, c) => ({ database, cache, broker: BROKERS[(d + c + shift) % 3] as (typeof BROKERS)[number] })),
  ),
);
export const COVERING = DATABASES.length * CACHES.length;

/** The servers of a combination that are not installed, and how to have them. */
export function missingFor(combination: Combination): { readonly name: ServerName; readonly why: string }[] {
  return Object.values(combination).flatMap((name) => {
    const why = name === 'sqlite' || name === 'memory' ? undefined : whyMissing(name);
    return why === undefined ? [] : [{ name: name as ServerName, why }];
  });
}

/** The servers of the combinations; each is started when it is first asked for. */
export class Backends {
  readonly #started = new Map<ServerName, ReturnType<typeof startServer>>();

  /** The settings of a service on a combination, with a database of its own where the server can have several. */
  async settingsOf({ database, cache, broker }: Combination): Promise<Record<string, string>> {
    return {
      ...(database !== 'sqlite' && { DATABASE_URL: await this.#database(database) }),
      CACHE_URL: await this.#url(cache),
      BROKER_URL: await this.#url(broker),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#started.values()].map(async (server) => (await server).close()));
  }

  async #database(name: Exclude<Combination['database'], 'sqlite'>): Promise<string> {
    const url = await this.#url(name);
    if (name === 'mongodb') return url.replace(/[^/]*$/, `${uniqueName('users')}?transactions=false&decimals=text`);
    return url;
  }

  async #url(name: 'memory' | ServerName): Promise<string> {
    if (name === 'memory') return 'memory:';
    const known = this.#started.get(name) ?? startServer(name);
    this.#started.set(name, known);
    return (await known).url;
  }
}

/** Starts the service, does what its users do, and ends it. Rejects with what was not as it should be. */
export async function journey(env: Record<string, string>): Promise<void> {
  const folder = temporaryFolder();
  const service = await start(folder.path, settings(folder.path, env));
  try {
    await live(service.url, () => service.output());
    assert.equal(await service.stop(), 0, 'it ends when it is told to');
  } catch (error) {
    await service.kill();
    throw new Error(`${(error as Error).message}\n${service.output().slice(-2000)}`, { cause: error });
  } finally {
    folder.remove();
  }
}

async function live(url: string, output: () => string): Promise<void> {
  const { call, register, login, loginAdmin, refresh, newUser } = client(url);

  const ada = await newUser();
  const path = `/api/v1/users/${ada.id}`;
  const again = { email: ada.email, password, name: 'Another' };
  assert.equal((await call('POST', '/api/v1/users/', { body: again })).status, 409, 'an address is of one user');
  const wrong = { email: ada.email, password: 'no such password' };
  assert.equal((await call('POST', '/api/v1/auth/login', { body: wrong })).status, 401, 'a wrong password is refused');

  const read = await call<User>('GET', path, { token: ada.token });
  const tag = read.headers.get('etag') ?? '';
  assert.deepEqual([read.status, read.body.email], [200, ada.email]);
  const headers = { 'if-none-match': tag };
  assert.equal(
    (await call('GET', path, { token: ada.token, headers })).status,
    304,
    'a known version is not sent again',
  );
  const rename = (name: string, match: string) =>
    call<User>('PUT', path, { token: ada.token, headers: { 'if-match': match }, body: { name } });
  assert.equal((await rename('É 日本語', tag)).status, 200);
  assert.equal((await rename('Too late', tag)).status, 412, 'a version of the past changes nothing');
  assert.equal((await call<User>('GET', path, { token: ada.token })).body.name, 'É 日本語', 'a change shows at once');

  const { access_token: root } = await loginAdmin();
  const others = await Promise.all([register(), register()]);
  const seen: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const query: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`;
    const page = await call('GET', `/api/v1/users/?limit=2${query}`, { token: root });
    assert.equal(page.status, 200);
    seen.push(...page.body.items.map(({ id }) => id));
    next = page.body.next;
  }
  assert.equal(new Set(seen).size, seen.length, 'no user is on two pages');
  for (const { id } of [ada, ...others]) assert.ok(seen.includes(id), 'every user is on a page');
  assert.equal((await call('GET', '/api/v1/users/', { token: ada.token })).status, 403);
  assert.equal((await call('PUT', path, { token: root, body: { roles: ['user', 'admin'] } })).status, 200);
  assert.equal((await call('GET', '/api/v1/users/', { token: ada.token })).status, 200, 'a role is in force at once');

  const renewed = await refresh(ada.tokens.refresh_token);
  assert.equal(renewed.status, 200);
  const { access_token: token } = renewed.body;
  assert.equal(
    (await call('POST', '/api/v1/auth/logout', { token, body: { refresh_token: renewed.body.refresh_token } })).status,
    204,
  );
  assert.equal((await call('GET', path, { token })).status, 401, 'nobody is logged in after logout');
  await login(ada.email);
  assert.equal((await call('DELETE', path, { token: root })).status, 204);
  assert.equal((await call('GET', path, { token: root })).status, 404);
  await loginAdmin();

  for (const event of ['user.created', 'user.updated', 'user.deleted']) {
    await until(`the event ${event}`, () =>
      output()
        .split('\n')
        .some((line) => line.includes(`"${event}"`) && line.includes(ada.id)),
    );
  }
  const health = await call<{ status: string }>('GET', '/health');
  assert.deepEqual([health.status, health.body.status], [200, 'pass']);
  assert.match((await call<string>('GET', '/metrics')).body, /http_server_request_duration_seconds_count/);
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
