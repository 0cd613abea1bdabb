import { isPromise } from 'node:util/types';
import { demandHooks } from '@ent/internal';
import { channels } from '../channels.ts';
import { messagingErrors } from '../errors.ts';
import type { Handler, HandlerContext, Message } from '../message.ts';
import type { MessageMiddleware, MessageOutcome } from '../middleware.ts';

const NAMES = ['before', 'context', 'done'] as const;

/** The middlewares of a messaging, ready to run around a handler. */
export class Hooks {
  readonly #entering: readonly MessageMiddleware[];
  readonly #done: readonly MessageMiddleware[];

  /** @throws `messaging.invalid_options` for what is no list of middlewares, or one without any hook */
  constructor(middleware: readonly MessageMiddleware[]) {
    demandHooks(middleware, NAMES, messagingErrors.invalid_options);
    this.#entering = middleware.filter((item) => item.before !== undefined || item.context !== undefined);
    this.#done = middleware.filter((item) => item.done !== undefined);
  }

  /** Whether anybody wants to hear how a try ended. */
  get hasDone(): boolean {
    return this.#done.length > 0;
  }

  /** Runs the hooks, and the handler unless one of them says that the message is done. */
  run(message: Message, context: HandlerContext, handler: Handler): unknown {
    return this.#step(0, message, context, handler);
  }

  /** Tells how a try ended. A hook that throws here harms nobody. */
  end(message: Message, outcome: MessageOutcome): void {
    for (const middleware of this.#done) {
      try {
        middleware.done?.(message, outcome);
      } catch (thrown) {
        channels.hook.error.publish({ middleware: middleware.name, hook: 'done', error: thrown });
      }
    }
  }

  #step(index: number, message: Message, context: HandlerContext, handler: Handler): unknown {
    const middleware = this.#entering[index];
    if (middleware === undefined) return handler(message, context);
    const next = (verdict: 'done' | undefined | void): unknown => {
      if (verdict === 'done') return undefined;
      const rest = (): unknown => this.#step(index + 1, message, context, handler);
      if (!middleware.context) return rest();
      // Once, however often a hook runs it: a message is handled once a try.
      let result: Result | undefined;
      middleware.context(message, () => (result ??= attempt(rest)));
      return valueOf(result ?? missing(middleware));
    };
    const verdict = middleware.before?.(message, context);
    return isPromise(verdict) ? verdict.then(next) : next(verdict);
  }
}

/** A result on its way through a `context` hook, which need not hand on what was thrown. */
type Result = { readonly value: unknown } | { readonly error: unknown };

function attempt(work: () => unknown): Result {
  try {
    return { value: work() };
  } catch (error) {
    return { error };
  }
}

function valueOf(result: Result): unknown {
  if ('error' in result) throw result.error;
  return result.value;
}

function missing({ name }: MessageMiddleware): Result {
  return { error: messagingErrors.invalid_options(`The middleware "${name}" did not call run() in its context hook.`) };
}
