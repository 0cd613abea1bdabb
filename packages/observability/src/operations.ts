import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { refuseUnknown } from '@ent/internal';
import { observabilityErrors } from './errors.ts';

/** An operation of some package that has ended. */
export interface EndedOperation<Payload> {
  /** What the package published; its documentation lists the fields. */
  readonly payload: Payload;
  /** From its start to its end, in milliseconds. */
  readonly durationMs: number;
  /** What was thrown; `undefined` when it succeeded. */
  readonly error: unknown;
}

/** What {@link onOperation} calls. It must not throw: it runs inside the operation. */
export interface OperationListener<Payload> {
  start?(payload: Payload): void;
  end?(operation: EndedOperation<Payload>): void;
}

/** On the payload itself, and not in a `WeakMap`: there it costs more than all the rest of listening. */
const STARTED = Symbol('startedAt');

interface Timed {
  [STARTED]?: number;
  readonly error?: unknown;
}

/**
 * Listens to the asynchronous operations that a package publishes on its tracing channel `ent:<package>:<operation>`.
 *
 * Packages are named by the text of the channel and not imported: what is not installed is simply never published.
 *
 * @returns a function that stops listening
 * @throws `observability.invalid_options` for a name that is none, or a listener with something else than `start` and
 *   `end`
 *
 * @example
 * ```ts
 * import { onOperation } from '@ent/observability';
 *
 * const stop = onOperation<{ route?: string }>('ent:http:request', {
 *   end: ({ payload, durationMs }) => console.log(payload.route, durationMs),
 * });
 * stop();
 * ```
 */
export function onOperation<Payload extends object>(name: string, listener: OperationListener<Payload>): () => void {
  if (typeof name !== 'string' || name === '') {
    throw observabilityErrors.invalid_options('onOperation: name a channel, such as "ent:http:request".');
  }
  refuseUnknown(listener, { start: true, end: true }, 'onOperation', observabilityErrors.invalid_options);
  const since = performance.now();
  const finish = (message: unknown): void => {
    const payload = message as Payload & Timed;
    const startedAt = payload[STARTED];
    // What began before this one listened is not its to tell of; another one may have been there.
    if (startedAt === undefined || startedAt < since) return;
    listener.end?.({ payload, durationMs: performance.now() - startedAt, error: payload.error });
  };
  const handlers = {
    start(message: unknown): void {
      (message as Timed)[STARTED] = performance.now();
      listener.start?.(message as Payload);
    },
    end(message: unknown): void {
      // A function that threw before it returned a promise has no asyncEnd.
      if ((message as { error?: unknown }).error !== undefined) finish(message);
    },
    asyncEnd: finish,
  };
  const events = ['start', 'end', 'asyncEnd'] as const;
  for (const event of events) subscribe(`tracing:${name}:${event}`, handlers[event]);
  return () => {
    for (const event of events) unsubscribe(`tracing:${name}:${event}`, handlers[event]);
  };
}
