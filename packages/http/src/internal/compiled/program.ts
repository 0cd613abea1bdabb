import type { $ZodType } from 'zod/v4/core';

/** What a compiled function gives for a value that is not for it: zod says what is wrong with that. */
export const INVALID: unique symbol = Symbol('invalid');

/** Thrown while a schema is compiled that has something in it which only zod can do. */
export class Uncompiled extends Error {}

/** A compiled schema: the result for a value, or {@link INVALID}. */
export type Compiled = (value: unknown) => unknown;

/** The source of a compiled schema, while it is written. */
export class Program {
  readonly #functions: string[] = [];
  readonly #constants: unknown[] = [INVALID];
  /** Names of functions by their schemas; none yet for those that are being written. */
  readonly #written = new Map<$ZodType, string | undefined>();
  #names = 0;

  /** A name that the source does not have yet. */
  fresh(): string {
    return `v${this.#names++}`;
  }

  /** The name by which the source has a value that cannot be written into it. */
  constant(value: unknown): string {
    const known = this.#constants.indexOf(value);
    return `c${known === -1 ? this.#constants.push(value) - 1 : known}`;
  }

  /** Writes the function of a schema once. `write` adds its body, in which the value is called `value`. */
  functionOf(schema: $ZodType, write: (body: string[]) => void): string {
    const known = this.#written.get(schema);
    if (known !== undefined) return known;
    // It comes by itself again: what is in such a value may be a circle, and zod knows what to do then.
    if (this.#written.has(schema)) throw new Uncompiled('recursive');
    this.#written.set(schema, undefined);
    const body: string[] = [];
    write(body);
    const name = `f${this.#functions.length}`;
    this.#functions.push(`function ${name}(value) {\n${body.join('\n')}\n}`);
    this.#written.set(schema, name);
    return name;
  }

  /** @throws `EvalError` where code must not be made of text */
  build(name: string): Compiled {
    const names = this.#constants.map((_value, index) => `c${index}`);
    const source = `'use strict';\nconst INVALID = c0;\n${this.#functions.join('\n')}\nreturn ${name};`;
    // Names of fields and words are in it as JSON, everything else of a schema as a constant: no part of it is code.
    // oxlint-disable-next-line typescript/no-implied-eval -- one function that looks is what makes it fast
    const make = new Function(...names, source) as (...constants: unknown[]) => Compiled;
    return make(...this.#constants);
  }
}
