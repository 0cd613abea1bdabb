import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { authErrors, channels, createPasswords, type PasswordDriver, type PasswordOperation } from '../src/index.ts';

/** A driver whose work ends when the test says so: the gate and the policy are the same over all drivers. */
function scripted(overrides: Partial<PasswordDriver> = {}) {
  const running: (() => void)[] = [];
  const calls: { password: string; hash?: string }[] = [];
  let held = false;
  const turn = () => (held ? new Promise<void>((resolve) => running.push(resolve)) : Promise.resolve());
  const driver: PasswordDriver = {
    features: { algorithm: 'plain', maxPasswordBytes: null, usesThreadPool: false },
    async hash(password) {
      calls.push({ password });
      await turn();
      return `plain2$${password}`;
    },
    inspect: (hash) =>
      hash.startsWith('plain2$') ? 'current' : hash.startsWith('plain1$') ? 'outdated' : 'unreadable',
    async verify(password, hash) {
      calls.push({ password, hash });
      await turn();
      return hash.slice(7) === password;
    },
    decoy: () => 'plain2$\0',
    ...overrides,
  };
  return {
    driver,
    running,
    calls,
    hold: () => {
      held = true;
    },
    release: () => {
      held = false;
      for (const go of running.splice(0)) go();
    },
  };
}

const GOOD = 'correct horse battery staple';

describe('the policy for new passwords', () => {
  const passwords = createPasswords({ driver: scripted().driver });
  const code = (password: string) => passwords.check(password)[0]?.code;

  it('ASVS 6.2.1: a password has 15 characters, counted as people count them, and nothing else is asked', () => {
    expect(code('a'.repeat(14))).toBe('too_short');
    expect(code('a'.repeat(15))).toBeUndefined();
    expect(code('🔑'.repeat(14))).toBe('too_short');
    expect(code('🔑'.repeat(15))).toBeUndefined();
    // e and a combining accent are one character in normal form C.
    expect(code('e\u0301'.repeat(14))).toBe('too_short');
    expect(code('e\u0301'.repeat(15))).toBeUndefined();
    expect(code(' '.repeat(15))).toBeUndefined();
  });

  it('stops at 1024 bytes, reads nothing of what is longer, and takes no broken Unicode', () => {
    expect(code('a'.repeat(1024))).toBeUndefined();
    expect(code('a'.repeat(1025))).toBe('too_long');
    expect(code('é'.repeat(513))).toBe('too_long');
    expect(code('a'.repeat(100_000_000))).toBe('too_long');
    expect(code(`${GOOD}\ud800`)).toBe('malformed');
    expect(code(undefined as never)).toBe('invalid_type');
    expect(code({ length: 20 } as never)).toBe('invalid_type');
  });

  it('is told to the client, without the password', async () => {
    const error = await passwords.hash('hunter2').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'auth.password_rejected', status: 422 });
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      errors: [{ pointer: '#/password', code: 'too_short', detail: 'must be at least 15 characters long' }],
    });
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('has a floor', () => {
    const { driver } = scripted();
    for (const bad of [
      { minLength: 7 },
      { minLength: Number.NaN },
      { maxBytes: 255 },
      { concurrency: 0 },
      { queue: -1 },
    ]) {
      expect(() => createPasswords({ driver, ...bad })).toThrow(
        expect.objectContaining({ code: 'auth.configuration' }),
      );
    }
    createPasswords({ driver, minLength: 8 });
  });

  it('follows a driver that reads fewer bytes', async () => {
    const features = { algorithm: 'short', maxPasswordBytes: 72, usesThreadPool: true };
    const { driver } = scripted({ features });
    const short = createPasswords({ driver });
    expect(short.check('a'.repeat(73))[0]?.code).toBe('too_long');
    expect(await short.verify('a'.repeat(73), `plain2$${'a'.repeat(73)}`)).toBe(false);
  });
});

describe('verifying', () => {
  it('ASVS 6.3.8: an account that does not exist costs the work of a wrong password', async () => {
    const { driver, calls } = scripted();
    const passwords = createPasswords({ driver });
    const cases: [string, string | null | undefined][] = [
      [GOOD, 'plain2$another'],
      [GOOD, undefined],
      [GOOD, null],
      [GOOD, ''],
      [GOOD, 'garbage'],
      ['a'.repeat(5000), 'plain2$another'],
      ['a\ud800', 'plain2$a\ufffd'],
      [undefined as never, undefined],
    ];
    for (const [password, stored] of cases) expect(await passwords.verify(password, stored)).toBe(false);
    expect(calls).toHaveLength(cases.length);
    // What the driver cannot read it is not even shown: it would be done too soon.
    expect(calls.slice(1, 5).map(({ hash }) => hash)).toEqual(Array(4).fill(driver.decoy()));
  });

  it('is never true for an account that does not exist', async () => {
    // Even if the decoy happened to match.
    const passwords = createPasswords({ driver: scripted({ verify: async () => true }).driver });
    expect(await passwords.verify(GOOD, undefined)).toBe(false);
    expect(await passwords.verify(GOOD, 'garbage')).toBe(false);
    expect(await passwords.verify('a'.repeat(5000), 'plain2$x')).toBe(false);
    expect(await passwords.verifyAndUpgrade(GOOD, null)).toEqual({ ok: false });
  });

  it('takes the same password typed in another normal form', async () => {
    const passwords = createPasswords({ driver: scripted().driver });
    const hash = await passwords.hash('caf\u00e9 caf\u00e9 caf\u00e9 caf\u00e9');
    expect(await passwords.verify('cafe\u0301 cafe\u0301 cafe\u0301 cafe\u0301', hash)).toBe(true);
  });

  it('takes passwords from before a stricter policy', async () => {
    const passwords = createPasswords({ driver: scripted().driver });
    expect(await passwords.verify('old', 'plain2$old')).toBe(true);
    expect(await passwords.verifyAndUpgrade('old', 'plain1$old')).toEqual({ ok: true, upgraded: 'plain2$old' });
  });

  it('upgrades an outdated hash after a right password only', async () => {
    const { driver, calls } = scripted();
    const passwords = createPasswords({ driver });
    expect(await passwords.verifyAndUpgrade(GOOD, `plain2$${GOOD}`)).toEqual({ ok: true });
    expect(await passwords.verifyAndUpgrade(GOOD, `plain1$${GOOD}`)).toEqual({ ok: true, upgraded: `plain2$${GOOD}` });
    expect(await passwords.verifyAndUpgrade('wrong', `plain1$${GOOD}`)).toEqual({ ok: false });
    expect(calls.filter(({ hash }) => hash === undefined)).toHaveLength(1);
  });

  it('does not fail a login because there was no room for the upgrade', async () => {
    const busy = () => Promise.reject(authErrors.overloaded('busy'));
    const passwords = createPasswords({ driver: scripted({ hash: busy }).driver });
    expect(await passwords.verifyAndUpgrade(GOOD, `plain1$${GOOD}`)).toEqual({ ok: true });
    const broken = () => Promise.reject(new Error('no memory'));
    const other = createPasswords({ driver: scripted({ hash: broken }).driver });
    await expect(other.verifyAndUpgrade(GOOD, `plain1$${GOOD}`)).rejects.toThrow('no memory');
  });
});

describe('the gate', () => {
  it('runs a bounded number at once, lets a bounded number wait, and refuses the rest', async () => {
    const script = scripted();
    const passwords = createPasswords({ driver: script.driver, concurrency: 2, queue: 3 });
    script.hold();
    const all = Array.from({ length: 10 }, () => passwords.hash(GOOD));
    const settled = Promise.allSettled(all);
    await expect.poll(() => script.running.length).toBe(2);
    const refused = await Promise.allSettled(all.slice(5));
    for (const result of refused) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'auth.overloaded', status: 503, retryAfterMs: 1000 },
      });
    }
    expect(script.calls).toHaveLength(2);
    script.release();
    expect((await settled).filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    // All places were given back.
    await Promise.all(Array.from({ length: 5 }, () => passwords.hash(GOOD)));
  });

  it('lets no more through while the queue moves up', async () => {
    let running = 0;
    let most = 0;
    const hash = async (): Promise<string> => {
      most = Math.max(most, ++running);
      await nextTurn();
      running--;
      return 'plain2$x';
    };
    const passwords = createPasswords({ driver: scripted({ hash }).driver, concurrency: 2, queue: 100 });
    await Promise.all(Array.from({ length: 50 }, () => passwords.hash(GOOD)));
    await Promise.all(Array.from({ length: 50 }, () => passwords.hash(GOOD)));
    expect(most).toBe(2);
  });

  it('gives the place back when the work fails', async () => {
    const passwords = createPasswords({
      driver: scripted({ hash: () => Promise.reject(new Error('no memory')) }).driver,
      concurrency: 1,
      queue: 0,
    });
    for (let turn = 0; turn < 3; turn++) await expect(passwords.hash(GOOD)).rejects.toThrow('no memory');
  });

  it('lets a caller leave the queue', async () => {
    const script = scripted();
    const passwords = createPasswords({ driver: script.driver, concurrency: 1, queue: 2 });
    script.hold();
    const first = passwords.hash(GOOD);
    await expect.poll(() => script.running.length).toBe(1);
    const controller = new AbortController();
    const second = passwords.hash(GOOD, { signal: controller.signal });
    const third = passwords.hash(GOOD);
    controller.abort(new Error('client went away'));
    await expect(second).rejects.toThrow('client went away');
    await expect(passwords.hash(GOOD, { signal: controller.signal })).rejects.toThrow('client went away');
    script.release();
    await Promise.all([first, third]);
    expect(script.calls).toHaveLength(2);
  });
});

describe('the channel', () => {
  it('tells the outcome and neither password nor hash', async () => {
    const seen: PasswordOperation[] = [];
    const listener = { asyncEnd: (payload: object) => void seen.push(payload as PasswordOperation) };
    const passwords = createPasswords({ driver: scripted().driver });
    channels.password.subscribe(listener as never);
    await passwords.hash(GOOD);
    await passwords.verify(GOOD, `plain2$${GOOD}`);
    await passwords.verify('wrong', `plain2$${GOOD}`);
    await passwords.verify(GOOD, undefined);
    await passwords.verify(GOOD, 'garbage');
    await passwords.hash('short').catch(() => {});
    channels.password.unsubscribe(listener as never);
    expect(seen.map(({ operation, outcome }) => [operation, outcome])).toEqual([
      ['hash', 'ok'],
      ['verify', 'ok'],
      ['verify', 'mismatch'],
      ['verify', 'unknown_account'],
      ['verify', 'unreadable_hash'],
      ['hash', 'rejected'],
    ]);
    expect(JSON.stringify(seen)).not.toContain('horse');
  });
});
