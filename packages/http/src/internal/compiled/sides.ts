import type { $ZodType, $ZodTypes } from 'zod/v4/core';
import { type Reader, readerOf } from '../reading.ts';
import type { Program } from './program.ts';

/** One field of an object in the source. */
export interface Field {
  readonly key: string;
  /** The expression for its result. */
  readonly result: string;
  /** The expression for whether the object has it; none for a field that it must have. */
  readonly present: string | undefined;
  /** Whether its result may be `undefined`. */
  readonly open: boolean;
}

/** What a compiled schema gives: for each kind of value the expression, or the statements, that make it. */
export interface Side {
  /** How a value is read before it is looked at. */
  readerOf(schema: $ZodTypes): Reader | undefined;
  /** Whether zod is asked about what has no schema. */
  readonly knowsAny: boolean;
  readonly nothing: string;
  text(program: Program, value: string): string;
  number(value: string): string;
  boolean(value: string): string;
  date(value: string): string;
  /** One of a few words, which is looked at here. */
  words(program: Program, value: string, words: readonly unknown[], body: string[]): string;
  /** The statements that begin a `list` and add the result of an item to it, and the expression for the whole. */
  readonly list: {
    readonly begin: string;
    add(item: string, open: boolean): string;
    readonly whole: string;
  };
  /** Ends the function of an object. */
  object(program: Program, fields: readonly Field[], body: string[]): void;
  frozen(value: string): string;
}

/** The value as zod gives it: objects and lists are made anew, with the fields that their schemas know. */
export function toValue(text: boolean): Side {
  return {
    readerOf: (schema) => readerOf(schema, text),
    knowsAny: true,
    nothing: 'null',
    text: (_program, value) => value,
    number: same,
    boolean: same,
    date: same,
    words(program, value, words, body) {
      body.push(`if (!(${isOneOf(program, value, words)})) return INVALID;`);
      return value;
    },
    // As long as it has to be: a list that grows has room for more, which is garbage soon.
    list: { begin: 'const list = new Array(value.length);', add: (item) => `list[at] = ${item};`, whole: 'list' },
    object(program, fields, body) {
      const first = fields.findIndex(({ present }) => present !== undefined);
      const sure = first === -1 ? fields : fields.slice(0, first);
      const object = program.fresh();
      const members = sure.map(({ key, result }) => `${JSON.stringify(key)}: ${result}`);
      body.push(`const ${object} = { ${members.join(', ')} };`);
      for (const { key, result, present } of fields.slice(sure.length)) {
        const set = `${object}[${JSON.stringify(key)}] = ${result};`;
        body.push(present === undefined ? set : `if (${present}) ${set}`);
      }
      body.push(`return ${object};`);
    },
    frozen: (value) => `Object.freeze(${value})`,
  };
}

function same(value: string): string {
  return value;
}

/** The text that `JSON.stringify` makes of what zod gives; `undefined` where it makes none. */
export const toJson: Side = {
  readerOf: () => undefined,
  // It may have a `toJSON` or a Map in it.
  knowsAny: false,
  nothing: '"null"',
  text: (program, value) => `${program.constant(quoted)}(${value})`,
  number: (value) => `('' + ${value})`,
  boolean: (value) => `(${value} ? 'true' : 'false')`,
  date: (value) => `JSON.stringify(${value})`,
  words(program, value, words, body) {
    const text = program.fresh();
    const texts = new Map(words.map((word) => [word, JSON.stringify(word)]));
    body.push(
      `const ${text} = ${program.constant(texts)}.get(${value});`,
      `if (${text} === undefined) return INVALID;`,
    );
    return text;
  },
  list: {
    begin: "let list = '';",
    add: (item, open) =>
      open
        ? `const text = ${item}; list += (at === 0 ? '' : ',') + (text === undefined ? 'null' : text);`
        : `list += (at === 0 ? '' : ',') + ${item};`,
    whole: "'[' + list + ']'",
  },
  object(program, fields, body) {
    const text = program.fresh();
    body.push(`let ${text} = '{';`);
    let begun = false;
    for (const { key, result, present, open } of fields) {
      const name = `${JSON.stringify(key)}:`;
      const [comma, noComma] = [JSON.stringify(`,${name}`), JSON.stringify(name)];
      const before = begun ? comma : `(${text} === '{' ? ${noComma} : ${comma})`;
      const add = `${text} += ${before} + ${result};`;
      const always = present === undefined && !open;
      body.push(always ? add : `if (${result} !== undefined) ${add}`);
      begun ||= always;
    }
    body.push(`return ${text} + '}';`);
  },
  frozen: same,
};

// What JSON.stringify writes as it is, without pairs of surrogates, which it has to look at.
const PLAIN = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

// More are looked up faster in a set.
const FEW = 8;

/** The condition that a value is one of some words that JSON has. */
export function isOneOf(program: Program, value: string, words: readonly unknown[]): string {
  if (words.length > FEW) return `${program.constant(new Set(words))}.has(${value})`;
  return words.map((word) => `${value} === ${JSON.stringify(word)}`).join(' || ') || 'false';
}

/** Whether a value of the schema may be `undefined`. */
export function admitsUndefined(schema: $ZodType): boolean {
  const { def } = (schema as $ZodTypes)._zod;
  if (def.type === 'union') return def.options.some(admitsUndefined);
  if (def.type === 'nullable' || def.type === 'readonly') return admitsUndefined(def.innerType);
  // A date of a class of its own may have no text.
  return def.type === 'optional' || def.type === 'any' || def.type === 'unknown' || def.type === 'date';
}
