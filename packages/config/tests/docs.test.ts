import { parse } from 'dotenv';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { envExample, markdownTable, missingFromExample } from '../src/docs.ts';
import { bytes, defineConfig, duration, Secret, secret, url } from '../src/index.ts';

const schema = z.object({
  port: z.number().int().min(0).max(65535).default(8000).describe('Where it listens.'),
  databaseUrl: url({ protocols: ['postgres'] }).meta({
    example: 'postgres://localhost/app',
    description: 'The database.',
  }),
  adminPassword: secret(z.string().min(8)).meta({ example: 'hunter2' }),
  token: secret().default(new Secret('hunter2')),
  marked: z.string().meta({ secret: true, example: 'hunter2' }).default('hunter2'),
  cache: z.object({ ttl: duration().prefault('5m'), grace: duration().default(2000), size: bytes().prefault('16MiB') }),
  tags: z.array(z.string()).default(['a', 'b']),
  paths: z.array(z.string()).default(['with,comma']),
  limits: z.record(z.string(), z.number()).default({ x: 1 }),
  banner: z.string().default('it\'s "quoted" # no comment').describe('Two lines |\nof text.'),
  lines: z.string().default('one\ntwo'),
  debug: z.boolean().default(false),
  mode: z.enum(['a', 'b']).optional(),
  tls: z.object({ cert: z.string() }).optional(),
});
const config = defineConfig(schema, { dir: false, env: {} });

describe('envExample()', () => {
  const text = envExample(config);

  it('has an entry for each variable: what is required stands, the rest is a comment', () => {
    const [port, database, password] = text.split('\n\n');
    expect(port).toBe('# Where it listens. Takes an integer from 0 to 65535.\n# PORT=8000');
    expect(database).toBe(
      '# The database. Takes a URL that begins with postgres:.\nDATABASE_URL=postgres://localhost/app',
    );
    expect(password).toBe(
      '# Takes text of at least 8 characters. Secret; or name a file with it in ADMIN_PASSWORD_FILE.\nADMIN_PASSWORD=',
    );
    expect(missingFromExample(config, text)).toEqual([]);
    expect(text.endsWith('\n') && !text.endsWith('\n\n')).toBe(true);
  });

  it('never holds a secret', () => {
    expect(text + markdownTable(config)).not.toContain('hunter2');
  });

  it('comes back through the schema as the same settings, uncommented or not', () => {
    const filled = (example: string) => ({ ...parse(example), ADMIN_PASSWORD: 'long enough' });
    const expected = config.load({ env: { DATABASE_URL: 'postgres://localhost/app', ADMIN_PASSWORD: 'long enough' } });
    expect(config.load({ env: filled(text) })).toEqual(expected);
    expect(config.load({ env: filled(text.replaceAll(/^# ([A-Z_]+=)/gm, '$1')) })).toEqual(expected);
  });

  it.each([
    'plain',
    'a b',
    ' padded ',
    "it's",
    '"',
    '`',
    '\'"',
    'a#b',
    'a # b',
    '$HOME',
    'a\\nb',
    'x\ny',
    '=',
    '[1,2]',
  ])('writes the default %j so that dotenv reads it back', (value) => {
    const one = defineConfig(z.object({ v: z.string().default(value) }));
    const entry = envExample(one).split('\n').at(-2)?.replace('# ', '');
    expect(parse(entry ?? '')).toEqual({ V: value });
  });
});

describe('markdownTable()', () => {
  it('has a row for each variable, with cells that stay cells', () => {
    const rows = markdownTable(config).trimEnd().split('\n');
    expect(rows).toHaveLength(2 + config.variables.length);
    expect(rows[2]).toBe('| `PORT` | an integer from 0 to 65535 | `8000` | Where it listens. |');
    expect(rows[3]).toBe('| `DATABASE_URL` | a URL that begins with postgres: | **required** | The database. |');
    expect(rows[4]).toBe(
      '| `ADMIN_PASSWORD` | text of at least 8 characters (secret, or `ADMIN_PASSWORD_FILE`) | **required** |  |',
    );
    expect(rows.find((row) => row.includes('`BANNER`'))).toContain('| Two lines \\| of text. |');
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(6);
  });

  it('leaves the cell of an empty default empty', () => {
    expect(markdownTable(defineConfig(z.object({ v: z.array(z.string()).default([]) })))).toContain('of: text |  |  |');
  });

  it('fences a default that contains backticks', () => {
    expect(markdownTable(defineConfig(z.object({ v: z.string().default('a`b') })))).toContain('| `` a`b `` |');
  });
});

describe('missingFromExample()', () => {
  it('names what a hand-written file lacks', () => {
    const text = [
      'PORT=1',
      '#DATABASE_URL=x',
      ' # export ADMIN_PASSWORD_FILE=/run/x',
      '# mentions TOKEN in passing',
      'CACHE__TTL = 5m',
    ].join('\n');
    const missing = missingFromExample(config, text);
    expect(missing.slice(0, 3)).toEqual(['TOKEN', 'MARKED', 'CACHE__GRACE']);
    expect(missing).not.toContain('ADMIN_PASSWORD');
  });
});

it.each<[string, () => unknown]>([
  ['envExample()', () => envExample(undefined as never)],
  ['envExample of the schema', () => envExample(schema as never)],
  ['markdownTable()', () => markdownTable(undefined as never)],
  ['missingFromExample()', () => missingFromExample(undefined as never, '')],
  ['missingFromExample without a text', () => missingFromExample(defineConfig(schema), undefined as never)],
  ['secret of no schema', () => secret({} as never)],
])('what JavaScript gives in place of an argument is refused: %s', (_, call) => {
  expect(call).toThrow(expect.objectContaining({ code: 'config.invalid_options' }));
});
