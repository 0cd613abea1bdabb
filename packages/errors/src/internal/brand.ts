import type { ErrorShape } from '../options.ts';

/**
 * Under this key the prototype of each of our classes carries the class's name. The key comes from the registry that
 * all copies of this package in a process share, so a class recognises the instances of its twin.
 */
export const BRAND: unique symbol = Symbol.for('@ent/error@1') as never;

// A proxy can pretend to have an endless chain of prototypes.
const MAX_CHAIN = 64;

/** Whether `value` was made by `Error`: no proxy, no `Object.create(Error.prototype)`. */
export const isRealError: (value: unknown) => value is Error = nativeCheck();

// Not by an import: browsers have no node:util, and clients of services run there too. They have Error.isError, which
// is not in Node 22.
function nativeCheck(): typeof isRealError {
  const { process } = globalThis as { readonly process?: Partial<NodeJS.Process> };
  // oxlint-disable-next-line typescript/no-deprecated -- its successor is Error.isError
  const ofNode = process?.getBuiltinModule?.('node:util')?.types.isNativeError;
  const ofTheLanguage = (Error as { readonly isError?: typeof isRealError }).isError;
  return ofNode ?? ofTheLanguage ?? ((value): value is Error => value instanceof Error);
}

/** Whether `value` is a real error (no proxy, no `Object.create`) with the brand `name` on its prototype chain. */
export function hasBrand(value: unknown, name: string): value is Error {
  if (!isRealError(value)) return false;
  try {
    let proto: unknown = Object.getPrototypeOf(value);
    for (let i = 0; i < MAX_CHAIN && typeof proto === 'object' && proto !== null; i++) {
      if (Object.getOwnPropertyDescriptor(proto, BRAND)?.value === name) return hasForms(value);
      proto = Object.getPrototypeOf(proto);
    }
  } catch {
    // A trap of a proxy on the chain threw.
  }
  return false;
}

/** Whoever asks for the brand is about to call these. */
function hasForms(value: Partial<ErrorShape>): boolean {
  return (
    typeof value.toProblem === 'function' &&
    typeof value.toJSON === 'function' &&
    typeof value.toWire === 'function' &&
    typeof value.toLog === 'function'
  );
}
