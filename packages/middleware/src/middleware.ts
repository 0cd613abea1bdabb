import { InternalError } from '@ent/errors';
import { demandHooks, enclosed } from '@ent/internal';
import { channels, type RequestOperation } from './channels.ts';
import { middlewareErrors } from './errors.ts';
import type { Exchange, HeaderBag, Outcome, Reply } from './exchange.ts';
import { demandExchange } from './internal/demand.ts';
import { isReply } from './internal/is-reply.ts';
import { letGo } from './internal/let-go.ts';
import { ofParser } from './internal/parser-errors.ts';
import { type ProblemReply, problemReply } from './problem.ts';

/**
 * Something that happens around every exchange. All hooks are optional.
 *
 * - `before` runs in the order of the list. A {@link Reply} answers the request; the rest of the list and the handler
 *   do not run. What it throws becomes a problem reply. A hook that is not async keeps the exchange synchronous.
 * - `context` wraps everything after it (async storage, a span). It calls `run` exactly once, synchronously.
 * - `wait` is given the promise of what comes after it, where that is not answered at once or its own `before` was not,
 *   and gives the promise that is waited for in its place: a time limit.
 * - `reply` sees each answer that is data, errors and replies of `before` too, and may give another in its place:
 *   compression. The last of the list is nearest to the handler and comes first. What it throws becomes a problem
 *   reply. What a handler writes by the means of its host does not come here, but for problems that the host makes.
 * - `head` runs just before the status and headers leave, for every answer: errors, 404s and replies of `before` too.
 * - `done` runs once an exchange, when the last byte was handed over or the client went away.
 *
 * A hook that throws in `head` or `done` harms nobody: the answer goes out, and the error is published on
 * `ent:middleware:hook`.
 */
export interface Middleware {
  /** Names the middleware in telemetry. */
  readonly name: string;
  // A hook may give nothing without saying so.
  before?(exchange: Exchange): Reply | undefined | void | Promise<Reply | undefined | void>;
  context?(exchange: Exchange, run: () => unknown): void;
  wait?(exchange: Exchange, answer: Promise<Answer>): Promise<Answer>;
  reply?(exchange: Exchange, reply: Reply): Reply | undefined | void | Promise<Reply | undefined | void>;
  head?(exchange: Exchange, status: number, headers: HeaderBag): void;
  done?(exchange: Exchange, outcome: Outcome): void;
}

/** What a handler gives: a reply, or `undefined` when it writes the response itself, by the means of its host. */
// A handler may give nothing without saying so.
export type Answer = Reply | undefined | void;

/** A handler of any host. */
export type Handler<X extends Exchange = Exchange> = (exchange: X) => Answer | Promise<Answer>;

/** The middlewares of an application, ready to run. Hosts call it; applications hand the list to a host. */
export interface Pipeline {
  /** Starts an exchange. To be called as soon as the request's headers are there. */
  open<X extends Exchange>(exchange: X): Run<X>;
}

/** One exchange on its way through a {@link Pipeline}. */
export interface Run<X extends Exchange = Exchange> {
  readonly exchange: X;
  /** Whether the handler was called. Who reads the body before that leaves it to the handler. */
  readonly entered: boolean;
  /** Whether there are `head` hooks, so that it matters who writes the head. */
  readonly hasHead: boolean;
  /** Whether anybody hears of the end, so that {@link done} has to be called. */
  readonly hasDone: boolean;
  /**
   * Runs `before`, `context` and `wait` hooks and the handler, and the `reply` hooks on what they give. Never throws or
   * rejects: an error is turned into a reply.
   */
  handle(handler: Handler<X>): Answer | Promise<Answer>;
  /** The same, but hands the answer on instead of giving it: a promise less where the handler waits. */
  respond(handler: Handler<X>, write: (answer: Answer) => void): void;
  /** Turns something that was thrown outside {@link handle} into the reply for it, and notes it for the outcome. */
  fail(error: unknown): ProblemReply;
  /** Runs the `reply` hooks on what an application writes by its own means. Never throws or rejects. */
  shape(reply: Reply): Reply | Promise<Reply>;
  /** Runs the `head` hooks. The host calls it just before it writes the head. */
  head(status: number, headers: HeaderBag): void;
  /** Runs the `done` hooks; the second call does nothing. */
  done(end: { status: number | undefined; bytes: number | undefined; aborted: boolean }): void;
}

const ENTERING = ['before', 'context', 'wait'] as const;
const HOOKS = [...ENTERING, 'reply', 'head', 'done'] as const;

/**
 * Puts middlewares in order. A host does it once, at set-up.
 *
 * @throws `middleware.invalid_options` for what is no list of middlewares, or a middleware without any hook
 */
export function createPipeline(middleware: readonly Middleware[] = []): Pipeline {
  demandHooks(middleware, HOOKS, middlewareErrors.invalid_options);
  const hooks: Hooks = {
    entering: middleware.filter((item) => ENTERING.some((hook) => item[hook] !== undefined)),
    reply: middleware.filter((item) => item.reply !== undefined).toReversed(),
    head: middleware.filter((item) => item.head !== undefined),
    done: middleware.filter((item) => item.done !== undefined),
    wraps: middleware.some((item) => item.context !== undefined),
  };
  return {
    open(exchange) {
      // Every request comes through here: the look is made in place, and the function is for what is refused.
      if (typeof (exchange as Partial<Exchange> | undefined)?.header !== 'function') demandExchange(exchange, 'open');
      return new PipelineRun(hooks, exchange);
    },
  };
}

interface Hooks {
  readonly entering: readonly Middleware[];
  /** The one that is nearest to the handler first. */
  readonly reply: readonly Middleware[];
  readonly head: readonly Middleware[];
  readonly done: readonly Middleware[];
  readonly wraps: boolean;
}

class PipelineRun<X extends Exchange> implements Run<X> {
  readonly exchange: X;
  entered = false;
  readonly hasHead: boolean;
  readonly hasDone: boolean;
  readonly #hooks: Hooks;
  readonly #startedAt: number;
  readonly #operation: RequestOperation | undefined;
  /** The answer, where it is waited for. */
  #late: Promise<Answer> | undefined;
  #error: unknown;
  /** A client's mistake is an answer like any other; only our own failures are errors of the operation. */
  #ourFault = false;
  #ended = false;
  #finishInContext: ((outcome: Outcome) => void) | undefined;

  constructor(hooks: Hooks, exchange: X) {
    this.#hooks = hooks;
    this.exchange = exchange;
    if (channels.request.hasSubscribers) this.#operation = { exchange, method: exchange.method };
    this.hasHead = hooks.head.length > 0;
    this.hasDone = hooks.done.length > 0 || this.#operation !== undefined;
    this.#startedAt = this.hasDone ? performance.now() : 0;
  }

  handle(handler: Handler<X>): Answer | Promise<Answer> {
    const answer = this.#traced(handler);
    const shapes = this.#hooks.reply.length > 0;
    if (this.#late === undefined) return shapes ? this.#shape(answer as Answer) : answer;
    const late = this.#late.catch((error: unknown) => this.fail(error));
    return shapes ? late.then((given) => this.#shape(given)) : late;
  }

  respond(handler: Handler<X>, write: (answer: Answer) => void): void {
    if (this.#hooks.reply.length > 0) {
      const shaped = this.handle(handler);
      if (isPromise(shaped)) void shaped.then(write);
      else write(shaped);
      return;
    }
    const answer = this.#traced(handler);
    if (this.#late === undefined) write(answer as Answer);
    else void this.#late.then(write, (error: unknown) => write(this.fail(error)));
  }

  /** Runs the `reply` hooks from one of them on. What is no reply is the host's to refuse. */
  #shape(given: Answer, from = 0): Answer | Promise<Answer> {
    let answer = given;
    const { reply: hooks } = this.#hooks;
    for (let index = from; index < hooks.length; index++) {
      const middleware = hooks[index] as Middleware;
      if (!isReply(answer)) return answer;
      const reply = answer;
      try {
        const shaped = middleware.reply?.(this.exchange, reply);
        if (isPromise(shaped)) {
          return shaped.then(
            (late) => this.#shape(late ?? reply, index + 1),
            (error: unknown) => this.#shape(this.#failShaping(reply, error), index + 1),
          );
        }
        answer = shaped ?? reply;
      } catch (error) {
        answer = this.#failShaping(reply, error);
      }
    }
    return answer;
  }

  shape(reply: Reply): Reply | Promise<Reply> {
    return this.#shape(reply) as Reply | Promise<Reply>;
  }

  #failShaping(reply: Reply, error: unknown): Reply {
    letGo(reply);
    return this.fail(error);
  }

  #traced(handler: Handler<X>): Answer | Promise<Answer> {
    const operation = this.#operation;
    if (operation === undefined) return this.#guarded(handler);
    return channels.request.start.runStores(operation, () => {
      const answer = enclosed(operation, () => this.#guarded(handler));
      channels.request.end.publish(operation);
      return answer;
    });
  }

  #guarded(handler: Handler<X>): Answer | Promise<Answer> {
    try {
      const answer = this.#step(0, handler);
      // resolve(), for promises of other makes. To look at an answer may throw: it is looked at here only.
      return isPromise(answer) ? (this.#late = Promise.resolve(answer)) : answer;
    } catch (error) {
      return this.fail(error);
    }
  }

  #step(index: number, handler: Handler<X>): Answer | Promise<Answer> {
    const middleware = this.#hooks.entering[index];
    if (middleware === undefined) {
      this.entered = true;
      if (this.hasDone && (this.#hooks.wraps || this.#operation !== undefined)) this.#keepContext();
      return handler(this.exchange);
    }
    const early = middleware.before?.(this.exchange);
    if (isPromise(early)) return early.then((reply) => reply ?? this.#enter(middleware, index, handler, true));
    return early ?? this.#enter(middleware, index, handler);
  }

  /** @param late whether its `before` was waited for */
  #enter(middleware: Middleware, index: number, handler: Handler<X>, late = false): Answer | Promise<Answer> {
    const answer =
      middleware.context === undefined ? this.#step(index + 1, handler) : this.#within(middleware, index, handler);
    if (middleware.wait === undefined || !(late || isPromise(answer))) return answer;
    return middleware.wait(this.exchange, Promise.resolve(answer));
  }

  #within(middleware: Middleware, index: number, handler: Handler<X>): Answer | Promise<Answer> {
    // The result is taken from inside: a hook that forgets to hand it on must not lose the answer.
    let inner: { answer: Answer | Promise<Answer> } | undefined;
    middleware.context?.(this.exchange, () => {
      inner ??= { answer: this.#step(index + 1, handler) };
      return inner.answer;
    });
    if (inner === undefined) {
      throw middlewareErrors.context_not_run(`The context hook of "${middleware.name}" did not call run().`);
    }
    return inner.answer;
  }

  /**
   * The socket's events come without the async context that the `context` hooks made; `done` is to have it. What a
   * promise calls runs in the context in which it was asked to, and that costs far less than an `AsyncResource`.
   */
  #keepContext(): void {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#finishInContext = resolve;
    void promise.then((outcome) => this.#finish(outcome));
  }

  fail(thrown: unknown): ProblemReply {
    const error = ofParser(thrown ?? new InternalError(`Something threw ${String(thrown)} in place of an error.`));
    const reply = problemReply(error);
    this.#error = error;
    this.#ourFault = reply.status >= 500;
    return reply;
  }

  head(status: number, headers: HeaderBag): void {
    for (const middleware of this.#hooks.head) {
      try {
        middleware.head?.(this.exchange, status, headers);
      } catch (error) {
        hookFailed(middleware.name, 'head', error);
      }
    }
  }

  done(end: { status: number | undefined; bytes: number | undefined; aborted: boolean }): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.hasDone) return;
    const { status, bytes, aborted } = end;
    const outcome: Outcome = {
      status,
      bytes,
      aborted,
      durationMs: performance.now() - this.#startedAt,
      error: this.#error,
    };
    if (this.#finishInContext === undefined) this.#finish(outcome);
    else this.#finishInContext(outcome);
  }

  #finish(outcome: Outcome): void {
    for (const middleware of this.#hooks.done) {
      try {
        middleware.done?.(this.exchange, outcome);
      } catch (error) {
        hookFailed(middleware.name, 'done', error);
      }
    }
    const operation = this.#operation;
    if (operation === undefined) return;
    // Field by field: by `Object.assign` the end of a request takes 0.1 us more.
    operation.route = this.exchange.route;
    operation.status = outcome.status;
    operation.durationMs = outcome.durationMs;
    operation.bytes = outcome.bytes;
    operation.aborted = outcome.aborted;
    operation.error = outcome.error;
    if (this.#ourFault) channels.request.error.publish(operation);
    channels.request.asyncStart.publish(operation);
    channels.request.asyncEnd.publish(operation);
  }
}

function hookFailed(middleware: string, hook: 'head' | 'done', error: unknown): void {
  if (channels.hook.hasSubscribers) channels.hook.error.publish({ middleware, hook, error });
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
