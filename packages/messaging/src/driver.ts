/**
 * The contract between the portable core and a broker. Types only.
 *
 * The core has done, or does afterwards: serialisation, validation, ids and times, deadlines, all retries (of
 * sending, of handling, of subscribing again), backoff, dead letters, concurrency, renewing of leases,
 * draining, telemetry, wrapping of errors. A driver translates, and never retries by itself. It throws native
 * errors as they come and classifies them when asked.
 */

/** What a driver can do, as data. Types, the checks at setup, the conformance suite and the README read this object. */
export interface MessagingFeatures {
  /** What a stored message survives. Nothing, the end of the broker's process, or the loss of one of its machines. */
  readonly durability: 'memory' | 'disk' | 'quorum';
  /** Other processes see the same topics. */
  readonly shared: boolean;
  /** Keeps the order for one subscriber that handles one message at a time. */
  readonly ordered: boolean;
  /**
   * Brings a message back after a delay: `delayedRetry`. See {@link Settlement};
   * where it is missing, the core supplies retries.
   */
  readonly delayedRetry: boolean;
  /**
   * Counts the attempts of a message over processes and restarts: `countsAttempts`. See {@link Delivery.attempt};
   * where it is missing, the core supplies retries.
   */
  readonly countsAttempts: boolean;
  /**
   * Keeps a message back that is sent with a delay: `delays`. See {@link WireMessage.delayMs}; where it is missing,
   * subscribers hold what waits for its retry. Of no use to a driver with `delayedRetry` and `countsAttempts`.
   */
  readonly delays: boolean;
  /** Delivers for a time only, unless it is renewed. See {@link Source.leaseMs}. */
  readonly leases: boolean;
  /** Shows what a group has without taking it: `browses`. See {@link MessagingDriver.browse}. */
  readonly browses: boolean;
  /** Tells which topics and groups there are: `lists`. See {@link MessagingDriver.list}. */
  readonly lists: boolean;
  /** Takes patterns of topics: `wildcards`. See {@link SubscriptionSpec.topic}. */
  readonly wildcards: boolean;
  /**
   * Delivers what waits by its priority (on RabbitMQ by the option `priorities`): `priority`. See
   * `PublishOptions.priority`, which travels as the header `delivery-priority`.
   */
  readonly priority: boolean;
  /** The longest body in bytes. Null for no limit; longer ones are refused before any I/O. */
  readonly maxMessageBytes: number | null;
}

/** A message as it travels: the attributes of CloudEvents 1.0, and the data as bytes. */
export interface WireMessage {
  readonly id: string;
  readonly topic: string;
  /**
   * For this group alone, which is there. A driver that can store it in one group does so; one that cannot gives
   * it to all, with this attribute, and the core passes over it in the others.
   */
  readonly group?: string | undefined;
  /** With `group`: it is the group of a pattern, which is there. Only where the features say `wildcards`. */
  readonly pattern?: string | undefined;
  /** For those who know its topic, such as a dead letter or a retry: no pattern gets it. Not kept with the message. */
  readonly isInternal?: boolean | undefined;
  /**
   * With `group`, which is then one of retries: it is to be delivered after so many milliseconds, two seconds or more.
   * A driver may deliver it sooner, after a quarter of that at the earliest, and tells what is left:
   * {@link Delivery.leftMs}. Only where the features say `delays`. Not kept with the message.
   */
  readonly delayMs?: number | undefined;
  readonly type: string;
  readonly source: string;
  readonly subject: string | undefined;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Of `body`: `application/json`. */
  readonly contentType: string;
  /** Lower-case names. The core puts correlation and causation here. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Passed with each call: the time that it may take. A dead broker never holds a caller. */
export interface DriverCall {
  /** When the caller stops waiting, by `performance.now()`. */
  readonly deadlineAt: number;
  /**
   * Aborts then, or earlier when the caller gives up. It is made when it is
   * asked for, so who needs no signal pays for none.
   */
  readonly signal: AbortSignal;
}

/**
 * What became of one message of a batch. `stored`: each group has it. `unroutable`: the broker knows
 * no group that wants it. `rejected`: it was not stored, for certain. `indeterminate`: it may have
 * been; the core sends it again under the same id.
 */
export type SendResult =
  | { readonly status: 'stored' | 'unroutable' }
  | { readonly status: 'rejected' | 'indeterminate'; readonly error: unknown };

/** A group's part of a topic. */
export interface SubscriptionSpec {
  /**
   * A name. Where the features say `wildcards` also a pattern, which has segments `*`, for any one, or at its end `#`,
   * for all that follow or none, as in `order.*` and `order.#`: the group gets the messages of all topics that fit,
   * also of those that nobody has published to yet, and each tells its own topic.
   */
  readonly topic: string;
  readonly group: string;
  /**
   * What nobody has to find again when its subscriber is gone: the driver may make it so that the broker removes it
   * an hour after the last `ensure` or `subscribe`; the core calls `ensure` more often. Messages for it name the group.
   */
  readonly isTemporary?: boolean | undefined;
}

/** What a subscriber of a group asks for. */
export interface SourceSpec extends SubscriptionSpec {
  /**
   * How many deliveries are unsettled at once at the most. {@link Source.receive} never asks for more; a broker that
   * pushes takes it for the window of what it sends ahead.
   */
  readonly prefetch: number;
}

/** A message for one subscriber, for a time. */
export interface Delivery {
  /** Names this delivery, and no other one of the same message; settles it. */
  readonly token: unknown;
  readonly message: WireMessage;
  /**
   * 1 for the first delivery; one more after each that failed, or was never settled (its subscriber died), but not
   * after a `release`. Undefined without {@link MessagingFeatures.countsAttempts}.
   */
  readonly attempt: number | undefined;
  /**
   * For a broker that counts how often it took a message back and not why (RabbitMQ's
   * `x-delivery-count`). The core has one that came back often stored anew, tells apart what was given back from what
   * its subscriber died with, and buries the one that must be what kills them. Default: undefined, not known.
   */
  readonly returns?: number | undefined;
  /**
   * What is left of a `delayMs` of which the driver kept a part: the core sends the message again for the rest. This,
   * and no clock of another machine, tells what was waited. Default: undefined, it was sent without.
   */
  readonly leftMs?: number | undefined;
}

/**
 * What to do with a delivery. `ack`: it is done. `release`: it was not tried; deliver it again at once, to anybody.
 * `retry`: it failed; deliver it again, after `delayMs` at the earliest. `postpone`: the same, but it was not tried.
 * These two never come to a driver that lacks `delayedRetry` or `countsAttempts`: there the core stores the message in
 * a topic for retries, and acknowledges it.
 */
export type Settlement =
  | { readonly token: unknown; readonly action: 'ack' | 'release' }
  | { readonly token: unknown; readonly action: 'retry' | 'postpone'; readonly delayMs: number };

/**
 * Whether a settlement counted. `ok`, as far as the driver knows: where a broker confirms none, the message may come
 * again. `stale`: the delivery had expired or its connection is gone; somebody else has the message.
 */
export type SettleResult = 'ok' | 'stale';

/** What a group has. Undefined is what the broker does not tell. */
export interface GroupCount {
  /** Messages that a subscriber would get now. */
  readonly ready: number;
  /** Those that wait for their next try in the broker, and those that it keeps back (`delayMs`). */
  readonly delayed: number | undefined;
  /** Those that are delivered to somebody, and not settled. */
  readonly leased: number | undefined;
}

/** Where one subscriber receives. Dies with its connection: the core opens another. */
export interface Source {
  /**
   * How long a delivery stays with its subscriber unless it is renewed, in
   * milliseconds; null, for as long as the source lives.
   */
  readonly leaseMs: number | null;
  /**
   * At most `max` deliveries, as soon as there is one. May wait, about a second at most where waiting
   * costs the broker, and may answer with none. When the signal aborts it answers soon, and what it
   * does not hand out goes back at once, to anybody.
   */
  receive(max: number, signal: AbortSignal): Promise<Delivery[]>;
  /**
   * Has `tell` called once, when the source dies: who holds as much as it may asks for nothing more, and would not
   * learn of it. For a source without leases; one that has them learns as it renews.
   */
  onEnd?(tell: (error: unknown) => void): void;
  /** In the order of the batch. Settling what was settled before is `stale` and changes nothing. */
  settle(batch: readonly Settlement[]): SettleResult[] | Promise<SettleResult[]>;
  /** Renews leases for another `leaseMs`. Only called where `leaseMs` is not null. */
  renew(tokens: readonly unknown[]): Promise<SettleResult[]>;
  /** Idempotent. What is unsettled goes back, as by `release`, at once. */
  close(): Promise<void>;
}

/** What a driver says about an error that it threw. `unavailable` and `lost` may pass; `refused` will not. */
export type DriverFailure = 'unavailable' | 'lost' | 'refused' | 'other';

/** A broker. Batches answer in the order of what was asked, one entry each; empty batches never arrive. */
export interface MessagingDriver<Client = unknown> {
  /** As in `memory`; stands in errors and telemetry. */
  readonly name: string;
  /** Host and port, for errors, as `localhost:6379`; several with ", " between them. Never a user or a password. */
  readonly address?: string | undefined;
  readonly features: MessagingFeatures;
  /** The native client, for what the portable API does not have. */
  readonly client: Client;
  /** Idempotent. The calls below work without it, by connecting on their own, and again after a connection was lost. */
  connect(call: DriverCall): Promise<void>;
  /** Fails when the broker does not answer. */
  ping(call: DriverCall): Promise<void>;
  /** Idempotent. Closes only what the driver itself has opened. */
  close(): Promise<void>;
  classify(error: unknown): DriverFailure;

  /** Makes topic and group where they are missing. Idempotent; called again for each new source. */
  ensure(spec: SubscriptionSpec, call: DriverCall): Promise<void>;
  /** Without a promise where the answer is known at once: it costs less than the promise. */
  send(batch: readonly WireMessage[], call: DriverCall): SendResult[] | Promise<SendResult[]>;
  subscribe(spec: SourceSpec, call: DriverCall): Promise<Source>;
  /** What a group has; undefined where there is no such group. Makes nothing. */
  count(spec: SubscriptionSpec, call: DriverCall): Promise<GroupCount | undefined>;
  /**
   * The first messages of a group, in its order, and at most `max`. They stay where they are, and nothing counts as a
   * delivery. What somebody has just now may be among them. Only where the features say `browses`.
   */
  browse?(spec: SubscriptionSpec, max: number, call: DriverCall): Promise<WireMessage[]>;
  /** All groups of all topics, in no order. Only where the features say `lists`. */
  list?(call: DriverCall): Promise<SubscriptionSpec[]>;
  /** Removes a group with all that it has. Idempotent; its sources end sooner or later. */
  remove(spec: SubscriptionSpec, call: DriverCall): Promise<void>;
}
