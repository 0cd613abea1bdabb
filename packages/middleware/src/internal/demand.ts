import { demandMethods as demandMethodsOf, kindOf } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';

/** Refuses what is no exchange of ours, such as a `Request`. Costs a look at one property. */
export function demandExchange(exchange: unknown, what: string): void {
  if (typeof (exchange as { header?: unknown } | null | undefined)?.header === 'function') return;
  throw middlewareErrors.invalid_options(
    `${what} takes the exchange that a host gives its handler; got ${kindOf(exchange)}.`,
  );
}

/** Refuses what is no number in the place of a limit: nothing is more than that, and there would be no limit. */
export function demandLimit(value: unknown, what: string): void {
  if (typeof value === 'number' && value >= 0) return;
  throw middlewareErrors.invalid_options(`${what} must be a number from 0 on; got ${kindOf(value)}.`);
}

/** Refuses an object that is absent, or lacks a method by which it is used. */
export function demandMethods(value: unknown, methods: readonly string[], what: string): void {
  demandMethodsOf(value, methods, what, middlewareErrors.invalid_options);
}
