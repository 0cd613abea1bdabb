import { types } from 'node:util';
import { jsonPointer } from '@ent/internal';
import { serializationErrors } from '../errors.ts';

/** What a codec keeps, beyond null, booleans, strings, finite numbers, arrays and plain objects. */
export interface Keeps {
  codec: string;
  /** What to advise somebody whose value is refused. */
  advice: string;
  /** `undefined` inside arrays and at the top; as a property it may always be dropped, as JSON does. */
  undefined: boolean;
  /** `NaN` and the infinities. */
  nonFinite: boolean;
  bigint: (value: bigint) => boolean;
  /** Strings with lone surrogates, which UTF-8 has no bytes for. */
  loneSurrogates: boolean;
  /** An own property named `__proto__`. */
  protoKey: boolean;
  /** An object that reaches itself. */
  cycles: boolean;
  /** Objects that are neither plain nor arrays: `true` keeps the object as it is, `'walk'` looks into a Map or a Set. */
  object: (value: object) => boolean | 'walk';
}

// Deeper values exhaust the stack of the codecs themselves.
const MAX_DEPTH = 1000;

/**
 * Refuses a value that the codec would not give back as it was, with the JSON pointer of the first such part.
 *
 * -0 counts as 0, and a property that is `undefined` counts as absent: both read the same afterwards.
 */
export function assertLossless(value: unknown, keeps: Keeps): void {
  // Nearly every value is fine, and finding that out needs no pointers. Only a doubt is worth the slow look.
  if (!isPlain(value, keeps, 0)) findLoss(value, keeps);
}

/** Whether there is nothing but plain data that every part of it is sure to keep. */
function isPlain(part: unknown, keeps: Keeps, depth: number): boolean {
  switch (typeof part) {
    case 'boolean':
      return true;
    case 'string':
      return keeps.loneSurrogates || part.isWellFormed();
    case 'number':
      return keeps.nonFinite || Number.isFinite(part);
    case 'object':
      break;
    default:
      return false;
  }
  if (part === null) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(part)) {
    // A hole reads as undefined, which is a doubt.
    for (let i = 0; i < part.length; i++) if (!isPlain(part[i], keeps, depth + 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(part);
  if (prototype !== Object.prototype && prototype !== null) return false;
  if (Object.getOwnPropertySymbols(part).length > 0) return false;
  for (const key of Object.keys(part)) {
    if (!keeps.loneSurrogates && !key.isWellFormed()) return false;
    if (key === '__proto__' && !keeps.protoKey) return false;
    const child = (part as Record<string, unknown>)[key];
    if (child !== undefined && !isPlain(child, keeps, depth + 1)) return false;
  }
  return true;
}

function findLoss(value: unknown, keeps: Keeps): void {
  const path: (string | number)[] = [];
  const open = new Set<object>();

  const refuse = (what: string): never => {
    throw serializationErrors.not_lossless(
      `${keeps.codec} does not keep ${what} at ${jsonPointer(path)}; ${keeps.advice}`,
      { details: { pointer: jsonPointer(path) } },
    );
  };

  const visitText = (text: string, what: string): void => {
    if (!keeps.loneSurrogates && !text.isWellFormed()) refuse(`${what} with a lone surrogate`);
  };

  const visitChild = (key: string | number, child: unknown): void => {
    path.push(key);
    visit(child);
    path.pop();
  };

  const visitObject = (object: object): void => {
    if (Array.isArray(object)) {
      for (let i = 0; i < object.length; i++) {
        if (!keeps.undefined && !(i in object)) {
          path.push(i);
          refuse('a hole in an array');
        }
        visitChild(i, object[i]);
      }
      return;
    }
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype === Object.prototype || prototype === null) {
      if (Object.getOwnPropertySymbols(object).length > 0) refuse('a property named by a symbol');
      for (const key of Object.keys(object)) {
        visitText(key, 'a property name');
        if (key === '__proto__' && !keeps.protoKey) refuse('a property named __proto__');
        const child = (object as Record<string, unknown>)[key];
        if (child !== undefined) visitChild(key, child);
      }
      return;
    }
    const kept = keeps.object(object);
    if (kept === true) return;
    if (kept === 'walk' && object instanceof Map) {
      for (const [key, child] of object) {
        visitChild('(key)', key);
        visitChild(typeof key === 'string' || typeof key === 'number' ? key : '(value)', child);
      }
    } else if (kept === 'walk' && object instanceof Set) {
      for (const child of object) visitChild('(member)', child);
    } else {
      refuse(describe(object));
    }
  };

  const visit = (part: unknown): void => {
    switch (typeof part) {
      case 'boolean':
        return;
      case 'string':
        return visitText(part, 'a string');
      case 'number':
        if (!keeps.nonFinite && !Number.isFinite(part)) refuse(String(part));
        return;
      case 'undefined':
        if (!keeps.undefined) refuse('undefined');
        return;
      case 'bigint':
        if (!keeps.bigint(part)) refuse(`a bigint of ${part.toString(2).length} bits`);
        return;
      case 'symbol':
      case 'function':
        return refuse(`a ${typeof part}`);
      default:
    }
    if (part === null) return;
    const object = part as object;
    if (open.has(object)) {
      if (keeps.cycles) return;
      refuse('a reference to an enclosing object');
    }
    if (path.length >= MAX_DEPTH) refuse(`a nesting of more than ${MAX_DEPTH} levels`);
    open.add(object);
    visitObject(object);
    open.delete(object);
  };

  visit(value);
}

function describe(object: object): string {
  if (types.isProxy(object)) return 'a Proxy';
  const name: unknown = (object.constructor as { name?: unknown } | undefined)?.name;
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object with a prototype of its own';
}
