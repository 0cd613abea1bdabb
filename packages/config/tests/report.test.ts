import { inspect } from 'node:util';
import { ConfigurationError, type EntError } from '@ent/errors';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Config, type ConfigFault, defineConfig, duration, type LoadOptions, secret, url } from '../src/index.ts';
import { lineOf } from '../src/internal/dotenv.ts';
import { folderWith } from './folder.ts';

const hermetic = { dir: false, env: {} } as const;

function failureOf<S extends z.ZodObject>(config: Config<S>, options?: LoadOptions<S>): EntError {
  try {
    config.load(options);
  } catch (error) {
    return error as EntError;
  }
  throw new Error('expected the configuration to be refused');
}

function linesOf<S extends z.ZodObject>(config: Config<S>, options?: LoadOptions<S>): string[] {
  return failureOf(config, options)
    .message.split('\n')
    .slice(1)
    .map((line) => line.trim());
}

describe('the report', () => {
  const schema = z.object({
    port: z.number().int().min(0).max(65535),
    cacheUrl: url().default('memory:'),
    database: z.object({ url: url({ protocols: ['postgres'] }), poolSize: z.number().default(5) }),
    logLevel: z.enum(['debug', 'info']).default('info'),
    adminPassword: secret(z.string().min(8)),
    key: secret().optional(),
  });
  const config = defineConfig(schema);

  it('lists every fault at once, with variable, source and what is expected', () => {
    const dir = folderWith({
      '.env': '# settings\n\nPORT=80a\nLOG_LEVEL=loud\n',
      '.env.local': '\nLOG_LEVEL="verbose"\n',
    });
    const env = {
      CACHE_ULR: 'redis://x',
      DATABASE__POOL_SIZE: 'many',
      ADMIN_PASSWORD_FILE: '/nonexistent/x',
      KEY_FILE: dir,
    };
    expect(failureOf(config, { dir, env }).message.replaceAll(`${dir}/`, '')).toBe(
      `The configuration has 7 faults:
  CACHE_ULR (environment): unknown variable: did you mean CACHE_URL?
  ADMIN_PASSWORD_FILE (environment): names a file that cannot be read (ENOENT)
  KEY_FILE (environment): names a file that cannot be read (EISDIR)
  PORT (.env:3): expected an integer from 0 to 65535
  DATABASE__URL (not set): required, expected a URL that begins with postgres:
  DATABASE__POOL_SIZE (environment): expected a number
  LOG_LEVEL (.env.local:2): expected one of debug, info`,
    );
  });

  it('is an error of this package, with the faults as data and as issues', () => {
    const error = failureOf(config, {
      ...hermetic,
      env: { DATABASE__URL: 'postgres://h', ADMIN_PASSWORD: 'long enough' },
    });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.code).toBe('config.invalid');
    const faults: ConfigFault[] = [
      {
        variable: 'PORT',
        source: 'not set',
        expected: 'required, expected an integer from 0 to 65535',
        path: ['port'],
      },
    ];
    expect(error.details?.['faults']).toEqual(faults);
    expect(error.issues).toEqual([
      {
        pointer: '#/port',
        in: 'config',
        code: 'invalid',
        detail: 'PORT: required, expected an integer from 0 to 65535',
      },
    ]);
    expect(JSON.stringify(error)).not.toContain('PORT');
  });

  it('says "file that is too large" rather than to read a device without an end', () => {
    const lines = linesOf(config, { ...hermetic, env: { KEY_FILE: '/dev/zero' } });
    expect(lines).toContain('KEY_FILE (environment): names a file that is larger than 1 MiB');
  });

  it('names a .env that is there and cannot be read', () => {
    const dir = folderWith({ '.env/x': '', '.env.local': 'A=1' });
    expect(linesOf(config, { dir, env: {} })[0]).toBe(`${dir}/.env (file): cannot be read (EISDIR)`);
  });

  it('names a secret that cannot be read, and a secrets folder that is none', () => {
    const folder = folderWith({ 'KEY/x': '' });
    const lines = linesOf(config, { ...hermetic, secretsDir: [folder, `${folder}/KEY/x`] });
    expect(lines.slice(0, 2)).toEqual([
      `KEY (secrets folder, ${folder}/KEY): cannot be read (EISDIR)`,
      `${folder}/KEY/x (secrets folder): cannot be read (ENOTDIR)`,
    ]);
  });

  it('tells each fault once, however many checks of a setting fail', () => {
    const strict = z.object({
      code: z
        .string()
        .min(3)
        .regex(/^[a-z]+$/),
      list: z.array(z.number().int().min(5)),
    });
    expect(linesOf(defineConfig(strict, { dir: false, env: { CODE: '1', LIST: '1.5' } }))).toEqual([
      'CODE (environment): expected text of at least 3 characters that matches /^[a-z]+$/',
      'LIST (environment): item 1: expected a list, separated by commas, of: an integer at least 5',
    ]);
  });

  it('keeps what the author of a schema wrote', () => {
    const own = defineConfig(
      z.object({
        name: z.string().min(3, 'must be a name'),
        even: z.number().refine((n) => n % 2 === 0, 'must be even'),
      }),
      { dir: false, env: { NAME: 'x', EVEN: '3' } },
    );
    expect(linesOf(own)).toEqual(['NAME (environment): must be a name', 'EVEN (environment): must be even']);
  });

  it('tells faults of several settings together', () => {
    const tls = z
      .object({ minVersion: z.string().optional(), maxVersion: z.string().optional() })
      .refine(() => false, 'must not cross');
    const pair = z.object({ tlsOptions: tls, a: z.string().optional() });
    expect(linesOf(defineConfig(pair, hermetic))).toEqual(['TLS_OPTIONS__* (together): must not cross']);
    const whole = z.object({ a: z.string().optional(), b: z.string().optional() });
    const both = defineConfig(
      whole.refine(() => false, 'needs a or b'),
      { ...hermetic, prefix: 'APP_' },
    );
    expect(linesOf(both)).toEqual(['APP_* (together): needs a or b']);
    const pointing = defineConfig(
      whole.refine(() => false, { error: 'needs a', path: ['a'] }),
      hermetic,
    );
    expect(linesOf(pointing)).toEqual(['A (not set): needs a']);
  });

  it('says where what the schema itself has for a setting is wrong', () => {
    const own = z.object({
      drainDelay: duration().prefault('0s'),
      port: z.number().min(1).prefault(0),
      name: z.string(),
      tls: z.object({ key: z.string() }).optional(),
    });
    const lines = linesOf(defineConfig(own, hermetic));
    expect(lines).toEqual([
      'DRAIN_DELAY (default of the schema): expected a duration such as "250ms", "30s", "5m", "2h" or "7d"',
      'PORT (default of the schema): expected a number at least 1',
      'NAME (not set): required, expected text',
    ]);
    expect(defineConfig(own, { dir: false, env: { DRAIN_DELAY: '1s', PORT: '1', NAME: 'x' } }).load().drainDelay).toBe(
      1000,
    );
  });

  it('is complete for three hundred faults', () => {
    const many = z.object(
      Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`SETTING_NUMBER_${i}`, z.number()])),
    );
    const lines = linesOf(defineConfig(many, hermetic));
    expect(lines).toHaveLength(300);
    expect(lines.at(-1)).toBe('SETTING_NUMBER_299 (not set): required, expected a number');
  });
});

describe('unknown variables', () => {
  const schema = z.object({
    cacheUrl: z.string().optional(),
    port: z.number().optional(),
    hostName: z.string().optional(),
  });

  it.each([
    'CACHE_ULR',
    'CACHEURL',
    'CACHE_URLS',
    'CACHE_UR',
    'CACHE_IRL',
    'ACHE_URL',
    'cache_url',
    'Cache_Url',
    'CACHE_URL_FIL',
  ])('without a prefix, %s is a slip', (name) => {
    const [line] = linesOf(defineConfig(schema), { dir: false, env: { [name]: 'x' } });
    const meant = name === 'CACHE_URL_FIL' ? 'CACHE_URL_FILE' : 'CACHE_URL';
    expect(line).toBe(`${name} (environment): unknown variable: did you mean ${meant}?`);
  });

  it.each([
    'CACHE_URI_X',
    'PATH',
    'HOME',
    'PROT_X',
    'CACHE',
    'URL',
    'HOSTNAME',
    'POST_IT',
    'XCACHE_URL_Y',
    'CACHE_XUL',
    'LC_ALL',
    'PORTS',
    'POST',
    'NODE',
  ])("without a prefix, %s is somebody else's", (name) => {
    expect(defineConfig(schema).load({ dir: false, env: { [name]: 'x' } })).toEqual({});
  });

  it("that look like a setting which is set are somebody else's", () => {
    const config = defineConfig(schema);
    expect(config.load({ dir: false, env: { CACHE_ULR: 'x', CACHE_URL: 'y' } })).toEqual({ cacheUrl: 'y' });
    const dir = folderWith({ '.env': 'CACHE_URL=file' });
    expect(linesOf(config, { dir, env: { CACHE_ULR: 'x' } })).toHaveLength(1);
  });

  it('are told once, however many sources have them', () => {
    const dir = folderWith({ '.env': 'CACHE_ULR=x', '.env.local': 'CACHE_ULR=y' });
    expect(linesOf(defineConfig(schema), { dir, env: { CACHE_ULR: 'z' } })).toHaveLength(1);
  });

  it('in a .env file are told with their line', () => {
    const dir = folderWith({ '.env': 'A=1\nCACHE_ULR=x\n' });
    const line = `CACHE_ULR (${dir}/.env:2): unknown variable: did you mean CACHE_URL?`;
    expect(linesOf(defineConfig(schema), { dir, env: {} })).toEqual([line]);
  });

  it('within a prefix are all faults', () => {
    const config = defineConfig(schema, { prefix: 'APP_', dir: false });
    expect(linesOf(config, { env: { APP_CASHE_URI: 'x', APP_ZZZZZZ: 'x', APP_PORT: '1', OTHER: 'x' } })).toEqual([
      'APP_CASHE_URI (environment): unknown variable: did you mean APP_CACHE_URL?',
      'APP_ZZZZZZ (environment): unknown variable',
    ]);
    expect(config.load({ env: { APP_ZZZ: 'x' }, unknown: 'ignore' })).toEqual({});
  });
});

describe('the value of a secret', () => {
  const value = 'hunter2-hunter2';
  const quoting = secret(z.string().refine(() => false, { error: (issue) => `bad: ${String(issue.input)}` }));
  const schema = z.object({
    password: secret(z.string().max(3)),
    refined: secret().refine(() => false, 'no'),
    quoting,
    marked: z.string().max(3).meta({ secret: true }),
    group: z.object({ inner: secret().optional() }).refine(() => false, { error: () => `together: ${value}` }),
    ok: secret(),
    plain: z.string().refine(() => false, { error: () => `no, not ${value}` }),
  });
  const names = ['PASSWORD', 'REFINED', 'QUOTING', 'MARKED', 'GROUP__INNER', 'OK'];

  it.each(['environment', '.env', 'named file', 'secrets folder', 'override'])('is in no report: from %s', (source) => {
    const all = Object.fromEntries(names.map((name) => [name, value]));
    const dir = folderWith({
      '.env': source === '.env' ? names.map((name) => `${name}=${value}`).join('\n') : '',
      v: value,
    });
    const env =
      source === 'environment'
        ? all
        : source === 'named file'
          ? Object.fromEntries(names.map((name) => [`${name}_FILE`, 'v']))
          : {};
    const secretsDir = folderWith(source === 'secrets folder' ? all : {});
    const overrides =
      source === 'override'
        ? { password: value, refined: value, quoting: value, marked: value, group: { inner: value }, ok: value }
        : {};
    const error = failureOf(defineConfig(schema), { dir, env: { ...env, PLAIN: 'x' }, secretsDir, overrides });
    expect(error.message).toMatch(/^The configuration has [56] faults/);
    for (const text of [
      error.message,
      error.stack,
      inspect(error, { depth: 9 }),
      JSON.stringify([error, error.toLog(), error.toWire()]),
    ]) {
      expect(text).not.toContain('hunter2');
    }
  });

  it('is in no report when it was put where its file should be named', () => {
    const config = defineConfig(z.object({ password: secret() }), { dir: false, env: { PASSWORD_FILE: value } });
    expect(linesOf(config)).toEqual(['PASSWORD_FILE (environment): names a file that cannot be read (ENOENT)']);
  });
});

describe('the line of a variable in a .env file', () => {
  const text = [
    '# A=comment',
    'A=first',
    'QUOTED="',
    'A=inside of a quote',
    '"',
    "  export B = 'b' # A=no",
    'A=last',
    'AA=1',
    'MULTI=`',
    'B=inside',
    'A=inside',
    '`',
    'C: yaml style',
    'D.E-F=dots',
  ];
  const cases: [string, number | undefined][] = [
    ['A', 7],
    ['AA', 8],
    ['B', 6],
    ['QUOTED', 3],
    ['MULTI', 9],
    ['C', 13],
    ['D.E-F', 14],
    ['Z', undefined],
  ];

  it.each(['\n', '\r\n', '\r'])('is found, with line ends %j', (end) => {
    expect(cases.map(([name]) => [name, lineOf(text.join(end), name)])).toEqual(cases);
  });
});
