// Each server of mcp-config.json, started as an assistant starts it, with its URL from the environment, and asked by
// the official client: it reads, it does not write, and what is wrong is the error of a tool.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, installedFolder } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { MongoClient } from 'mongodb';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Asking, asking } from '../support.ts';

const PASSWORD = 'Xq7-canary-Kp2';
const root = fileURLToPath(new URL('../../../../', import.meta.url));
const { mcpServers } = JSON.parse(readFileSync(join(root, 'mcp-config.json'), 'utf8')) as {
  readonly mcpServers: Readonly<Record<string, { command: string; args: string[]; env: Record<string, string> }>>;
};

/** Where `scripts/install-services.sh` puts a package of npm that `npx` would fetch; undefined without it. */
function programOf(name: string, version: string): string | undefined {
  const folder = installedFolder('npm', `${name.replace('/', '-')}@${version}`);
  const manifest = join(folder, 'node_modules', name, 'package.json');
  if (!existsSync(manifest)) return undefined;
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: Record<string, string> };
  return join(dirname(manifest), Object.values(bin)[0] as string);
}

/** What `npx` would run, without it: nothing is fetched by a test. */
function commandOf(name: string): readonly string[] | undefined {
  const { command, args } = mcpServers[name] as (typeof mcpServers)[string];
  if (command === 'node') return args;
  const at = args.findIndex((arg) => /@\d/.test(arg));
  const [, pkg = '', version = ''] = /^(.+)@(.+)$/.exec(args[at] ?? '') ?? [];
  const program = programOf(pkg, version);
  return program === undefined ? undefined : [program, ...args.slice(at + 1)];
}

/** A client of a server of the file; its environment has these URLs and nothing else. */
async function clientOf(name: string, urls: Readonly<Record<string, string>>): Promise<Asking> {
  const home = await mkdtemp(join(tmpdir(), 'ent-assistant-'));
  const filled = Object.entries((mcpServers[name] as (typeof mcpServers)[string]).env).map(([key, value]) => [
    key,
    value.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => urls[variable] ?? ''),
  ]);
  const env = { HOME: home, PATH: process.env['PATH'] ?? '', ...Object.fromEntries(filled) } as Record<string, string>;
  const client = new Client({ name: 'test', version: '1.0.0' });
  const args = [...(commandOf(name) as string[])];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env, cwd: root, stderr: 'ignore' }));
  onTestFinished(async () => {
    await client.close();
    rmSync(home, { recursive: true, force: true });
  });
  return asking(client);
}

function withLogin(url: string, user: string): string {
  const at = new URL(url);
  at.username = user;
  at.password = PASSWORD;
  return at.href;
}

const toolsOf = async ({ client }: Asking): Promise<string[]> =>
  (await client.listTools()).tools.map(({ name }) => name);

const missing = (name: string, install: string): string =>
  commandOf(name) === undefined ? ` (skipped: scripts/install-services.sh ${install} was not run)` : '';

const noDbHub = missing('postgres', 'dbhub');
describe.skipIf(noDbHub !== '')(`PostgreSQL by DBHub${noDbHub}`, () => {
  describeWithServer('postgres', (server) => {
    let url: string;
    const psql = (sql: string): string =>
      execFileSync(findProgram('psql') as string, [server.url, '-Atc', sql], { encoding: 'utf8' }).trim();

    beforeAll(() => {
      psql("create table users (id int primary key, name text); insert into users values (1, 'Ada')");
      execFileSync('bash', [join(root, 'infrastructure/postgres/10-readonly.sh')], {
        env: {
          PATH: `${dirname(findProgram('psql') as string)}:${process.env['PATH']}`,
          PGHOST: server.host,
          PGPORT: String(server.port),
          POSTGRES_USER: 'postgres',
          POSTGRES_DB: 'postgres',
          POSTGRES_READONLY_PASSWORD: PASSWORD,
        },
      });
      url = withLogin(server.url, 'ent_readonly');
    });

    it('reads; what would write, and what is wrong, is the error of a tool, and changes nothing', async () => {
      const { call, data } = await clientOf('postgres', { ENT_MCP_POSTGRES_URL: url });
      expect(await data('execute_sql', { sql: 'select name, current_user as who from users' })).toMatchObject({
        data: { statements: [{ rows: [{ name: 'Ada', who: 'ent_readonly' }] }] },
      });
      expect(await data('search_objects', { object_type: 'table' })).toMatchObject({
        data: { results: [{ name: 'users' }] },
      });
      for (const sql of [
        "insert into users values (2, 'Eve')",
        'select 1; drop table users',
        "with stolen as (insert into users values (2, 'Eve') returning *) select * from stolen",
        'explain analyze delete from users',
        "select set_config('transaction_read_only', 'off', false); delete from users",
        'do $$ begin delete from users; end $$',
        'selec 1',
        'select * from nothing',
      ]) {
        const { isError, text } = await call('execute_sql', { sql });
        expect(isError, `${sql}: ${text}`).toBe(true);
        expect(text).not.toContain(PASSWORD);
      }
      const wrong = await call('execute_sql', { sql: 7 });
      expect(wrong).toMatchObject({ isError: true, text: expect.stringContaining('sql') as string });
      expect(psql('select * from users')).toBe('1|Ada');
    });

    it('is kept from writing by its login too, whatever asks', () => {
      const write = (): unknown =>
        execFileSync(findProgram('psql') as string, [url, '-c', 'begin read write; delete from users'], {
          stdio: 'pipe',
        });
      expect(write).toThrow('permission denied for table users');
    });
  });
});

const noMongo = missing('mongodb', 'mongodb-mcp-server');
describe.skipIf(noMongo !== '')(`MongoDB by its own server${noMongo}`, () => {
  describeWithServer('mongodb', (server) => {
    const at = { connectionId: 'preconfigured', database: 'test', collection: 'people' };
    const found = async (): Promise<unknown[]> => {
      const client = await MongoClient.connect(server.url);
      onTestFinished(() => client.close());
      return client
        .db('test')
        .collection('people')
        .find({}, { projection: { _id: 0 } })
        .toArray();
    };
    beforeAll(async () => {
      const client = await MongoClient.connect(server.url);
      await client.db('test').collection('people').insertOne({ name: 'Ada' });
      await client.close();
    });

    it('reads, has no tool that writes, connects elsewhere or leaves a file, and names what is wrong', async () => {
      const asked = await clientOf('mongodb', { ENT_MCP_MONGODB_URL: server.url });
      expect((await asked.call('find', { ...at, filter: {} })).text).toContain('Ada');
      const tools = await toolsOf(asked);
      expect(tools).toContain('aggregate');
      expect(
        tools.filter((name) => /insert|update|delete|drop|create|rename|export|^connect|switch/.test(name)),
      ).toEqual([]);
      const { call } = asked;
      const out = await call('aggregate', { ...at, pipeline: [{ $out: 'stolen' }] });
      expect(out).toMatchObject({ isError: true, text: expect.stringContaining('readOnly') as string });
      const merge = await call('aggregate', { ...at, pipeline: [{ $merge: { into: 'people' } }] });
      expect(merge).toMatchObject({ isError: true, text: expect.stringContaining('readOnly') as string });
      const wrong = await call('aggregate', { ...at, pipeline: [{ $nope: 1 }] });
      expect(wrong).toMatchObject({ isError: true, text: expect.stringContaining('$nope') as string });
      const bad = await call('find', { ...at, database: 7 });
      expect(bad).toMatchObject({ isError: true, text: expect.stringContaining('database') as string });
      expect(await found()).toEqual([{ name: 'Ada' }]);
    });

    it('does not tell the password of a login that is refused', async () => {
      // The stand-in for MongoDB knows no logins.
      const { call } = await clientOf('mongodb', { ENT_MCP_MONGODB_URL: withLogin(server.url, 'ent_readonly') });
      for (const [tool, args] of [
        ['list-connections', {}],
        ['find', { ...at, filter: {} }],
      ] as const) {
        expect((await call(tool, args)).text, tool).not.toContain(PASSWORD);
      }
    });
  });
});

// What they read of real servers, and by which logins: redis.test.ts, rabbitmq.test.ts and opensearch.test.ts.
const OWN = {
  redis: { url: 'redis://127.0.0.1:1', tool: 'redis_key', argument: 'key' },
  rabbitmq: { url: 'amqp://127.0.0.1:1', tool: 'rabbitmq_queue', argument: 'queue' },
  elasticsearch: { url: 'http://127.0.0.1:1', tool: 'opensearch_search', argument: 'index' },
};
it.each(Object.entries(OWN))('%s by @ent/mcp starts, only reads, and tells no password', async (name, own) => {
  const { env } = mcpServers[name] as (typeof mcpServers)[string];
  const variables = Object.values(env).map((value) => value.slice('${'.length, -1));
  const urls = variables.map((variable) => [
    variable,
    withLogin(variable.includes('MANAGEMENT') ? 'http://127.0.0.1:1' : own.url, 'ent_readonly'),
  ]);
  const asked = await clientOf(name, Object.fromEntries(urls) as Record<string, string>);
  const { tools } = await asked.client.listTools();
  expect(tools.map((tool) => tool.name)).toContain(own.tool);
  expect(tools.map(({ annotations }) => annotations?.readOnlyHint)).toEqual(tools.map(() => true));
  expect(await asked.call(own.tool, { [own.argument]: 7 })).toMatchObject({
    isError: true,
    text: expect.stringContaining(own.argument) as string,
  });
  const away = await asked.call(own.tool, { [own.argument]: 'a' });
  expect(away).toMatchObject({ isError: true, text: expect.stringContaining('(mcp.unavailable)') as string });
  expect(away.text).not.toContain(PASSWORD);
});

it('the file has no server that is not started here', () => {
  expect(Object.keys(mcpServers).toSorted()).toEqual(['mongodb', 'postgres', ...Object.keys(OWN)].toSorted());
});
