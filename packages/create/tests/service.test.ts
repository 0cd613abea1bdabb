// That what is written compiles and passes its own tests is looked at by scripts/check-samples.ts, with the tarballs,
// and for each two answers by `npm run release:rehearse`, with what npm installs.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { answersOf, CHOICES, type Choices } from '../src/choices.ts';
import { writeService } from '../src/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'ent-create-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the compose file of a new service', () => {
  const all = answersOf('database').flatMap((database) =>
    answersOf('cache').flatMap((cache) => answersOf('broker').map((broker) => ({ database, cache, broker }))),
  );

  it.each(all)('has the servers that $database, $cache and $broker need, each with a health check', async (choices) => {
    const path = join(folder, 'compose', Object.values(choices).join('-'));
    mkdirSync(path, { recursive: true });
    await writeService({ folder: path, name: 'shop', ...(choices as Partial<Choices>) });
    const { services: found } = parse(readFileSync(join(path, 'compose.yaml'), 'utf8')) as {
      services: Record<string, { depends_on?: object; healthcheck?: object; environment?: Record<string, string> }>;
    };
    const { shop, ...servers } = found;
    const named = { 'redis-streams': 'redis' } as Record<string, string>;
    const wanted = Object.values(choices)
      .filter((answer) => answer !== 'sqlite' && answer !== 'memory')
      .map((answer) => named[answer] ?? answer);
    expect(Object.keys(servers).sort()).toEqual([...new Set(wanted)].sort());
    expect(Object.keys(shop?.depends_on ?? {}).sort()).toEqual(Object.keys(servers).sort());
    expect(Object.values(servers).every(({ healthcheck }) => healthcheck !== undefined)).toBe(true);
    // Each address names a server of the file.
    for (const url of ['DATABASE_URL', 'CACHE_URL', 'BROKER_URL']) {
      const host = /@?([a-z]+):\d+/.exec(shop?.environment?.[url] ?? '')?.[1];
      if (host !== undefined) expect(Object.keys(servers)).toContain(host);
    }
  });
});

describe('writeService', () => {
  it('has the first answers where it is told nothing else, and the name of the folder', async () => {
    const files = await writeService({ folder: join(folder, 'shop') });
    expect(files).toContain('src/main.ts');
    expect(files).not.toContain('src/auth.ts');
    const manifest = JSON.parse(readFileSync(join(folder, 'shop', 'package.json'), 'utf8')) as {
      name: string;
      dependencies: Record<string, string>;
    };
    expect(manifest.name).toBe('shop');
    expect(Object.keys(manifest.dependencies)).toContain('better-sqlite3');
    expect(Object.keys(CHOICES.host)[0]).toBe('node');
  });

  it('takes a folder that has a repository and an .npmrc alone, and leaves them', async () => {
    const path = join(folder, 'cloned');
    mkdirSync(join(path, '.git'), { recursive: true });
    writeFileSync(join(path, '.npmrc'), 'registry=https://npm.example.com');
    expect(await writeService({ folder: path })).toContain('src/main.ts');
    expect(readFileSync(join(path, '.npmrc'), 'utf8')).toBe('registry=https://npm.example.com');
    // What was written is something.
    await expect(writeService({ folder: path })).rejects.toMatchObject({
      code: 'create.folder_not_empty',
      message: expect.not.stringContaining('.git,') as string,
    });
  });

  it.each(answersOf('host').flatMap((host) => answersOf('auth').map((auth) => ({ host, auth }))))(
    'depends on what $host with $auth imports of ours, and on nothing else',
    async (choices) => {
      const path = join(folder, `imports-${choices.host}-${choices.auth}`);
      const files = await writeService({ folder: path, ...(choices as Partial<Choices>) });
      const code = files.filter((file) => file.endsWith('.ts')).map((file) => readFileSync(join(path, file), 'utf8'));
      const imported = code.flatMap((text) => [...text.matchAll(/from '(@ent\/[\w-]+)/g)].map(([, name]) => name));
      const { dependencies } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as {
        dependencies: Record<string, string>;
      };
      const own = Object.keys(dependencies).filter((name) => name.startsWith('@ent/'));
      expect(own).toEqual([...new Set(imported)].sort());
    },
  );

  it('gives no setting a default that is wrong in production', async () => {
    const read = async (name: string, choices: Partial<Choices>) => {
      const path = join(folder, name);
      const files = await writeService({ folder: path, ...choices });
      const text = (file: string): string => readFileSync(join(path, file), 'utf8');
      const defaults = text('src/config.ts').match(/(?:[A-Z]+_URL|ISSUER).*default\([^)]*/g) ?? [];
      return { defaults, development: files.includes('.env.development') ? text('.env.development') : '' };
    };
    const servers = { database: 'postgres', cache: 'redis', broker: 'rabbitmq', auth: 'tokens' } as const;
    const { defaults, development } = await read('on-servers', servers);
    expect(defaults).toEqual([]);
    const settings = development.split('\n').filter((line) => /^[A-Z]/.test(line));
    expect(settings).toEqual([
      'DATABASE_URL=sqlite:./data/on-servers.db',
      'CACHE_URL=memory:',
      'BROKER_URL=memory:',
      'ISSUER=https://login.example.com',
    ]);
    const alone = await read('alone', {});
    expect(alone.defaults.map((each) => each.slice(each.indexOf('default')))).toEqual([
      "default('sqlite:./data/alone.db'",
      "default('memory:'",
      "default('memory:'",
    ]);
    expect(alone.development).toBe('');
    expect(readFileSync(join(folder, 'alone', 'compose.yaml'), 'utf8')).toContain("'sqlite:./data/alone.db'");
  });

  it('writes nothing into a folder that has something, or over a file', async () => {
    const path = join(folder, 'taken');
    mkdirSync(path);
    writeFileSync(join(path, 'mine.txt'), 'mine');
    await expect(writeService({ folder: path })).rejects.toMatchObject({
      code: 'create.folder_not_empty',
      message: expect.stringContaining('it has mine.txt') as string,
    });
    await expect(writeService({ folder: join(path, 'mine.txt'), name: 'shop' })).rejects.toMatchObject({
      code: 'create.folder_not_empty',
    });
    expect(readFileSync(join(path, 'mine.txt'), 'utf8')).toBe('mine');
  });

  it.each([
    [{ folder: '/tmp/Not A Name' }, '"Not A Name" cannot be the name'],
    [{ folder: '/tmp/x', name: '../x' }, '"../x" cannot be the name'],
    [{ folder: '/tmp/x', database: 'oracle' }, '"oracle" is no database: there is sqlite, postgres, mysql, mongodb'],
    [{ folder: '/tmp/x', colour: 'red' }, 'no option "colour"'],
    [{ name: 'x' }, 'takes { folder }'],
    [{ folder: '/tmp/x', auth: '__proto__' }, 'is no auth'],
  ])('refuses %j', async (options, message) => {
    await expect(writeService(options as never)).rejects.toMatchObject({
      code: 'create.invalid_options',
      message: expect.stringContaining(message) as string,
    });
  });
});
