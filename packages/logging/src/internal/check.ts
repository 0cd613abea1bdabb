import { constants } from 'node:os';
import { loggingErrors } from '../errors.ts';

const fail = loggingErrors.invalid_option;

/** @throws logging.invalid_option */
export function positiveInteger(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw fail(`${what} must be a positive integer; got ${told(value)}.`);
}

/** @throws logging.invalid_option */
export function oneOf<T extends string>(what: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  // JavaScript gives anything, and not everything can be the name of a property.
  const here = typeof value === 'string' && Object.hasOwn(ELSEWHERE, value) ? ELSEWHERE[value] : undefined;
  const meant = here === undefined || !(allowed as readonly string[]).includes(here) ? '' : `, which is "${here}" here`;
  throw fail(`${what} must be one of ${allowed.join(', ')}; got ${told(value)}${meant}.`);
}

/** What other loggers call a level. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  warn: 'warning',
  fatal: 'critical',
  crit: 'critical',
  err: 'error',
};

/** A text from the environment, such as `"false"`, would count as true. @throws logging.invalid_option */
export function flag(what: string, value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw fail(`${what} must be true or false; got ${told(value)}.`);
}

/** @throws logging.invalid_option */
export function aText(what: string, value: string): string {
  if (typeof value === 'string') return value;
  throw fail(`${what} must be a text; got ${told(value)}.`);
}

/** A text is a list of letters to `for`, and would be read as one. @throws logging.invalid_option */
export function list<T>(what: string, value: readonly T[]): readonly T[] {
  if (Array.isArray(value)) return value as readonly T[];
  throw fail(`${what} must be a list; got ${told(value)}.`);
}

/** @throws logging.invalid_option for a signal that does not exist here, or that no process can handle */
export function handledSignal(signal: NodeJS.Signals): NodeJS.Signals {
  const exists = typeof signal === 'string' && Object.hasOwn(constants.signals, signal);
  if (exists && signal !== 'SIGKILL' && signal !== 'SIGSTOP') return signal;
  throw fail(`flushOnSignals: ${told(signal)} is not a signal that can be handled.`);
}

/** Whether a value has these methods: JavaScript gives anything. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  const isObject = typeof value === 'object' && value !== null;
  return isObject && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

/** What stands in the place of an option: names and numbers as they are, of anything else the kind. */
function told(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 64));
  if (typeof value === 'number' || value === undefined || value === null) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
