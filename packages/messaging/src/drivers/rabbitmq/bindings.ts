import { pause } from '@ent/internal';
import type { Channel } from 'amqplib';
import type { SubscriptionSpec } from '../../driver.ts';
import { type Link, onChannel } from './link.ts';
import { bindGroup } from './topology.ts';

/** How often bindings are made again. */
const EVERY_MS = 3_000;

/**
 * Keeps queues bound to their topics. Whoever deletes an exchange takes its bindings along, and a consumer is not told:
 * it goes on with a queue that nothing comes to.
 */
export class Bindings {
  readonly #link: Link;
  readonly #specs = new Map<object, SubscriptionSpec>();
  #stop = new AbortController();

  constructor(link: Link) {
    this.#link = link;
  }

  /** From now on, until the function that it answers is called. */
  keep(spec: SubscriptionSpec): () => void {
    const key = {};
    this.#specs.set(key, spec);
    if (this.#specs.size === 1) {
      this.#stop = new AbortController();
      void this.#run(this.#stop.signal);
    }
    return () => {
      this.#specs.delete(key);
      if (this.#specs.size === 0) this.#stop.abort();
    };
  }

  async #run(stop: AbortSignal): Promise<void> {
    for (;;) {
      await rest(stop);
      if (stop.aborted) return;
      const inTime = AbortSignal.timeout(EVERY_MS);
      // Where it fails the connection is lost, or the topic is something else by now: its source finds out by itself.
      await onChannel(this.#link, inTime, (channel) => this.#bind(channel)).catch(() => {});
    }
  }

  async #bind(channel: Channel): Promise<void> {
    for (const spec of this.#specs.values()) await bindGroup(this.#link, channel, spec);
  }
}

/** It does not hold the process: nobody waits for it. */
function rest(stop: AbortSignal): Promise<void> {
  return pause(EVERY_MS, stop, (ms, work) => {
    const timer = setTimeout(work, ms).unref();
    return () => clearTimeout(timer);
  });
}
