import type { Kind, Leaf } from './schema.ts';

// Text that does not read as what the schema wants is passed on as it is: the schema
// refuses it, and the report says what was expected.

// The words of z.stringbool().
const WORDS = new Map([
  ...['true', '1', 'yes', 'on', 'y', 'enabled'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off', 'n', 'disabled'].map((word) => [word, false] as const),
]);

/** The input of the schema for the text of a variable. */
export function coerce(text: string, leaf: Leaf): unknown {
  switch (leaf.kind) {
    case 'text':
      return text;
    case 'literal':
      return leaf.literals.find((literal) => String(literal) === text) ?? text;
    case 'list':
      return toList(text, leaf.element);
    default:
      return scalar(text, leaf.kind);
  }
}

function scalar(text: string, kind: Kind): unknown {
  switch (kind) {
    case 'number': {
      const number = Number(text);
      // Number(' ') is 0.
      return Number.isNaN(number) || (number === 0 && text.trim() === '') ? text : number;
    }
    case 'bigint':
      return /^\s*[+-]?\d+\s*$/.test(text) ? BigInt(text) : text;
    case 'boolean':
      return WORDS.get(text) ?? WORDS.get(text.trim().toLowerCase()) ?? text;
    case 'json':
      return toJson(text);
    default:
      return text;
  }
}

function toList(text: string, element: Kind): unknown {
  if (element === 'json' || text.trimStart().startsWith('[')) return toJson(text);
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => scalar(item, element));
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
