/**
 * Second factors by time-based one-time passwords (RFC 6238) of authenticator apps, through the npm package `otpauth`.
 */
import { createHmac, hash } from 'node:crypto';
import { EntError } from '@ent/errors';
import { durationOption, refuseUnknown } from '@ent/internal';
import { Secret as OtpSecret, TOTP } from 'otpauth';
import { channels, type TotpOperation } from './channels.ts';
import type { ThrottleRule, ThrottleStore, TotpRecord, TotpStore } from './driver.ts';
import { authErrors, credentialError, storeCall } from './errors.ts';
import { AttemptCounts } from './internal/attempt-counts.ts';
import { demandMethods, demandText } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { createSealer } from './internal/sealed.ts';
import type { Clock, Duration } from './options.ts';
import { deriveSecret, type Secret } from './refresh-tokens.ts';
import type { ThrottleLimit } from './throttle.ts';

/** How second factors are made and checked. */
export interface TotpOptions {
  /** `memoryTotpStore()` or `repositoryTotpStore(...)` of `@ent/auth/stores`, or your own. */
  store: TotpStore;
  /** The name of your service, as authenticator apps show it. */
  issuer: string;
  /**
   * What the shared secrets are encrypted with, and recovery codes hashed: at least 32 bytes, the same in all
   * processes. Given several, the first is used and the others still read what they wrote.
   */
  secret: Secret | readonly Secret[];
  /** Where attempts are counted: `memoryThrottleStore()`, or one that all processes share. */
  attempts: ThrottleStore;
  /**
   * How long an answer of `attempts` is waited for. Default: `"1s"`. When it fails or does not answer in time, this
   * process counts by itself for a second, as that of `createThrottle` does.
   */
  timeout?: Duration | undefined;
  /** How many wrong codes an account may send, of both kinds. Default 5 per 15 minutes. */
  limit?: ThrottleLimit | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** What an authenticator app needs. Show it once, to who is logged in. */
export interface TotpEnrolment {
  /** Base32, for typing. */
  readonly secret: string;
  /** `otpauth://totp/...`, for a QR code. */
  readonly uri: string;
}

/** A second factor that was right. */
export interface SecondFactor {
  /** A code of the app, or a recovery code. `otp` is also the name of RFC 8176 for `amr`. */
  readonly method: 'otp' | 'recovery';
  readonly recoveryCodesLeft: number;
}

/** Second factors of accounts. */
export interface Totp {
  /**
   * Begins an enrolment: it is in force once {@link confirm} has seen a code of the app. An earlier one that was not
   * confirmed ends.
   *
   * @param label the account, as the app shows it: its mail address
   * @throws `auth.totp_enrolled` where one is in force already
   */
  enrol(subject: string, label: string): Promise<TotpEnrolment>;
  /**
   * Puts an enrolment in force.
   *
   * @returns ten recovery codes, each of which stands in for a code once. Show them once: only their hashes are kept
   * @throws `auth.code_invalid`, `auth.too_many_attempts`
   */
  confirm(subject: string, code: string): Promise<{ readonly recoveryCodes: readonly string[] }>;
  /**
   * Checks a code of the app or a recovery code. Either works once, also when many come at once: a code whose time
   * step, or a later one, was used before is refused (RFC 6238 section 5.2). Clocks may differ by one step of 30 s.
   *
   * @throws `auth.code_invalid`, whatever is wrong; `auth.too_many_attempts` with `retryAfterMs`
   */
  verify(subject: string, code: string): Promise<SecondFactor>;
  /** Whether a second factor is in force, and how many recovery codes are left. */
  status(subject: string): Promise<{ readonly enrolled: boolean; readonly recoveryCodesLeft: number }>;
  /**
   * Ten new recovery codes in the place of the old ones. Ask for a second factor before.
   *
   * @throws `auth.totp_not_enrolled`
   */
  renewRecoveryCodes(subject: string): Promise<readonly string[]>;
  /** Ends the second factor of an account. Ask for one before. False when there is none. */
  disable(subject: string): Promise<boolean>;
}

const OPTIONS = {
  store: true,
  issuer: true,
  secret: true,
  attempts: true,
  timeout: true,
  limit: true,
  now: true,
} as const;
const PURPOSE = 'totp';
/** What every authenticator app does, whatever it is told: the defaults of RFC 6238. */
const SHAPE = { algorithm: 'SHA1', digits: 6, period: 30 } as const;
/** 160 bits, as RFC 4226 section 4 recommends. */
const SECRET_BYTES = 20;
/** One step before and after: RFC 6238 section 5.2 recommends at most one for the delay of a network. */
const WINDOW = 1;
/** A store that refuses a change, although nobody else has made one, will not take it later. */
const MOST_TRIES = 5;
const CODE = /^\d{6}$/;
const RECOVERY_CODES = 10;
/** 120 bits, 24 letters and digits of base32: from 112 on, as ASVS 6.5.2 has it, they need no slow hash. */
const RECOVERY_BYTES = 15;
/** Those that were given out with 80 bits go on working. */
const RECOVERY = /^(?:[A-Z2-7]{24}|[A-Z2-7]{16})$/;

/**
 * Second factors over any store. Needs `npm install otpauth`.
 *
 * @throws `auth.configuration` for a part that is none, or a secret under 32 bytes
 *
 * @example
 * ```ts
 * import { memoryThrottleStore, memoryTotpStore } from '@ent/auth/stores';
 * import { createTotp } from '@ent/auth/totp';
 * import { TOTP } from 'otpauth';
 *
 * const totp = createTotp({
 *   store: memoryTotpStore(),
 *   attempts: memoryThrottleStore(),
 *   issuer: 'Acme',
 *   secret: 'of the environment, at least 32 bytes',
 * });
 * const { secret } = await totp.enrol('ann', 'ann@example.com');
 * const app = new TOTP({ secret }); // on her phone
 * const { recoveryCodes } = await totp.confirm('ann', app.generate());
 * console.log(recoveryCodes.length, (await totp.verify('ann', recoveryCodes[0])).method); // 10 recovery
 * ```
 */
export function createTotp(options: TotpOptions): Totp {
  refuseUnknown(options, OPTIONS, 'createTotp', authErrors.configuration);
  const { store, issuer, attempts, now = Date.now } = options;
  demandMethods(store, ['get', 'write'], 'createTotp: store');
  demandMethods(attempts, ['take', 'give', 'reset'], 'createTotp: attempts, such as memoryThrottleStore(),');
  demandText(issuer, 'createTotp: issuer');
  if (issuer === '' || issuer.includes(':') || !issuer.isWellFormed()) {
    throw authErrors.configuration('createTotp: "issuer" must be a name without ":".');
  }
  const secrets = [options.secret].flat();
  const sealer = createSealer(secrets, { purpose: PURPOSE, typ: 'ent-totp+jwe', what: 'A secret of a second factor' });
  const peppers = secrets.map((secret) => deriveSecret(secret, `${PURPOSE} recovery codes`));
  const rule = ruleOf(options.limit ?? { attempts: 5, per: '15m' });
  const counts = new AttemptCounts(attempts, options.timeout);

  const read = (subject: string): Promise<TotpRecord | undefined> =>
    storeCall('read a second factor', () => store.get(subject));

  /**
   * Changes a record in one step, however many do at once: `decide` is asked again where another one was first, and
   * throws where there is nothing to change.
   */
  const change = async <T>(
    subject: string,
    decide: (record: TotpRecord | undefined) => Promise<{ to: Omit<TotpRecord, 'id' | 'revision'>; result: T }>,
  ): Promise<T> => {
    let seen = -1;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const record = await read(subject);
      const { to, result } = await decide(record);
      const revision = record?.revision ?? 0;
      if (await storeCall('write a second factor', () => store.write({ ...to, id: subject, revision: revision + 1 })))
        return result;
      // Another one was first, as often as that may be.
      if (revision !== seen) tries = 0;
      seen = revision;
    }
    throw authErrors.store_failed('The store does not take a second factor, and nobody else was first.');
  };

  const open = async ({ id, secret }: TotpRecord): Promise<TOTP> => {
    const { subject, base32 } = JSON.parse(await sealer.open(secret)) as { subject: string; base32: string };
    // Whoever can move rows must not make one account's app open another account.
    if (subject !== id) throw authErrors.configuration('A secret of a second factor stands at another account.');
    return new TOTP({ ...SHAPE, secret: base32 });
  };

  /** The time step that a code is of; undefined for one of none that counts. */
  const stepOf = async (record: TotpRecord, code: string): Promise<number | undefined> => {
    const timestamp = now();
    const delta = (await open(record)).validate({ token: code, timestamp, window: WINDOW });
    return delta === null ? undefined : TOTP.counter({ period: SHAPE.period, timestamp }) + delta;
  };

  const recoveryIds = (subject: string, code: string): string[] =>
    peppers.map((pepper) => createHmac('sha256', pepper).update(`${subject}\0${code}`).digest('base64url'));

  const newRecoveryCodes = (subject: string): { shown: string[]; stored: string } => {
    const codes = Array.from({ length: RECOVERY_CODES }, () => new OtpSecret({ size: RECOVERY_BYTES }).base32);
    const shown = codes.map((code) => code.replace(/(.{4})(?=.)/g, '$1-'));
    return { shown, stored: codes.map((code) => recoveryIds(subject, code)[0] as string).join(' ') };
  };

  /**
   * Counts an attempt before it is made, as logins are counted. A right one forgets them; one that came to nothing, as
   * the service itself failed, is given back.
   */
  const counted = async <T>(subject: string, operation: TotpOperation, attempt: () => Promise<T>): Promise<T> => {
    const key = hash('sha256', JSON.stringify(['totp', subject]), 'base64url');
    const { ok, retryAfterMs, isLocal } = await counts.take(key, rule, now());
    if (!ok) {
      operation.outcome = 'too_many_attempts';
      throw authErrors.too_many_attempts('Too many attempts; try again later.', {
        retryAfterMs: Math.ceil(retryAfterMs),
      });
    }
    let result: T;
    try {
      result = await attempt();
    } catch (error) {
      const isWrong = EntError.is(error) && error.code === authErrors.code_invalid.code;
      if (!isWrong) await counts.give(key, rule, now(), isLocal);
      throw error;
    }
    await counts.reset(key);
    return result;
  };

  const refusal = (operation: TotpOperation, reason: string): Error => {
    operation.outcome = reason;
    return credentialError('code_invalid', 'The code was refused.', reason);
  };

  const confirm = (subject: string, code: string, operation: TotpOperation) =>
    change(subject, async (record) => {
      if (!record?.secret || record.confirmedAt !== null) throw refusal(operation, 'not_enrolled');
      const step = CODE.test(code) ? await stepOf(record, code) : undefined;
      if (step === undefined) throw refusal(operation, 'mismatch');
      const { shown, stored } = newRecoveryCodes(subject);
      const to = { ...record, confirmedAt: new Date(now()), lastStep: step, recoveryCodes: stored };
      return { to, result: { recoveryCodes: shown } };
    });

  const verify = (subject: string, code: string, operation: TotpOperation): Promise<SecondFactor> =>
    change<SecondFactor>(subject, async (record) => {
      if (!isInForce(record)) throw refusal(operation, 'not_enrolled');
      const left = listOf(record.recoveryCodes);
      if (CODE.test(code)) {
        const step = await stepOf(record, code);
        if (step === undefined) throw refusal(operation, 'mismatch');
        if (step <= record.lastStep) throw refusal(operation, 'replay');
        return { to: { ...record, lastStep: step }, result: { method: 'otp', recoveryCodesLeft: left.length } };
      }
      const typed = code.replace(/[\s-]/g, '').toUpperCase();
      const ids = RECOVERY.test(typed) ? recoveryIds(subject, typed) : [];
      const rest = left.filter((id) => !ids.includes(id));
      if (rest.length === left.length) throw refusal(operation, 'mismatch');
      const to = { ...record, recoveryCodes: rest.join(' ') };
      return { to, result: { method: 'recovery', recoveryCodesLeft: rest.length } };
    });

  const traced = <T>(operation: TotpOperation['operation'], work: (payload: TotpOperation) => Promise<T>) =>
    tracedOutcome<TotpOperation, T>(channels.totp, { operation }, work);

  return {
    enrol: (subject, label) =>
      traced('enrol', async () => {
        demandSubject(subject, 'totp.enrol');
        demandText(label, 'totp.enrol: label');
        const secret = new OtpSecret({ size: SECRET_BYTES });
        const sealed = await sealer.seal(JSON.stringify({ subject, base32: secret.base32 }));
        return change(subject, async (record) => {
          if (isInForce(record)) throw authErrors.totp_enrolled('The account has a second factor already.');
          const to = {
            secret: sealed,
            createdAt: new Date(now()),
            confirmedAt: null,
            lastStep: record?.lastStep ?? 0,
            recoveryCodes: '',
          };
          const uri = new TOTP({ ...SHAPE, issuer, label: label.replaceAll(':', ' '), secret }).toString();
          return { to, result: { secret: secret.base32, uri } };
        });
      }),
    confirm: (subject, code) =>
      traced('confirm', async (operation) => {
        demandSubject(subject, 'totp.confirm');
        demandText(code, 'totp.confirm: code');
        return counted(subject, operation, () => confirm(subject, code, operation));
      }),
    verify: (subject, code) =>
      traced('verify', async (operation) => {
        demandSubject(subject, 'totp.verify');
        demandText(code, 'totp.verify: code');
        return counted(subject, operation, () => verify(subject, code, operation));
      }),
    async status(subject) {
      demandSubject(subject, 'totp.status');
      const record = await read(subject);
      return isInForce(record)
        ? { enrolled: true, recoveryCodesLeft: listOf(record.recoveryCodes).length }
        : { enrolled: false, recoveryCodesLeft: 0 };
    },
    renewRecoveryCodes: (subject) =>
      traced('renew', async () => {
        demandSubject(subject, 'totp.renewRecoveryCodes');
        return change(subject, async (record) => {
          if (!isInForce(record)) throw authErrors.totp_not_enrolled('The account has no second factor.');
          const { shown, stored } = newRecoveryCodes(subject);
          return { to: { ...record, recoveryCodes: stored }, result: shown };
        });
      }),
    disable: (subject) =>
      traced('disable', async () => {
        demandSubject(subject, 'totp.disable');
        if (!(await read(subject))?.secret) return false;
        // The row stays, without a secret: what others read of it before is then older than it, and not taken.
        return change(subject, async (record) => {
          const { createdAt = new Date(now()), lastStep = 0 } = record ?? {};
          const to = { secret: '', createdAt, confirmedAt: null, lastStep, recoveryCodes: '' };
          return { to, result: record !== undefined && record.secret !== '' };
        });
      }),
  };
}

function ruleOf({ attempts, per }: ThrottleLimit): ThrottleRule {
  if (!Number.isSafeInteger(attempts) || attempts < 1 || attempts > 100) {
    throw authErrors.configuration(`"limit.attempts" must be a whole number from 1 to 100; got ${String(attempts)}.`);
  }
  return { burst: attempts, intervalMs: durationOption(per, 'limit.per', authErrors.configuration) / attempts };
}

function demandSubject(subject: unknown, what: string): void {
  demandText(subject, `${what}: the subject`);
  if (subject === '') throw authErrors.configuration(`${what}: the subject must not be empty.`);
}

function isInForce(record: TotpRecord | undefined): record is TotpRecord & { confirmedAt: Date } {
  return record !== undefined && record.secret !== '' && record.confirmedAt !== null;
}

function listOf(codes: string): string[] {
  return codes === '' ? [] : codes.split(' ');
}
