import type { Duplex } from 'node:stream';
import { outsideContext, startTimer } from '@ent/internal';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { classify, RabbitmqError } from './failures.ts';
import { priorityFault, type Settings } from './options.ts';

/** How long one node may take to let us in; then the next one is asked. */
const DIAL_MS = 5_000;
/** How long a channel or connection may take to close in order. */
const CLOSE_MS = 2_000;

/** One connection, made when it is first needed, and anew when it was lost: to each node in turn. */
export class Link {
  /** The broker is short of memory or disk, and takes no messages. It tells with the first one that it is sent. */
  isBlocked = false;
  /** The login may not use the exchange that serves patterns of topics. It is asked anew by each connection. */
  hasNoPatterns = false;
  readonly #settings: Settings;
  readonly #onChange: () => void;
  #opening: Promise<ChannelModel> | undefined;
  #connection: ChannelModel | undefined;
  #node = 0;
  #isClosed = false;

  /** @param onChange told of what is blocked, and not any more */
  constructor(settings: Settings, onChange: () => void) {
    this.#settings = settings;
    this.#onChange = onChange;
    if (settings.connection) this.#watch(settings.connection);
  }

  /** The connection, if there is one now. */
  get connection(): ChannelModel | undefined {
    return this.#settings.connection ?? this.#connection;
  }

  demandOpen(): void {
    if (this.#isClosed) throw new RabbitmqError('unavailable', 'The driver is closed.');
  }

  /** A blocked connection answers when that is over: what is asked of it until then would pile up. */
  demandRoom(): void {
    if (this.isBlocked) {
      throw new RabbitmqError('unavailable', 'The broker takes no messages: it is short of memory or disk.');
    }
  }

  async open(): Promise<ChannelModel> {
    this.demandOpen();
    if (this.#settings.connection) return this.#settings.connection;
    // It outlives the request or transaction that was the first to need it.
    this.#opening ??= outsideContext(() => this.#dial()).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const connection = await this.#opening?.catch(() => undefined);
    if (connection) await ended(connection);
  }

  async #dial(): Promise<ChannelModel> {
    const { urls, tls } = this.#settings;
    const errors: unknown[] = [];
    for (let tries = 0; tries < urls.length; tries++) {
      const url = urls[this.#node++ % urls.length] as string;
      try {
        // The timeout is amqplib's for all of the handshake: a port that accepts and says nothing is none.
        const connection = await connect(url, { ...tls, timeout: DIAL_MS, noDelay: true });
        const fault = priorityFault(connection, this.#settings);
        if (fault !== undefined) {
          await ended(connection);
          throw new RabbitmqError('refused', fault);
        }
        this.#node--; // the same one next time, unless it is away
        this.#watch(connection);
        this.#connection = connection;
        return connection;
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    const refusals = errors.filter((error) => classify(error) === 'refused');
    // What one refuses while another is away may be the one's own.
    const failure = refusals.length === errors.length ? 'refused' : 'unavailable';
    throw new RabbitmqError(failure, 'No node of the cluster lets us in.', refusals[0] ?? errors[0]);
  }

  #watch(connection: ChannelModel): void {
    this.hasNoPatterns = false;
    const setBlocked = (isBlocked: boolean) => (): void => {
      this.isBlocked = isBlocked;
      this.#onChange();
    };
    connection.on('error', () => {}); // "close" follows; without a listener the process would end
    connection.on('blocked', setBlocked(true));
    connection.on('unblocked', setBlocked(false));
    connection.on('close', () => {
      if (this.#connection === connection) this.#opening = this.#connection = undefined;
      setBlocked(false)();
    });
  }
}

/** Settles with `work`, or rejects when the signal aborts: a frozen broker answers nothing. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Resolves with `work`, however it ends, or when the time is up; answers whether it was in time. */
export function inTime(work: Promise<unknown>, ms = CLOSE_MS): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = startTimer(ms, () => resolve(false));
    const end = (): void => {
      timer.cancel();
      resolve(true);
    };
    work.then(end, end);
  });
}

/**
 * Closes it, in any case. `close()` of amqplib 2.3.1 never settles when the connection is lost meanwhile, or is frozen.
 */
export async function ended(one: Channel | ChannelModel): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    one.once('close', resolve);
    // It throws when it is closed already.
    new Promise((done) => done(one.close())).then(
      () => resolve(),
      () => resolve(),
    );
  });
  if (await inTime(closed)) return;
  // A channel of a frozen connection ends with it: by its heartbeat.
  if ('createChannel' in one)
    socketOf(one)?.destroy(new RabbitmqError('lost', 'The connection did not close in time.'));
}

/**
 * Answers what is called behind each thing that is written: all that is written in one turn goes out together. amqplib
 * (2.3.1) hands the socket one frame after the other, and each takes a call of the system.
 */
export function gathering(connection: ChannelModel): () => void {
  const socket = socketOf(connection);
  let isGathering = false;
  const send = (): void => {
    isGathering = false;
    socket?.uncork();
  };
  return () => {
    if (isGathering) return;
    isGathering = true;
    socket?.cork();
    // amqplib writes what it has in an immediate, which it asks for in the next tick: this one comes right behind it.
    process.nextTick(() => setImmediate(send));
  };
}

/** Undefined for a connection that an application made up. */
function socketOf({ connection }: ChannelModel): Duplex | undefined {
  return (connection as { stream?: Duplex }).stream;
}

/**
 * Does what has to be answered on a channel of its own: a call that fails takes all others of its channel along.
 */
export async function onChannel<T>(
  link: Link,
  signal: AbortSignal,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await openChannel(link, signal);
  try {
    return await orAborted(work(channel), signal);
  } finally {
    void ended(channel);
  }
}

/** A channel. Should it come after the signal has aborted, nobody has it, and it is closed. */
export async function openChannel(link: Link, signal: AbortSignal): Promise<Channel> {
  signal.throwIfAborted();
  link.demandRoom();
  const opening = link.open().then((connection) => channelOf(connection, 'createChannel'));
  return orAborted(opening, signal).catch((error: unknown) => {
    void opening.then(ended, () => {});
    throw error;
  });
}

/** A channel whose errors end it, and not the connection as well: they show in what was asked on it. */
export async function channelOf<Kind extends 'createChannel' | 'createConfirmChannel'>(
  connection: ChannelModel,
  kind: Kind,
): Promise<Awaited<ReturnType<ChannelModel[Kind]>>> {
  const channel = await connection[kind]();
  channel.on('error', () => {});
  return channel as Awaited<ReturnType<ChannelModel[Kind]>>;
}
