import type { WireMessage } from './driver.ts';
import { messagingErrors } from './errors.ts';
import type { StandardSchema } from './schema.ts';

/** A message as a handler gets it. The names are those of CloudEvents 1.0, but for the topic. */
export interface Message<T = unknown> {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string | undefined;
  /** When it was published. */
  readonly time: Date;
  readonly data: T;
  readonly headers: Readonly<Record<string, string>>;
  /** The chain of work that it belongs to. */
  readonly correlationId: string;
  /** The message during whose handling it was published. */
  readonly causationId: string | undefined;
  /** Messages with the same one are handled one at a time by a subscriber. */
  readonly key: string | undefined;
}

/** What a handler is told beside the message. */
export interface HandlerContext {
  /**
   * Aborts when the time for this try is up, when the message was given to
   * somebody else, or when closing can wait no longer.
   */
  readonly signal: AbortSignal;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly group: string;
}

/**
 * Handles a message. When it returns, or what it returns resolves, the message is done; when it throws or rejects, the
 * message is tried again, and with `messagingErrors.unprocessable` it goes to the dead letters at once.
 */
export type Handler<T = unknown> = (message: Message<T>, context: HandlerContext) => unknown;

/**
 * What becomes of a message after a try.
 *
 * - `done`: it was handled.
 * - `retry`: the try failed, and there is another one.
 * - `dead_letter`: the try failed, and there is none.
 * - `postponed`: the try could not begin (`messaging.busy`); the message comes again, and no attempt was counted.
 * - `expired`: its `ttl` was over, so it was dropped, and no handler was called.
 * - `released`: the subscription closes; the message went back, and no attempt was counted.
 * - `lost`: the broker gave it to another subscriber, or the connection broke.
 */
export type ProcessOutcome = 'done' | 'retry' | 'dead_letter' | 'postponed' | 'expired' | 'released' | 'lost';

/** A topic with the type of its data; made by {@link defineTopic}. */
export interface Topic<Input = unknown, Output = Input> {
  readonly name: string;
  readonly schema: StandardSchema<Input, Output>;
}

/** The header names that the core uses. */
export const HEADERS = {
  correlationId: 'correlation-id',
  causationId: 'causation-id',
  /** Messages with the same one are handled one at a time. */
  key: 'partition-key',
  /** Milliseconds since the epoch: not to be handled before, or after. */
  deliverAt: 'deliver-at',
  expiresAt: 'expires-at',
  /** From 0, which is none, to 9. */
  priority: 'delivery-priority',
  /** Of a request, and of its reply. */
  replyTo: 'reply-to',
  inReplyTo: 'in-reply-to',
  reply: 'reply',
} as const;

const NAME = /^[A-Za-z0-9][\w.-]{0,199}$/;

/**
 * Names a topic and says what its messages hold. Publishing checks the data, and so does receiving; both are typed.
 *
 * @param schema any Standard Schema validator: zod, valibot, arktype
 * @throws `messaging.invalid_options` for a malformed name
 *
 * @example
 * ```ts
 * import { defineTopic } from '@ent/messaging';
 * import { z } from 'zod';
 *
 * const userCreated = defineTopic('user.created', z.object({ id: z.uuid(), at: z.coerce.date() }));
 * console.log(userCreated.name);
 * ```
 */
export function defineTopic<Input, Output>(name: string, schema: StandardSchema<Input, Output>): Topic<Input, Output> {
  return Object.freeze({ name: checkName('topic', name), schema });
}

/** A name that every broker takes as it is. */
export function checkName(what: string, name: unknown): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  const got =
    typeof name === 'string' ? JSON.stringify(name.slice(0, 64)) : `(${name === null ? 'null' : typeof name})`;
  throw messagingErrors.invalid_options(
    `The ${what} ${got} is not a name: letters, digits, ".", "-" and "_", at most 200, the first a letter or a digit.`,
  );
}

export function isName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

/** The name of a topic that was given as one, or as what {@link defineTopic} made; JavaScript gives anything. */
export function nameOf(topic: string | { readonly name: string }): unknown {
  return typeof topic === 'object' && topic !== null ? topic.name : topic;
}

export function toMessage(wire: WireMessage, data: unknown): Message {
  return Object.freeze({
    id: wire.id,
    topic: wire.topic,
    type: wire.type,
    source: wire.source,
    subject: wire.subject,
    time: new Date(wire.time),
    data,
    headers: wire.headers,
    correlationId: wire.headers[HEADERS.correlationId] ?? wire.id,
    causationId: wire.headers[HEADERS.causationId],
    key: wire.headers[HEADERS.key],
  });
}

/** The priority of a message; 0 for one that has none, or one that is none. */
export function priorityOf({ headers }: Pick<WireMessage, 'headers'>): number {
  const text = headers[HEADERS.priority];
  return text === undefined || !/^[0-9]$/.test(text) ? 0 : Number(text);
}
