import { EntError } from '@ent/errors';
import { runWithContext, traced } from '@ent/internal';
import { channels, type ProcessOperation } from '../channels.ts';
import { messagingErrors } from '../errors.ts';
import { type HandlerContext, type Message, toMessage } from '../message.ts';
import { Interruption } from './interruption.ts';
import { decode, validate } from './payload.ts';
import type { Arrival } from './retry.ts';
import type { SubscriptionSetup } from './setup.ts';

/** How a try ended. */
export type Outcome =
  | { readonly action: 'done' | 'released' | 'lost' }
  | { readonly action: 'retry' | 'dead_letter'; readonly error: unknown };

/** One try of a message. */
export class Job {
  readonly #arrival: Arrival;
  readonly #setup: SubscriptionSetup;
  readonly #interruption = new Interruption();
  #stopped: 'released' | 'lost' | undefined;

  constructor(arrival: Arrival, setup: SubscriptionSetup) {
    this.#arrival = arrival;
    this.#setup = setup;
  }

  /** Handles the message; never rejects. */
  run(): Promise<Outcome> {
    return channels.process.hasSubscribers ? this.#traced() : this.#try();
  }

  /**
   * Aborts the handler, and does not wait for it: its message goes back (`released`), or is somebody else's (`lost`).
   */
  stop(why: 'released' | 'lost'): void {
    this.#stopped ??= why;
    const { topic, group } = this.#setup;
    this.#interruption.cause(
      why === 'lost'
        ? messagingErrors.lease_lost(`A message of "${topic}" was given to another subscriber.`)
        : messagingErrors.closed(`The subscription of "${group}" to "${topic}" is closing.`),
    );
  }

  async #traced(): Promise<Outcome> {
    const { message, attempt } = this.#arrival;
    const { driver, topic, group } = this.#setup;
    const { id: messageId, headers } = message;
    const operation: ProcessOperation = { driver: driver.name, topic, group, messageId, headers, attempt };
    let outcome: Outcome = { action: 'done' };
    await traced(channels.process, operation, async () => {
      outcome = await this.#try();
      operation.outcome = outcome.action;
      // So that the channel's `error` is published, and a span is marked as failed.
      if ('error' in outcome) throw outcome.error;
    }).catch(() => {});
    return outcome;
  }

  async #try(): Promise<Outcome> {
    const { message: wire, attempt, deadly } = this.#arrival;
    const { schema, topic, maxAttempts } = this.#setup;
    if (deadly && !this.#stopped) {
      // Delivered and never settled, again and again: a message that kills its
      // process. The handler does not get it once more.
      const error = messagingErrors.unprocessable('The message was delivered too often without an answer.');
      return { action: 'dead_letter', error };
    }
    try {
      const data = decode(wire.body, wire.contentType);
      const message = toMessage(wire, schema ? await validate(schema, data, topic) : data);
      if (this.#stopped) return { action: this.#stopped };
      await this.#handle(message);
      return { action: 'done' };
    } catch (error) {
      if (this.#stopped) return { action: this.#stopped };
      return { action: attempt >= maxAttempts || isHopeless(error) ? 'dead_letter' : 'retry', error };
    }
  }

  async #handle(message: Message): Promise<void> {
    const { topic, group, handler, timeoutMs, time } = this.#setup;
    const interruption = this.#interruption;
    const context: HandlerContext = {
      get signal() {
        return interruption.signal();
      },
      attempt: this.#arrival.attempt,
      group,
    };
    const cancel = time.clock.after(timeoutMs, () =>
      interruption.cause(messagingErrors.timeout(`The handler of "${topic}" took longer than ${timeoutMs} ms.`)),
    );
    try {
      const fields = { messageId: message.id, correlationId: message.correlationId };
      // A handler that does not look at its signal is not waited for: it would hold its place, and a closing process.
      await interruption.guard(runWithContext(fields, async () => handler(message, context)));
    } finally {
      cancel();
    }
  }
}

/** Failures that the next try would only repeat: what the handler says is one, and data that does not fit. */
function isHopeless(error: unknown): boolean {
  return (
    EntError.is(error) &&
    (error.code === messagingErrors.unprocessable.code || error.code === messagingErrors.invalid_payload.code)
  );
}
