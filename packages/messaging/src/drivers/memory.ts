/**
 * A broker in this process: for tests, and for a service of one process that may lose its messages when it stops.
 *
 * It behaves as the others do where that matters: messages are copied when they are sent, nothing is
 * delivered inside the call that published, each delivery has a lease, and what is not settled comes
 * back. The native client shows what is inside.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { refuseUnknown } from '@ent/internal';
import type {
  Delivery,
  DriverFailure,
  MessagingDriver,
  MessagingFeatures,
  SendResult,
  Settlement,
  SettleResult,
  Source,
  SubscriptionSpec,
  WireMessage,
} from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { countOption, durationOption } from '../internal/checks.ts';
import { systemClock } from '../internal/clock.ts';
import { createFaults, type FaultDice, type Faults } from '../internal/faults.ts';
import { isPattern, matcherOf } from '../internal/patterns.ts';
import { Queue, type Taken } from '../internal/queue.ts';
import type { Clock, Duration } from '../options.ts';

export type { Faults } from '../internal/faults.ts';

/** The features of {@link memory}. */
export const memoryFeatures = {
  durability: 'memory',
  shared: false,
  ordered: true,
  delayedRetry: true,
  countsAttempts: true,
  delays: false,
  leases: true,
  browses: true,
  lists: true,
  wildcards: true,
  priority: true,
  maxMessageBytes: null,
} as const satisfies MessagingFeatures;

/** Options of {@link memory}. */
export interface MemoryOptions {
  /** How long a delivery stays with its subscriber unless it is renewed. Default `"30s"`. */
  readonly lease?: Duration;
  /** How many messages one group may have waiting; more are refused, as by a full broker. Default 100,000. */
  readonly maxQueued?: number;
  /** For tests. Default: the system's. */
  readonly clock?: Clock;
  /** For tests: what goes wrong, and how often. Default: nothing. */
  readonly faults?: Faults;
}

/** What `driver.client` shows of the broker inside, for tests and curiosity. */
export interface MemoryBroker {
  /** How many messages a group has: ready, delayed, and delivered but not settled. Undefined for no such group. */
  count(topic: string, group: string): { ready: number; delayed: number; leased: number } | undefined;
  /** Breaks all connections, as a restart of a broker would: sources die, what they had given out comes back. */
  disconnect(): void;
}

const MEMORY_OPTIONS = { lease: true, maxQueued: true, clock: true, faults: true } as const;
const FAULTS = {
  seed: true,
  loseSend: true,
  loseConfirm: true,
  duplicate: true,
  reorder: true,
  loseSettle: true,
  disconnect: true,
} as const;

/**
 * The in-process driver.
 *
 * @throws `messaging.invalid_options`
 *
 * @example
 * ```ts
 * import { createMessaging } from '@ent/messaging';
 * import { memory } from '@ent/messaging/memory';
 *
 * const messaging = createMessaging({ driver: memory({ lease: '10s' }) });
 * await messaging.close();
 * ```
 */
export function memory(
  options: MemoryOptions = {},
): MessagingDriver<MemoryBroker> & { readonly features: typeof memoryFeatures } {
  refuseUnknown(options, MEMORY_OPTIONS, 'memory', messagingErrors.invalid_options);
  refuseUnknown(options.faults ?? { seed: 0 }, FAULTS, 'memory: faults', messagingErrors.invalid_options);
  const { clock = systemClock } = options;
  const leaseMs = durationOption(options.lease ?? '30s', 'lease');
  const maxQueued = countOption(options.maxQueued ?? 100_000, 'maxQueued', 1);
  const faults = createFaults(options.faults);
  const topics = new Map<string, Map<string, Queue>>();
  /** Of those of the topics that are patterns. */
  const patterns = new Map<string, (topic: string) => boolean>();
  const sources = new Set<MemorySource>();
  let closed = false;

  const demandOpen = (): void => {
    if (closed) throw new BrokerError('closed', 'The broker is closed.');
  };

  const queueOf = ({ topic, group }: SubscriptionSpec): Queue => {
    const groups = topics.get(topic) ?? new Map<string, Queue>();
    topics.set(topic, groups);
    if (isPattern(topic) && !patterns.has(topic)) patterns.set(topic, matcherOf(topic));
    const queue = groups.get(group) ?? new Queue(clock, leaseMs);
    groups.set(group, queue);
    return queue;
  };

  /** Those of the patterns that fit. */
  const fitting = (topic: string): Queue[] =>
    [...patterns].flatMap(([pattern, fits]) => (fits(topic) ? [...topics.get(pattern)!.values()] : []));

  const store = (message: WireMessage): SendResult => {
    const groups = topics.get(message.pattern ?? message.topic);
    const queues = message.group === undefined ? [...(groups?.values() ?? [])] : only(groups, message.group);
    if (patterns.size > 0 && message.group === undefined && !message.isInternal) queues.push(...fitting(message.topic));
    if (queues.length === 0) return { status: 'unroutable' };
    // All groups or none, as a broker that confirms once for all would.
    for (const queue of queues) {
      if (queue.ready + queue.delayed < maxQueued) continue;
      return { status: 'rejected', error: new BrokerError('full', `A group has ${maxQueued} messages waiting.`) };
    }
    // The sender may change what it has sent, and a handler what it gets.
    const { id, topic, type, source, subject, time, contentType } = message;
    const headers = Object.freeze({ ...message.headers });
    const body = Buffer.from(message.body);
    const copy = Object.freeze({ id, topic, type, source, subject, time, contentType, headers, body });
    for (const queue of queues) {
      queue.add(copy, faults.reorder() ? 1 : 0);
      if (faults.duplicate()) queue.add(copy, 0);
    }
    return STORED;
  };

  return {
    name: 'memory',
    features: memoryFeatures,
    client: {
      count(topic, group) {
        const queue = topics.get(topic)?.get(group);
        return queue && { ready: queue.ready, delayed: queue.delayed, leased: queue.leased };
      },
      disconnect() {
        for (const source of sources) source.cut();
      },
    },
    async connect() {
      demandOpen();
    },
    async ping() {
      demandOpen();
    },
    async close() {
      closed = true;
      for (const source of sources) source.cut();
    },
    classify: (error) => (error instanceof BrokerError ? FAILURES[error.kind] : 'other'),

    async ensure(spec) {
      demandOpen();
      queueOf(spec);
    },
    send(batch) {
      demandOpen();
      return batch.map((message) => {
        if (faults.loseSend()) return lost();
        const result = store(message);
        return faults.loseConfirm() ? lost() : result;
      });
    },
    async subscribe(spec) {
      demandOpen();
      const source = new MemorySource(queueOf(spec), leaseMs, faults, () => sources.delete(source));
      sources.add(source);
      return source;
    },
    async count({ topic, group }) {
      demandOpen();
      const queue = topics.get(topic)?.get(group);
      return queue && { ready: queue.ready, delayed: queue.delayed, leased: queue.leased };
    },
    async browse({ topic, group }, max) {
      demandOpen();
      return topics.get(topic)?.get(group)?.first(max) ?? [];
    },
    async list() {
      demandOpen();
      return [...topics].flatMap(([topic, groups]) => [...groups.keys()].map((group) => ({ topic, group })));
    },
    async remove({ topic, group }) {
      demandOpen();
      const queue = topics.get(topic)?.get(group);
      topics.get(topic)?.delete(group);
      for (const source of sources) if (source.isOf(queue)) source.cut();
    },
  };
}

function only(groups: ReadonlyMap<string, Queue> | undefined, group: string): Queue[] {
  const queue = groups?.get(group);
  return queue === undefined ? [] : [queue];
}

class MemorySource implements Source {
  readonly leaseMs: number;
  readonly #queue: Queue;
  readonly #faults: FaultDice;
  readonly #onEnd: () => void;
  readonly #taken = new Set<Taken>();
  readonly #gone = new AbortController();

  constructor(queue: Queue, leaseMs: number, faults: FaultDice, onEnd: () => void) {
    this.#queue = queue;
    this.leaseMs = leaseMs;
    this.#faults = faults;
    this.#onEnd = onEnd;
  }

  async receive(max: number, signal: AbortSignal): Promise<Delivery[]> {
    this.#demandAlive();
    if (this.#faults.disconnect()) this.cut();
    await this.#queue.arrival(signal, this.#gone.signal);
    // Never inside the call that published, nor in its turn of the event loop.
    await nextTurn();
    if (signal.aborted || this.#gone.signal.aborted) {
      this.#queue.wakeNext();
      this.#demandAlive();
      return [];
    }
    return this.#queue.take(max).map((one): Delivery => {
      this.#taken.add(one);
      return { token: one, message: one.entry.message, attempt: one.entry.attempt };
    });
  }

  settle(batch: readonly Settlement[]): SettleResult[] {
    return batch.map((settlement) => this.#settleOne(settlement));
  }

  async renew(tokens: readonly unknown[]): Promise<SettleResult[]> {
    return (tokens as readonly Taken[]).map((one) => {
      if (this.#taken.has(one) && this.#queue.renew(one) === 'ok') return 'ok';
      this.#taken.delete(one);
      return 'stale';
    });
  }

  async close(): Promise<void> {
    this.#end((one) => this.#queue.release(one));
  }

  isOf(queue: Queue | undefined): boolean {
    return queue === this.#queue;
  }

  /** The connection breaks. Whoever lost it may have died of a message: that counts as an attempt. */
  cut(): void {
    this.#end((one) => this.#queue.retry(one, 0));
  }

  #end(giveBack: (one: Taken) => unknown): void {
    this.#onEnd();
    this.#gone.abort();
    for (const one of this.#taken) giveBack(one);
    this.#taken.clear();
  }

  #settleOne(settlement: Settlement): SettleResult {
    const one = settlement.token as Taken;
    if (!this.#taken.delete(one)) return 'stale';
    // Lost on the way: the subscriber believes it, the broker does not know.
    if (this.#faults.loseSettle()) return 'ok';
    const { action } = settlement;
    if (action === 'retry' || action === 'postpone')
      return this.#queue.retry(one, settlement.delayMs, action === 'retry');
    return action === 'ack' ? this.#queue.remove(one) : this.#queue.release(one);
  }

  #demandAlive(): void {
    if (this.#gone.signal.aborted) throw new BrokerError('lost', 'The connection was lost.');
  }
}

const STORED: SendResult = Object.freeze({ status: 'stored' });

/** What a broker's client library would throw. */
class BrokerError extends Error {
  readonly kind: 'closed' | 'lost' | 'full';

  constructor(kind: BrokerError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

const FAILURES = { closed: 'unavailable', lost: 'lost', full: 'refused' } as const satisfies Record<
  BrokerError['kind'],
  DriverFailure
>;

function lost(): SendResult {
  return { status: 'indeterminate', error: new BrokerError('lost', 'The connection was lost.') };
}
