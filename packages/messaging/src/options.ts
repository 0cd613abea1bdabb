import type { MessagingDriver } from './driver.ts';
import type { MessageMiddleware } from './middleware.ts';
import type { MessageSerializer } from './serializer.ts';

/** A length of time: a number of milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. */
export type Duration = number | string;

/** The time, and timers. Tests hand in one that they move by hand (`manualClock` in `@ent/messaging/testing`). */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Runs `work` once after `ms`, unless the function that it returns is called before.
   *
   * @param held whether the timer keeps the process alive: somebody waits for it. Default `false`
   */
  after(ms: number, work: () => void, held?: boolean): () => void;
}

/** How the wait before each next try grows: `base * 2^(tries - 1)`, at most `max`, of which a random part is waited. */
export interface Backoff {
  /** Default `"500ms"`. */
  readonly base?: Duration;
  /** Default `"1m"`. */
  readonly max?: Duration;
  /**
   * Which part of the wait is left to chance, 0 to 1. Default 1 ("full jitter"): consumers
   * that failed together do not come back together.
   */
  readonly jitter?: number;
}

/** How messages are sent and received. */
export interface MessagingOptions<D extends MessagingDriver = MessagingDriver> {
  readonly driver: D;
  /** Who publishes: the CloudEvents `source` of each message, such as the service's name. Default `"unknown"`. */
  readonly source?: string;
  /**
   * How long the broker may take: `publish` and `subscribe`, with all their tries, and
   * `ping`. Then `messaging.timeout`. Default `"10s"`.
   */
  readonly timeout?: Duration;
  /**
   * How a message is a CloudEvent: `'binary'`, its attributes beside the data, in headers; or `'structured'`, both in
   * one JSON text of the type `application/cloudevents+json`, which survives programs that lose headers. Both are
   * always read. Default `'binary'`.
   */
  readonly cloudEvents?: 'binary' | 'structured';
  /**
   * How data becomes bytes. Its content type stands on each message, and receivers find the reader by it. Default:
   * JSON, as `JSON.stringify` writes it.
   */
  readonly serializer?: MessageSerializer | undefined;
  /**
   * What is read beside what `serializer` writes, each by its content type. JSON always is, also `application/x+json`,
   * and what tells no type. A message of another type goes to the dead letters, as `messaging.unknown_content_type`.
   * Two serializers of one content type are refused.
   */
  readonly alsoRead?: readonly MessageSerializer[] | undefined;
  /** What happens around each handler, in this order. Default: nothing. */
  readonly middleware?: readonly MessageMiddleware[];
  /** For tests. Default: the system's. */
  readonly clock?: Clock;
  /** For tests: where the jitter of waits comes from, from 0 up to 1. Default `Math.random`. */
  readonly random?: () => number;
}

/** What may be said about one message beside its data. */
export interface PublishOptions {
  /** Identifies the message; consumers know a duplicate by it. Default: a random UUID. */
  readonly id?: string;
  /** The CloudEvents type. Default: the topic. */
  readonly type?: string;
  /** What the event is about, the CloudEvents `subject`: the id of a user, for example. */
  readonly subject?: string;
  /** Further headers: names in lower case, values printable. They travel beside the data, unencrypted. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Names the chain of work that the message belongs to. Default: that of the message being handled, or the
   * `requestId` of the context, or the message's own id.
   */
  readonly correlationId?: string;
  /**
   * Messages with the same key are handled one at a time by a subscriber, in their order, whatever its `concurrency`.
   * The id of what the event is about, for example: text of at most 180 characters. Default: none.
   */
  readonly key?: string;
  /** Handled after this time at the earliest; a retry, or a subscriber that is away, makes it later. Default: none. */
  readonly delay?: Duration;
  /**
   * Not handled after this time, counted from publishing and by the clock of the machine that would: nobody has an
   * interest in it any more. It is dropped, and is no dead letter. Default: never.
   */
  readonly ttl?: Duration;
  /**
   * From 0 to 9: of what waits in a group, the higher comes first, and equal ones in their order. What a subscriber
   * holds already (`prefetch`) is not overtaken. `messaging.unsupported` where the driver has no `features.priority`;
   * quorum queues of RabbitMQ know two levels, 5 and above being the higher. It travels as the header
   * `delivery-priority`, which is refused where this is. Default 0.
   */
  readonly priority?: number;
  /**
   * Refuses with `messaging.unroutable` when no group would get the message. Default
   * `false`: an event nobody listens for is none.
   */
  readonly mandatory?: boolean;
  /** Gives up early; whether the message was stored is then unknown. */
  readonly signal?: AbortSignal;
}

/** A request is a message; its `ttl` is the deadline. */
export interface RequestOptions extends Omit<PublishOptions, 'ttl' | 'mandatory'> {
  /**
   * How long a reply may take. Then `messaging.timeout`, and a handler that has not begun does not. Default: `timeout`
   * of `createMessaging`.
   */
  readonly timeout?: Duration;
}

/** How a group handles the messages of a topic. */
export interface SubscribeOptions {
  /**
   * The consumer group: each group gets every message, and shares them among its subscribers, in all processes. It is
   * kept where the driver keeps messages: they wait for a group whose subscribers are away.
   */
  readonly group: string;
  /** How many messages are handled at once. Default 1, which keeps the order where nothing fails. */
  readonly concurrency?: number;
  /** How many messages are held here at once, those being handled included. Default: `concurrency`. */
  readonly prefetch?: number;
  /** How often a message is tried before it goes to the dead letters. Default 5. */
  readonly maxAttempts?: number;
  /** The wait before each next try. */
  readonly backoff?: Backoff;
  /** How long one try may take; then its signal aborts and it has failed. Default `"60s"`. */
  readonly timeout?: Duration;
  /** The topic for messages that cannot be handled. Default `"<topic>.<group>.dead"`; its group is `"dead"`. */
  readonly deadLetter?: string;
  /** Closes the subscription when it aborts, as `close()` does. */
  readonly signal?: AbortSignal | undefined;
}

/** How a subscription, or all of them, ends. */
export interface CloseOptions {
  /**
   * How long handlers that are running may take; then their signals abort and their messages go back. Default `"30s"`.
   */
  readonly timeout?: Duration;
}
