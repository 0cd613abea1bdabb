import { type Call, outsideContext } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import { commonOf } from './common.ts';
import { Feed } from './feed.ts';
import type { Figures } from './figures.ts';
import type { SubscriptionSetup } from './setup.ts';
import { Shift } from './shift.ts';

/**
 * A subscription at work: it receives from the topic, and from that of its
 * retries where there is one, until it is closed.
 */
export class RunningSubscription {
  readonly #setup: SubscriptionSetup;
  readonly #feeds: readonly Feed[];
  readonly #stopping = new AbortController();
  readonly #shift = new Shift();
  readonly figures: Figures;
  #ended: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(setup: SubscriptionSetup) {
    this.#setup = setup;
    const common = commonOf(setup);
    this.figures = common.figures;
    const feed = new Feed('topic', common);
    this.#feeds = setup.retries ? [feed, new Feed('retries', common)] : [feed];
  }

  /** Begins, or leaves nothing behind. It outlives who asked for it, a request or a transaction. */
  start(call: Call): Promise<void> {
    return outsideContext(() => this.#start(call));
  }

  async #start(call: Call): Promise<void> {
    try {
      for (const feed of this.#feeds) await call.guard(feed.open(call));
      call.check();
    } catch (error) {
      await Promise.allSettled(this.#feeds.map((feed) => feed.abandon()));
      throw error;
    }
    this.#ended = Promise.all(this.#feeds.map((feed) => feed.run(this.#stopping.signal, this.#shift)));
  }

  get failure(): Error | undefined {
    return this.#feeds.find(({ failure }) => failure !== undefined)?.failure;
  }

  async pause(): Promise<void> {
    this.#shift.pause();
    await Promise.all(this.#feeds.map((feed) => feed.idle()));
  }

  resume(): void {
    this.#shift.resume();
  }

  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const { topic, group, time, brokerTimeoutMs } = this.#setup;
    this.#stopping.abort(messagingErrors.closed(`The subscription of "${group}" to "${topic}" is closing.`));
    const stop = (): void => {
      for (const feed of this.#feeds) feed.stop();
    };
    const cancelStop = time.clock.after(timeoutMs, stop, true);
    await new Promise<void>((resolve, reject) => {
      // A broker that does not answer is not waited for: what it was not told comes back when the connection ends.
      const cancel = time.clock.after(timeoutMs + brokerTimeoutMs, resolve, true);
      this.#ended.then(() => resolve(), reject).finally(cancel);
    });
    cancelStop();
  }
}
