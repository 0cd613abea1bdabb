/**
 * bcrypt through the npm package `@node-rs/bcrypt`, which does the hashing on libuv's thread pool.
 *
 * For accounts of older systems: it looks at 72 bytes of a password only, so that longer ones are refused.
 *
 * Hash strings are those of every other implementation: Python's bcrypt and passlib, PHP's password_hash, Spring.
 */
import { timingSafeEqual } from 'node:crypto';
import { refuseUnknown } from '@ent/internal';
import * as bcryptLibrary from '@node-rs/bcrypt';
import type { PasswordDriver, PasswordFeatures } from '../driver.ts';
import { authErrors } from '../errors.ts';

/** How costly a hash is. */
export interface BcryptOptions {
  /** The work doubles with each. Default 12; floor 10 (OWASP, Password Storage Cheat Sheet); at most 16. */
  cost?: number | undefined;
}

/** The features of {@link bcrypt}. */
export const bcryptFeatures = {
  algorithm: 'bcrypt',
  maxPasswordBytes: 72,
  usesThreadPool: true,
} as const satisfies PasswordFeatures;

const FLOOR = 10;
// Also what a stored hash may ask for: whoever can write one row must not be able to occupy the machine.
const CEILING = 16;
const LEAST = 4;
// 2a, 2b and 2y are one algorithm, up to 72 bytes; 2x is another one. Salt and digest in their one spelling: the last
// characters have four bits and two that stand for nothing.
const FORM = /^(\$2[aby]\$(\d\d)\$[./A-Za-z\d]{21}[.Oeu])[./A-Za-z\d]{30}[.CGKOSWaeimquy26]$/;
const SALT_AT = '$2b$12$'.length;

/**
 * The bcrypt driver.
 *
 * @throws `auth.configuration` for a cost under the floor or over the ceiling
 *
 * @example
 * ```ts
 * import { createPasswords } from '@ent/auth';
 * import { argon2 } from '@ent/auth/argon2';
 * import { bcrypt } from '@ent/auth/bcrypt';
 *
 * // Accounts of an older system get an argon2 hash with their next login.
 * const passwords = createPasswords({ driver: argon2(), legacy: [bcrypt()] });
 * const stored = '$2b$10$S9bwB15XQ/v68XrRqDkNPuesJlvD3x06fxxNaNtW/K20Pl4Av/Q2C';
 * const { ok, upgraded } = await passwords.verifyAndUpgrade('correct horse battery staple', stored);
 * console.log(ok, upgraded?.slice(0, 10)); // true $argon2id$
 * ```
 */
export function bcrypt(options: BcryptOptions = {}): PasswordDriver<typeof bcryptFeatures> {
  refuseUnknown(options, { cost: true }, 'bcrypt', authErrors.configuration);
  const { cost = 12 } = options;
  if (!Number.isSafeInteger(cost) || cost < FLOOR || cost > CEILING) {
    throw authErrors.configuration(
      `bcrypt "cost" must be a whole number from ${FLOOR} to ${CEILING}; got ${String(cost)}.`,
    );
  }
  return {
    features: bcryptFeatures,
    hash: (password) => bcryptLibrary.hash(password, { cost, version: '2b', rejectLongPasswords: true }),
    inspect(text) {
      const hash = parse(text);
      if (!hash) return 'unreadable';
      return hash.cost >= cost ? 'current' : 'outdated';
    },
    async verify(password, text) {
      const hash = parse(text);
      if (!hash || Buffer.byteLength(password) > bcryptFeatures.maxPasswordBytes) return false;
      const computed = await bcryptLibrary.hash(password, { salt: hash.salt });
      return timingSafeEqual(Buffer.from(computed), Buffer.from(text));
    },
    decoy() {
      const salt = (): string => bcryptLibrary.genSaltSync({ cost });
      // A digest is 31 characters of bcrypt's own base64: a salt has 22, and ends as a digest may.
      return `${salt()}${salt().slice(SALT_AT, SALT_AT + 9)}${salt().slice(SALT_AT)}`;
    },
  };
}

/** The salt, with version and cost before it, and the cost; undefined for what is no hash that may be verified. */
function parse(text: unknown): { salt: string; cost: number } | undefined {
  const [, salt, digits] = (typeof text === 'string' && FORM.exec(text)) || [];
  const cost = Number(digits);
  return salt !== undefined && cost >= LEAST && cost <= CEILING ? { salt, cost } : undefined;
}
