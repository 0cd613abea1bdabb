import { outsideContext } from '@ent/internal';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { Delivery, SettleResult, Settlement, Source } from '../../driver.ts';
import { RabbitmqError } from './failures.ts';
import { ended, inTime, orAborted } from './link.ts';
import { leftOf, messageOf, returnsOf, topicOf } from './wire.ts';

/**
 * A consumer on a channel of its own. The broker pushes up to its prefetch; what came ahead is handed out when it is
 * asked for. Its deliveries end with the channel, and so do their tokens: a tag means another message on the next one.
 */
export class RabbitmqSource implements Source {
  readonly leaseMs = null;
  readonly #channel: Channel;
  readonly #topic: string;
  readonly #queue: string;
  readonly #onEnd: () => void;
  /** What the broker has sent and not been told about, in its order; of those, what was handed out. */
  readonly #open = new Set<ConsumeMessage>();
  readonly #unsettled = new Set<ConsumeMessage>();
  #ahead: ConsumeMessage[] = [];
  #consuming: Promise<string> | undefined;
  /** Something was acknowledged since the consumer was cancelled; and so much went back. */
  #owes = false;
  #returned = 0;
  #end: Error | undefined;
  #tellEnd: (error: unknown) => void = () => {};
  #closing: Promise<void> | undefined;
  #wake = (): void => {};

  /** @param onEnd told once, when it receives no more */
  constructor(channel: Channel, topic: string, queue: string, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#channel = channel;
    this.#topic = topic;
    this.#queue = queue;
    channel.on('error', (error) => this.die(error));
    channel.on('close', () => this.die(new RabbitmqError('lost', 'The channel was closed.')));
  }

  async receive(max: number, signal: AbortSignal): Promise<Delivery[]> {
    // A broker that is frozen does not answer; who gives up is not kept waiting for it.
    if (this.#consuming === undefined && !signal.aborted && !this.#end) {
      await orAborted(this.#consume(), signal).catch(() => {});
    }
    if (this.#ahead.length === 0 && !signal.aborted && !this.#end) await this.#arrival(signal);
    if (signal.aborted) await this.#giveBack();
    if (this.#end) throw this.#end;
    if (signal.aborted) return [];
    const taken = this.#ahead.length <= max ? this.#ahead : this.#ahead.slice(0, max);
    this.#ahead = this.#ahead.length <= max ? [] : this.#ahead.slice(max);
    return taken.map((token) => {
      this.#unsettled.add(token);
      return {
        token,
        message: messageOf(topicOf(this.#topic, token), token),
        attempt: undefined,
        returns: returnsOf(token),
        leftMs: leftOf(token),
      };
    });
  }

  /** Resolves when a message has come, the source has ended, or the signal aborts. */
  #arrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = () => {};
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  onEnd(tell: (error: unknown) => void): void {
    this.#tellEnd = tell;
    if (this.#end) tell(this.#end);
  }

  settle(batch: readonly Settlement[]): SettleResult[] {
    const done = new Set<ConsumeMessage>();
    const back: ConsumeMessage[] = [];
    const results = batch.map(({ token, action }): SettleResult => {
      const message = token as ConsumeMessage;
      if (this.#end || !this.#unsettled.delete(message)) return 'stale';
      if (action === 'ack') done.add(message);
      else back.push(message);
      return 'ok';
    });
    this.#return(back);
    if (!this.#end) this.#acknowledge(done);
    // It may have died of it.
    return this.#end ? batch.map(() => 'stale') : results;
  }

  /** Those before which nothing is open by one word for all of them: it takes the broker a fraction of the time. */
  #acknowledge(done: Set<ConsumeMessage>): void {
    let [count, last]: [number, ConsumeMessage | undefined] = [0, undefined];
    for (const message of this.#open) {
      if (!done.delete(message)) break;
      [count, last] = [count + 1, message];
      this.#open.delete(message);
    }
    this.#owes ||= this.#consuming === undefined && (last !== undefined || done.size > 0);
    if (last !== undefined) this.#tell(last, () => this.#channel.ack(last, count > 1));
    for (const message of done) this.#tell(message, () => this.#channel.ack(message));
  }

  /** In the order in which they came: a quorum queue delivers first what came back, in the order in which it did. */
  #return(messages: ConsumeMessage[]): void {
    messages.sort((a, b) => a.fields.deliveryTag - b.fields.deliveryTag);
    for (const message of messages) this.#tell(message, () => this.#channel.nack(message));
    if (this.#consuming === undefined) this.#returned += messages.length;
  }

  #tell(message: ConsumeMessage, word: () => void): void {
    this.#open.delete(message);
    try {
      word();
    } catch (error) {
      // It throws on a channel that has just closed.
      this.die(error as Error);
    }
  }

  async renew(): Promise<SettleResult[]> {
    return [];
  }

  /**
   * Closing the channel puts back what is unsettled, each in its old place; also where it was the
   * broker that ended the subscription, or it would keep them for the channel.
   */
  close(): Promise<void> {
    this.die(new RabbitmqError('lost', 'The source is closed.'));
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  /**
   * Cancels first. A channel holds acknowledgements back while a quorum queue has 32 to do, and when it closes they are
   * lost: of 500 the queue knew 33 (3.10.8). The answer to a cancellation comes after all of them.
   *
   * https://github.com/rabbitmq/rabbitmq-server/issues/10327
   */
  async #leave(): Promise<void> {
    // Where it cannot be cancelled, the connection is gone, or stands still.
    if (this.#consuming || this.#owes) await inTime(this.#flush(this.#consuming));
    await ended(this.#channel);
  }

  /**
   * Whoever has cancelled already consumes once more for it. What went back since comes, and goes back all together:
   * one that came alone would be behind the others then.
   */
  async #flush(consuming: Promise<string> | undefined): Promise<void> {
    this.#consuming = undefined;
    if (consuming) return void (await this.#channel.cancel(await consuming));
    await this.#channel.prefetch(Math.min(Math.max(1, this.#returned), 65_535));
    const { consumerTag } = await this.#channel.consume(this.#queue, () => {});
    await this.#channel.cancel(consumerTag);
  }

  async #consume(): Promise<void> {
    this.#consuming ??= outsideContext(() => this.#channel.consume(this.#queue, this.#arrive)).then(
      ({ consumerTag }) => consumerTag,
    );
    try {
      await this.#consuming;
    } catch (error) {
      this.die(error as Error);
    }
  }

  /** What it throws would end the channel, or even the connection: it throws nothing. */
  readonly #arrive = (message: ConsumeMessage | null): void => {
    if (message) {
      this.#ahead.push(message);
      this.#open.add(message);
    } else this.die(new RabbitmqError('lost', 'The broker ended the subscription: its queue was deleted, or moved.'));
    this.#wake();
  };

  /**
   * Stops the broker from pushing, then returns what came ahead: nobody else would get it. One that is slow to answer
   * is not waited for, and what was handed out stays: it is being handled.
   */
  async #giveBack(): Promise<void> {
    const consuming = this.#consuming;
    if (this.#end || consuming === undefined) return;
    this.#consuming = undefined;
    this.#owes = false;
    this.#returned = 0;
    const given = consuming
      .then((tag) => this.#channel.cancel(tag))
      .then(() => this.#returnAhead())
      .catch((error: unknown) => this.die(error as Error));
    await inTime(given);
  }

  #returnAhead(): void {
    // Nothing is ahead where it died meanwhile; where it receives again, that is handed out.
    if (this.#consuming !== undefined) return;
    this.#return(this.#ahead.splice(0));
  }

  /** Of this: it receives nothing more. */
  die(error: Error): void {
    const isFirst = this.#end === undefined;
    this.#end ??= error;
    this.#ahead = [];
    this.#unsettled.clear();
    this.#open.clear();
    this.#wake();
    if (!isFirst) return;
    this.#onEnd();
    this.#tellEnd(error);
  }
}
