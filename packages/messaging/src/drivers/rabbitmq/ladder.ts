/**
 * Queues that keep messages back. RabbitMQ expires what is at the head of a queue only, so in one queue for waits of
 * all lengths the short ones would come behind the long. Here each queue has one length, and gives what has waited
 * for that to the queue of its group. What is to wait for longer comes through several of them, down the ladder.
 */
import type { Channel } from 'amqplib';
import type { SendResult, SubscriptionSpec } from '../../driver.ts';
import { RETRY_GROUP } from '../../internal/setup.ts';
import { type Link, onChannel, orAborted } from './link.ts';
import type { Settings } from './options.ts';
import type { Sender } from './sender.ts';
import { LEFT, type Parcel, queueOf } from './wire.ts';

/** How long the queues of a ladder may take to be made. */
const MAKING_MS = 10_000;
/** How often is looked for queues that others have made. RabbitMQ logs an error each time, for the one not there. */
const LOOK_MS = 60_000;

/** What is to wait, and where. */
interface Step {
  /** Of the group. */
  readonly queue: string;
  /** Its place in the ladder. */
  readonly at: number;
}

/** The steps of all groups. A step is made when it is first needed, with all that are shorter: they come next. */
export class Ladder {
  readonly #link: Link;
  readonly #settings: Settings;
  readonly #sender: Sender;
  /** By the queue of the group: so many steps are there, the shortest first; and when that was looked at. */
  readonly #there = new Map<string, number>();
  readonly #lookedAt = new Map<string, number>();
  /** Of these a step is missing. */
  readonly #broken = new Set<string>();
  readonly #making = new Map<string, Promise<void>>();

  constructor(link: Link, settings: Settings, sender: Sender) {
    this.#link = link;
    this.#settings = settings;
    this.#sender = sender;
  }

  /** Sends what has a delay into its step. Never rejects, as the sender. */
  async send(parcels: readonly Parcel[], signal: AbortSignal): Promise<SendResult[]> {
    const steps = parcels.map((parcel) => this.#stepOf(parcel));
    try {
      for (const step of steps) if (step) await this.#make(step, signal);
    } catch (error) {
      return parcels.map(() => ({ status: 'rejected', error }));
    }
    const placed = parcels.map((parcel, at) => this.#placed(parcel, steps[at]));
    const results = await this.#sender.send(placed, signal);
    // Somebody has deleted it, or the broker came back without it: it is made anew for the next one.
    for (const [at, { status }] of results.entries())
      if (status === 'unroutable' && steps[at]) this.#broken.add(steps[at].queue);
    return results;
  }

  /** The longest one that is not too long; none for less than the shortest. */
  #stepOf({ route, delayMs = 0 }: Parcel): Step | undefined {
    const at = this.#settings.stepsMs.findLastIndex((ms) => ms <= delayMs);
    return at < 0 ? undefined : { queue: route, at };
  }

  #placed(parcel: Parcel, step: Step | undefined): Parcel {
    const { delayMs = 0 } = parcel;
    const waitMs = step ? this.#settings.stepsMs[step.at]! : 0;
    // Without its priority, by which it would stand out of turn: only what is first expires.
    const { priority: _, ...options } = parcel.options;
    Object.assign(parcel.headers, delayMs > 0 && { [LEFT]: delayMs - waitMs });
    return step ? { ...parcel, route: this.#nameOf(step.queue, step.at), options } : parcel;
  }

  /** No name of a topic or a group has a slash. */
  #nameOf(queue: string, at: number): string {
    return `${queue}/${this.#settings.stepsMs[at]! / 1000}s`;
  }

  async #make({ queue, at }: Step, signal: AbortSignal): Promise<void> {
    if ((this.#there.get(queue) ?? 0) > at && !this.#broken.has(queue)) return;
    const name = this.#nameOf(queue, at);
    // Many ask for it at once, and one who gives up does not end it for the others.
    const making = this.#making.get(name) ?? this.#makeUpTo(queue, at).finally(() => this.#making.delete(name));
    this.#making.set(name, making);
    await orAborted(making, signal);
  }

  #makeUpTo(queue: string, at: number): Promise<void> {
    const count = Math.max(at + 1, this.#there.get(queue) ?? 0);
    this.#broken.delete(queue);
    return onChannel(this.#link, AbortSignal.timeout(MAKING_MS), async (channel) => {
      for (let each = 0; each < count; each++)
        await channel.assertQueue(this.#nameOf(queue, each), { arguments: this.#argumentsOf(queue, each) });
      this.#there.set(queue, Math.max(count, this.#there.get(queue) ?? 0));
    });
  }

  /** Never with `x-expires`: it drops a queue with all that waits in it. */
  #argumentsOf(queue: string, at: number): Record<string, unknown> {
    const common = {
      'x-message-ttl': this.#settings.stepsMs[at]!,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': queue,
    };
    if (this.#settings.queues === 'classic') return { 'x-queue-type': 'classic', ...common };
    // It lets go of a message when the other queue has confirmed it; that is to be had with this overflow only.
    const safely = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };
    return { 'x-queue-type': 'quorum', ...common, ...safely };
  }

  /** How many messages are kept back for a group; undefined where there is no step for it, as far as is known. */
  async count(spec: SubscriptionSpec, signal: AbortSignal): Promise<number | undefined> {
    const queue = queueOf(spec);
    const known = this.#there.get(queue) ?? 0;
    const looks = performance.now() - (this.#lookedAt.get(queue) ?? -Infinity) >= LOOK_MS;
    const most = looks ? this.#settings.stepsMs.length : known;
    if (spec.group !== RETRY_GROUP || most === 0) return undefined;
    this.#lookedAt.set(queue, performance.now());
    let [at, there, waiting] = [0, 0, 0];
    const countOn = async (channel: Channel): Promise<void> => {
      for (; at < most; there = ++at) waiting += (await channel.checkQueue(this.#nameOf(queue, at))).messageCount;
    };
    for (; at < most; at++) {
      try {
        await onChannel(this.#link, signal, countOn);
      } catch (error) {
        if ((error as { code?: unknown } | undefined)?.code !== 404) throw error;
        // Of those that are known somebody has deleted it; else it is the end of the ladder.
        if (at >= known) break;
      }
    }
    // Unless some were made meanwhile.
    if ((this.#there.get(queue) ?? 0) === known) this.#there.set(queue, there);
    return there === 0 ? undefined : waiting;
  }

  /** Before the queue of the group, to which they give what they have. */
  async remove(spec: SubscriptionSpec, signal: AbortSignal): Promise<void> {
    if (spec.group !== RETRY_GROUP) return;
    const queue = queueOf(spec);
    this.#there.delete(queue);
    await onChannel(this.#link, signal, async (channel) => {
      // One that is not there is no error.
      for (const at of this.#settings.stepsMs.keys()) await channel.deleteQueue(this.#nameOf(queue, at));
    });
  }
}
