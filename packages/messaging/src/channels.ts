import { channel, type TracingChannel } from 'node:diagnostics_channel';
import { operationChannel } from '@ent/internal';
import type { ProcessOutcome } from './message.ts';
import type { GroupStats } from './subscription.ts';

/** Published while messages are sent (`ent:messaging:publish`). */
export interface PublishOperation {
  /** The driver's name: `messaging.system` of OpenTelemetry. `outbox` for what is stored in one, to be sent later. */
  readonly driver: string;
  readonly topic: string;
  /**
   * The messages, before they are sent. A subscriber of `start` may add headers, `traceparent` for example. Ids are for
   * spans: as a label of a metric they would be without bound.
   */
  readonly messages: readonly { readonly id: string; readonly headers: Record<string, string> }[];
  /** Set when it ended: `stored`, `unroutable` (nobody listens), `failed`. */
  outcome?: 'stored' | 'unroutable' | 'failed';
  /** Set where it failed, for `error` and `asyncEnd`. */
  error?: unknown;
}

/** Published around each try of a message (`ent:messaging:process`). */
export interface ProcessOperation {
  readonly driver: string;
  readonly topic: string;
  readonly group: string;
  /** For spans, as above. */
  readonly messageId: string;
  /** Those of the message: a subscriber finds the publisher's `traceparent` here. */
  readonly headers: Readonly<Record<string, string>>;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Set when it ended; says what becomes of the message. */
  outcome?: ProcessOutcome;
  /** Why the try failed, for `error` and `asyncEnd`: what the handler threw, for example. */
  error?: unknown;
}

/** Published while a handler of `subscribeMany` runs (`ent:messaging:batch`), beside `process` for each message. */
export interface BatchOperation {
  readonly driver: string;
  readonly topic: string;
  readonly group: string;
  /** For the links of a span, as above. */
  readonly messages: readonly { readonly id: string; readonly headers: Readonly<Record<string, string>> }[];
  /** What the handler threw, for `error` and `asyncEnd`. */
  error?: unknown;
}

/** Published while a relay reads and sends a batch of an outbox (`ent:messaging:relay`). */
export interface RelayOperation {
  readonly driver: string;
  /** How many messages were due before it, and how long ago the oldest of those that it sends was published. */
  due?: number;
  lagMs?: number;
  /** Those that it tried to send. Each has the `traceparent` that its publisher was given: for the links of a span. */
  readonly messages: { readonly id: string; readonly topic: string; readonly headers: Record<string, string> }[];
  stored: number;
  /** Done, since nobody listens. */
  unroutable: number;
  /** Refused, and tried again later; also those whose topic has lost its group a moment ago. */
  postponed: number;
  /** Refused too often: those that are not tried any more. */
  readonly parked: { readonly id: string; readonly topic: string; readonly code: string }[];
  /** Nothing got through: the code of the first error. All is tried again. */
  trouble?: string;
  /** Set where the outbox could not be read, for `error` and `asyncEnd`. */
  error?: unknown;
}

/**
 * A subscription that cannot receive just now, and tries again (`ent:messaging:receive`); only `error` is published,
 * once for each try that failed.
 */
export interface ReceiveOperation {
  readonly driver: string;
  readonly topic: string;
  readonly group: string;
  error?: unknown;
}

/** A hook that failed without harm to the message (`ent:messaging:hook`); only `error` is published. */
export interface HookOperation {
  readonly middleware: string;
  readonly hook: 'done';
  error?: unknown;
}

/** The group of a running subscription. */
export interface GroupReport {
  readonly driver: string;
  readonly topic: string;
  readonly group: string;
  /** Asks the broker how far it is; undefined where there is no such group any more. Rejects as `messaging.stats`. */
  stats(): Promise<GroupStats | undefined>;
}

/** Payload of {@link groupsChannel}. */
export interface GroupsQuestion {
  /** Called for each running subscription, before `publish` returns. */
  add(report: GroupReport): void;
}

/**
 * `ent:messaging:groups`: the other way round, who wants to know which groups there are in this process, and how far
 * they are, publishes a {@link GroupsQuestion}.
 *
 * @example
 * ```ts
 * import { type GroupReport, groupsChannel, type GroupsQuestion } from '@ent/messaging';
 *
 * const groups: GroupReport[] = [];
 * groupsChannel.publish({ add: (group) => groups.push(group) } satisfies GroupsQuestion);
 * for (const { topic, group, stats } of groups) console.log(topic, group, (await stats())?.ready);
 * ```
 */
export const groupsChannel = channel('ent:messaging:groups');

/** The channels of this package; subscribe with `channels.process.subscribe({ start, asyncEnd, error, ... })`. */
export const channels: {
  readonly publish: TracingChannel<PublishOperation, PublishOperation>;
  readonly process: TracingChannel<ProcessOperation, ProcessOperation>;
  readonly batch: TracingChannel<BatchOperation, BatchOperation>;
  readonly relay: TracingChannel<RelayOperation, RelayOperation>;
  readonly receive: TracingChannel<ReceiveOperation, ReceiveOperation>;
  readonly hook: TracingChannel<HookOperation, HookOperation>;
} = {
  publish: operationChannel<PublishOperation>('messaging', 'publish'),
  process: operationChannel<ProcessOperation>('messaging', 'process'),
  batch: operationChannel<BatchOperation>('messaging', 'batch'),
  relay: operationChannel<RelayOperation>('messaging', 'relay'),
  receive: operationChannel<ReceiveOperation>('messaging', 'receive'),
  hook: operationChannel<HookOperation>('messaging', 'hook'),
};
