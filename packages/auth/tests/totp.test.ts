import { createHmac } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Secret, TOTP } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { deriveSecret, type TotpRecord, type TotpStore } from '../src/index.ts';
import { createSealer } from '../src/internal/sealed.ts';
import { memoryThrottleStore, memoryTotpStore } from '../src/stores.ts';
import { testTotpStore } from '../src/testing.ts';
import { createTotp, type TotpOptions } from '../src/totp.ts';
import { reasonOf as refusedBecause } from './support/refusal.ts';

const START = Date.UTC(2030, 0, 1);
const STEP = 30_000;
const secret = 's'.repeat(32);

function setUp(options: Partial<TotpOptions> = {}) {
  const clock = { time: START };
  const store = options.store ?? memoryTotpStore();
  const totp = createTotp({
    attempts: memoryThrottleStore(),
    issuer: 'Acme',
    secret,
    now: () => clock.time,
    ...options,
    store,
  });
  /** An account whose app is enrolled; `code` is what the app shows now, or some steps from now. */
  const enrolled = async (subject = 'ann') => {
    const { secret: base32 } = await totp.enrol(subject, `${subject}@example.com`);
    const app = new TOTP({ secret: base32 });
    const code = (steps = 0): string => app.generate({ timestamp: clock.time + steps * STEP });
    const { recoveryCodes } = await totp.confirm(subject, code());
    return { code, recoveryCodes };
  };
  return { totp, clock, store, enrolled };
}

const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
  refusedBecause(work, { title: 'Authentication failed', status: 401, code: 'auth.code_invalid' });

describe('the memory store of second factors', () => {
  testTotpStore({ it }, { make: () => memoryTotpStore() });
});

describe('codes of the RFCs', () => {
  /** An account that shares the secret of the RFCs. */
  const withSecret = async (time: number) => {
    const made = setUp({ limit: { attempts: 100, per: '1s' } });
    const seal = createSealer([secret], { purpose: 'totp', typ: 'ent-totp+jwe', what: 'It' }).seal;
    const base32 = Secret.fromLatin1('12345678901234567890').base32;
    await made.store.write({
      id: 'ann',
      revision: 1,
      secret: await seal(JSON.stringify({ subject: 'ann', base32 })),
      createdAt: new Date(0),
      confirmedAt: new Date(0),
      lastStep: -1,
      recoveryCodes: '',
    });
    made.clock.time = time;
    return made.totp;
  };

  // The last six digits of RFC 6238, appendix B (SHA-1), which has eight.
  it.each([
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ])('RFC 6238, appendix B: at %d it is ...%s', async (seconds, code) => {
    expect(await (await withSecret(seconds * 1000)).verify('ann', code.slice(2))).toMatchObject({ method: 'otp' });
    // Nor at another time.
    const later = await withSecret((seconds + 90) * 1000);
    expect(await reasonOf(later.verify('ann', code.slice(2)))).toBe('mismatch');
  });

  it.each([
    [0, '755224'],
    [1, '287082'],
    [2, '359152'],
    [3, '969429'],
    [4, '338314'],
    [5, '254676'],
    [6, '287922'],
    [7, '162583'],
    [8, '399871'],
    [9, '520489'],
  ])('RFC 4226, appendix D: of the counter %d it is %s', async (counter, code) => {
    expect(await (await withSecret(counter * STEP)).verify('ann', code)).toMatchObject({ method: 'otp' });
  });
});

describe('an enrolment', () => {
  it('is in force once a code of the app was seen', async () => {
    const { totp, clock } = setUp();
    const { secret: base32, uri } = await totp.enrol('ann', 'ann@example.com');
    expect(base32).toMatch(/^[A-Z2-7]{32}$/);
    const url = new URL(uri);
    expect([url.protocol, url.host, decodeURIComponent(url.pathname)]).toEqual([
      'otpauth:',
      'totp',
      '/Acme:ann@example.com',
    ]);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      issuer: 'Acme',
      secret: base32,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
    const code = new TOTP({ secret: base32 }).generate({ timestamp: clock.time });
    expect(await totp.status('ann')).toEqual({ enrolled: false, recoveryCodesLeft: 0 });
    expect(await reasonOf(totp.verify('ann', code))).toBe('not_enrolled');
    const { recoveryCodes } = await totp.confirm('ann', code);
    expect(recoveryCodes).toHaveLength(10);
    expect(new Set(recoveryCodes).size).toBe(10);
    for (const one of recoveryCodes) expect(one).toMatch(/^[A-Z2-7]{4}(-[A-Z2-7]{4}){5}$/);
    expect(await totp.status('ann')).toEqual({ enrolled: true, recoveryCodesLeft: 10 });
    // The code that confirmed it was used with that.
    expect(await reasonOf(totp.verify('ann', code))).toBe('replay');
  });

  it('that was begun anew is the one that counts, and one in force is not replaced', async () => {
    const { totp, clock } = setUp();
    const codeOf = (base32: string): string => new TOTP({ secret: base32 }).generate({ timestamp: clock.time });
    const first = await totp.enrol('ann', 'a');
    const second = await totp.enrol('ann', 'a');
    expect(await reasonOf(totp.confirm('ann', codeOf(first.secret)))).toBe('mismatch');
    await totp.confirm('ann', codeOf(second.secret));
    await expect(totp.enrol('ann', 'a')).rejects.toMatchObject({ code: 'auth.totp_enrolled', status: 409 });
    expect(await reasonOf(totp.confirm('ann', codeOf(second.secret)))).toBe('not_enrolled');
  });

  it('shares its secret with the app alone: the store has it encrypted, for its account', async () => {
    const { totp, store } = setUp({ limit: { attempts: 100, per: '1s' } });
    const { secret: base32 } = await totp.enrol('ann', 'a');
    const record = await store.get('ann');
    if (record === undefined) throw new Error('nothing was stored');
    expect(JSON.stringify(record)).not.toContain(base32);
    // Who can write rows moves it to another account.
    await store.write({ ...record, id: 'bob', revision: 1, confirmedAt: new Date(START) });
    const code = new TOTP({ secret: base32 }).generate({ timestamp: START });
    await expect(totp.verify('bob', code)).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('outlives a change of the secret, while the old one is still known', async () => {
    const { store, enrolled, clock } = setUp();
    const { code, recoveryCodes } = await enrolled();
    const now = () => clock.time;
    const both = setUp({ store, now, secret: ['n'.repeat(32), secret] }).totp;
    clock.time += STEP;
    expect(await both.verify('ann', code())).toMatchObject({ method: 'otp' });
    expect(await both.verify('ann', recoveryCodes[0] as string)).toMatchObject({ method: 'recovery' });
    clock.time += STEP;
    const other = setUp({ store, now, secret: 'n'.repeat(32) }).totp;
    await expect(other.verify('ann', code())).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('that was ended leaves nothing that works, and can be made anew', async () => {
    const { totp, enrolled, clock } = setUp({ limit: { attempts: 100, per: '1s' } });
    const { code, recoveryCodes } = await enrolled();
    expect(await totp.disable('ann')).toBe(true);
    expect(await totp.disable('ann')).toBe(false);
    expect(await totp.disable('nobody')).toBe(false);
    clock.time += STEP;
    for (const one of [code(), recoveryCodes[0] as string]) {
      expect(await reasonOf(totp.verify('ann', one))).toBe('not_enrolled');
    }
    const again = await enrolled();
    expect(await reasonOf(totp.verify('ann', recoveryCodes[0] as string))).toBe('mismatch');
    clock.time += STEP;
    await totp.verify('ann', again.code());
  });
});

describe('a code', () => {
  it.each([-1, 0, 1])('is taken %d steps away', async (steps) => {
    const { totp, enrolled, clock } = setUp();
    const { code } = await enrolled();
    clock.time += 10 * STEP;
    expect(await totp.verify('ann', code(steps))).toEqual({ method: 'otp', recoveryCodesLeft: 10 });
  });

  it.each([-2, 2])('is refused %d steps away', async (steps) => {
    const { totp, enrolled, clock } = setUp();
    const { code } = await enrolled();
    clock.time += 10 * STEP;
    expect(await reasonOf(totp.verify('ann', code(steps)))).toBe('mismatch');
  });

  it('works once, and none before it works after it', async () => {
    const { totp, enrolled, clock } = setUp();
    const { code } = await enrolled();
    clock.time += 10 * STEP;
    await totp.verify('ann', code());
    expect(await reasonOf(totp.verify('ann', code()))).toBe('replay');
    expect(await reasonOf(totp.verify('ann', code(-1)))).toBe('replay');
    await totp.verify('ann', code(1));
    expect(await reasonOf(totp.verify('ann', code(1)))).toBe('replay');
  });

  it('is for its own account', async () => {
    const { totp, enrolled, clock } = setUp();
    const anns = await enrolled('ann');
    const bobs = await enrolled('bob');
    clock.time += STEP;
    expect(await reasonOf(totp.verify('bob', anns.code()))).toBe('mismatch');
    expect(await reasonOf(totp.verify('bob', anns.recoveryCodes[0] as string))).toBe('mismatch');
    await totp.verify('bob', bobs.code());
  });

  it.each([
    '',
    '12345',
    '1234567',
    ' 123456',
    '12345a',
    '１２３４５６',
    'x'.repeat(10_000),
    'AAAA-AAAA-AAAA-AAA0',
    '\0',
  ])('is refused that is none: %j', async (wrong) => {
    const { totp, enrolled } = setUp();
    await enrolled();
    expect(await reasonOf(totp.verify('ann', wrong))).toBe('mismatch');
  });
});

describe('a recovery code', () => {
  it('works once, as it is typed', async () => {
    const { totp, enrolled } = setUp({ limit: { attempts: 100, per: '1s' } });
    const { recoveryCodes } = await enrolled();
    const [one, two] = recoveryCodes as [string, string];
    expect(await totp.verify('ann', one)).toEqual({ method: 'recovery', recoveryCodesLeft: 9 });
    expect(await reasonOf(totp.verify('ann', one))).toBe('mismatch');
    const typed = ` ${two.toLowerCase().replaceAll('-', ' ')} `;
    expect(await totp.verify('ann', typed)).toEqual({ method: 'recovery', recoveryCodesLeft: 8 });
    expect(await totp.status('ann')).toEqual({ enrolled: true, recoveryCodesLeft: 8 });
  });

  it('ASVS 6.5.2: a recovery code has more than 112 bits, and its keyed hash alone stands in the store', async () => {
    const { store, enrolled } = setUp();
    const { recoveryCodes } = await enrolled();
    const stored = JSON.stringify(await store.get('ann'));
    for (const code of recoveryCodes) {
      expect(stored).not.toContain(code);
      expect(stored).not.toContain(code.replaceAll('-', ''));
      // Of 32 characters each.
      expect(code.replaceAll('-', '').length * 5).toBeGreaterThanOrEqual(112);
    }
  });

  it('of before, with 80 bits, goes on working', async () => {
    const { totp, store, enrolled } = setUp();
    await enrolled();
    const record = (await store.get('ann')) as TotpRecord;
    const pepper = deriveSecret(secret, 'totp recovery codes');
    const old = createHmac('sha256', pepper).update('ann\0ABCDEFGHIJKLMNOP').digest('base64url');
    await store.write({ ...record, revision: record.revision + 1, recoveryCodes: old });
    expect(await totp.verify('ann', 'abcd-efgh-ijkl-mnop')).toEqual({ method: 'recovery', recoveryCodesLeft: 0 });
  });

  it('ends when new ones are made', async () => {
    const { totp, enrolled } = setUp();
    const { recoveryCodes } = await enrolled();
    const renewed = await totp.renewRecoveryCodes('ann');
    expect(await reasonOf(totp.verify('ann', recoveryCodes[0] as string))).toBe('mismatch');
    await totp.verify('ann', renewed[0] as string);
    await expect(totp.renewRecoveryCodes('bob')).rejects.toMatchObject({ code: 'auth.totp_not_enrolled', status: 404 });
  });
});

describe('at once', () => {
  /** Every operation of the store lets others run before and after it, as one over a network does. */
  const slow = (store: TotpStore): TotpStore => ({
    async get(subject) {
      await nextTurn();
      return store.get(subject);
    },
    async write(record) {
      await nextTurn();
      return store.write(record);
    },
  });
  const limit = { attempts: 100, per: '1s' } as const;

  it('one of many uses of a code is let', async () => {
    const { totp, enrolled, clock } = setUp({ store: slow(memoryTotpStore()), limit });
    const { code, recoveryCodes } = await enrolled();
    clock.time += STEP;
    for (const one of [code(), recoveryCodes[3] as string]) {
      const answers = await Promise.allSettled(Array.from({ length: 50 }, () => totp.verify('ann', one)));
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });

  it('all recovery codes and a code of the app are let, and none is lost', async () => {
    const { totp, enrolled, clock } = setUp({ store: slow(memoryTotpStore()), limit });
    const { code, recoveryCodes } = await enrolled();
    clock.time += STEP;
    await Promise.all([code(), ...recoveryCodes].map((one) => totp.verify('ann', one)));
    expect(await totp.status('ann')).toEqual({ enrolled: true, recoveryCodesLeft: 0 });
  });
});

describe('guessing', () => {
  it('is limited for each account, by both kinds together, and a right code forgets what was wrong', async () => {
    const { totp, enrolled, clock } = setUp();
    const { code } = await enrolled();
    const others = await enrolled('bob');
    clock.time += STEP;
    for (const wrong of ['000000', 'AAAA-AAAA-AAAA-AAAA', '000000', 'x']) {
      expect(await reasonOf(totp.verify('ann', wrong))).toBe('mismatch');
    }
    await totp.verify('ann', code());
    for (let i = 0; i < 5; i++) expect(await reasonOf(totp.verify('ann', 'x'))).toBe('mismatch');
    const refused = await totp.verify('ann', code(1)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'auth.too_many_attempts', status: 429 });
    expect((refused as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(180_000);
    await totp.verify('bob', others.code());
    // It refills: nobody is out for good.
    clock.time += 180_000;
    await totp.verify('ann', code());
  });

  it('is not what an outage is taken for: the attempt is given back', async () => {
    const store = memoryTotpStore();
    const { totp, enrolled, clock } = setUp({ store });
    const { code } = await enrolled();
    clock.time += STEP;
    const { get } = store;
    store.get = () => Promise.reject(new Error('away'));
    for (let i = 0; i < 10; i++) {
      await expect(totp.verify('ann', code())).rejects.toMatchObject({ code: 'auth.store_failed' });
    }
    store.get = get;
    await totp.verify('ann', code());
  });

  it('does not tell whether an account has a second factor: the limit holds for those without one too', async () => {
    const { totp } = setUp();
    for (let i = 0; i < 5; i++) expect(await reasonOf(totp.verify('nobody', '000000'))).toBe('not_enrolled');
    await expect(totp.verify('nobody', '000000')).rejects.toMatchObject({ code: 'auth.too_many_attempts' });
  });
});

describe('what cannot be is refused:', () => {
  const refused = expect.objectContaining({ code: 'auth.configuration' }) as Error;

  it.each<[string, object]>([
    ['store', { store: {} }],
    ['attempts', { attempts: undefined }],
    ['issuer', { issuer: '' }],
    ['issuer', { issuer: 'a:b' }],
    ['secret', { secret: 'short' }],
    ['secret', { secret: [] }],
    ['limit.attempts', { limit: { attempts: 0, per: '1m' } }],
    ['limit.per', { limit: { attempts: 5, per: 'soon' } }],
    ['digits', { digits: 8 }],
  ])('%s of %j', (name, change) => {
    expect(() => setUp(change)).toThrow(refused);
    expect(() => setUp(change)).toThrow(name);
  });

  it('a subject or a code that is no text', async () => {
    const { totp } = setUp();
    await expect(totp.verify(undefined as never, '123456')).rejects.toThrow(refused);
    await expect(totp.verify('', '123456')).rejects.toThrow(refused);
    await expect(totp.verify('ann', 123_456 as never)).rejects.toThrow(refused);
    await expect(totp.enrol('ann', undefined as never)).rejects.toThrow(refused);
    await expect(totp.status(null as never)).rejects.toThrow(refused);
  });
});
