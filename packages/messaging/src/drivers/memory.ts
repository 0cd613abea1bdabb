/**
 * A broker in this process: for tests, and for a service of one process that may lose its messages when it stops.
 *
 * It behaves as the others do where that matters: messages are copied when they are sent, nothing is delivered inside the
 * call that published, each delivery has a lease, and what is not settled comes back.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  Delivery,
  MessagingDriver,
  MessagingFeatures,
  SendResult,
  Settlement,
  SettleResult,
  Source,
  SubscriptionSpec,
  WireMessage,
} from '../driver.ts';
import { countOption, durationOption } from '../internal/backoff.ts';
import { systemClock } from '../internal/clock.ts';
import { createFaults, type Faults } from '../internal/faults.ts';
import { createQueue, type Queue, type Taken } from '../internal/queue.ts';
import type { Clock, Duration } from '../options.ts';

export type { Faults } from '../internal/faults.ts';

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

const features = {
  durability: 'memory',
  shared: false,
  ordered: true,
  delayedRetry: true,
  countsAttempts: true,
  maxMessageBytes: null,
} as const satisfies MessagingFeatures;

/**
 * The in-process driver.
 *
 * @throws `messaging.invalid_options`
 */
export function memory(
  options: MemoryOptions = {},
): MessagingDriver<MemoryBroker> & { readonly features: typeof features } {
  const { clock = systemClock } = options;
  const leaseMs = durationOption(options.lease ?? '30s', 'lease');
  const maxQueued = countOption(options.maxQueued ?? 100_000, 'maxQueued', 1);
  const faults = createFaults(options.faults);
  const topics = new Map<string, Map<string, Queue>>();
  /** For each open source, what breaks its connection. */
  const connections = new Set<() => void>();
  let closed = false;

  const demandOpen = (): void => {
    if (closed) throw new BrokerError('closed', 'The broker is closed.');
  };

  const queueOf = ({ topic, group }: SubscriptionSpec): Queue => {
    const groups = topics.get(topic) ?? new Map<string, Queue>();
    topics.set(topic, groups);
    const queue = groups.get(group) ?? createQueue(clock, leaseMs);
    groups.set(group, queue);
    return queue;
  };

  const store = (message: WireMessage): SendResult => {
    const queues = [...(topics.get(message.topic)?.values() ?? [])];
    if (queues.length === 0) return { status: 'unroutable' };
    // All groups or none, as a broker that confirms once for all would.
    if (queues.some((queue) => queue.ready + queue.delayed >= maxQueued)) {
      return { status: 'rejected', error: new BrokerError('full', `A group has ${maxQueued} messages waiting.`) };
    }
    const copy: WireMessage = Object.freeze({
      ...message,
      headers: Object.freeze({ ...message.headers }),
      body: message.body.slice(),
    });
    for (const queue of queues) {
      queue.add(copy, faults.reorder() ? 1 : 0);
      if (faults.duplicate()) queue.add(copy, 0);
    }
    return { status: 'stored' };
  };

  const send = (message: WireMessage): SendResult => {
    if (faults.loseSend())
      return { status: 'indeterminate', error: new BrokerError('lost', 'The connection was lost.') };
    const result = store(message);
    if (faults.loseConfirm())
      return { status: 'indeterminate', error: new BrokerError('lost', 'The connection was lost.') };
    return result;
  };

  return {
    name: 'memory',
    features,
    client: {
      count(topic, group) {
        const queue = topics.get(topic)?.get(group);
        return queue && { ready: queue.ready, delayed: queue.delayed, leased: queue.leased };
      },
      disconnect() {
        for (const cut of connections) cut();
      },
    },
    async ensure(spec) {
      demandOpen();
      queueOf(spec);
    },
    async send(batch, { signal }) {
      signal.throwIfAborted();
      demandOpen();
      return batch.map(send);
    },
    async open(spec) {
      demandOpen();
      return openSource(queueOf(spec));
    },
    async ping() {
      demandOpen();
    },
    async close() {
      closed = true;
      for (const cut of connections) cut();
    },
    classify(error) {
      if (!(error instanceof BrokerError)) return 'other';
      return error.kind === 'lost' ? 'lost' : error.kind === 'closed' ? 'unavailable' : 'refused';
    },
  };

  function openSource(queue: Queue): Source {
    const taken = new Set<Taken>();
    const gone = new AbortController();

    const end = (giveBack: (one: Taken) => unknown): void => {
      connections.delete(cut);
      gone.abort();
      for (const one of taken) giveBack(one);
      taken.clear();
    };
    // Whoever lost its connection may have died of a message: that counts as an attempt.
    const cut = (): void => end((one) => queue.retry(one, 0));
    connections.add(cut);

    const settleOne = (settlement: Settlement): SettleResult => {
      const one = settlement.token as Taken;
      if (!taken.delete(one)) return 'stale';
      // Lost on the way: the subscriber believes it, the broker does not know.
      if (faults.loseSettle()) return 'ok';
      if (settlement.action === 'retry') return queue.retry(one, settlement.delayMs);
      return settlement.action === 'ack' ? queue.remove(one) : queue.release(one);
    };

    const alive = (): void => {
      if (gone.signal.aborted) throw new BrokerError('lost', 'The connection was lost.');
    };

    return {
      leaseMs,
      async receive(max, signal) {
        alive();
        if (faults.disconnect()) cut();
        await queue.arrival(signal, gone.signal);
        // Never inside the call that published, nor in its turn of the event loop.
        await nextTurn();
        if (signal.aborted || gone.signal.aborted) {
          queue.wakeNext();
          alive();
          return [];
        }
        return queue.take(max).map((one): Delivery => {
          taken.add(one);
          return { token: one, message: one.message, attempt: one.attempt };
        });
      },
      async settle(batch) {
        return batch.map(settleOne);
      },
      async renew(tokens) {
        return tokens.map((token) => (taken.has(token as Taken) ? queue.renew(token as Taken) : 'stale'));
      },
      async close() {
        end((one) => queue.release(one));
      },
    };
  }
}

/** What a broker's client library would throw. */
class BrokerError extends Error {
  readonly kind: 'closed' | 'lost' | 'full';
  constructor(kind: BrokerError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

export { features as memoryFeatures };
