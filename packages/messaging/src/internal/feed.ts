import { EntError } from '@ent/errors';
import { channels } from '../channels.ts';
import type { DriverCall } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { withCall } from './call.ts';
import { pause } from './clock.ts';
import type { Common } from './common.ts';
import { Receiver, windowOf } from './receiver.ts';
import { brokerAt, wrap } from './send.ts';
import type { SubscriptionSetup } from './setup.ts';
import type { Shift } from './shift.ts';

/**
 * What a subscription receives from one topic, through one source after the
 * other: each that dies is replaced, without end.
 */
export class Feed {
  readonly #from: 'topic' | 'retries';
  readonly #common: Common;
  readonly #setup: SubscriptionSetup;
  #receiver: Receiver | undefined;
  #idle: (() => void)[] = [];

  constructor(from: 'topic' | 'retries', common: Common) {
    this.#from = from;
    this.#common = common;
    this.#setup = common.setup;
  }

  /** Opens the first source: a broker that cannot be reached, or does not allow it, is told to the caller. */
  async open(call: DriverCall): Promise<void> {
    this.#receiver = await this.#subscribe(call);
  }

  /** Receives until the signal aborts, then ends in order; so it does for each rest too, after which it goes on. */
  async run(stop: AbortSignal, shift: Shift): Promise<void> {
    const { driver, brokerTimeoutMs, time } = this.#setup;
    const timeout = (): Error =>
      messagingErrors.timeout(`${brokerAt(driver)} did not answer within ${brokerTimeoutMs} ms.`);
    for (let failures = 0; this.#receiver !== undefined || !stop.aborted; ) {
      try {
        await shift.over(stop);
        const end = AbortSignal.any([stop, shift.signal]);
        this.#receiver ??= await withCall(brokerTimeoutMs, timeout, end, (call) => this.#subscribe(call));
        await this.#receiver.receive(end);
        await this.#receiver.drain();
        this.#rest();
      } catch (error) {
        if (!stop.aborted && !shift.signal.aborted) this.tell(error);
        // Whatever it had given out is not ours any more: the broker gives it to the next one.
        this.#receiver?.stop('lost');
        if (this.#receiver?.isProven) failures = 0;
        this.#rest();
        if (!stop.aborted && !shift.signal.aborted) await pause(time.clock, time.resubscribe(++failures), stop);
      }
    }
  }

  /** What keeps it from receiving; undefined where nothing does. */
  failure: Error | undefined;

  /** It tries again without end: somebody has to know, above all where the broker refuses. */
  tell(cause: unknown): void {
    const { driver, topic, group } = this.#setup;
    const what = `The group "${group}" does not receive from "${topic}"`;
    this.failure = EntError.is(cause) ? cause : wrap(driver, cause, what);
    if (!channels.receive.hasSubscribers) return;
    channels.receive.error.publish({ driver: driver.name, topic, group, error: this.failure });
  }

  /** Resolves when nothing is received or handled. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#receiver === undefined) resolve();
      else this.#idle.push(resolve);
    });
  }

  #rest(): void {
    this.#receiver = undefined;
    for (const tell of this.#idle.splice(0)) tell();
  }

  /** Aborts the handlers that still run. */
  stop(): void {
    this.#receiver?.stop('released');
  }

  /** Ends what was only opened. */
  async abandon(): Promise<void> {
    await this.#receiver?.drain();
    this.#receiver = undefined;
  }

  /** Topology is made again with each source: somebody may have deleted it, or a broker come back without it. */
  async #subscribe(call: DriverCall): Promise<Receiver> {
    const { driver, topic, group, deadLetter, retries, isTemporary } = this.#setup;
    const spec = this.#from === 'retries' && retries ? retries : { topic, group, isTemporary };
    if (this.#from === 'topic' && deadLetter) await driver.ensure(deadLetter, call);
    await driver.ensure(spec, call);
    const source = await driver.subscribe({ ...spec, prefetch: windowOf(this.#setup, this.#from) }, call);
    if (!call.signal.aborted) {
      this.failure = undefined;
      return new Receiver(source, this.#from, this.#common);
    }
    // Too late: nobody waits for it any more, and nobody would ever close it.
    await source.close();
    throw call.signal.reason;
  }
}
