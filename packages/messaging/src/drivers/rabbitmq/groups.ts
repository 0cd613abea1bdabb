import { pause } from '@ent/internal';
import type { Channel } from 'amqplib';
import type { SubscriptionSpec } from '../../driver.ts';
import { RabbitmqError } from './failures.ts';
import { type Link, onChannel } from './link.ts';
import type { Settings } from './options.ts';
import { bindGroup } from './topology.ts';
import { queueOf } from './wire.ts';

/** How often bindings are made again. */
const EVERY_MS = 3_000;
/** How long a queue that was deleted stays so: 3.10.8 tells its consumers after about 40 ms. */
const GONE_MS = 500;

const MOST_PRIORITY = 9;

/**
 * Far above what any message reaches. With a limit, whatever its height, what is returned keeps its place in a quorum
 * queue; without one it goes to the end in 3.x, and 4.x drops what came back 20 times.
 */
const DELIVERY_LIMIT = 1_000_000_000;

/** Durable, since RabbitMQ 4.3 has no transient queues that are not exclusive; removed when unused for an hour. */
const TEMPORARY = { 'x-queue-type': 'classic', 'x-expires': 3_600_000 };

/** The queue of a source that lives. */
interface Consumed {
  readonly spec: SubscriptionSpec;
  readonly end: (error: Error) => void;
}

/** The queues of groups: makes them, and keeps those that are consumed bound to their topics. */
export class Groups {
  readonly #link: Link;
  readonly #settings: Settings;
  /** Quorum queues that were there. */
  readonly #made = new Set<string>();
  readonly #consumed = new Set<Consumed>();
  #stop = new AbortController();

  constructor(link: Link, settings: Settings) {
    this.#link = link;
    this.#settings = settings;
  }

  /** Makes a queue where it is missing, and binds it. */
  async make(spec: SubscriptionSpec, signal: AbortSignal): Promise<void> {
    const queue = queueOf(spec);
    if (this.#made.has(queue) && (await this.count(spec, signal)) === undefined) await this.#leaveGone(queue, signal);
    await onChannel(this.#link, signal, async (channel) => {
      // Replies come by the default exchange.
      if (spec.isTemporary) return void (await channel.assertQueue(queue, { arguments: TEMPORARY }));
      await channel.assertQueue(queue, { arguments: argumentsOf(this.#settings) });
      await bindGroup(this.#link, channel, spec);
    }).catch((error: unknown) => {
      throw explained(error, spec, this.#settings);
    });
    if (this.#settings.queues === 'quorum' && !spec.isTemporary) this.#made.add(queue);
  }

  /** How many messages its queue has ready; undefined where there is none. */
  async count(spec: SubscriptionSpec, signal: AbortSignal): Promise<number | undefined> {
    try {
      return (await onChannel(this.#link, signal, (channel) => channel.checkQueue(queueOf(spec)))).messageCount;
    } catch (error) {
      if ((error as { code?: unknown } | undefined)?.code === 404) return undefined;
      throw error;
    }
  }

  async remove(spec: SubscriptionSpec, signal: AbortSignal): Promise<void> {
    this.#made.delete(queueOf(spec));
    await onChannel(this.#link, signal, (channel) => channel.deleteQueue(queueOf(spec)));
  }

  /**
   * Somebody has deleted it. RabbitMQ 3.x tells that to a consumer only after another look for a queue of that name: a
   * quorum queue that is there again by then counts it, and gives it messages, none of which ever reaches it (4.0 tells
   * it in any case). So all consumers, of all processes, get the time to be told, and those of this one are ended.
   */
  async #leaveGone(queue: string, signal: AbortSignal): Promise<void> {
    const error = new RabbitmqError('lost', 'Its queue was deleted.');
    for (const { spec, end } of this.#consumed) if (queueOf(spec) === queue) end(error);
    await pause(GONE_MS, signal);
  }

  /**
   * Keeps the queue of a source bound, until the function that it answers is called. Whoever deletes an exchange takes
   * its bindings along, and a consumer is not told: it goes on with a queue that nothing comes to.
   *
   * @param end ends the source
   */
  keep(spec: SubscriptionSpec, end: (error: Error) => void): () => void {
    const consumed = { spec, end };
    this.#consumed.add(consumed);
    if (this.#consumed.size === 1) {
      this.#stop = new AbortController();
      void this.#bindAgain(this.#stop.signal);
    }
    return () => {
      this.#consumed.delete(consumed);
      if (this.#consumed.size === 0) this.#stop.abort();
    };
  }

  async #bindAgain(stop: AbortSignal): Promise<void> {
    for (;;) {
      await rest(stop);
      if (stop.aborted) return;
      await this.#bindAll(AbortSignal.timeout(EVERY_MS));
    }
  }

  /** One that fails takes its channel along, and not those behind it; they go on with another. */
  async #bindAll(inTime: AbortSignal): Promise<void> {
    const specs = [...this.#consumed].map(({ spec }) => spec);
    const bind = async (channel: Channel): Promise<void> => {
      for (let spec = specs.shift(); spec; spec = specs.shift()) await bindGroup(this.#link, channel, spec);
    };
    for (let left = Infinity; specs.length > 0 && specs.length < left; ) {
      left = specs.length;
      // Where it fails the connection is lost, or the topic is something else by now: its source finds out by itself.
      await onChannel(this.#link, inTime, bind).catch(() => {});
    }
  }
}

/** It does not hold the process: nobody waits for it. */
function rest(stop: AbortSignal): Promise<void> {
  return pause(EVERY_MS, stop, (ms, work) => {
    const timer = setTimeout(work, ms).unref();
    return () => clearTimeout(timer);
  });
}

function argumentsOf({ queues, priorities }: Settings): Record<string, unknown> {
  if (queues === 'quorum') return { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT };
  return { 'x-queue-type': 'classic', ...(priorities && { 'x-max-priority': MOST_PRIORITY }) };
}

/** What is there and differs is never deleted: somebody's messages are in it. */
function explained(error: unknown, { topic, group }: SubscriptionSpec, { queues }: Settings): unknown {
  if ((error as { code?: unknown } | undefined)?.code !== 406) return error;
  const differs = /inequivalent arg[^"]*/.exec(String((error as Error).message))?.[0] ?? 'its arguments differ';
  return new RabbitmqError(
    'refused',
    `"${topic}" or its queue for "${group}" exists, but not as ${queues} queues are made: ${differs.trim()}. Change "queues", or delete it when it is empty.`,
    error,
  );
}
