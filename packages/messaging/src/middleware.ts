import type { HandlerContext, Message, ProcessOutcome } from './message.ts';

/** How one try of a message ended. */
export interface MessageOutcome {
  /** What becomes of the message: `done`, `retry`, `dead_letter`, ... */
  readonly outcome: ProcessOutcome;
  /** Why the try failed: what the handler or a hook threw, for example. Undefined for `done` and `expired`. */
  readonly error: unknown;
  readonly durationMs: number;
  readonly attempt: number;
  readonly group: string;
}

/**
 * Something that happens around each try of each handler: the hooks of `@ent/middleware`, for messages. All are
 * optional.
 *
 * - `before` runs in the order of the list. `'done'` ends it: the rest of the list and the handler do not run, and the
 *   message is done. What it throws counts as thrown by the handler.
 * - `context` wraps everything after it (async storage, a span). It calls `run` exactly once, synchronously.
 * - `done` runs when the try has ended, also one that called no handler: that of a message that does not fit its
 *   schema, whose `data` is undefined there, or that is expired. What it throws harms nobody, and is published on
 *   `ent:messaging:hook`.
 */
export interface MessageMiddleware {
  /** Names it in telemetry. */
  readonly name: string;
  // A hook may give nothing without saying so.
  before?(message: Message, context: HandlerContext): 'done' | undefined | void | Promise<'done' | undefined | void>;
  context?(message: Message, run: () => unknown): void;
  done?(message: Message, outcome: MessageOutcome): void;
}
