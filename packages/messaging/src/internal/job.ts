import { EntError } from '@ent/errors';
import { runWithContext } from '@ent/internal';
import { channels, type ProcessOperation } from '../channels.ts';
import type { Delivery } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { type Handler, type Message, toMessage, type Topic } from '../message.ts';
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
  const controller = new AbortController();
  const attempt = delivery.attempt ?? 1;
  const { message: wire } = delivery;
  let stopped: Stop | undefined;

  const handle = async (message: Message): Promise<void> => {
    controller.signal.throwIfAborted();
    let cancel = (): void => {};
    const aborted = new Promise<never>((_resolve, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
      cancel = spec.time.clock.after(spec.timeoutMs, () =>
        controller.abort(
          messagingErrors.timeout(`The handler of "${spec.topic}" took longer than ${spec.timeoutMs} ms.`),
        ),
      );
    });
    const fields = { messageId: message.id, correlationId: message.correlationId };
    const running = runWithContext(fields, async () =>
      spec.handler(message, { signal: controller.signal, attempt, group: spec.group }),
    );
    try {
      // A handler that does not look at its signal is not waited for: it would hold its place, and a closing process.
      await Promise.race([running, aborted]);
    } finally {
      cancel();
    }
  };

  const attemptOnce = async (): Promise<Outcome> => {
    // Delivered and never settled, again and again: a message that kills its process. The handler does not get it once more.
    if (attempt > spec.maxAttempts) {
      return {
        action: 'dead_letter',
        error: messagingErrors.unprocessable('The message was delivered too often without an answer.'),
      };
    }
    try {
      const data = decode(wire.body, wire.contentType);
      await handle(toMessage(wire, spec.schema ? await validate(spec.schema, data, spec.topic) : data));
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
      controller.abort(
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

/** Failures that the next try would only repeat: what the handler says is one, and data that does not fit. */
function isHopeless(error: unknown): boolean {
  return (
    EntError.is(error) &&
    (error.code === messagingErrors.unprocessable.code || error.code === messagingErrors.invalid_payload.code)
  );
}
