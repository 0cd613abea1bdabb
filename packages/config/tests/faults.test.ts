import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Config, type ConfigOptions, defineConfig, type LoadOptions, secret, url } from '../src/index.ts';
import { folderWith } from './folder.ts';

const hermetic = { dir: false, env: {} } as const;

function failureOf(work: () => unknown): Error & { code: unknown } {
  let told: unknown;
  try {
    work();
  } catch (error) {
    told = error;
  }
  expect(told).toMatchObject({ code: expect.stringMatching(/^config\./) });
  return told as Error & { code: unknown };
}

function linesOf<S extends z.ZodObject>(config: Config<S>, options?: LoadOptions<S>): string[] {
  return failureOf(() => config.load(options))
    .message.split('\n')
    .slice(1)
    .map((line) => line.trim());
}

describe('a file that is no text in UTF-8', () => {
  const config = defineConfig(z.object({ a: z.string().default('x'), key: secret().optional() }));
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('A=1\n', 'utf16le')]);

  it.each([
    ['UTF-16 with its mark', utf16, '', 'is not UTF-8 (it looks like UTF-16, or like no text)'],
    ['UTF-16 without one', utf16.subarray(2), '', 'is not UTF-8 (it looks like UTF-16, or like no text)'],
    ['Latin-1', Buffer.from('A=1\nB=caf\u00e9\n', 'latin1'), ':2', 'is not UTF-8 (it looks like Latin-1)'],
  ])('is a fault of a .env file: %s', (_name, bytes, line, reason) => {
    const dir = folderWith({ '.env': bytes });
    expect(linesOf(config, { dir, env: {} })).toEqual([`${dir}/.env (${dir}/.env${line}): ${reason}`]);
  });

  it('is a fault of a secret, and its mark is no part of one', () => {
    const dir = folderWith({ bad: Buffer.from('p\u00e4ss', 'latin1'), good: '\ufeffp\u00e4ss\n' });
    const reason = 'names a file that is not UTF-8 (it looks like Latin-1)';
    expect(linesOf(config, { dir, env: { KEY_FILE: 'bad' } })).toEqual([`KEY_FILE (environment): ${reason}`]);
    expect(config.load({ dir, env: { KEY_FILE: 'good' } }).key?.reveal()).toBe('p\u00e4ss');
    const secretsDir = folderWith({ KEY: '\ufeffp' });
    expect(config.load({ ...hermetic, secretsDir }).key?.reveal()).toBe('p');
  });
});

describe('a line of a .env file that is no assignment', () => {
  const config = defineConfig(z.object({ a: z.string().default('x') }), { unknown: 'ignore' });

  it('is a fault with its line, and without its text', () => {
    const dir = folderWith({ '.env': '# c\n\nA=1\nhunter2\nMY NAME=5\nexport B\nhttp:x\n' });
    const at = (line: number): string => `line ${line} (${dir}/.env:${line}): is no assignment: expected NAME=value`;
    expect(linesOf(config, { dir, env: {} })).toEqual([4, 5, 6, 7].map(at));
  });

  it.each([
    ['A="one\ntwo words\n# three\n"\n', 'one\ntwo words\n# three\n'],
    ["A='-----BEGIN KEY-----\nMC4CAQ\n-----END KEY-----'", '-----BEGIN KEY-----\nMC4CAQ\n-----END KEY-----'],
    ['  export   A = b # c\r\n\r\n#\r\n', 'b'],
    ['A: yaml', 'yaml'],
    ['\ufeffA=1', '1'],
  ])('is not a line of a value, a comment or a blank: %j', (text, value) => {
    expect(config.load({ dir: folderWith({ '.env': text }), env: {} }).a).toBe(value);
  });
});

describe('what a schema throws', () => {
  const value = 'hunter2-{"a":';
  const thrower = (text: string): never => {
    throw new Error(`cannot read ${text}`);
  };
  const schema = z.object({
    json: secret(z.string().refine((text) => Boolean(JSON.parse(text)))),
    host: z.string().transform((text) => new URL(text).host),
    marked: z
      .string()
      .transform((text) => thrower(text))
      .meta({ secret: true }),
    port: z.number(),
    group: z.object({ n: z.number() }).optional(),
  });

  it('is a fault of its variable, beside the others, and never its words', () => {
    const env = { JSON: value, HOST: 'no url', MARKED: value, PORT: 'x', GROUP__N: 'y' };
    const error = failureOf(() => defineConfig(schema, hermetic).load({ env }));
    expect(error.code).toBe('config.invalid');
    expect(
      error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim()),
    ).toEqual([
      'JSON (environment): expected text; its schema threw an error',
      'HOST (environment): expected text; its schema threw an error',
      'MARKED (environment): expected text; its schema threw an error',
      'PORT (environment): expected a number',
      'GROUP__N (environment): expected a number',
    ]);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter2|no url|SyntaxError/);
  });

  it('in a rule for several settings is a fault of all of them', () => {
    const rule = z.object({ a: z.string() }).refine(({ a }) => thrower(a));
    expect(linesOf(defineConfig(rule, { dir: false, env: { A: value } }))).toEqual([
      '* (together): a rule of the schema threw an error',
    ]);
  });

  it('that has to be awaited is told as that', () => {
    const slow = z.object({ a: z.string().refine(async () => true) });
    expect(linesOf(defineConfig(slow, { dir: false, env: { A: 'x' } }))).toEqual([
      'A (environment): expected text; its schema has to be awaited, which settings cannot be',
    ]);
  });
});

describe('the words of an author about a secret', () => {
  const part = (text: string): string => `begins with ${text.slice(0, 4)}`;

  it('are not shown, whatever part of it they hold', () => {
    const own = secret(z.string().refine(() => false, { error: ({ input }) => `is ${String(input).toUpperCase()}` }));
    const env = { PASSWORD: 'hunter2' };
    expect(linesOf(defineConfig(z.object({ password: own }), { dir: false, env }))).toEqual([
      'PASSWORD (environment): expected text',
    ]);
    const says = secret(
      z
        .string()
        .refine(() => false, 'no')
        .meta({ expected: 'a PEM key' }),
    );
    expect(linesOf(defineConfig(z.object({ password: says }), { dir: false, env }))).toEqual([
      'PASSWORD (environment): expected a PEM key',
    ]);
  });

  it('are not shown either where they stand at another setting and hold a part of it', () => {
    const schema = z
      .object({ password: secret(), user: z.string() })
      .refine(() => false, {
        error: ({ input }) => part((input as { password: { reveal(): string } }).password.reveal()),
      })
      .refine(() => false, { error: 'the user must not be root', path: ['user'] });
    const env = { PASSWORD: 'hunter2', USER_NAME: 'x', USER: 'root' };
    const config = defineConfig(schema, { prefix: 'X_', dir: false, unknown: 'ignore' });
    expect(linesOf(config, { env: { X_PASSWORD: env.PASSWORD, X_USER: 'root' } })).toEqual([
      'X_* (together): is not valid',
      'X_USER (environment): the user must not be root',
    ]);
  });

  it('are shown where it is not set', () => {
    const schema = z.object({ key: secret().optional() });
    const rule = schema.refine(({ key }) => key !== undefined, { error: 'required in production', path: ['key'] });
    expect(linesOf(defineConfig(rule, hermetic))).toEqual(['KEY (not set): required in production']);
  });
});

describe('variables of a container platform', () => {
  // Of a service that is called "app", in a namespace with a service "app-redis".
  const injected = {
    APP_SERVICE_HOST: '10.0.0.7',
    APP_SERVICE_PORT: '80',
    APP_SERVICE_PORT_HTTP: '80',
    APP_PORT: 'tcp://10.0.0.7:80',
    APP_PORT_80_TCP: 'tcp://10.0.0.7:80',
    APP_PORT_80_TCP_PROTO: 'tcp',
    APP_PORT_80_TCP_PORT: '80',
    APP_PORT_80_TCP_ADDR: '10.0.0.7',
    APP_REDIS_SERVICE_HOST: '10.0.0.8',
    APP_REDIS_PORT: 'tcp://10.0.0.8:6379',
    APP_REDIS_PORT_6379_TCP_ADDR: '10.0.0.8',
  };

  it('are passed over', () => {
    const config = defineConfig(z.object({ name: z.string().default('n') }), { prefix: 'APP_', dir: false });
    expect(config.load({ env: injected })).toEqual({ name: 'n' });
    expect(linesOf(config, { env: { ...injected, APP_POTR: '1' } })).toEqual([
      'APP_POTR (environment): unknown variable',
    ]);
  });

  it('are no port', () => {
    const config = defineConfig(z.object({ port: z.number().default(8000) }), { prefix: 'APP_', dir: false });
    expect(config.load({ env: injected })).toEqual({ port: 8000 });
    expect(config.load({ env: { ...injected, APP_PORT: '9' } })).toEqual({ port: 9 });
  });

  it('are faults in a .env file, where nobody injects anything', () => {
    const config = defineConfig(z.object({ name: z.string().default('n') }), { prefix: 'APP_' });
    expect(linesOf(config, { dir: folderWith({ '.env': 'APP_SERVICE_HOST=x' }), env: {} })).toHaveLength(1);
  });
});

describe('a setting with the name of a variable of the system', () => {
  it.each(['path', 'home', 'user', 'HOSTNAME', 'lang'])('is told: %s', (key) => {
    const schema = z.object({ [key]: z.string().optional() });
    const { code, message } = failureOf(() => defineConfig(schema));
    expect(code).toBe('config.schema');
    expect(message).toContain(`The setting ${key} has the variable ${key.toUpperCase()}, which the system sets.`);
    expect(() => defineConfig(schema, { prefix: 'APP_' })).not.toThrow();
  });

  it('is fine where it is meant', () => {
    const schema = z.object({ home: z.string().meta({ env: 'HOME' }) });
    expect(defineConfig(schema, { dir: false, env: { HOME: '/root' } }).load()).toEqual({ home: '/root' });
  });
});

describe('a variable of a part of a setting that is JSON', () => {
  const cache = z.discriminatedUnion('type', [
    z.object({ type: z.literal('memory') }),
    z.object({ type: z.literal('redis'), url: z.string() }),
  ]);
  const schema = z.object({
    cache: cache.default({ type: 'memory' }),
    labels: z.record(z.string(), z.string()).default({}),
  });

  it('is a fault, rather than the default', () => {
    const env = { CACHE__TYPE: 'redis', CACHE__URL: 'redis://h', LABELS__TEAM: 'x' };
    expect(linesOf(defineConfig(schema, hermetic), { env })).toEqual([
      'CACHE__TYPE (environment): has no variable of its own: CACHE takes it, as JSON',
      'CACHE__URL (environment): has no variable of its own: CACHE takes it, as JSON',
      'LABELS__TEAM (environment): has no variable of its own: LABELS takes it, as JSON',
    ]);
    expect(defineConfig(schema, hermetic).load({ env, unknown: 'ignore' })).toEqual({
      cache: { type: 'memory' },
      labels: {},
    });
  });

  it('is read as JSON', () => {
    const env = { CACHE: '{"type":"redis","url":"redis://h"}', LABELS: '{"team":"x"}' };
    expect(defineConfig(schema, hermetic).load({ env })).toEqual({
      cache: { type: 'redis', url: 'redis://h' },
      labels: { team: 'x' },
    });
  });
});

describe('options', () => {
  const config = defineConfig(z.object({ a: z.string().optional() }), hermetic);

  it.each<[() => unknown, string, string]>([
    [() => defineConfig(z.object({}), { prefx: 'A_' } as never), 'config.invalid_options', 'did you mean prefix?'],
    [() => defineConfig(z.object({}), null as never), 'config.invalid_options', 'got null'],
    [() => config.load({ overides: {} } as never), 'config.invalid_options', 'did you mean overrides?'],
    [() => config.load({ prefix: 'A_' } as never), 'config.invalid_options', 'load has no option "prefix"'],
    [() => config.load(null as never), 'config.invalid_options', 'got null'],
    [() => config.load({ overrides: 'x' } as never), 'config.invalid_options', 'overrides'],
    [() => defineConfig(z.object({}), { unknown: 'warn' } as never), 'config.invalid_options', 'unknown must be'],
    [() => defineConfig(z.object({}), { env: 'x' } as never), 'config.invalid_options', 'env must be'],
    [() => defineConfig(z.object({}), { dir: true } as never), 'config.invalid_options', 'dir must be'],
    [() => defineConfig(z.object({}), { argv: 'x' } as never), 'config.invalid_options', 'argv must be'],
    [() => defineConfig(z.object({}), { secretsDir: 5 } as never), 'config.invalid_options', 'secretsDir must be'],
    [() => url({ protocol: ['a'] } as never), 'config.invalid_options', 'did you mean protocols?'],
    [() => url({ protocols: 'redis' } as never), 'config.invalid_options', 'a list of schemes'],
    [() => (defineConfig as () => unknown)(), 'config.schema', 'made by z.object()'],
    [() => defineConfig(z.string() as never), 'config.schema', 'made by z.object()'],
    [() => defineConfig({ a: z.string() } as never), 'config.schema', 'made by z.object()'],
  ])('%# that are wrong are refused', (work, code, message) => {
    const error = failureOf(work);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/\.$/);
  });

  it('may be undefined where they may be left out', () => {
    const missing: { text?: string; list?: string[]; yes?: boolean } = {};
    const options: ConfigOptions = {
      prefix: missing.text,
      env: undefined,
      dir: false,
      secretsDir: missing.list,
      argv: missing.yes,
      unknown: undefined,
    };
    expect(defineConfig(z.object({ none: url({ protocols: missing.list }).optional() }), options).load()).toEqual({});
    const given = defineConfig(z.object({ a: z.string() }), { dir: false, env: { A: 'x' } });
    expect(given.load({ env: undefined, dir: undefined, overrides: undefined })).toEqual({ a: 'x' });
  });
});
