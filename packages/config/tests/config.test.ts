import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineConfig, duration, Secret, secret } from '../src/index.ts';
import { folderWith } from './folder.ts';

const hermetic = { dir: false, env: {} } as const;

describe('the sources', () => {
  const schema = z.object({ a: z.string().default('default'), nodeEnv: z.string().optional() });
  const config = defineConfig(schema);

  it('win in their order', () => {
    const dir = folderWith({});
    const files = { '.env': 'A=env-file', '.env.staging': 'A=staging-file', '.env.local': 'A=local-file' };
    const secretsDir = join(folderWith({ 'secrets/A': 'secrets-folder' }), 'secrets');
    const env = { NODE_ENV: 'staging' };
    expect(config.load({ dir, env }).a).toBe('default');
    expect(config.load({ dir: folderWith({ '.env': files['.env'] }), env }).a).toBe('env-file');
    const { '.env.local': _local, ...two } = files;
    expect(config.load({ dir: folderWith(two), env }).a).toBe('staging-file');
    const all = folderWith({ ...files, 'named.txt': 'named-file\n' });
    expect(config.load({ dir: all, env }).a).toBe('local-file');
    expect(config.load({ dir: all, env: { ...env, A: 'environment' } }).a).toBe('environment');
    const named = { ...env, A: 'environment', A_FILE: 'named.txt' };
    expect(config.load({ dir: all, env: named }).a).toBe('named-file');
    expect(config.load({ dir: all, env: named, secretsDir }).a).toBe('secrets-folder');
    const argv = ['--a', 'flag'];
    expect(config.load({ dir: all, env: named, secretsDir, argv }).a).toBe('flag');
    expect(config.load({ dir: all, env: named, secretsDir, argv, overrides: { a: 'override' } }).a).toBe('override');
  });

  it('rank a named file with the source that names it', () => {
    const dir = folderWith({ '.env': 'A_FILE=./dev', '.env.local': '', dev: 'development', prod: 'production' });
    expect(config.load({ dir, env: {} }).a).toBe('development');
    expect(config.load({ dir, env: { A: 'environment' } }).a).toBe('environment');
    expect(config.load({ dir, env: { A_FILE: 'prod' } }).a).toBe('production');
    expect(config.load({ dir, env: { A: 'environment', A_FILE: 'prod' } }).a).toBe('production');
    const value = folderWith({ '.env': 'A=file', '.env.local': 'A_FILE=./dev', dev: 'development' });
    expect(config.load({ dir: value, env: {} }).a).toBe('development');
  });

  it('do not read a named file that is not needed', () => {
    const dir = folderWith({ '.env': 'A_FILE=./absent' });
    expect(config.load({ dir, env: { A: 'environment' } }).a).toBe('environment');
  });

  it('choose the file of the mode by NODE_ENV of the environment, then of .env, then development', () => {
    const files = { '.env.one': 'A=one', '.env.two': 'A=two', '.env.development': 'A=development' };
    expect(config.load({ dir: folderWith(files), env: {} }).a).toBe('development');
    const dir = folderWith({ ...files, '.env': 'NODE_ENV=one' });
    expect(config.load({ dir, env: {} })).toEqual({ a: 'one', nodeEnv: 'one' });
    expect(config.load({ dir, env: { NODE_ENV: 'two' } }).a).toBe('two');
  });

  it('do not leave the folder by NODE_ENV', () => {
    const dir = folderWith({ 'inner/.env': '', 'outer/x': 'A=outer' });
    expect(() => config.load({ dir: join(dir, 'inner'), env: { NODE_ENV: '/../../outer/x' } })).toThrow('NODE_ENV');
  });

  it('take an empty variable for an absent one', () => {
    const dir = folderWith({ '.env': 'A=file', 'empty.txt': '\n' });
    expect(config.load({ dir, env: { A: '' } }).a).toBe('file');
    expect(config.load({ dir, env: { A_FILE: '' } }).a).toBe('file');
    expect(config.load({ dir, env: { A_FILE: 'empty.txt' } }).a).toBe('file');
    expect(config.load({ dir, env: {}, argv: ['--a='], overrides: { a: '' } }).a).toBe('file');
    expect(config.load({ dir: folderWith({ '.env': 'A=' }), env: { A: '' } }).a).toBe('default');
  });

  it('read .env as dotenv does', () => {
    const text = '\uFEFFexport A="two\\nlines" # comment\r\nNODE_ENV=first\r\nNODE_ENV=last\r\n';
    expect(config.load({ dir: folderWith({ '.env': text }), env: {} })).toEqual({ a: 'two\nlines', nodeEnv: 'last' });
  });

  it('take files of a secrets folder by the name of the variable, in capitals or not, and leave the others', () => {
    const folder = folderWith({
      a: 'lower',
      A_FILE: 'x',
      nodeenv: 'x',
      NODE_ENV: '\n',
      'unrelated.txt': 'x',
      '..data/A': 'x',
    });
    expect(config.load({ ...hermetic, secretsDir: folder })).toEqual({ a: 'lower' });
    const second = folderWith({ A: 'second\r\n' });
    expect(config.load({ ...hermetic, secretsDir: [folder, second, join(folder, 'absent')] }).a).toBe('second');
  });

  it('keep the lines of a named file', () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n';
    const dir = folderWith({ 'key.pem': pem });
    expect(config.load({ env: { A_FILE: join(dir, 'key.pem') }, dir: false }).a).toBe(pem.trimEnd());
  });

  it('give a setting its own variable when it ends in _FILE', () => {
    const both = defineConfig(z.object({ log: z.string().optional(), logFile: z.string().optional() }));
    expect(both.load({ ...hermetic, env: { LOG_FILE: '/var/log/x' } })).toEqual({ logFile: '/var/log/x' });
  });
});

describe('the names of variables', () => {
  it('are the keys in capitals, with __ between the levels', () => {
    const nested = z.object({
      databaseUrl: z.string().optional(),
      jwtTTL: z.string().optional(),
      'x-y': z.string().optional(),
      UPPER_CASE: z.string().optional(),
      HTTPServer2: z.string().optional(),
      database: z.object({ pool: z.object({ maxSize: z.string().optional() }) }),
      pgHost: z.string().meta({ env: 'PGHOST' }).optional(),
    });
    const names = defineConfig(nested, { prefix: 'APP_' }).variables.map(({ name }) => name);
    expect(names).toEqual([
      'APP_DATABASE_URL',
      'APP_JWT_TTL',
      'APP_X_Y',
      'APP_UPPER_CASE',
      'APP_HTTP_SERVER2',
      'APP_DATABASE__POOL__MAX_SIZE',
      'PGHOST',
    ]);
    const env = { APP_DATABASE__POOL__MAX_SIZE: '9', PGHOST: 'h', APP_X_Y: 'z', PORT: 'not ours' };
    expect(defineConfig(nested, { prefix: 'APP_', ...hermetic }).load({ env })).toEqual({
      'x-y': 'z',
      database: { pool: { maxSize: '9' } },
      pgHost: 'h',
    });
  });

  it('must differ', () => {
    const twice = z.object({ databaseUrl: z.string(), DATABASE_URL: z.string() });
    expect(() => defineConfig(twice)).toThrow('databaseUrl and DATABASE_URL have the same variable, DATABASE_URL');
  });
});

describe('groups', () => {
  const tls = z.object({ cert: z.string(), key: z.string() });

  it('are there with their defaults when nothing of them is set', () => {
    const config = defineConfig(z.object({ pool: z.object({ min: z.number().default(1) }) }), hermetic);
    expect(config.load()).toEqual({ pool: { min: 1 } });
  });

  it('are absent when they are optional and nothing of them is set, and complete otherwise', () => {
    const config = defineConfig(z.object({ tls: tls.optional() }), hermetic);
    expect(config.load()).toEqual({});
    expect(config.load({ env: { TLS__CERT: 'c', TLS__KEY: 'k' } })).toEqual({ tls: { cert: 'c', key: 'k' } });
    expect(() => config.load({ env: { TLS__CERT: 'c' } })).toThrow('TLS__KEY (not set): required');
  });

  it('that contain themselves are read as JSON from there on', () => {
    const node = z.object({
      name: z.string(),
      get next() {
        return node.optional();
      },
    });
    const config = defineConfig(z.object({ node }), hermetic);
    expect(config.variables.map(({ name }) => name)).toEqual(['NODE__NAME', 'NODE__NEXT']);
    expect(config.load({ env: { NODE__NAME: 'a', NODE__NEXT: '{"name":"b","next":{"name":"c"}}' } })).toEqual({
      node: { name: 'a', next: { name: 'b', next: { name: 'c' } } },
    });
  });

  it('are absent with what is inside of them', () => {
    const schema = z.object({ db: z.object({ pool: z.object({ max: z.number() }) }).optional() });
    expect(defineConfig(schema, hermetic).load()).toEqual({});
  });

  it('keep the rest of their default when one variable of them is set', () => {
    const pool = z.object({ min: z.number().default(1), max: z.number().default(2) });
    const db = z.object({ host: z.string().default('inner'), port: z.number(), password: secret(), pool });
    const whole = { host: 'outer', port: 1, password: new Secret('p'), pool: { min: 5, max: 9 } };
    const config = defineConfig(z.object({ db: db.default(whole) }), hermetic);
    expect(config.load().db).toEqual(whole);
    const set = config.load({ env: { DB__PORT: '7', DB__POOL__MIN: '6' } }).db;
    expect(set).toMatchObject({ host: 'outer', port: 7, pool: { min: 6, max: 9 } });
    expect(set.password.reveal()).toBe('p');
    const text = defineConfig(
      z.object({ db: z.object({ ttl: duration(), n: z.number() }).prefault({ ttl: '5m', n: 1 }) }),
    );
    expect(text.load({ ...hermetic, env: { DB__N: '2' } })).toEqual({ db: { ttl: 300_000, n: 2 } });
  });

  it('can be given as JSON, which a variable of their own overrides', () => {
    const db = z.object({ host: z.string(), port: z.number(), tls: tls.optional() });
    const config = defineConfig(z.object({ db }), hermetic);
    const DB = '{"host":"a","port":1,"tls":{"cert":"c","key":"k"}}';
    expect(config.load({ env: { DB } })).toEqual({ db: { host: 'a', port: 1, tls: { cert: 'c', key: 'k' } } });
    for (const env of [
      { DB, DB__HOST: 'b', DB__TLS: '{"key":"kk"}' },
      { DB__TLS: '{"key":"kk"}', DB__HOST: 'b', DB },
    ]) {
      expect(config.load({ env }).db).toEqual({ host: 'b', port: 1, tls: { cert: 'c', key: 'kk' } });
    }
    const dir = folderWith({ '.env': 'DB__HOST=file\n' });
    expect(config.load({ dir, env: { DB } }).db.host).toBe('a');
    expect(() => config.load({ env: { DB: '{"hots":"a"}' } })).toThrow('db.hots (environment): unknown setting');
    expect(() => config.load({ env: { DB: '{"host":' } })).toThrow('DB (environment): expected a JSON object');
    expect(() => config.load({ env: { DB: '{"host":"a","port":"x"}' } })).toThrow('DB__PORT (DB, environment)');
  });

  it('take their own default', () => {
    const config = defineConfig(z.object({ tls: tls.default({ cert: 'dc', key: 'dk' }) }), hermetic);
    expect(config.load()).toEqual({ tls: { cert: 'dc', key: 'dk' } });
  });
});

describe('the result', () => {
  const config = defineConfig(
    z.object({
      list: z.array(z.object({ x: z.number() })).default([{ x: 1 }]),
      group: z.object({ a: z.string().default('a') }),
      since: z.iso
        .date()
        .transform((text) => new Date(text))
        .prefault('2026-01-02'),
      password: secret().default(new Secret('p')),
      labels: z.record(z.string(), z.string()).default({ k: 'v' }),
    }),
    hermetic,
  );

  it('is frozen all the way down; instances of classes are left as they are', () => {
    const settings = config.load();
    for (const value of [
      settings,
      settings.list,
      settings.list[0],
      settings.group,
      settings.labels,
      settings.password,
    ]) {
      expect(Object.isFrozen(value)).toBe(true);
    }
    expect(() => Object.assign(settings.group, { a: 'b' })).toThrow(TypeError);
    expect(settings.since.getUTCFullYear()).toBe(2026);
    expect(settings.password.reveal()).toBe('p');
  });

  it('does not share what it froze between loads', () => {
    expect(config.load({ overrides: { labels: { k: 'w' } } }).labels).toEqual({ k: 'w' });
    expect(config.load().labels).toEqual({ k: 'v' });
  });
});

describe('get() and override()', () => {
  const config = defineConfig(
    z.object({
      port: z.number().default(8000),
      cache: z.object({ ttl: duration().prefault('5m'), url: z.string().default('memory:') }),
    }),
    hermetic,
  );

  it('loads once and answers the same object', () => {
    expect(config.get()).toBe(config.get());
    expect(config.load()).not.toBe(config.get());
  });

  it('has get() answer other settings until it is over', () => {
    const before = config.get();
    const first = config.override({ port: 0, cache: { ttl: '1s' } });
    expect(config.get()).toEqual({ port: 0, cache: { ttl: 1000, url: 'memory:' } });
    expect(config.get()).toBe(config.get());
    const second = config.override({ cache: { url: 'redis://x' } });
    expect(config.get()).toEqual({ port: 0, cache: { ttl: 1000, url: 'redis://x' } });
    second.restore();
    expect(config.get().cache.url).toBe('memory:');
    first[Symbol.dispose]();
    expect(config.get()).toEqual(before);
  });

  it('restores in any order, and once, also of the same object', () => {
    const values = { port: 1 };
    const first = config.override(values);
    const second = config.override(values);
    const third = config.override({ port: 3 });
    first.restore();
    first.restore();
    third.restore();
    expect(config.get().port).toBe(1);
    second.restore();
    expect(config.get().port).toBe(8000);
  });

  it('refuses what is wrong in overrides as everywhere else', () => {
    const override = config.override({ port: 'x', cahce: { ttl: 1 }, cache: { tll: '1s' } } as never);
    expect(() => config.get()).toThrow(
      [
        'The configuration has 3 faults:',
        '  cahce (override): unknown setting: did you mean cache?',
        '  cache.tll (override): unknown setting: did you mean ttl?',
        '  PORT (override): expected a number',
      ].join('\n'),
    );
    override.restore();
    expect(config.get().port).toBe(8000);
  });
});

describe('command-line flags', () => {
  const config = defineConfig(
    z.object({
      port: z.number().default(8000),
      logLevel: z.enum(['debug', 'info']).default('info'),
      verbose: z.boolean().default(false),
      database: z.object({ poolSize: z.number().default(1) }),
      password: secret().optional(),
      tags: z.array(z.string()).default([]),
      noCache: z.boolean().optional(),
      noProxy: z.string().optional(),
    }),
    { prefix: 'APP_', ...hermetic },
  );

  it('are read only where asked for', () => {
    expect(config.load().port).toBe(8000);
  });

  it('are named like the variables, and leave positional arguments alone', () => {
    const argv = [
      'migrate',
      '--port=1',
      '--log-level',
      'debug',
      '--verbose',
      '--database.pool-size',
      '5',
      '--tags',
      'a,b',
      '--',
      '--x',
    ];
    expect(config.load({ argv })).toEqual({
      port: 1,
      logLevel: 'debug',
      verbose: true,
      database: { poolSize: 5 },
      tags: ['a', 'b'],
    });
    expect(config.load({ argv: ['--no-verbose'], env: { APP_VERBOSE: '1' } }).verbose).toBe(false);
    expect(config.load({ argv: ['--no-cache'] }).noCache).toBe(true);
    expect(config.load({ argv: ['--no-no-cache'] }).noCache).toBe(false);
    expect(config.load({ argv: ['--no-proxy', 'localhost'] }).noProxy).toBe('localhost');
    expect(config.load({ argv: ['--verbose=off'], env: { APP_VERBOSE: '1' } }).verbose).toBe(false);
  });

  it('are refused together, and secrets among them', () => {
    const argv = ['--prot', '1', '--port', 'x', '--password=hunter2', '--no-port', '--log-level'];
    expect(() => config.load({ argv })).toThrow(
      [
        'The configuration has 5 faults:',
        '  --prot (command line): unknown flag: did you mean --port?',
        '  --password (command line): a secret cannot be given on the command line; set APP_PASSWORD_FILE',
        '  --no-port (command line): unknown flag',
        '  --log-level (command line): needs a value',
        '  APP_PORT (command line, --port): expected a number',
      ].join('\n'),
    );
  });
});
