import { EntError } from '@ent/errors';
import { type Awaitable, chain, runWithContext, traced } from '@ent/internal';
import { channels, type ProcessOperation } from '../channels.ts';
import type { WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { HEADERS, type HandlerContext, type Message, type ProcessOutcome, toMessage } from '../message.ts';
import { BEGINNING, type Beginning } from './beginning.ts';
import { fromStructured, isStructured } from './cloud-events.ts';
import { Interruption } from './interruption.ts';
import { JSON_TYPE, validate } from './payload.ts';
import type { Arrival } from './retry.ts';
import type { SubscriptionSetup } from './setup.ts';

/** How a try ended. `others`: the message is for another group alone. */
export type Outcome =
  | { readonly action: 'done' | 'others' | 'expired' | 'released' | 'lost' }
  | { readonly action: 'retry' | 'postponed' | 'dead_letter'; readonly error: unknown };

/** One try of a message. */
export class Job implements Beginning {
  readonly #arrival: Arrival;
  readonly #setup: SubscriptionSetup;
  #interruption: Interruption | undefined;
  #stopped: 'released' | 'lost' | undefined;
  #isWaiting = false;
  /** What its handler got, for hooks. */
  #message: Message | undefined;
  /** Ends its time: there is one from when its handler is waited for. */
  #cancel: (() => void) | undefined;

  constructor(arrival: Arrival, setup: SubscriptionSetup) {
    this.#arrival = arrival;
    this.#setup = setup;
  }

  /** Handles the message; never rejects. */
  run(): Awaitable<Outcome> {
    if (this.#arrival.isOthers) return OTHERS;
    if (channels.process.hasSubscribers) return this.#traced();
    return this.#setup.hooks?.hasDone ? this.#told() : this.#try();
  }

  /**
   * Aborts the handler, and does not wait for it: its message goes back (`released`), or is somebody else's (`lost`).
   */
  stop(why: 'released' | 'lost'): void {
    this.#stopped ??= why;
    this.#interruption?.cause(this.#reason());
  }

  get timeoutMs(): number {
    return this.#setup.timeoutMs;
  }

  waits(): void {
    this.#isWaiting = true;
  }

  begins(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    if (!this.#cancel) return;
    this.#cancel();
    this.#cancel = this.#setup.time.clock.after(this.#setup.timeoutMs, () => this.#late());
  }

  #late(): void {
    const { topic, group, timeoutMs } = this.#setup;
    const why = this.#isWaiting
      ? messagingErrors.busy(
          `A handler of "${topic}" in the group "${group}" waited ${timeoutMs} ms for its transaction to begin.`,
        )
      : messagingErrors.timeout(
          `A handler of "${topic}" in the group "${group}" took longer than its "timeout" of ${timeoutMs} ms.`,
        );
    this.#interrupting().cause(why);
  }

  /** Of a handler that was stopped. */
  #reason(): Error {
    const { topic, group } = this.#setup;
    return this.#stopped === 'lost'
      ? messagingErrors.lease_lost(`A message of "${topic}" was given to another subscriber.`)
      : messagingErrors.closed(`The subscription of "${group}" to "${topic}" is closing.`);
  }

  get signal(): AbortSignal {
    return this.#interrupting().signal();
  }

  /** Made for a handler that waits, or asks for its signal. */
  #interrupting(): Interruption {
    this.#interruption ??= new Interruption();
    if (this.#stopped) this.#interruption.cause(this.#reason());
    return this.#interruption;
  }

  #traced(): Awaitable<Outcome> {
    const { message, attempt } = this.#arrival;
    const { driver, group } = this.#setup;
    const { id: messageId, topic, headers } = message;
    const operation: ProcessOperation = { driver: driver.name, topic, group, messageId, headers, attempt };
    let outcome = DONE;
    const known = (): Outcome => outcome;
    try {
      const run = traced(channels.process, operation, () =>
        chain(this.#told(), (ended) => {
          outcome = ended;
          operation.outcome = ended.action as ProcessOutcome;
          // So that the channel's `error` is published, and a span is marked as failed.
          if ('error' in ended) throw ended.error;
        }),
      );
      return run instanceof Promise ? run.then(known, known) : outcome;
    } catch {
      return outcome;
    }
  }

  /** The `done` hooks hear of each try, also of one whose handler was not called. */
  #told(): Awaitable<Outcome> {
    const { hooks, group } = this.#setup;
    if (!hooks?.hasDone) return this.#try();
    const startedAt = performance.now();
    return chain(this.#try(), (ended) => {
      const { action: outcome } = ended;
      let error: unknown;
      if ('error' in ended) error = ended.error;
      else if (this.#stopped) error = this.#reason();
      const message = this.#message ?? toMessage(this.#arrival.message, undefined);
      const durationMs = performance.now() - startedAt;
      const { attempt } = this.#arrival;
      runWithContext({ messageId: message.id, correlationId: message.correlationId }, () =>
        hooks.end(message, { outcome: outcome as ProcessOutcome, error, durationMs, attempt, group }),
      );
      return ended;
    });
  }

  /** A handler that answers without a promise is asked, and its message is done, in one go. */
  #try(): Awaitable<Outcome> {
    const { message, deadly, cause } = this.#arrival;
    const { schema, topic, payloads } = this.#setup;
    let event = message;
    if (this.#stopped) return { action: this.#stopped };
    const expiresAt = message.headers[HEADERS.expiresAt];
    if (expiresAt !== undefined && this.#setup.time.clock.now() > Number(expiresAt)) return EXPIRED;
    if (cause !== undefined || deadly) {
      // Delivered and never settled, again and again: a message that kills its
      // process. The handler does not get it once more.
      const why = cause
        ? `The message died of ${cause.reason}, and could not be stored as a dead letter then.`
        : 'The message was delivered too often without an answer.';
      return { action: 'dead_letter', error: messagingErrors.unprocessable(why) };
    }
    try {
      if (message.contentType !== JSON_TYPE && isStructured(message.contentType)) event = fromStructured(message);
      const data = payloads.decode(event.body, event.contentType, event.topic);
      const checked = schema ? validate(schema, data, topic) : data;
      const result =
        checked instanceof Promise ? checked.then((valid) => this.#call(event, valid)) : this.#call(event, checked);
      if (!(result instanceof Promise)) return DONE;
      return result.then(
        () => DONE,
        (error: unknown) => this.#failed(error),
      );
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): Outcome {
    if (this.#stopped) return { action: this.#stopped };
    if (EntError.is(error) && error.code === messagingErrors.busy.code) return { action: 'postponed', error };
    const isDead = this.#arrival.attempt >= this.#setup.maxAttempts || isHopeless(error);
    return { action: isDead ? 'dead_letter' : 'retry', error };
  }

  /** Throws, or answers a promise that rejects, where the handler fails. */
  #call(wire: WireMessage, data: unknown): Awaitable<unknown> {
    const { attempt } = this.#arrival;
    const { group, handler, hooks, timeoutMs, time } = this.#setup;
    // What was stopped while its data was checked does not begin.
    if (this.#stopped) throw this.#reason();
    const message = toMessage(wire, data);
    if (hooks) this.#message = message;
    const context = new JobContext(attempt, group, this);
    const fields = { messageId: message.id, correlationId: message.correlationId };
    const result = runWithContext(fields, () =>
      hooks ? hooks.run(message, context, handler) : handler(message, context),
    );
    if (!isThenable(result)) return undefined;
    const interruption = this.#interrupting();
    this.#cancel = time.clock.after(timeoutMs, () => this.#late());
    // A handler that does not look at its signal is not waited for: it would hold its place, and a closing process.
    // One that may begin later gets another timer then.
    const isLate = this.#isWaiting || hooks !== undefined;
    return interruption.guard(result).finally(isLate ? () => this.#cancel?.() : this.#cancel);
  }
}

/** A class: an object with a getter of its own is dear to make. */
class JobContext implements HandlerContext {
  readonly attempt: number;
  readonly group: string;
  readonly #job: Job;

  constructor(attempt: number, group: string, job: Job) {
    this.attempt = attempt;
    this.group = group;
    this.#job = job;
  }

  get signal(): AbortSignal {
    return this.#job.signal;
  }

  get [BEGINNING](): Beginning {
    return this.#job;
  }
}

const DONE: Outcome = Object.freeze({ action: 'done' });
const OTHERS: Outcome = Object.freeze({ action: 'others' });
const EXPIRED: Outcome = Object.freeze({ action: 'expired' });

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Failures that the next try would only repeat: what the handler says is one, and data that does not fit. */
function isHopeless(error: unknown): boolean {
  return (
    EntError.is(error) &&
    (error.code === messagingErrors.unprocessable.code ||
      error.code === messagingErrors.invalid_payload.code ||
      error.code === messagingErrors.unknown_content_type.code)
  );
}
