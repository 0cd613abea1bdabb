import { isSecret, Redactor } from '@ent/internal';
import { describe, expect, it } from 'vitest';
import { answerOf, MAX_BYTES } from '../src/internal/answer.ts';

// Without a form that gives it away.
const CANARY = 'Xq7-canary-Kp2';
const said = (value: unknown, known: string[] = []): string => answerOf(value, new Redactor(known)).text;

describe('a secret is not told', () => {
  it.each([
    'password',
    'PASSWORD',
    'PGPASSWORD',
    'dbPassword',
    'db_password',
    'smtp-pass',
    'pwd',
    'passphrase',
    'passwordHash',
    'secret',
    'clientSecret',
    'JWT_SECRET',
    'token',
    'accessToken',
    'REFRESH_TOKEN',
    'tokens',
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'set-cookie',
    'apiKey',
    'X-API-Key',
    'api_keys',
    'privateKey',
    'JWT_PRIVATE_KEY',
    'AWS_SECRET_ACCESS_KEY',
    'encryptionKey',
    'credentials',
    'sessionId',
  ])('under the name %s, at any depth', (name) => {
    expect(said({ [name]: CANARY })).not.toContain(CANARY);
    expect(said([{ a: new Map([[name, { deeper: [CANARY] }]]) }])).not.toContain(CANARY);
    expect(said({ body: JSON.stringify({ a: [{ [name]: CANARY }] }) })).not.toContain(CANARY);
    expect(said({ body: JSON.stringify({ body: JSON.stringify({ [name]: CANARY }) }) })).not.toContain(CANARY);
    expect(
      said([
        { name, value: CANARY },
        { key: name, value: CANARY },
      ]),
    ).not.toContain(CANARY);
    for (const text of [
      `${name}=${CANARY}`,
      `?${name}=${CANARY}&x=1`,
      `${name}: "${CANARY} ${CANARY}"`,
      `{"${name}":"${CANARY}`,
    ])
      expect(said(`what is left of it: ${text}`)).not.toContain(CANARY);
  });

  it.each([
    `postgres://ent:${CANARY}@db:5432/ent`,
    `redis://:${CANARY}@h`,
    `redis://:p/@:${CANARY}@h`,
    `amqp://u:${CANARY}@a:1,amqp://u:${CANARY}@b:2`,
    `the connection to mongodb+srv://u:${CANARY}@h/?x=1 was lost`,
    `postgres://h/db?user=u&password=${CANARY}`,
    `host=h password='${CANARY} ${CANARY}' user=u`,
    `Authorization: Bearer ${CANARY}`,
    `authorization: basic ${CANARY}`,
    `bearer ${CANARY}`,
    `eyJhbGciOiJIUzI1NiJ9.${CANARY}.c2lnbmF0dXJl`,
    `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----`,
    `-----BEGIN RSA PRIVATE KEY-----\n${CANARY}`,
    `{"a":1,"password":"${CANARY}`,
    `{\\"token\\":\\"${CANARY}\\"}`,
  ])('in the text %s, as a value, a key, of an error, on its own', (text) => {
    expect(said(text)).not.toContain(CANARY);
    expect(said({ text })).not.toContain(CANARY);
    expect(said({ [text]: 1 })).not.toContain(CANARY);
    expect(said({ error: new Error(text, { cause: new Error(text) }) })).not.toContain(CANARY);
    if (URL.canParse(text)) expect(said({ at: new URL(text) })).not.toContain(CANARY);
  });

  it('that is known, in any spelling', () => {
    const secret = 'a"b c/d%\n';
    const spellings = [secret, encodeURIComponent(secret), JSON.stringify(secret)];
    expect(said({ spellings }, [secret])).toBe('{"spellings":["[redacted]","[redacted]","\\"[redacted]\\""]}');
    expect(said(spellings.join(' '), [secret])).not.toContain('d%');
  });

  it('where a text is cut', () => {
    const long = `${'x'.repeat(300_000)}`;
    for (let at = 262_144 - 40; at < 262_144 + 10; at++) {
      expect(said({ text: long.slice(0, at) + CANARY }, [CANARY])).not.toContain('Xq7');
    }
  });
});

describe('what is no secret is told', () => {
  it.each([
    ['ACCESS_TOKEN_TTL', 900_000],
    ['passwordMinLength', 8],
    ['monkey', 'x'],
    ['keys', ['a']],
    ['author', 'Ada'],
    ['compass', 'north'],
  ])('%s', (name, value) => {
    expect(isSecret(name, value)).toBe(false);
    expect(said({ [name]: value })).toBe(JSON.stringify({ [name]: value }));
  });

  it.each([
    'http://user-service:8000/users?page=2',
    'status pass, 3 checks',
    'me@example.org',
    'redis_keyspace_hits:12',
  ])('%s', (text) => {
    expect(said({ text })).toBe(JSON.stringify({ text }));
  });
});

describe('an answer', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;

  it.each([
    [undefined, 'null'],
    [null, 'null'],
    [Number.NaN, '"NaN"'],
    [10n, '"10"'],
    [Symbol('x'), 'null'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [new Date(Number.NaN), 'null'],
    [new Set([1, 'a']), '[1,"a"]'],
    [Buffer.from('abc'), '"[3 bytes]"'],
    [circle, '{"self":"[circular]"}'],
    [
      {
        get a() {
          throw new Error('no');
        },
        b: 1,
      },
      '{"a":"[unreadable]","b":1}',
    ],
    [
      {
        toJSON: () => {
          throw new Error('no');
        },
      },
      '"[unreadable]"',
    ],
    [{ toJSON: () => ({ password: CANARY }) }, '{"password":"[redacted]"}'],
    [JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
  ])('is JSON of what there is (%#)', (value, text) => {
    expect(said(value)).toBe(text);
  });

  it.each([
    ['a long list', Array.from({ length: 1_000_000 }, (_, i) => i)],
    ['lists of lists', Array.from({ length: 300 }, () => Array.from({ length: 300 }, () => 'word'))],
    ['many members', Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`member${i}`, i]))],
    ['long texts', Array.from({ length: 100 }, () => 'ä'.repeat(100_000))],
    ['deep objects', Array.from({ length: 100 }).reduce<object>((inner) => ({ inner }), {})],
    ['a long text', `${'line ä\n'.repeat(100_000)}`],
    ['one long line', 'ä'.repeat(100_000)],
  ])('has a bound: %s', (_name, value) => {
    const { text, isCut } = answerOf(value, new Redactor());
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BYTES);
    expect(isCut).toBe(true);
    expect(text).not.toContain('\ufffd');
    if (typeof value !== 'string') expect(() => JSON.parse(text) as unknown).not.toThrow();
  });

  it.each([
    'password'.repeat(30_000),
    `${'a://'.repeat(60_000)}`,
    `${'token'.repeat(10)}${' '.repeat(200_000)}=`,
    `password="${'\\'.repeat(200_000)}`,
    `-----BEGIN PRIVATE KEY-----`.repeat(9000),
    'eyJaaaaaaaa.'.repeat(20_000),
    'a.'.repeat(130_000),
    '['.repeat(250_000),
  ])('of a text that is made to be slow comes to its end (%#)', (text) => {
    expect(answerOf({ text }, new Redactor(['a known secret'])).text.length).toBeLessThanOrEqual(MAX_BYTES);
  });
});
