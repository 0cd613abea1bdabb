import { outsideContext, refuseUnknown, traced } from '@ent/internal';
import { type BatchOperation, channels } from './channels.ts';
import { messagingErrors } from './errors.ts';
import { countOption, durationOption } from './internal/checks.ts';
import { SUBSCRIBE_OPTIONS } from './internal/setup.ts';
import type { Handler, HandlerContext, Message } from './message.ts';
import type { Clock, Duration, SubscribeOptions } from './options.ts';

/** How many messages a batch handler gets at once. */
export interface BatchOptions extends SubscribeOptions {
  /** At the most. Default 100. */
  readonly size?: number;
  /** How long the first message of a batch waits for others. Default `"100ms"`. */
  readonly wait?: Duration;
}

/** What a batch handler is told beside the messages. */
export interface BatchContext {
  /** Aborts when that of any of the messages does: see {@link HandlerContext.signal}. */
  readonly signal: AbortSignal;
  /** Of each message: 1 for the first try. */
  readonly attempts: readonly number[];
  readonly group: string;
}

/** Handles several messages: when it fails, each of them is tried again. */
export type BatchHandler<T = unknown> = (messages: readonly Message<T>[], context: BatchContext) => unknown;

interface Member {
  readonly message: Message;
  readonly context: HandlerContext;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** A subscription whose handler collects what it gets. */
export interface Collecting {
  readonly options: SubscribeOptions;
  readonly handler: Handler;
}

/**
 * Makes of a batch handler one for single messages, each of which is done when its batch is: so retries, deadlines,
 * leases and draining are those of all handlers.
 *
 * @throws `messaging.invalid_options`
 */
export function collecting(given: BatchOptions, handler: BatchHandler, clock: Clock, driver: string): Collecting {
  refuseUnknown(given, BATCH_OPTIONS, 'subscribeMany', messagingErrors.invalid_options);
  if (typeof handler !== 'function')
    throw messagingErrors.invalid_options('subscribeMany needs a handler, a function.');
  const { size: most = 100, wait = 100, concurrency = 1, timeout = 60_000, ...options } = given;
  const size = countOption(most, 'size', 1);
  const waitMs = durationOption(wait, 'wait');
  const hands = size * countOption(concurrency, 'concurrency', 1);
  const collector = new Collector(handler, size, waitMs, concurrency, clock, driver);
  return {
    options: {
      ...options,
      concurrency: hands,
      prefetch: Math.max(hands, options.prefetch ?? hands),
      timeout: durationOption(timeout, 'timeout') + waitMs,
    },
    handler: collector.add,
  };
}

class Collector {
  readonly #handler: BatchHandler;
  readonly #size: number;
  readonly #waitMs: number;
  readonly #concurrency: number;
  readonly #clock: Clock;
  readonly #driver: string;
  #open: Member[] = [];
  #running = 0;
  /** The first has waited long enough. */
  #isDue = false;
  #cancel: (() => void) | undefined;

  constructor(handler: BatchHandler, size: number, waitMs: number, concurrency: number, clock: Clock, driver: string) {
    this.#handler = handler;
    this.#size = size;
    this.#waitMs = waitMs;
    this.#concurrency = concurrency;
    this.#clock = clock;
    this.#driver = driver;
  }

  readonly add = (message: Message, context: HandlerContext): Promise<void> =>
    new Promise((resolve, reject) => {
      this.#open.push({ message, context, resolve, reject });
      this.#begin();
    });

  #begin(): void {
    while (this.#running < this.#concurrency && (this.#isDue || this.#open.length >= this.#size)) {
      // Those that were given up while they waited are somebody else's.
      const batch = this.#open.splice(0, this.#size).filter(({ context }) => !context.signal.aborted);
      this.#cancel?.();
      this.#cancel = undefined;
      this.#isDue = false;
      if (batch.length > 0) void this.#run(batch);
    }
    if (this.#open.length === 0 || this.#isDue || this.#cancel) return;
    this.#cancel = this.#clock.after(
      this.#waitMs,
      () => {
        this.#cancel = undefined;
        this.#isDue = true;
        this.#begin();
      },
      true,
    );
  }

  async #run(batch: readonly Member[]): Promise<void> {
    this.#running++;
    let signal: AbortSignal | undefined;
    const context: BatchContext = {
      get signal() {
        return (signal ??= AbortSignal.any(batch.map((member) => member.context.signal)));
      },
      attempts: batch.map((member) => member.context.attempt),
      group: batch[0]!.context.group,
    };
    try {
      // Which message it is about is not for the context of one of them to say.
      const messages = batch.map(({ message }) => message);
      await outsideContext(async () => this.#told(messages, context));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#running--;
    this.#begin();
  }

  #told(messages: readonly Message[], context: BatchContext): unknown {
    if (!channels.batch.hasSubscribers) return this.#handler(messages, context);
    const { topic } = messages[0] as Message;
    const operation: BatchOperation = { driver: this.#driver, topic, group: context.group, messages };
    return traced(channels.batch, operation, async () => this.#handler(messages, context));
  }
}

const BATCH_OPTIONS = { ...SUBSCRIBE_OPTIONS, size: true, wait: true } as const;
