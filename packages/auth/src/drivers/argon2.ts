/**
 * Argon2id (RFC 9106) through the npm package `argon2`, which does the hashing on libuv's thread pool.
 *
 * Hash strings are written and read here, in the canonical PHC form: they
 * verify in Python's argon2-cffi and passlib too.
 */
import { refuseUnknown } from '@ent/internal';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import * as argon2Library from 'argon2';
import type { PasswordDriver, PasswordFeatures } from '../driver.ts';
import { authErrors } from '../errors.ts';
import { type Argon2Hash, formatArgon2, parseArgon2 } from '../internal/phc.ts';

/** How costly a hash is. The defaults are OWASP's minimum (Password Storage Cheat Sheet), and also the floor. */
export interface Argon2Options {
  /** Memory in KiB. Default and floor 19456 (19 MiB). At most 1 GiB. */
  memoryKiB?: number | undefined;
  /** Passes over the memory. Default and floor 2. At most 16. */
  iterations?: number | undefined;
  /** Lanes, each a thread. Default and floor 1. At most 16. */
  parallelism?: number | undefined;
}

/** The features of {@link argon2}. */
export const argon2Features = {
  algorithm: 'argon2id',
  maxPasswordBytes: null,
  usesThreadPool: true,
} as const satisfies PasswordFeatures;

const FLOOR = { memoryKiB: 19_456, iterations: 2, parallelism: 1 };
// Also what a stored hash may ask for: whoever can write one row must not be able to occupy the machine.
const CEILING = { memoryKiB: 1_048_576, iterations: 16, parallelism: 16 };
const VERSION = 0x13;
const SALT_BYTES = 16;
const DIGEST_BYTES = 32;
const TYPES: Record<string, 0 | 1 | 2> = { argon2d: 0, argon2i: 1, argon2id: 2 };

/**
 * The argon2id driver.
 *
 * @throws `auth.configuration` for parameters under the floor or over the ceiling
 *
 * @example
 * ```ts
 * import { createPasswords } from '@ent/auth';
 * import { argon2 } from '@ent/auth/argon2';
 *
 * const passwords = createPasswords({ driver: argon2() });
 * const hash = await passwords.hash('correct horse battery staple');
 * console.log(await passwords.verify('correct horse battery staple', hash)); // true
 * ```
 */
export function argon2(options: Argon2Options = {}): PasswordDriver<typeof argon2Features> {
  refuseUnknown(options, { memoryKiB: true, iterations: true, parallelism: true }, 'argon2', authErrors.configuration);
  const cost = {
    memoryKiB: options.memoryKiB ?? FLOOR.memoryKiB,
    iterations: options.iterations ?? FLOOR.iterations,
    parallelism: options.parallelism ?? FLOOR.parallelism,
  };
  for (const name of Object.keys(FLOOR) as (keyof typeof FLOOR)[]) {
    const value = cost[name];
    if (!Number.isSafeInteger(value) || value < FLOOR[name] || value > CEILING[name]) {
      throw authErrors.configuration(
        `argon2 "${name}" must be a whole number from ${FLOOR[name]} to ${CEILING[name]}; got ${String(value)}.`,
      );
    }
  }
  const parameters = {
    type: 'argon2id',
    version: VERSION,
    memory: cost.memoryKiB,
    iterations: cost.iterations,
    parallelism: cost.parallelism,
  };

  return {
    features: argon2Features,
    async hash(password) {
      const made = { ...parameters, salt: randomBytes(SALT_BYTES), digest: Buffer.alloc(DIGEST_BYTES) };
      return formatArgon2({ ...made, digest: await digestOf(password, made) });
    },
    inspect(text) {
      const hash = parseArgon2(text);
      if (!hash || !isReadable(hash)) return 'unreadable';
      // The library's needsRehash knows neither type nor lengths, and would
      // ask to replace stronger hashes by weaker ones.
      const current =
        hash.canonical &&
        hash.type === 'argon2id' &&
        hash.version === VERSION &&
        hash.memory >= cost.memoryKiB &&
        hash.iterations >= cost.iterations &&
        hash.parallelism >= cost.parallelism &&
        hash.salt.length >= SALT_BYTES &&
        hash.digest.length >= DIGEST_BYTES;
      return current ? 'current' : 'outdated';
    },
    async verify(password, text) {
      const hash = parseArgon2(text);
      if (!hash || !isReadable(hash)) return false;
      return timingSafeEqual(await digestOf(password, hash), hash.digest);
    },
    decoy: () => formatArgon2({ ...parameters, salt: randomBytes(SALT_BYTES), digest: randomBytes(DIGEST_BYTES) }),
  };
}

/** Within what argon2 itself allows (RFC 9106 section 3.1), our ceilings, and a digest too long to be hit by chance. */
function isReadable(hash: Argon2Hash): boolean {
  return (
    (hash.version === 0x10 || hash.version === VERSION) &&
    hash.memory >= 8 * hash.parallelism &&
    hash.memory <= CEILING.memoryKiB &&
    hash.iterations >= 1 &&
    hash.iterations <= CEILING.iterations &&
    hash.parallelism >= 1 &&
    hash.parallelism <= CEILING.parallelism &&
    hash.salt.length >= 8 &&
    hash.digest.length >= 16
  );
}

function digestOf(password: string, hash: Omit<Argon2Hash, 'canonical'>): Promise<Buffer> {
  return argon2Library.hash(password, {
    raw: true,
    type: TYPES[hash.type] as 0 | 1 | 2,
    version: hash.version,
    memoryCost: hash.memory,
    timeCost: hash.iterations,
    parallelism: hash.parallelism,
    salt: hash.salt,
    hashLength: hash.digest.length,
  });
}
