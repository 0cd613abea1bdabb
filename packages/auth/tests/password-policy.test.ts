import { hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { argon2 } from '../src/drivers/argon2.ts';
import { type BreachedPasswords, channels, createPasswordPolicy, createPasswords } from '../src/index.ts';

const GOOD = 'nine otters paint the harbour';
const codes = (assessment: { issues: readonly { code: string }[] }) => assessment.issues.map(({ code }) => code);

describe('a password that others use', () => {
  const policy = createPasswordPolicy({ common: ['Password1Password1', 'crème brûlée crème'] });

  it('is refused as a whole, whatever its case and its normal form', async () => {
    for (const text of ['Password1Password1', 'PASSWORD1password1', 'Crème Brûlée Crème'.normalize('NFD')]) {
      expect(codes(await policy.assess(text))).toEqual(['common']);
    }
    for (const text of ['Password1Password1!', 'my Password1Password1', GOOD]) {
      expect(codes(await policy.assess(text))).toEqual([]);
    }
  });
});

describe('a password about its account', () => {
  const policy = createPasswordPolicy({});
  const words = ['margaret.hamilton@example.com', 'Margaret Hamilton', 'Ann'];

  it.each([
    'margaret.hamilton@example.com',
    'Margaret.Hamilton1969',
    '!!!MARGARET HAMILTON!!!',
    '1936hamilton1936',
    'margaret',
  ])('is refused: %s', async (text) => {
    expect(codes(await policy.assess(text, { words }))).toEqual(['about_you']);
  });

  it.each([GOOD, 'margaret paints otters', '123456789012345', 'ann'])('is one of its own: %s', async (text) => {
    expect(codes(await policy.assess(text, { words }))).toEqual([]);
  });
});

describe('a password of a known breach', () => {
  // The range API: what is behind `known` by the first five digits, and padding.
  const known = new Map([
    ['correct horse battery staple', 384],
    ['only padding under this one', 0],
  ]);
  const asked: string[] = [];
  let answer: ((prefix: string) => string) | 'silence' | 'fail';
  const server = createServer((request, response) => {
    const prefix = request.url?.split('/').at(-1) ?? '';
    asked.push(prefix);
    if (answer === 'silence') return;
    if (answer === 'fail') response.writeHead(503).end();
    else response.end(answer(prefix));
  });
  const range = (prefix: string): string =>
    [...known]
      .map(([text, count]) => [hash('sha1', text, 'hex').toUpperCase(), count] as const)
      .filter(([digest]) => digest.startsWith(prefix))
      .map(([digest, count]) => `${digest.slice(5)}:${count}`)
      .concat('0'.repeat(35) + ':0', `${'F'.repeat(35)}:12`)
      .join('\r\n');
  let breached: BreachedPasswords;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    breached = {
      async range(prefix, { signal }) {
        const response = await fetch(`${origin}/range/${prefix}`, { signal });
        if (!response.ok) throw new Error(`status ${response.status}`);
        return response.text();
      },
    };
  });
  beforeEach(() => {
    answer = range;
    asked.length = 0;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('is refused, and nobody learns more of it than five digits of its hash', async () => {
    const policy = createPasswordPolicy({ breached });
    const assessment = await policy.assess('correct horse battery staple');
    expect([codes(assessment), assessment.breached]).toEqual([['breached'], true]);
    expect(asked).toEqual([hash('sha1', 'correct horse battery staple', 'hex').slice(0, 5).toUpperCase()]);
  });

  it('is another one where the list has it as padding, or its neighbours only', async () => {
    const policy = createPasswordPolicy({ breached });
    for (const text of ['only padding under this one', GOOD]) {
      const assessment = await policy.assess(text);
      expect([codes(assessment), assessment.breached]).toEqual([[], false]);
    }
  });

  it.each<[string, typeof answer]>([
    ['fails', 'fail'],
    ['does not answer', 'silence'],
    ['answers with more than any list has', () => 'A'.repeat(1_048_577)],
  ])('is not known where the list %s: it is taken, and the channel tells', async (_name, how) => {
    answer = how;
    const policy = createPasswordPolicy({ breached, breachedTimeout: how === 'silence' ? 50 : '30s' });
    const passwords = createPasswords({ driver: argon2(), policy });
    const told: unknown[] = [];
    const listener = { asyncEnd: (operation: { breached?: unknown }) => told.push(operation.breached) };
    channels.password.subscribe(listener as never);
    expect(await passwords.hash('correct horse battery staple')).toMatch(/^\$argon2id\$/);
    channels.password.unsubscribe(listener as never);
    expect(told).toEqual(['unknown']);
    expect(asked).toHaveLength(1);
  });

  it('is not asked about where it is none at all, and not once the caller has gone', async () => {
    const passwords = createPasswords({ driver: argon2(), policy: createPasswordPolicy({ breached }) });
    for (const wrong of ['\ud800'.repeat(20), 'x'.repeat(2000), 5 as never]) {
      expect((await passwords.assess(wrong)).issues).toHaveLength(1);
    }
    const reason = new Error('gone');
    const signal = AbortSignal.abort(reason);
    await expect(passwords.assess(GOOD, { signal })).rejects.toBe(reason);
    expect(asked).toEqual([]);
  });
});

describe('strength', () => {
  const strength = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });

  it('is a number, with advice', async () => {
    const policy = createPasswordPolicy({ strength });
    const weak = await policy.assess('aaaaaaaaaaaaaaaa');
    const strong = await policy.assess(GOOD);
    expect(weak.score).toBeLessThan(strong.score as number);
    expect(weak.guessesLog10).toBeLessThan(strong.guessesLog10 as number);
    expect(weak.advice.length).toBeGreaterThan(0);
    expect([codes(weak), codes(strong), strong.score]).toEqual([[], [], 4]);
  });

  it('knows what the account is called', async () => {
    const policy = createPasswordPolicy({ strength });
    const alone = await policy.assess('zorblaxwintig 42');
    const told = await policy.assess('zorblaxwintig 42', { words: ['zorblax wintig', 'zorblaxwintig@example.com'] });
    expect(told.guessesLog10).toBeLessThan(alone.guessesLog10 as number);
  });

  it('refuses what is under the least score, where there is one', async () => {
    const policy = createPasswordPolicy({ strength, minScore: 3 });
    expect(codes(await policy.assess('aaaaaaaaaaaaaaaa'))).toEqual(['weak']);
    expect(codes(await policy.assess(GOOD))).toEqual([]);
    const broken = {
      check: () => ({ score: Number.NaN, guessesLog10: 0, feedback: { warning: null, suggestions: [] } }),
    };
    expect(codes(await createPasswordPolicy({ strength: broken, minScore: 1 }).assess(GOOD))).toEqual(['weak']);
  });
});

describe('passwords with a policy', () => {
  const policy = createPasswordPolicy({ common: [GOOD, 'short'] });
  const passwords = createPasswords({ driver: argon2(), policy });

  it('refuse a new one by length and by policy at once', async () => {
    expect(codes(await passwords.assess('short'))).toEqual(['too_short', 'common']);
    await expect(passwords.hash('short')).rejects.toMatchObject({
      code: 'auth.password_rejected',
      issues: [{ code: 'too_short' }, { code: 'common' }],
    });
    const about = { about: ['margaret.hamilton@example.com'] };
    await expect(passwords.hash('margaret.hamilton1', about)).rejects.toMatchObject({
      issues: [{ code: 'about_you' }],
    });
  });

  it('verify and upgrade one that was set before it', async () => {
    const stored = await argon2().hash(GOOD);
    expect(await passwords.verify(GOOD, stored)).toBe(true);
    const outdated = stored.replace('m=19456,t=2,p=1', 't=2,m=19456,p=1');
    expect((await passwords.verifyAndUpgrade(GOOD, outdated)).ok).toBe(true);
  });
});

describe('what cannot be is refused:', () => {
  it.each<[string, object]>([
    ['common', { common: 'password' }],
    ['common', { common: 5 }],
    ['common', { common: [5] }],
    ['breached', { breached: {} }],
    ['breachedTimeout', { breachedTimeout: 0 }],
    ['strength', { strength: () => 4 }],
    ['minScore', { minScore: 5, strength: { check: () => ({}) } }],
    ['minScore', { minScore: 3 }],
    ['commn', { commn: [] }],
  ])('%s of %j', (name, options) => {
    const make = () => createPasswordPolicy(options);
    expect(make).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
    expect(make).toThrow(name);
  });

  it('a policy of another make', () => {
    expect(() => createPasswords({ driver: argon2(), policy: {} as never })).toThrow('policy');
  });
});
