// The shell scripts that start and prepare servers: what they say, and that a second run changes nothing.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePorts } from '../../packages/testkit/src/free-ports.ts';
import { addFiles, makeTree, repository } from './support/tree.ts';

interface Ended {
  readonly code: number;
  readonly output: string;
}

function sh(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile('bash', [script, ...args], { env: { PATH: process.env['PATH'], ...env } }, (error, stdout, stderr) => {
      resolve({ code: (error?.code as number | undefined) ?? 0, output: stdout + stderr });
    });
  });
}

/** A server that answers with the status that is asked for; the port. */
async function listening(): Promise<number> {
  const server = createServer(({ url = '' }, response) => response.writeHead(Number(/\d+/.exec(url)?.[0])).end());
  onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

describe('wait-for', () => {
  const waitFor = (...args: string[]): Promise<Ended> => sh(join(repository, 'scripts/wait-for.sh'), args);

  it('waits for ports, URLs of servers and answers of success, and shows no password', async () => {
    const port = await listening();
    const targets = [`127.0.0.1:${port}`, `amqp://me:secret@127.0.0.1:${port}/vhost`, `http://127.0.0.1:${port}/200`];
    const { code, output } = await waitFor(...targets);
    expect(output).toBe(
      [`127.0.0.1:${port}`, `127.0.0.1:${port}`, targets[2]].map((name) => `wait-for: ${name} answers\n`).join(''),
    );
    expect(code).toBe(0);
  });

  it('shows no password and no token of an address that it asks', async () => {
    const at = `127.0.0.1:${await listening()}/200`;
    const { code, output } = await waitFor(`http://me:se%40cret@${at}?token=secret`, `http://secret@${at}`);
    expect(output).toBe(`wait-for: http://${at} answers\n`.repeat(2));
    expect(code).toBe(0);
  });

  it('reads what the drivers take: several hosts, and what is encoded in a password', async () => {
    const port = await listening();
    const [closed] = await freePorts(1);
    const hosts = `127.0.0.1:${closed},127.0.0.1:${port}`;
    const targets = [
      [`mongodb://me:a%2Fb@${hosts}/db?replicaSet=rs0`, hosts],
      [`postgres://me:p@ss:word@127.0.0.1:${port}/db?x=a@b`, `127.0.0.1:${port}`],
      [`redis://:a%2F%40b@127.0.0.1:${port}`, `127.0.0.1:${port}`],
    ] as const;
    const { code, output } = await waitFor(...targets.map(([url]) => url));
    expect(output).toBe(targets.map(([, name]) => `wait-for: ${name} answers\n`).join(''));
    expect(code).toBe(0);
  });

  it.each([
    ['amqps://me:secret@nowhere.invalid/vhost', 'nowhere.invalid:5671'],
    ['rediss://nowhere.invalid', 'nowhere.invalid:6379'],
    ['mongodb://nowhere.invalid,[::1]:1/db', 'nowhere.invalid:27017,::1:1'],
  ])('knows the port of %s', async (url, name) => {
    const { code, output } = await waitFor('--timeout', '1', url);
    expect(output).toContain(`wait-for: ${name} does not answer after 1 s`);
    expect(code).toBe(1);
  });

  it('gives up after its time, naming who is missing', async () => {
    const { code, output } = await waitFor('--timeout', '1', `http://127.0.0.1:${await listening()}/503`);
    expect(output).toMatch(/wait-for: http:\/\/127\.0\.0\.1:\d+\/503 does not answer after 1 s/);
    expect(code).toBe(1);
  });

  it.each([
    ['nothing', []],
    ['no time', ['--timeout', 'soon', '127.0.0.1:1']],
    ['no port', ['localhost']],
    ['a scheme without a port', ['ftp://localhost']],
  ])('refuses %s', async (_, args) => {
    const { code, output } = await waitFor(...args);
    expect(code).toBe(64);
    expect(output).toContain('usage: ');
    expect(output).not.toContain('answers');
  });
});

describe('init-db', () => {
  it('applies what is missing, and nothing the second time', async () => {
    const folder = makeTree({});
    const env = { DATABASE_URL: `sqlite:${join(folder, 'users.db')}`, HOME: folder };
    const first = await sh(join(repository, 'scripts/init-db.sh'), [], env);
    expect(first.output).toMatch(/brought up to date.*0001_users/);
    expect(first.code).toBe(0);
    const second = await sh(join(repository, 'scripts/init-db.sh'), [], env);
    expect(second.output).toContain('the database schema is up to date');
    expect(second.code).toBe(0);
  });
});

describe('start-all', () => {
  /** A repository with a program in the place of Docker that writes down what it is called with. */
  function setUp(): { root: string; start: (...args: string[]) => Promise<Ended>; called: () => string } {
    const root = makeTree({ 'bin/docker': '#!/bin/sh\necho "$*" >>"$CALLED"\n', 'scripts/.keep': '' });
    chmodSync(join(root, 'bin/docker'), 0o755);
    for (const file of ['scripts/start-all.sh', '.env.example']) copyFileSync(join(repository, file), join(root, file));
    const env = { PATH: `${join(root, 'bin')}:${process.env['PATH']}`, CALLED: join(root, 'called') };
    return {
      root,
      start: (...args) => sh(join(root, 'scripts/start-all.sh'), args, env),
      called: () => readFileSync(env.CALLED, 'utf8'),
    };
  }

  it('makes .env once, with a key, and starts profiles and servers by name', async () => {
    const { root, start, called } = setUp();
    const first = await start('core', 'observability', 'mysql');
    expect(first.output).toContain('made .env from .env.example');
    expect(first.output).toContain('postgres://ent:ent-development@127.0.0.1:5432/ent');
    expect(first.code).toBe(0);
    expect(called()).toContain('compose --profile core --profile observability up --detach --build --wait mysql\n');
    const made = readFileSync(join(root, '.env'), 'utf8');
    expect(made).toMatch(/^JWT_PRIVATE_KEY='-----BEGIN PRIVATE KEY-----\\n[\w+/=]+\\n-----END PRIVATE KEY-----'$/m);

    const second = await start();
    expect(second.output).not.toMatch(/made|added/);
    expect(second.code).toBe(0);
    expect(called()).toMatch(/compose up --detach --build --wait\n$/);
    expect(readFileSync(join(root, '.env'), 'utf8')).toBe(made);
  });

  it('adds what an older .env lacks, and leaves what it says', async () => {
    const { root, start } = setUp();
    const old = readFileSync(join(root, '.env.example'), 'utf8')
      .replace(/^GRAFANA_PASSWORD=.*\n/m, '')
      .replace(/^POSTGRES_PASSWORD=.*$/m, 'POSTGRES_PASSWORD=mine')
      // Some editors leave the last line without its end.
      .trimEnd();
    addFiles(root, { '.env': old });
    const { output } = await start();
    const added = 'GRAFANA_PASSWORD=ent-development\n';
    expect(readFileSync(join(root, '.env'), 'utf8').replace(/^(JWT_PRIVATE_KEY=).*$/m, '$1')).toBe(`${old}\n${added}`);
    expect(output).toContain('added GRAFANA_PASSWORD to .env');
    expect(output).toContain('postgres://ent:mine@');
    expect(existsSync(join(root, '.env.before'))).toBe(false);
  });

  it('says what is missing', async () => {
    const { root, start } = setUp();
    addFiles(root, { 'bin/docker': '#!/bin/sh\n[ "$1" != info ]\n' });
    const { code, output } = await start();
    expect(output).toContain('Docker does not answer');
    expect(code).toBe(1);
    expect(existsSync(join(root, '.env'))).toBe(false);
  });
});
