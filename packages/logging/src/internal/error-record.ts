import { EntError } from '@ent/errors';
import { cut, isError, read } from './safe.ts';

const MAX_DEPTH = 8;
const MAX_PARTS = 8;
const MAX_MESSAGE = 8192;
const MAX_STACK = 16_384;

/** An error as every format needs it. */
export interface ErrorRecord {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
  /**
   * What else the error says of itself. For errors of `@ent/errors` all of it; for others the code alone: the further
   * properties of a database's or HTTP client's error hold row values and request headers.
   */
  readonly more: Readonly<Record<string, unknown>>;
  readonly cause: ErrorRecord | undefined;
  readonly errors: readonly ErrorRecord[] | undefined;
}

/** Anything that was thrown, with its chain of causes. Never throws; cycles are cut. */
export function recordError(value: unknown): ErrorRecord {
  return record(value, new Set());
}

function record(value: unknown, seen: Set<unknown>): ErrorRecord {
  if (seen.has(value)) return plain('Circular', 'This error is its own cause.');
  if (seen.size >= MAX_DEPTH) return plain('Truncated', 'The chain of causes goes on.');
  if (typeof value !== 'object' || value === null) return plain(typeof value, textOf(value));
  seen.add(value);
  try {
    return EntError.is(value) ? fromLog(value.toLog()) : fromAny(value, seen);
  } catch {
    return plain('Unreadable', 'The error could not be read.');
  } finally {
    seen.delete(value);
  }
}

function fromLog(log: ReturnType<EntError['toLog']>): ErrorRecord {
  const { name, message, stack, cause, errors, ...more } = log;
  return {
    type: name,
    message,
    stack,
    more,
    cause: cause && fromLog(cause),
    errors: errors?.map(fromLog),
  };
}

function fromAny(value: object, seen: Set<unknown>): ErrorRecord {
  const cause = read(value, 'cause');
  const parts = value instanceof AggregateError ? read(value, 'errors') : undefined;
  const code = read(value, 'code');
  const message = read(value, 'message');
  return {
    type: typeOf(value),
    message: typeof message === 'string' ? cut(message, MAX_MESSAGE) : '',
    stack: stackOf(value, message),
    more: typeof code === 'string' || typeof code === 'number' ? { code } : {},
    cause: cause === undefined || cause === null ? undefined : record(cause, seen),
    errors: Array.isArray(parts) ? parts.slice(0, MAX_PARTS).map((part) => record(part, seen)) : undefined,
  };
}

/** The name; for a class that did not set one, the name of the class. */
function typeOf(value: object): string {
  const name = read(value, 'name');
  if (typeof name === 'string' && name !== '' && name !== 'Error') return cut(name, 256);
  const constructor = read(value, 'constructor');
  const own = typeof constructor === 'function' ? constructor.name : undefined;
  return typeof own === 'string' && own !== '' ? cut(own, 256) : isError(value) ? 'Error' : 'Object';
}

function stackOf(value: object, message: unknown): string | undefined {
  const stack = read(value, 'stack');
  if (typeof stack !== 'string' || stack === '') return undefined;
  // A huge message stands at the head of the stack and would push the frames out.
  const long = typeof message === 'string' && message.length > MAX_MESSAGE;
  return cut(long ? stack.replace(message, () => cut(message, MAX_MESSAGE)) : stack, MAX_STACK);
}

function textOf(value: unknown): string {
  try {
    return cut(String(value), MAX_MESSAGE);
  } catch {
    return '';
  }
}

function plain(type: string, message: string): ErrorRecord {
  return { type, message, stack: undefined, more: {}, cause: undefined, errors: undefined };
}

/** The stacks of the whole chain as one text, as runtimes print it. */
export function stackChain(error: ErrorRecord): string {
  let text = '';
  for (let link: ErrorRecord | undefined = error; link !== undefined; link = link.cause) {
    const own = link.stack ?? (link.message === '' ? link.type : `${link.type}: ${link.message}`);
    text += text === '' ? own : `\nCaused by: ${own}`;
    for (const part of link.errors ?? []) text += `\nOne of: ${part.stack ?? `${part.type}: ${part.message}`}`;
  }
  return text;
}
