import { hash } from 'node:crypto';
import type { Issue } from '@ent/errors';
import { durationOption, kindOf, refuseUnknown, withDeadline } from '@ent/internal';
import { authErrors } from './errors.ts';
import { demandMethods, demandTexts } from './internal/demand.ts';
import type { Duration } from './options.ts';

/**
 * Who knows passwords of known breaches, by k-anonymity: it is asked by the first five of the forty hexadecimal digits
 * of a SHA-1, and gives all that it has under them. The range API of Have I Been Pwned is one.
 */
export interface BreachedPasswords {
  /**
   * Lines of `<the other 35 digits>:<how often>`. Lines with 0 are padding.
   *
   * @param prefix five digits, upper case
   */
  range(prefix: string, call: { readonly signal: AbortSignal }): Promise<string>;
}

/** Who says how well a password stands up to guessing: `new ZxcvbnFactory(...)` of `@zxcvbn-ts/core` is one. */
export interface StrengthEstimator {
  /** @param words what a guesser tries first, such as the name of the account */
  check(
    password: string,
    words: string[],
  ): {
    /** 0 to 4. */
    readonly score: number;
    readonly guessesLog10: number;
    readonly feedback: { readonly warning: string | null; readonly suggestions: readonly string[] };
  };
}

/** What new passwords have to be, beside their length. */
export interface PasswordPolicyOptions {
  /** Passwords that are used by many, compared as a whole and without regard to case. */
  readonly common?: Iterable<string> | undefined;
  readonly breached?: BreachedPasswords | undefined;
  /** How long it may take to answer. Without an answer the password is not known to be breached. Default `"2s"`. */
  readonly breachedTimeout?: Duration | undefined;
  readonly strength?: StrengthEstimator | undefined;
  /** The least score of `strength`, 1 to 4. Default: none; score and advice are for a form. */
  readonly minScore?: number | undefined;
}

/** About which account, and how long one waits. */
export interface PasswordAbout {
  /** What the password must not be: the mail address, the name, the name of the service. */
  readonly words?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a policy thinks of a password. */
export interface PasswordAssessment {
  /** Why it is refused; empty where it is not. */
  readonly issues: readonly Issue[];
  /** 0 to 4, by `strength`; undefined without one. */
  readonly score: number | undefined;
  /** How many guesses it takes, as a power of ten. */
  readonly guessesLog10: number | undefined;
  /** What would make it better, in the words of `strength`. */
  readonly advice: readonly string[];
  /** Whether it is one of a known breach; undefined where nobody was asked, or nobody answered. */
  readonly breached: boolean | undefined;
}

/** What new passwords have to be. */
export interface PasswordPolicy {
  /** @throws the signal's reason */
  assess(password: string, about?: PasswordAbout): Promise<PasswordAssessment>;
}

const OPTIONS = { common: true, breached: true, breachedTimeout: true, strength: true, minScore: true } as const;
const PREFIX_DIGITS = 5;
/** A range of the largest lists has some 2,000 lines of 40 characters. */
const MAX_RANGE = 1_048_576;
/** Shorter words of an account are part of too many good passwords to say anything. */
const MIN_WORD = 4;

/**
 * A policy by NIST SP 800-63B-4, section 3.1.1.2: a new password is compared, as a whole, with those that are common,
 * those of known breaches and words about the account. There are no rules about kinds of characters, and none that a
 * password expires. `createPasswords` takes it as `policy`, and looks at lengths itself.
 *
 * @throws `auth.configuration`
 *
 * @example
 * ```ts
 * import { createPasswordPolicy, createPasswords } from '@ent/auth';
 * import { argon2 } from '@ent/auth/argon2';
 *
 * const policy = createPasswordPolicy({ common: ['correct horse battery staple'] });
 * const passwords = createPasswords({ driver: argon2(), policy });
 * const { issues } = await passwords.assess('Correct Horse Battery Staple', { words: ['ann@example.com'] });
 * console.log(issues[0]?.code); // common
 * ```
 */
export function createPasswordPolicy(options: PasswordPolicyOptions): PasswordPolicy {
  refuseUnknown(options, OPTIONS, 'createPasswordPolicy', authErrors.configuration);
  const { breached, strength, minScore } = options;
  if (breached !== undefined) demandMethods(breached, ['range'], 'createPasswordPolicy: breached');
  if (strength !== undefined) demandMethods(strength, ['check'], 'createPasswordPolicy: strength');
  if (minScore !== undefined && !(Number.isInteger(minScore) && minScore >= 1 && minScore <= 4)) {
    throw authErrors.configuration('createPasswordPolicy: "minScore" must be a whole number from 1 to 4.');
  }
  if (minScore !== undefined && strength === undefined) {
    throw authErrors.configuration('createPasswordPolicy: "minScore" is a score of "strength", which is missing.');
  }
  const timeoutMs = durationOption(options.breachedTimeout ?? '2s', 'breachedTimeout', authErrors.configuration);
  const common = new Set(listOf(options.common).map(folded));

  const isBreached = async (password: string, signal: AbortSignal | undefined): Promise<boolean | undefined> => {
    if (breached === undefined) return undefined;
    const digest = hash('sha1', password, 'hex').toUpperCase();
    const prefix = digest.slice(0, PREFIX_DIGITS);
    try {
      const late = (): Error => new Error('The list of breached passwords did not answer in time.');
      const range = await withDeadline((until) => breached.range(prefix, { signal: until }), timeoutMs, late, signal);
      return typeof range === 'string' && range.length <= MAX_RANGE
        ? hasSuffix(range, digest.slice(PREFIX_DIGITS))
        : undefined;
    } catch {
      signal?.throwIfAborted();
      // Somebody else's outage must not keep everybody from registering.
      return undefined;
    }
  };

  return {
    async assess(password, about = {}) {
      refuseUnknown(about, { words: true, signal: true }, 'passwordPolicy.assess', authErrors.configuration);
      demandTexts(about.words, 'passwordPolicy.assess: words');
      const text = String(password).normalize('NFC');
      const words = wordsOf(about.words ?? []);
      const issues: Issue[] = [];
      const refuse = (code: string, detail: string): void => {
        issues.push({ pointer: '#/password', code, detail });
      };
      if (common.has(folded(text))) refuse('common', 'must not be one that many others use');
      if (words.includes(bare(text))) refuse('about_you', 'must not be a name or an address of this account');
      const wasBreached = await isBreached(text, about.signal);
      if (wasBreached === true) refuse('breached', 'must not be one that is known from a breach');
      const estimate = strength?.check(text, words);
      if (minScore !== undefined && !((estimate?.score ?? 0) >= minScore)) {
        refuse('weak', 'must be harder to guess');
      }
      const { warning = null, suggestions = [] } = estimate?.feedback ?? {};
      return {
        issues,
        score: estimate?.score,
        guessesLog10: estimate?.guessesLog10,
        advice: [...(warning ? [warning] : []), ...suggestions],
        breached: wasBreached,
      };
    },
  };
}

function listOf(common: Iterable<string> | undefined): string[] {
  if (common === undefined) return [];
  // The letters of a text would be its members.
  if (typeof common === 'string' || typeof (common as Partial<Iterable<string>>)[Symbol.iterator] !== 'function') {
    throw authErrors.configuration(`createPasswordPolicy: "common" must be a list of texts; got ${kindOf(common)}.`);
  }
  const list = [...common];
  demandTexts(list, 'createPasswordPolicy: common');
  return list;
}

function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

/** Without what people put around a word to make it longer: `!ann1984` is `ann`. */
function bare(text: string): string {
  return folded(text).replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
}

/** The words, and what stands before the @ of an address. */
function wordsOf(words: readonly string[]): string[] {
  const all = words.flatMap((word) => [word, word.split('@', 1)[0] as string, ...word.split(/\s+/)]).map(bare);
  return [...new Set(all)].filter((word) => word.length >= MIN_WORD);
}

function hasSuffix(range: string, suffix: string): boolean {
  const line = range.split(/\r?\n/).find((each) => each.toUpperCase().startsWith(`${suffix}:`));
  return line !== undefined && Number(line.slice(suffix.length + 1)) > 0;
}
