import type { TracingChannel } from 'node:diagnostics_channel';

/**
 * Where a subscriber of `start` puts a function, on the event, that the work is to run in: what makes a span the active
 * one. A store that is bound to the channel would do for those who own the storage; that of OpenTelemetry belongs to
 * the context manager of the application, which has no more than `with(context, work)`.
 */
export const ENCLOSE: unique symbol = Symbol.for('@ent/enclose@1');

/** An event with a function around its work. */
export interface Enclosing {
  [ENCLOSE]?: ((work: () => unknown) => unknown) | undefined;
}

/** Runs the work of an event within what a subscriber of its `start` put around it. */
export function enclosed<R>(event: object, work: () => R): R {
  const enclose = (event as Enclosing)[ENCLOSE];
  return enclose === undefined ? work() : (enclose(work) as R);
}

/** What an event is told of its outcome: once, before anybody hears of that. */
export interface Telling<Event extends object, R> {
  /** It is done, and this is the answer. */
  answered?(event: Event, answer: Awaited<R>): void;
  failed?(event: Event, error: unknown): void;
}

/**
 * Runs `work` inside a tracing channel when somebody listens, and directly when nobody does. `work` may add to the
 * event what is known afterwards.
 *
 * The events come in the order and in the async context of `tracePromise`: `start`, `end`, then `error` if it failed,
 * `asyncStart` and `asyncEnd`. But what is answered without a promise is answered without one here too, and all its
 * events are published by then: who listens does not make slow what is quick.
 *
 * The result travels around the channel and not through it: `tracePromise` would hand it to every subscriber as
 * `event.result`, and results are rows, cached values, tokens and password hashes.
 */
export function traced<Event extends object, R>(
  channel: TracingChannel<Event, Event>,
  event: Event,
  work: (event: Event) => R,
  telling?: NoInfer<Telling<Event, R>>,
): R {
  if (!channel.hasSubscribers) return work(event);
  return channel.start.runStores(event, () => {
    let answer: R;
    try {
      const enclose = (event as Enclosing)[ENCLOSE];
      answer = enclose === undefined ? work(event) : (enclose(() => work(event)) as R);
      if (!(answer instanceof Promise)) telling?.answered?.(event, answer as Awaited<R>);
    } catch (error) {
      telling?.failed?.(event, error);
      channel.end.publish(event);
      throw failed(channel, event, error);
    }
    channel.end.publish(event);
    if (answer instanceof Promise) return later(channel, event, answer, telling) as R;
    ended(channel, event);
    return answer;
  });
}

function later<Event extends object, R>(
  channel: TracingChannel<Event, Event>,
  event: Event,
  answer: Promise<Awaited<R>>,
  telling: Telling<Event, R> | undefined,
): Promise<Awaited<R>> {
  return answer.then(
    (value) => {
      telling?.answered?.(event, value);
      ended(channel, event);
      return value;
    },
    (error: unknown) => {
      telling?.failed?.(event, error);
      throw failed(channel, event, error);
    },
  );
}

function failed<Event extends object>(channel: TracingChannel<Event, Event>, event: Event, error: unknown): unknown {
  (event as { error?: unknown }).error = error;
  channel.error.publish(event);
  ended(channel, event);
  return error;
}

function ended<Event extends object>(channel: TracingChannel<Event, Event>, event: Event): void {
  channel.asyncStart.publish(event);
  channel.asyncEnd.publish(event);
}
