import { Semaphore } from '@ent/internal';
import type { ConfirmChannel, Message } from 'amqplib';
import type { SendResult } from '../../driver.ts';
import { RabbitmqError } from './failures.ts';
import { channelOf, ended, gathering, type Link, orAborted } from './link.ts';
import { makeTopic } from './topology.ts';
import { checkHeaders, type Parcel, SEQUENCE } from './wire.ts';

/** How many messages may be on their way, without a confirmation. */
const MOST_OPEN = 2_000;
/** After so long the exchange of a topic is made once more. */
const MADE_FOR_MS = 3_000;

/** A channel that publishes, for as long as it lives, and what it knows. */
interface Lane {
  readonly channel: ConfirmChannel;
  /** Exchanges that are there, and when each was made. */
  readonly made: Map<string, number>;
  /** Messages that no queue wanted, by their sequence. */
  readonly returned: Set<number>;
  open: number;
  /** The socket takes no more for now. */
  isFull: boolean;
  isOver: boolean;
  /** Sends all that is written in this turn together. */
  readonly gather: () => void;
}

/** Sends with confirmations, many at a time, in the order in which they came. */
export class Sender {
  readonly #link: Link;
  readonly #turn = new Semaphore(1);
  #lane: Lane | undefined;
  #opening: Promise<Lane> | undefined;
  #sequence = 0;
  #onRoom = (): void => {};

  constructor(link: Link) {
    this.#link = link;
  }

  /** A connection that is the application's stays, and its channel would, too. */
  async close(): Promise<void> {
    if (this.#lane) await ended(this.#lane.channel);
  }

  /** Something changed that a sender may wait for. */
  readonly look = (): void => this.#onRoom();

  /** Never rejects, and answers by the time that the signal aborts. */
  send(parcels: readonly Parcel[], signal: AbortSignal): Promise<SendResult[]> {
    const sending = new Sending(parcels.length, signal);
    const isMine = this.#turn.tryTake();
    if (isMine && this.#writeNow(parcels, sending)) this.#turn.give();
    else void this.#writeInTurn(parcels, sending, signal, isMine);
    return sending.results;
  }

  /** Writes until something has to be waited for, without a promise; answers whether it is all written. */
  #writeNow(parcels: readonly Parcel[], sending: Sending): boolean {
    const lane = this.#lane;
    if (lane === undefined) return false;
    while (sending.written < parcels.length) {
      const parcel = parcels[sending.written]!;
      if (!this.#isMade(lane, parcel) || !this.#hasRoom(lane)) return false;
      this.#write(lane, parcel, sending);
    }
    return true;
  }

  /** The rest of them. */
  async #writeInTurn(
    parcels: readonly Parcel[],
    sending: Sending,
    signal: AbortSignal,
    isMine: boolean,
  ): Promise<void> {
    try {
      if (!isMine) await this.#turn.take(signal);
      try {
        await this.#writeAll(parcels, sending, signal);
      } finally {
        this.#turn.give();
      }
    } catch (error) {
      // What was not written was not sent, for certain.
      sending.end('rejected', error);
    }
  }

  async #writeAll(parcels: readonly Parcel[], sending: Sending, signal: AbortSignal): Promise<void> {
    const lane = this.#lane ?? (await orAborted(this.#opened(), signal));
    while (sending.written < parcels.length) {
      const parcel = parcels[sending.written]!;
      if (!this.#isMade(lane, parcel)) await this.#make(lane, parcel.topic, signal);
      while (!this.#hasRoom(lane)) await this.#room(lane, signal);
      if (lane.isOver) throw new RabbitmqError('lost', 'The channel was closed.');
      signal.throwIfAborted();
      this.#write(lane, parcel, sending);
    }
  }

  #hasRoom(lane: Lane): boolean {
    return !this.#link.isBlocked && !lane.isFull && lane.open < MOST_OPEN;
  }

  #write(lane: Lane, parcel: Parcel, sending: Sending): void {
    const at = sending.written++;
    try {
      checkHeaders(parcel);
    } catch (error) {
      sending.settle(at, { status: 'rejected', error });
      return;
    }
    this.#publish(lane, parcel, (result) => sending.settle(at, result));
  }

  #publish(lane: Lane, { topic, route, body, headers, options }: Parcel, done: (result: SendResult) => void): void {
    const sequence = ++this.#sequence;
    headers[SEQUENCE] = sequence;
    lane.open++;
    const confirmed = (error: unknown): void => {
      lane.open--;
      if (lane.open === MOST_OPEN - 1) this.look();
      // What no queue wanted was returned before this. A "nack" is one queue's: another one of the topic may have it.
      if (error) done({ status: 'indeterminate', error: nacked(error) });
      else done({ status: lane.returned.delete(sequence) ? 'unroutable' : 'stored' });
    };
    try {
      if (!lane.channel.publish(topic, route, body, options, confirmed)) lane.isFull = true;
      lane.gather();
    } catch (error) {
      // It throws on a channel that has just closed, and has written nothing.
      lane.open--;
      done({ status: 'rejected', error });
    }
  }

  /** Resolves when it may be worth while to look again. */
  async #room(lane: Lane, signal: AbortSignal): Promise<void> {
    if (lane.isOver) throw new RabbitmqError('lost', 'The channel was closed.');
    if (this.#link.isBlocked) {
      // Kept waiting, and told so when the time is up: written, it would fill the memory here instead of there.
      await orAborted(this.#change(), signal).catch((error: unknown) => {
        this.#link.demandRoom();
        throw error;
      });
      return;
    }
    await orAborted(this.#change(), signal);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  #opened(): Promise<Lane> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Lane> {
    const connection = await this.#link.open();
    const channel = await channelOf(connection, 'createConfirmChannel');
    try {
      this.#link.demandOpen();
    } catch (error) {
      void ended(channel);
      throw error;
    }
    const lane: Lane = {
      channel,
      made: new Map(),
      returned: new Set(),
      open: 0,
      isFull: false,
      isOver: false,
      gather: gathering(connection),
    };
    channel.on('return', ({ properties }: Message) => lane.returned.add(Number(properties.headers?.[SEQUENCE])));
    channel.on('drain', () => {
      lane.isFull = false;
      this.look();
    });
    channel.on('close', () => {
      lane.isOver = true;
      if (this.#lane === lane) this.#lane = undefined;
      this.look();
    });
    this.#lane = lane;
    return lane;
  }

  /**
   * Publishing to an exchange that is missing would end the channel, with all that is under way on it. And whoever
   * deletes the exchange of patterns takes along that this one leads there, of which no publisher hears: so it is made
   * anew now and then, and nobody waits for that.
   */
  #isMade(lane: Lane, { topic }: Parcel): boolean {
    if (topic === '') return true;
    const madeAt = lane.made.get(topic);
    if (madeAt === undefined) return false;
    const now = performance.now();
    if (now - madeAt < MADE_FOR_MS) return true;
    lane.made.set(topic, now);
    // Where it fails, the connection is lost, or the topic is something else by now: publishing finds out by itself.
    makeTopic(this.#link, topic, AbortSignal.timeout(MADE_FOR_MS)).catch(() => {});
    return true;
  }

  async #make(lane: Lane, topic: string, signal: AbortSignal): Promise<void> {
    await makeTopic(this.#link, topic, signal);
    lane.made.set(topic, performance.now());
  }
}

/** The results of one batch, as they come; all of them by the time that the signal aborts. */
class Sending {
  /** So many of them have been written, or refused, from the first on. */
  written = 0;
  readonly results: Promise<SendResult[]>;
  readonly #known: (SendResult | undefined)[];
  readonly #signal: AbortSignal;
  #left: number;
  #done!: (results: SendResult[]) => void;

  constructor(count: number, signal: AbortSignal) {
    this.#known = Array.from({ length: count });
    this.#left = count;
    this.#signal = signal;
    this.results = new Promise((resolve) => {
      this.#done = resolve;
    });
    signal.addEventListener('abort', this.#giveUp, { once: true });
  }

  readonly #giveUp = (): void => this.end('indeterminate', this.#signal.reason);

  settle(at: number, result: SendResult): void {
    if (this.#known[at] !== undefined) return;
    this.#known[at] = result;
    if (--this.#left > 0) return;
    this.#signal.removeEventListener('abort', this.#giveUp);
    this.#done(this.#known as SendResult[]);
  }

  /** For all that were not written; with `indeterminate` for those that were and are not confirmed, too. */
  end(status: 'rejected' | 'indeterminate', error: unknown): void {
    for (let at = 0; at < this.#known.length; at++) {
      if (at >= this.written) this.settle(at, { status: 'rejected', error });
      else if (status === 'indeterminate') this.settle(at, { status, error });
    }
  }
}

/** A queue that is full, or that has no leader for now. */
function nacked(error: unknown): unknown {
  return /nacked/.test(String((error as Error).message))
    ? new RabbitmqError('unavailable', 'The broker did not confirm: a queue is full, or without a leader.', error)
    : error;
}
