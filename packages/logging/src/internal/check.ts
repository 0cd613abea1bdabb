import { constants } from 'node:os';
import { loggingErrors } from '../errors.ts';

/** @throws logging.invalid_option */
export function positiveInteger(what: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw loggingErrors.invalid_option(`${what} must be a positive integer; got ${String(value)}.`);
}

/** @throws logging.invalid_option */
export function oneOf<T extends string>(what: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw loggingErrors.invalid_option(`${what} must be one of ${allowed.join(', ')}; got ${JSON.stringify(value)}.`);
}

/** @throws logging.invalid_option for a signal that does not exist here, or that no process can handle */
export function handledSignal(signal: NodeJS.Signals): NodeJS.Signals {
  if (signal in constants.signals && signal !== 'SIGKILL' && signal !== 'SIGSTOP') return signal;
  throw loggingErrors.invalid_option(`flushOnSignals: ${JSON.stringify(signal)} is not a signal that can be handled.`);
}
