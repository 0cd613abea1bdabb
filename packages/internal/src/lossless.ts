import { types } from 'node:util';
import { jsonPointer } from './json-pointer.ts';

/** What a codec keeps, beyond null, booleans, strings, finite numbers, arrays and plain objects. */
export interface Keeps {
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
  /** Objects with a method `toJSON`, which JSON would call. */
  toJSON: boolean;
  /** Arrays with holes, or with properties besides their elements, as `match()` answers. */
  looseArrays: boolean;
  /** A Proxy, as what it shows. */
  proxies: boolean;
  /**
   * Objects that are neither plain nor arrays: `true` keeps the object as it is, `'walk'` looks into a Map or a Set.
   */
  object: (value: object) => boolean | 'walk';
}

// Deeper values exhaust the stack of the codecs themselves.
const MAX_DEPTH = 1000;

/**
 * What JSON keeps: plain data. `undefined` at the top is for the codec to say: no
 * JSON text is empty, so no bytes can stand for it.
 */
export const jsonKeeps: Keeps = {
  undefined: false,
  nonFinite: false,
  bigint: () => false,
  loneSurrogates: true,
  protoKey: true,
  cycles: false,
  toJSON: false,
  looseArrays: false,
  proxies: true,
  object: () => false,
};

/** The first part of a value that would not come back as it was. */
export interface Loss {
  /** As in `an instance of Map`. */
  readonly what: string;
  /** Its place as a JSON pointer (RFC 6901), as a URI fragment. */
  readonly pointer: string;
}

/**
 * What a codec would not give back as it was; undefined for a value that it keeps.
 *
 * -0 counts as 0, and a property that is `undefined` counts as absent: both read the same afterwards.
 */
export function lossIn(value: unknown, keeps: Keeps): Loss | undefined {
  // Nearly every value is fine, and finding that out needs no pointers. Only a doubt is worth the slow look.
  return isSurelyKept(value, keeps, 0) ? undefined : findLoss(value, keeps);
}

/** The quick look of {@link lossIn}: false for a loss, and for a doubt. */
export function surelyKeeps(value: unknown, keeps: Keeps): boolean {
  return isSurelyKept(value, keeps, 0);
}

/** Whether every part is plain data, or something that is kept as it is. */
function isSurelyKept(part: unknown, keeps: Keeps, depth: number): boolean {
  switch (typeof part) {
    case 'boolean':
      return true;
    case 'string':
      return keeps.loneSurrogates || part.isWellFormed();
    case 'number':
      return keeps.nonFinite || Number.isFinite(part);
    case 'bigint':
      return keeps.bigint(part);
    case 'object':
      break;
    default:
      return false;
  }
  if (part === null) return true;
  if (depth >= MAX_DEPTH || (!keeps.proxies && types.isProxy(part))) return false;
  const prototype: unknown = Object.getPrototypeOf(part);
  const isArray = Array.isArray(part);
  if (!isArray && prototype !== Object.prototype && prototype !== null) return keeps.object(part) === true;
  if (Object.getOwnPropertySymbols(part).length > 0 || (!keeps.toJSON && hasToJson(part))) return false;
  if (isArray) {
    // A hole or a name besides the indices makes the numbers differ; so would one of each, but a hole reads as
    // undefined.
    if (prototype !== Array.prototype || Object.keys(part).length !== part.length) return false;
    for (let i = 0; i < part.length; i++) if (!isSurelyKept(part[i], keeps, depth + 1)) return false;
    return true;
  }
  for (const key of Object.keys(part)) {
    if (!keeps.loneSurrogates && !key.isWellFormed()) return false;
    if (key === '__proto__' && !keeps.protoKey) return false;
    const child = (part as Record<string, unknown>)[key];
    if (child !== undefined && !isSurelyKept(child, keeps, depth + 1)) return false;
  }
  return true;
}

/** Ends the search from any depth. */
const FOUND = new Error('A loss was found.');

function findLoss(value: unknown, keeps: Keeps): Loss | undefined {
  const path: (string | number)[] = [];
  const open = new Set<object>();
  let loss: Loss | undefined;

  const refuse = (what: string): never => {
    loss = { what, pointer: jsonPointer(path) };
    throw FOUND;
  };

  const visitText = (text: string, what: string): void => {
    if (!keeps.loneSurrogates && !text.isWellFormed()) refuse(`${what} with a lone surrogate`);
  };

  const visitChild = (key: string | number, child: unknown): void => {
    path.push(key);
    visit(child);
    path.pop();
  };

  // After the properties, so that one of them is told at its own place.
  const visitToJson = (object: object): void => {
    if (!keeps.toJSON && hasToJson(object)) refuse('an object with toJSON');
  };

  const refuseChild = (key: string | number, what: string): void => {
    path.push(key);
    refuse(what);
  };

  const visitArray = (array: readonly unknown[]): void => {
    if (Object.getPrototypeOf(array) !== Array.prototype) refuse(describe(array));
    if (Object.getOwnPropertySymbols(array).length > 0) refuse('a property named by a symbol');
    const names = Object.keys(array);
    if (keeps.looseArrays) {
      // Not by index: a length can be four thousand million where there is nothing.
      for (const name of names) visitChild(name, (array as unknown as Record<string, unknown>)[name]);
    } else {
      for (let i = 0; i < array.length; i++) {
        if (!(i in array)) refuseChild(i, 'a hole in an array');
        visitChild(i, array[i]);
      }
      // The indices come first.
      const extra = names[array.length];
      if (extra !== undefined) refuseChild(extra, 'a property of an array');
    }
    visitToJson(array);
  };

  const visitObject = (object: object): void => {
    if (!keeps.proxies && types.isProxy(object)) refuse('a Proxy');
    if (Array.isArray(object)) return visitArray(object);
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype === Object.prototype || prototype === null) {
      if (Object.getOwnPropertySymbols(object).length > 0) refuse('a property named by a symbol');
      for (const key of Object.keys(object)) {
        visitText(key, 'a property name');
        if (key === '__proto__' && !keeps.protoKey) refuse('a property named __proto__');
        const child = (object as Record<string, unknown>)[key];
        if (child !== undefined) visitChild(key, child);
      }
      visitToJson(object);
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

  try {
    visit(value);
  } catch (error) {
    if (error !== FOUND) throw error;
  }
  return loss;
}

function hasToJson(object: object): boolean {
  return typeof (object as { toJSON?: unknown }).toJSON === 'function';
}

function describe(object: object): string {
  if (types.isProxy(object)) return 'a Proxy';
  const name: unknown = (object.constructor as { name?: unknown } | undefined)?.name;
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object with a prototype of its own';
}
