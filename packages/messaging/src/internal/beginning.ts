import type { HandlerContext } from '../message.ts';

/**
 * The try of a handler that waits for something before it begins, as that of an inbox for its transaction. The wait is
 * no part of the handler's time, which begins after it. One that takes as long as the handler may is `messaging.busy`.
 */
export interface Beginning {
  /** How long the handler may take, and how long it may wait. */
  readonly timeoutMs: number;
  waits(): void;
  begins(): void;
}

/** Where a context keeps it: not for handlers of applications, which could put off their timeout by it. */
export const BEGINNING: unique symbol = Symbol('beginning');

/** Undefined for a context that a test has made. */
export function beginningOf(context: HandlerContext): Beginning | undefined {
  return (context as { readonly [BEGINNING]?: Beginning })[BEGINNING];
}
