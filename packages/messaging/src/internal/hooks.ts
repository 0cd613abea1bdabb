import { isPromise } from 'node:util/types';
import { channels } from '../channels.ts';
import { messagingErrors } from '../errors.ts';
import type { Handler, HandlerContext, Message } from '../message.ts';
import type { MessageMiddleware } from '../middleware.ts';

const NAMES = ['before', 'context', 'done'] as const;

/** The middlewares of a messaging, ready to run around a handler. */
export class Hooks {
  readonly #entering: readonly MessageMiddleware[];
  readonly #done: readonly MessageMiddleware[];

  /** @throws `messaging.invalid_options` for what is no list of middlewares, or one without any hook */
  constructor(middleware: readonly MessageMiddleware[]) {
    const given: unknown = middleware;
    if (!Array.isArray(given)) throw messagingErrors.invalid_options('The middlewares must be a list.');
    for (const item of middleware) check(item);
    this.#entering = middleware.filter((item) => item.before !== undefined || item.context !== undefined);
    this.#done = middleware.filter((item) => item.done !== undefined);
  }

  /** Runs the hooks, and the handler unless one of them says that the message is done. */
  run(message: Message, context: HandlerContext, handler: Handler): unknown {
    if (this.#done.length === 0) return this.#step(0, message, context, handler);
    const startedAt = performance.now();
    const end = (error: unknown): void => this.#end(message, context, error, performance.now() - startedAt);
    let result: unknown;
    try {
      result = this.#step(0, message, context, handler);
    } catch (error) {
      end(error);
      throw error;
    }
    if (!isPromise(result)) {
      end(undefined);
      return result;
    }
    return result.then(
      (value) => {
        end(undefined);
        return value;
      },
      (error: unknown) => {
        end(error);
        throw error;
      },
    );
  }

  #step(index: number, message: Message, context: HandlerContext, handler: Handler): unknown {
    const middleware = this.#entering[index];
    if (middleware === undefined) return handler(message, context);
    const next = (verdict: 'done' | undefined | void): unknown => {
      if (verdict === 'done') return undefined;
      const rest = (): unknown => this.#step(index + 1, message, context, handler);
      if (!middleware.context) return rest();
      let result: unknown = missing(middleware);
      middleware.context(message, () => (result = attempt(rest)));
      return valueOf(result);
    };
    const verdict = middleware.before?.(message, context);
    return isPromise(verdict) ? verdict.then(next) : next(verdict);
  }

  /** A hook that throws here harms nobody. */
  #end(message: Message, { attempt: tried, group }: HandlerContext, error: unknown, durationMs: number): void {
    for (const middleware of this.#done) {
      try {
        middleware.done?.(message, { error, durationMs, attempt: tried, group });
      } catch (thrown) {
        channels.hook.error.publish({ middleware: middleware.name, hook: 'done', error: thrown });
      }
    }
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

function valueOf(result: unknown): unknown {
  const known = result as Result;
  if ('error' in known) throw known.error;
  return known.value;
}

function missing({ name }: MessageMiddleware): Result {
  return { error: messagingErrors.invalid_options(`The middleware "${name}" did not call run() in its context hook.`) };
}

/** A function of another framework, or a hook that is misspelt, would do nothing, without a word. */
function check(item: unknown): void {
  const given = (typeof item === 'object' ? (item ?? {}) : {}) as Record<string, unknown>;
  const hooks = NAMES.filter((hook) => given[hook] !== undefined);
  if (hooks.length > 0 && hooks.every((hook) => typeof given[hook] === 'function')) return;
  const name = typeof given['name'] === 'string' ? `The middleware "${given['name']}"` : 'A middleware';
  throw messagingErrors.invalid_options(
    `${name} must be an object with one hook at least: before(), context(), done().`,
  );
}
