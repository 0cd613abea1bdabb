import { EntError } from '@ent/errors';
import { runWithContext } from '@ent/internal';
import { channels, type ProcessOperation } from '../channels.ts';
import type { Delivery } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { type Handler, type HandlerContext, type Message, toMessage, type Topic } from '../message.ts';
import type { Timing } from './clock.ts';
import { decode, validate } from './payload.ts';

/** What every try of a subscription has in common. */
export interface JobSpec {
  readonly driver: string;
  readonly topic: string;
  readonly group: string;
  readonly schema: Topic['schema'] | undefined;
  readonly handler: Handler;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly time: Timing;
}

/** How a try ended. */
export type Outcome =
  | { readonly action: 'done' | 'released' | 'lost' }
  | { readonly action: 'retry' | 'dead_letter'; readonly error: unknown };

/** Why {@link Job.stop} was called. */
type Stop = 'released' | 'lost';

/** One delivery that is held here. */
export interface Job {
  readonly delivery: Delivery;
  readonly attempt: number;
  /** Handles the message; never rejects. */
  run(): Promise<Outcome>;
  /** Aborts the handler, and does not wait for it: its message goes back (`released`), or is somebody else's (`lost`). */
  stop(why: Stop): void;
  readonly stopped: Stop | undefined;
}

export function createJob(delivery: Delivery, spec: JobSpec): Job {
  const interruption = createInterruption();
  const attempt = delivery.attempt ?? 1;
  const { message: wire } = delivery;
  let stopped: Stop | undefined;

  const handle = async (message: Message): Promise<void> => {
    const fields = { messageId: message.id, correlationId: message.correlationId };
    const context: HandlerContext = {
      get signal() {
        return interruption.signal();
      },
      attempt,
      group: spec.group,
    };
    // A handler that does not look at its signal is not waited for: it would hold its place, and a closing process.
    const interrupted = interruption.wait();
    const cancel = spec.time.clock.after(spec.timeoutMs, () =>
      interruption.cause(
        messagingErrors.timeout(`The handler of "${spec.topic}" took longer than ${spec.timeoutMs} ms.`),
      ),
    );
    try {
      await Promise.race([runWithContext(fields, async () => spec.handler(message, context)), interrupted]);
    } finally {
      cancel();
    }
  };

  const attemptOnce = async (): Promise<Outcome> => {
    // Delivered and never settled, again and again: a message that kills its process. The handler does not get it once more.
    if (attempt > spec.maxAttempts && !stopped) {
      return {
        action: 'dead_letter',
        error: messagingErrors.unprocessable('The message was delivered too often without an answer.'),
      };
    }
    try {
      const data = decode(wire.body, wire.contentType);
      const message = toMessage(wire, spec.schema ? await validate(spec.schema, data, spec.topic) : data);
      if (stopped) return { action: stopped };
      await handle(message);
      return { action: 'done' };
    } catch (error) {
      if (stopped) return { action: stopped };
      return { action: attempt >= spec.maxAttempts || isHopeless(error) ? 'dead_letter' : 'retry', error };
    }
  };

  const traced = async (): Promise<Outcome> => {
    const { driver, topic, group } = spec;
    const operation: ProcessOperation = { driver, topic, group, messageId: wire.id, headers: wire.headers, attempt };
    let outcome: Outcome = { action: 'done' };
    await channels.process
      .tracePromise(async () => {
        outcome = await attemptOnce();
        operation.outcome = outcome.action;
        // So that the channel's `error` is published, and a span is marked as failed.
        if ('error' in outcome) throw outcome.error;
      }, operation)
      .catch(() => {});
    return outcome;
  };

  return {
    delivery,
    attempt,
    run: () => (channels.process.hasSubscribers ? traced() : attemptOnce()),
    stop(why) {
      stopped ??= why;
      interruption.cause(
        why === 'lost'
          ? messagingErrors.lease_lost(`A message of "${spec.topic}" was given to another subscriber.`)
          : messagingErrors.closed(`The subscription of "${spec.group}" to "${spec.topic}" is closing.`),
      );
    },
    get stopped() {
      return stopped;
    },
  };
}

/** What an AbortController does, which is made only for a handler that asks for its signal: it is dear, and most do not. */
function createInterruption() {
  let controller: AbortController | undefined;
  let cause: { readonly reason: unknown } | undefined;
  let reject = (_reason: unknown): void => {};
  return {
    cause(reason: unknown): void {
      if (cause) return;
      cause = { reason };
      reject(reason);
      controller?.abort(reason);
    },
    signal(): AbortSignal {
      controller ??= new AbortController();
      if (cause) controller.abort(cause.reason);
      return controller.signal;
    },
    /** Rejects when it is caused. */
    wait: (): Promise<never> =>
      new Promise((_resolve, fail) => {
        reject = fail;
      }),
  };
}

/** Failures that the next try would only repeat: what the handler says is one, and data that does not fit. */
function isHopeless(error: unknown): boolean {
  return (
    EntError.is(error) &&
    (error.code === messagingErrors.unprocessable.code || error.code === messagingErrors.invalid_payload.code)
  );
}
