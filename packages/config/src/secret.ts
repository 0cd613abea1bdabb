import { inspect } from 'node:util';

const HIDDEN = '***';

/**
 * A value that does not print. In `console.log`, `util.inspect`, `JSON.stringify`, templates and string
 * concatenation it is `***`; what it holds comes out of {@link reveal} alone. It protects from
 * accidents, not from code that wants the value.
 *
 * ```ts
 * import { Secret } from '@ent/config';
 *
 * const password = new Secret('hunter2');
 * console.log(`${password}`, JSON.stringify({ password }), password.reveal()); // *** {"password":"***"} hunter2
 * ```
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    Object.freeze(this);
  }

  /** The value itself. Call it where the value is used, and nowhere else. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.toPrimitive](): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }

  get [Symbol.toStringTag](): string {
    return 'Secret';
  }
}
