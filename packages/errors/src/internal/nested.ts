import { isRealError } from './brand.ts';
import { itemsOf, read, textOf } from './safe.ts';
import { toldBy } from './told.ts';

// What stands inside of something that was thrown, read the same way for the log and for the wire.

const MAX_PARTS = 8;
const MAX_NAMES = 8;

/** What a thrown value says of itself, in words. An object that is no error often says it in its member `error`. */
export function messageOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return textOf(value);
  const message = read(value, 'message');
  if (typeof message === 'string') return toldBy(value).message ?? message;
  if (isRealError(value)) return '';
  const error = read(value, 'error');
  if (typeof error === 'string') return error;
  const names = namesOf(value);
  return names.length === 0 ? '' : `An object without a message, with the members ${names.join(', ')}.`;
}

/** The error underneath; `undefined` where there is none. */
export function causeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const cause = read(value, 'cause');
  if (cause !== undefined && cause !== null) return cause;
  const error = isRealError(value) ? undefined : read(value, 'error');
  return typeof error === 'object' && error !== null ? error : undefined;
}

/** The errors that one stands for, and how many more there are. */
export interface Parts {
  readonly parts: readonly unknown[];
  readonly more: number;
}

/**
 * The members of an AggregateError, or of what somebody made in its likeness. Of a SuppressedError: what
 * the disposal threw, then the error that it hid.
 */
export function partsOf(value: unknown): Parts {
  if (!isRealError(value)) return { parts: [], more: 0 };
  // By its name: where the runtime has none, the compilers make it of an Error.
  if (read(value, 'name') === 'SuppressedError' && Object.hasOwn(value, 'suppressed')) {
    return { parts: [read(value, 'error'), read(value, 'suppressed')], more: 0 };
  }
  const errors = read(value, 'errors');
  const parts = itemsOf(errors, MAX_PARTS);
  return { parts, more: parts.length < MAX_PARTS ? 0 : (read(errors, 'length') as number) - MAX_PARTS };
}

function namesOf(value: object): string[] {
  try {
    return Object.keys(value)
      .slice(0, MAX_NAMES)
      .map((name) => name.slice(0, 64));
  } catch {
    return [];
  }
}
