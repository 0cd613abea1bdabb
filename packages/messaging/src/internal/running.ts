import { EntError } from '@ent/errors';
import { type Call, outsideContext } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import { pause } from './clock.ts';
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
  start(call: Call, closing?: AbortSignal): Promise<void> {
    return outsideContext(() => this.#start(call, closing));
  }

  /** A broker that is away is tried until the time is up; what it refuses is told at once. */
  async #start(call: Call, closing: AbortSignal | undefined): Promise<void> {
    const { clock, resend } = this.#setup.time;
    for (let tries = 1; ; tries++) {
      try {
        await this.#open(call);
        break;
      } catch (error) {
        const waitMs = resend(tries);
        if (!this.#isAway(error) || performance.now() + waitMs >= call.deadlineAt) throw error;
        this.#feeds[0]?.tell(error);
        await pause(clock, waitMs, closing ? AbortSignal.any([call.signal, closing]) : call.signal);
        call.check();
        if (closing?.aborted) throw error;
      }
    }
    this.#ended = Promise.all(this.#feeds.map((feed) => feed.run(this.#stopping.signal, this.#shift)));
  }

  async #open(call: Call): Promise<void> {
    try {
      for (const feed of this.#feeds) await call.guard(feed.open(call));
      call.check();
    } catch (error) {
      await Promise.allSettled(this.#feeds.map((feed) => feed.abandon()));
      throw error;
    }
  }

  #isAway(error: unknown): boolean {
    // Of ours are the reasons for which the call is over.
    if (EntError.is(error)) return false;
    const failure = this.#setup.driver.classify(error);
    return failure === 'unavailable' || failure === 'lost';
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
