import { demandMethods as demandMethodsOf, kindOf } from '@ent/internal';
import { authErrors } from '../errors.ts';

/** Refuses what JavaScript gave in place of a text: a store would look for nothing, and say that all went well. */
export function demandText(value: unknown, what: string): asserts value is string {
  if (typeof value === 'string') return;
  throw authErrors.configuration(`${what} must be a text; got ${kindOf(value)}.`);
}

/** Refuses what is no list of texts, where one is given: the letters of a text would be its members. */
export function demandTexts(value: unknown, what: string): void {
  if (value === undefined || (Array.isArray(value) && value.every((each) => typeof each === 'string'))) return;
  throw authErrors.configuration(`${what} must be a list of texts; got ${kindOf(value)}.`);
}

/** Refuses an object that is absent, or lacks a method by which it is used. */
export function demandMethods(value: unknown, methods: readonly string[], what: string): void {
  demandMethodsOf(value, methods, what, authErrors.configuration);
}
