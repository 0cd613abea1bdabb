import { createHmac } from 'node:crypto';
import { kindOf, refuseUnknown } from '@ent/internal';
import { authErrors } from '../errors.ts';
import type { PepperOptions } from '../options.ts';
import { deriveSecret } from '../refresh-tokens.ts';

/** A stored hash, with what its passwords go through before they are hashed. */
export interface Dressed {
  readonly inner: string;
  readonly id: string | null;
}

const ID = /^[\w-]{1,32}$/;
/** In front of the driver's own string, in the manner of PHC strings. */
const ENVELOPE = /^\$pepper\$id=([\w-]{1,32})(\$.*)$/s;

/**
 * A pepper is an HMAC-SHA-256 of the password under a key that the database does not have: whoever steals the hashes
 * alone cannot guess a single password. What comes out is 44 characters of base64, which every algorithm takes whole.
 */
export class Pepper {
  readonly active: string | null;
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  /** @throws `auth.configuration` for an id or a key that cannot be, or an active one that is none of them */
  constructor(options: PepperOptions | undefined) {
    const { keys, active } = options ?? { keys: {}, active: null };
    if (options !== undefined) {
      refuseUnknown(options, { keys: true, active: true }, 'createPasswords: pepper', authErrors.configuration);
    }
    if (kindOf(keys) !== 'an object') {
      throw authErrors.configuration(
        `createPasswords: pepper.keys must be an object of secrets by id; got ${kindOf(keys)}.`,
      );
    }
    const wrong = Object.keys(keys).find((id) => !ID.test(id));
    if (wrong !== undefined) {
      throw authErrors.configuration('createPasswords: an id of pepper.keys is 1 to 32 letters, digits, "_" and "-".');
    }
    if (active !== null && !Object.hasOwn(keys, active)) {
      throw authErrors.configuration('createPasswords: pepper.active must be one of pepper.keys, or null.');
    }
    this.active = active;
    this.#keys = new Map(
      Object.entries(keys).map(([id, secret]) => [id, deriveSecret(secret, `password pepper ${id}`)]),
    );
  }

  /** The parts of a stored string; undefined where its key is not known. */
  open(stored: string): Dressed | undefined {
    const [, id, inner] = ENVELOPE.exec(stored) ?? [];
    if (id === undefined || inner === undefined) return { inner: stored, id: null };
    return this.#keys.has(id) ? { inner, id } : undefined;
  }

  /** The string to store for a hash that was made with the active key. */
  close(hash: string): string {
    return this.active === null ? hash : `$pepper$id=${this.active}${hash}`;
  }

  /** What is hashed in the place of a password. */
  dress(password: string, id: string | null): string {
    const key = id === null ? undefined : this.#keys.get(id);
    return key === undefined ? password : createHmac('sha256', key).update(password).digest('base64');
  }
}
