import { EntError, type Issue } from '@ent/errors';
import { addressKey, durationOption, refuseUnknown } from '@ent/internal';
import { channels, type PasswordOperation } from './channels.ts';
import type { PasswordDriver } from './driver.ts';
import { authErrors } from './errors.ts';
import { FairGate, type Refusal } from './internal/fair-gate.ts';
import { demandMethods } from './internal/demand.ts';
import { type Dressed, Pepper } from './internal/pepper.ts';
import { tracedOutcome } from './internal/outcome.ts';
import type { Duration, PepperOptions } from './options.ts';
import {
  createPasswordPolicy,
  type PasswordAbout,
  type PasswordAssessment,
  type PasswordPolicy,
} from './password-policy.ts';

/** How passwords are checked and hashed. */
export interface PasswordsOptions {
  /** Hashes new passwords. */
  driver: PasswordDriver;
  /**
   * Drivers whose hashes are still stored, of an older system or from before a change: they are verified, and
   * `verifyAndUpgrade` gives one of `driver` to store instead. While an account has an old hash, its logins take as
   * long as that takes, which is not as long as for an account that does not exist.
   */
  legacy?: readonly PasswordDriver[] | undefined;
  /**
   * The fewest characters of a new password. Default 15, the minimum of NIST SP 800-63B-4 for a
   * password that is the only factor. The floor is 8, its minimum beside a second factor. There are
   * no rules about kinds of characters, on purpose.
   */
  minLength?: number | undefined;
  /** What `createPasswordPolicy` made: what a new password must not be. Default: no further rules. */
  policy?: PasswordPolicy | undefined;
  /**
   * Server secrets that go into each password before it is hashed, so that stolen hashes alone are worth nothing. Keep
   * them outside of the database, and for as long as a hash names them: one whose key is gone belongs to no password.
   */
  pepper?: PepperOptions | undefined;
  /** The most bytes (UTF-8) of a password. Default 1024; at least 256, so that long passphrases stay possible. */
  maxBytes?: number | undefined;
  /**
   * How many hashes run at once. Default: two less than libuv's threads (`UV_THREADPOOL_SIZE`, 4 where unset), and at
   * least 1. Web crypto runs on the same threads: a storm of logins that took them all would stall each token check.
   */
  concurrency?: number | undefined;
  /**
   * How many wait for their turn at most. When there are more, the latest of who has the most waiting gives way, with
   * `auth.overloaded`. Default 100.
   */
  queue?: number | undefined;
  /** How long one waits at most before it is refused with `auth.overloaded`. Default `"5s"`. */
  maxWait?: Duration | undefined;
}

/** One call. */
export interface PasswordCall {
  /**
   * Who asks, as the client's address: they take turns, so that one who asks for much makes only itself wait. Of an
   * IPv6 address its /64. Left out, all are one.
   */
  from?: string | undefined;
  /** Of `hash`: words about the account, which the password must not be: `["ann@example.com", "Ann Smith"]`. */
  about?: readonly string[] | undefined;
  /** Cancels the wait for a free slot; a hash that runs already is finished. */
  signal?: AbortSignal | undefined;
}

/** Hashes and verifies passwords. */
export interface Passwords {
  /** What is wrong with the form and the length of a new password; empty when nothing is. */
  check(password: string): Issue[];
  /** What is wrong with a new password, by `policy` too, and how well it stands up to guessing: for a form. */
  assess(password: string, about?: PasswordAbout): Promise<PasswordAssessment>;
  /**
   * The hash to store for a new password.
   *
   * @throws `auth.password_rejected` with `issues` when it does not meet the policy; `auth.overloaded`
   */
  hash(password: string, call?: PasswordCall): Promise<string>;
  /**
   * Whether the password belongs to the stored hash. Hand in `undefined` for an account that does not exist: the answer
   * is false after the same work, so that the time tells nothing.
   *
   * @throws `auth.overloaded`
   */
  verify(password: string, stored: string | null | undefined, call?: PasswordCall): Promise<boolean>;
  /**
   * As `verify`; and when the hash was made with older or weaker parameters, or by a driver of `legacy`,
   * `upgraded` is a new one to store in its place.
   *
   * @throws `auth.overloaded`
   */
  verifyAndUpgrade(
    password: string,
    stored: string | null | undefined,
    call?: PasswordCall,
  ): Promise<{ ok: boolean; upgraded?: string }>;
}

const OPTIONS = {
  driver: true,
  legacy: true,
  policy: true,
  pepper: true,
  minLength: true,
  maxBytes: true,
  concurrency: true,
  queue: true,
  maxWait: true,
} as const;
const CALL = { from: true, about: true, signal: true } as const;
const UNKNOWN = { score: undefined, guessesLog10: undefined, advice: [], breached: undefined } as const;
const FLOOR_LENGTH = 8;
const OVERLOAD_RETRY_MS = 1000;

/**
 * Passwords over one driver.
 *
 * Passwords are compared in Unicode normal form C (RFC 8265): the same word typed on two systems is the same password.
 *
 * @throws `auth.configuration` for a length policy under the floor or a gate that lets nothing through
 *
 * @example
 * ```ts
 * import { createPasswords } from '@ent/auth';
 * import { argon2 } from '@ent/auth/argon2';
 *
 * const passwords = createPasswords({ driver: argon2() });
 * const stored = await passwords.hash('correct horse battery staple');
 * const { ok, upgraded } = await passwords.verifyAndUpgrade('correct horse battery staple', stored);
 * console.log(ok, upgraded); // true undefined
 * ```
 */
export function createPasswords(options: PasswordsOptions): Passwords {
  refuseUnknown(options, OPTIONS, 'createPasswords', authErrors.configuration);
  const { driver, legacy = [], minLength = 15, maxBytes = 1024, queue = 100 } = options;
  if (!Array.isArray(legacy)) throw authErrors.configuration('createPasswords: "legacy" must be a list of drivers.');
  const drivers: readonly PasswordDriver[] = [driver, ...(legacy as readonly PasswordDriver[])];
  for (const each of drivers) {
    demandMethods(each, ['hash', 'verify', 'inspect', 'decoy'], 'createPasswords: a driver, such as argon2(),');
  }
  const concurrency = options.concurrency ?? defaultConcurrency();
  demand('minLength', minLength, FLOOR_LENGTH, 256);
  demand('maxBytes', maxBytes, 256, 4096);
  demand('concurrency', concurrency, 1, 1024);
  demand('queue', queue, 0, 100_000);
  const pepper = new Pepper(options.pepper);
  const policy = options.policy ?? createPasswordPolicy({});
  demandMethods(policy, ['assess'], 'createPasswords: policy');
  /** What goes through a pepper has one length, which no algorithm cuts. */
  const limitOf = ({ features }: PasswordDriver, pepperId: string | null): number =>
    pepperId === null ? Math.min(maxBytes, features.maxPasswordBytes ?? maxBytes) : maxBytes;
  const maxWaitMs = durationOption(options.maxWait ?? '5s', 'maxWait', authErrors.configuration);
  const gate = new FairGate(concurrency, queue, maxWaitMs);
  // Made once, before the first request: making one on demand would itself be a difference in time.
  const decoy = driver.decoy();

  /** The password as a driver hashes it; or what makes it one that cannot belong to any hash of it. */
  const read = (password: unknown, by: PasswordDriver, pepperId: string | null): string | Issue => {
    const byteLimit = limitOf(by, pepperId);
    const tooLong = issue('too_long', `must be at most ${byteLimit} bytes long`);
    if (typeof password !== 'string') return issue('invalid_type', 'must be a string');
    // UTF-8 is never shorter than the count of UTF-16 units: a huge string is not even looked through.
    if (password.length > byteLimit) return tooLong;
    // A lone surrogate has no UTF-8 form: it would be hashed as U+FFFD, and any other lone surrogate would match.
    if (!password.isWellFormed()) return issue('malformed', 'must be well-formed Unicode');
    const text = password.normalize('NFC');
    return Buffer.byteLength(text) > byteLimit ? tooLong : text;
  };

  const check = (password: string): Issue[] => {
    const text = read(password, driver, pepper.active);
    if (typeof text !== 'string') return [text];
    const short = Array.from(text).length < minLength;
    return short ? [issue('too_short', `must be at least ${minLength} characters long`)] : [];
  };

  const assess = async (password: string, about: PasswordAbout = {}): Promise<PasswordAssessment> => {
    const issues = check(password);
    // What is no password at all is not shown to anybody.
    if (typeof read(password, driver, pepper.active) !== 'string') return { ...UNKNOWN, issues };
    const assessment = await policy.assess(password, about);
    return { ...assessment, issues: [...issues, ...assessment.issues] };
  };

  const overloaded = (reason: Refusal): Error =>
    authErrors.overloaded(
      reason === 'full'
        ? `${concurrency} password hashes are running and ${queue} are waiting.`
        : `No password could be hashed within ${maxWaitMs} ms.`,
      { retryAfterMs: OVERLOAD_RETRY_MS },
    );

  const gated = async <T>(operation: PasswordOperation, work: () => Promise<T>, call?: PasswordCall): Promise<T> => {
    const asked = performance.now();
    try {
      await gate.enter(addressKey(call?.from ?? ''), overloaded, call?.signal);
    } catch (error) {
      operation.outcome = call?.signal?.aborted ? 'aborted' : 'overloaded';
      throw error;
    }
    operation.queuedMs = performance.now() - asked;
    try {
      return await work();
    } finally {
      gate.leave();
    }
  };

  const trace = <T>(
    operation: 'hash' | 'verify',
    { features: { algorithm } }: PasswordDriver,
    work: (payload: PasswordOperation) => Promise<T>,
  ): Promise<T> => tracedOutcome<PasswordOperation, T>(channels.password, { operation, algorithm }, work);

  /** Whose hash it is, and of which pepper; undefined for one of nobody. */
  const ownerOf = (stored: string | null | undefined): (Dressed & { by: PasswordDriver }) | undefined => {
    const dressed = typeof stored === 'string' ? pepper.open(stored) : undefined;
    const by = dressed && drivers.find((each) => each.inspect(dressed.inner) !== 'unreadable');
    return by && { ...dressed, by };
  };

  const hashNow = async (password: string): Promise<string> =>
    pepper.close(await driver.hash(pepper.dress(password.normalize('NFC'), pepper.active)));

  const verify = (password: string, stored: string | null | undefined, call?: PasswordCall): Promise<boolean> => {
    const owner = ownerOf(stored);
    const { by, inner, id } = owner ?? { by: driver, inner: decoy, id: pepper.active };
    return trace('verify', by, async (operation) => {
      demandCall(call);
      const text = read(password, by, id);
      const possible = typeof text === 'string';
      // Unknown account, damaged hash, impossible password: all do the work of an ordinary wrong password.
      const matches = await gated(operation, () => by.verify(pepper.dress(possible ? text : '', id), inner), call);
      const ok = matches && owner !== undefined && possible;
      if (!ok) operation.outcome = stored == null ? 'unknown_account' : owner ? 'mismatch' : 'unreadable_hash';
      return ok;
    });
  };

  const hash = (password: string, call?: PasswordCall): Promise<string> =>
    trace('hash', driver, async (operation) => {
      demandCall(call);
      const { issues, breached } = await assess(password, { words: call?.about, signal: call?.signal });
      operation.breached = breached ?? 'unknown';
      if (issues.length > 0) {
        operation.outcome = 'rejected';
        throw authErrors.password_rejected('The password does not meet the policy.', { issues });
      }
      return gated(operation, () => hashNow(password), call);
    });

  // Not `hash`: a password from before a stricter policy is upgraded all the same. And a busy machine does not fail a
  // login whose password was right: there is a next one to upgrade at.
  const upgrade = async (password: string, call?: PasswordCall): Promise<{ ok: boolean; upgraded?: string }> => {
    try {
      const upgraded = await trace('hash', driver, (operation) => gated(operation, () => hashNow(password), call));
      return { ok: true, upgraded };
    } catch (error) {
      if (EntError.is(error) && error.code === authErrors.overloaded.code) return { ok: true };
      throw error;
    }
  };

  return {
    check,
    assess,
    hash,
    verify,
    async verifyAndUpgrade(password, stored, call) {
      if (!(await verify(password, stored, call))) return { ok: false };
      const { inner = '', id = null } = ownerOf(stored) ?? {};
      if (id === pepper.active && driver.inspect(inner) === 'current') return { ok: true };
      // One that is too long for the new driver keeps the hash that it has.
      return typeof read(password, driver, pepper.active) === 'string' ? upgrade(password, call) : { ok: true };
    },
  };
}

function demandCall(call: PasswordCall | undefined): void {
  refuseUnknown(call ?? {}, CALL, 'A call of passwords', authErrors.configuration);
}

function defaultConcurrency(): number {
  const threads = Number(process.env.UV_THREADPOOL_SIZE) || 4;
  return Math.max(1, threads - 2);
}

function demand(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw authErrors.configuration(`"${name}" must be a whole number from ${least} to ${most}; got ${String(value)}.`);
}

function issue(code: string, detail: string): Issue {
  return { pointer: '#/password', code, detail };
}
