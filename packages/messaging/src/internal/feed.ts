import type { DriverCall } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { withCall } from './call.ts';
import { pause } from './clock.ts';
import type { Hands } from './hands.ts';
import { Receiver, windowOf } from './receiver.ts';
import type { SubscriptionSetup } from './setup.ts';
import type { Unburied } from './unburied.ts';

/**
 * What a subscription receives from one topic, through one source after the
 * other: each that dies is replaced, without end.
 */
export class Feed {
  readonly #from: 'topic' | 'retries';
  readonly #setup: SubscriptionSetup;
  readonly #hands: Hands;
  readonly #unburied: Unburied;
  #receiver: Receiver | undefined;

  constructor(from: 'topic' | 'retries', setup: SubscriptionSetup, hands: Hands, unburied: Unburied) {
    this.#from = from;
    this.#unburied = unburied;
    this.#setup = setup;
    this.#hands = hands;
  }

  /** Opens the first source: a broker that cannot be reached, or does not allow it, is told to the caller. */
  async open(call: DriverCall): Promise<void> {
    this.#receiver = await this.#subscribe(call);
  }

  /** Receives until the signal aborts, then ends in order. */
  async run(stop: AbortSignal): Promise<void> {
    const { driver, brokerTimeoutMs, time } = this.#setup;
    const timeout = (): Error => messagingErrors.timeout(`${driver.name} did not answer within ${brokerTimeoutMs} ms.`);
    for (let failures = 0; this.#receiver !== undefined || !stop.aborted; ) {
      try {
        this.#receiver ??= await withCall(brokerTimeoutMs, timeout, stop, (call) => this.#subscribe(call));
        await this.#receiver.receive(stop);
        await this.#receiver.drain();
        return;
      } catch {
        // Whatever it had given out is not ours any more: the broker gives it to the next one.
        this.#receiver?.stop('lost');
        if (this.#receiver?.isProven) failures = 0;
        this.#receiver = undefined;
        await pause(time.clock, time.resubscribe(++failures), stop);
      }
    }
  }

  /** Aborts the handlers that still run. */
  stop(): void {
    this.#receiver?.stop('released');
  }

  /** Ends what was only opened. */
  async abandon(): Promise<void> {
    await this.#receiver?.drain();
  }

  /** Topology is made again with each source: somebody may have deleted it, or a broker come back without it. */
  async #subscribe(call: DriverCall): Promise<Receiver> {
    const { driver, topic, group, deadLetter, retries } = this.#setup;
    const spec = this.#from === 'retries' && retries ? retries : { topic, group };
    if (this.#from === 'topic') await driver.ensure(deadLetter, call);
    await driver.ensure(spec, call);
    const source = await driver.subscribe({ ...spec, prefetch: windowOf(this.#setup, this.#from) }, call);
    if (!call.signal.aborted) return new Receiver(source, this.#from, this.#setup, this.#hands, this.#unburied);
    // Too late: nobody waits for it any more, and nobody would ever close it.
    await source.close();
    throw call.signal.reason;
  }
}
