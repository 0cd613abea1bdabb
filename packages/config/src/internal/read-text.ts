import { z } from 'zod';
import { type AnySchema, kindOf, unwrap } from './unwrap.ts';

// Text that does not read as what the schema wants is passed on as it is: the schema refuses it, and the report says
// what was expected.

/** The input of a schema for a text. */
export type ReadText = (text: string) => unknown;

const asText: ReadText = (text) => text;

// The words of z.stringbool().
const WORDS = new Map([
  ...['true', '1', 'yes', 'on', 'y', 'enabled'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off', 'n', 'disabled'].map((word) => [word, false] as const),
]);

const asBoolean: ReadText = (text) => WORDS.get(text) ?? WORDS.get(text.trim().toLowerCase()) ?? text;
const asBigint: ReadText = (text) => (/^\s*[+-]?\d+\s*$/.test(text) ? BigInt(text) : text);

const asNumber: ReadText = (text) => {
  const number = Number(text);
  // Number(' ') is 0.
  return Number.isNaN(number) || (number === 0 && text.trim() === '') ? text : number;
};

const asJson: ReadText = (text) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

/** Only with a year in front: `new Date('5')` is in 2001. */
const asDate: ReadText = (text) => {
  const date = /^\s*\d{4}-/.test(text) ? new Date(text.trim()) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? text : date;
};

/** How a schema without wrappers reads a text. */
export function readerOf(core: AnySchema): ReadText {
  const def = core._zod.def as unknown as Record<string, AnySchema> & { readonly type: string };
  switch (def.type) {
    case 'number':
      return asNumber;
    case 'bigint':
      return asBigint;
    case 'boolean':
      return asBoolean;
    case 'date':
      return asDate;
    case 'literal':
    case 'enum':
      return oneOf(core._zod.values ?? new Set());
    case 'array':
      return listOf(def['element'] as AnySchema);
    case 'set': {
      const list = listOf(def['valueType'] as AnySchema);
      return (text) => {
        const items = list(text);
        return Array.isArray(items) ? new Set(items) : items;
      };
    }
    case 'map':
      return (text) => {
        const value = asJson(text);
        return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : value;
      };
    case 'union':
      return firstOf((core._zod.def as z.core.$ZodUnionDef).options);
    default:
      return kindOf(core) === 'json' ? asJson : asText;
  }
}

/** The value that is written like the text; `1` of a list of numbers, or of an enum of them. */
function oneOf(values: Iterable<unknown>): ReadText {
  const others = [...values].filter((value) => typeof value !== 'string');
  if (others.length === 0) return asText;
  const known = new Map([...values].map((value) => [String(value), value]));
  return (text) => (known.has(text) ? known.get(text) : text);
}

function listOf(element: AnySchema): ReadText {
  const { core } = unwrap(element);
  if (kindOf(core) === 'json') return asJson;
  const read = readerOf(core);
  return (text) => {
    if (text.trimStart().startsWith('[')) return asJson(text);
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map(read);
  };
}

/** The reading of the first member of a union that takes it. */
function firstOf(options: readonly AnySchema[]): ReadText {
  const readers = options.map((option) => ({ option, read: readerOf(unwrap(option).core) }));
  const [first] = readers;
  if (first === undefined || readers.every(({ read }) => read === first.read)) return first?.read ?? asText;
  return (text) => {
    for (const { option, read } of readers) {
      const value = read(text);
      if (takes(option, value)) return value;
    }
    return text;
  };
}

function takes(schema: AnySchema, value: unknown): boolean {
  try {
    return z.safeParse(schema, value).success;
  } catch {
    // A transform that throws, or that has to be awaited.
    return false;
  }
}
