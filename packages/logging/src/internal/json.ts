import { type ErrorRecord, recordError } from './error-record.ts';
import { CENSOR, type RedactNode, type Redactor, step } from './redact.ts';
import { cut, isError, UNREADABLE } from './safe.ts';

// JSON for values of any kind: cycles, getters that throw, BigInt, deep
// trees and megabytes give a text, never an error.

/** Characters of one nested value; a line has at most a few of them. */
const MAX_VALUE = 65_536;
const MAX_DEPTH = 8;
const MAX_ITEMS = 200;

/** What one nested value may still use, and the objects that we are inside of. */
interface Walk {
  room: number;
  readonly inside: object[];
  readonly redactor: Redactor;
}

/** A text as JSON. */
export function quote(text: string): string {
  return needsNoEscape(text) ? `"${text}"` : JSON.stringify(cut(text).toWellFormed());
}

/** A text as it stands between the quotes. */
export function escaped(text: string): string {
  return needsNoEscape(text) ? text : JSON.stringify(cut(text).toWellFormed()).slice(1, -1);
}

/**
 * The same text in one piece. Engines keep `a + b` as a tree until somebody needs the characters; a piece that goes
 * into every line would have its tree walked in every line.
 */
export function flat(text: string): string {
  return Buffer.from(text).toString();
}

/** Whether a text needs no escapes. Most are short and do not, and to look is quicker than `JSON.stringify`. */
function needsNoEscape(text: string): boolean {
  const length = text.length;
  if (length > 64) return false;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    // Control characters, the quote, the backslash, and surrogates: half a pair makes readers refuse the document.
    if (code < 32 || code === 34 || code === 92 || code >= 0xd800) return false;
  }
  return true;
}

/** Any value as JSON. `place` is where it stands in the tree of redacted paths. */
export function toJson(value: unknown, redactor: Redactor, place?: RedactNode): string {
  return write(value, place, { room: MAX_VALUE, inside: [], redactor }) ?? 'null';
}

/** `undefined` for what JSON has no word for, as `JSON.stringify` does. */
function write(value: unknown, place: RedactNode | undefined, walk: Walk): string | undefined {
  if (place?.censored) return `"${CENSOR}"`;
  if (walk.room <= 0) return '"[truncated]"';
  const text = typeof value === 'object' && value !== null ? writeObject(value, place, walk) : writeScalar(value);
  if (text !== undefined) walk.room -= text.length;
  return text;
}

/** A value that is not an object. */
export function writeScalar(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      // As a text: a reader's number would lose its last digits.
      return quote(String(value));
    case 'object':
      return 'null';
    default:
      return undefined;
  }
}

function writeObject(value: object, place: RedactNode | undefined, walk: Walk): string | undefined {
  if (walk.inside.includes(value)) return '"[circular]"';
  if (walk.inside.length >= MAX_DEPTH) return Array.isArray(value) ? '"[array]"' : '"[object]"';
  walk.inside.push(value);
  try {
    if (ArrayBuffer.isView(value)) return `"[${value.byteLength} bytes]"`;
    const own = (value as { toJSON?: unknown }).toJSON;
    if (typeof own === 'function' && !isError(value)) return write(own.call(value, ''), place, walk);
    if (isError(value)) return writeErrorRecord(recordError(value), walk);
    if (Array.isArray(value)) return writeArray(value, place, walk);
    if (value instanceof Map) return writeRecord(Object.fromEntries(value) as object, place, walk);
    if (value instanceof Set) return writeArray([...value], place, walk);
    return writeRecord(value, place, walk);
  } catch {
    return `"${UNREADABLE}"`;
  } finally {
    walk.inside.pop();
  }
}

function writeArray(items: readonly unknown[], place: RedactNode | undefined, walk: Walk): string {
  let text = '';
  for (let i = 0; i < items.length; i++) {
    if (i === MAX_ITEMS || walk.room <= 0) {
      text += `,"[${items.length - i} more]"`;
      break;
    }
    text += `,${write(items[i], place && step(place, String(i)), walk) ?? 'null'}`;
  }
  return `[${text.slice(1)}]`;
}

function writeRecord(record: object, place: RedactNode | undefined, walk: Walk): string {
  let text = '';
  let count = 0;
  for (const key of Object.keys(record)) {
    if (++count > MAX_ITEMS || walk.room <= 0) {
      text += ',"...":"[truncated]"';
      break;
    }
    const value = readOrSay(record, key);
    const item = walk.redactor.hides(key) ? `"${CENSOR}"` : write(value, place && step(place, key), walk);
    if (item !== undefined) text += `,${quote(cut(key, 256))}:${item}`;
  }
  return `{${text.slice(1)}}`;
}

function readOrSay(record: object, key: string): unknown {
  try {
    return (record as Record<string, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}

/** An error below the top of the line, with its cause chain. */
function writeErrorRecord(error: ErrorRecord, walk: Walk): string {
  return `{${errorMembers(error, (value) => write(value, undefined, walk) ?? 'null')}}`;
}

/** The members of an error under the names of ECS: `type`, `message`, `stack_trace`, and the causes below `cause`. */
export function errorMembers(error: ErrorRecord, encode: (value: unknown) => string): string {
  let text = `"type":${quote(error.type)},"message":${quote(error.message)}`;
  for (const [key, value] of Object.entries(error.more)) text += `,${quote(key)}:${encode(value)}`;
  if (error.stack !== undefined) text += `,"stack_trace":${quote(error.stack)}`;
  if (error.cause !== undefined) text += `,"cause":{${errorMembers(error.cause, encode)}}`;
  if (error.errors !== undefined) {
    text += `,"errors":[${error.errors.map((part) => `{${errorMembers(part, encode)}}`).join(',')}]`;
  }
  return text;
}
