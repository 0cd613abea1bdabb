import { EntError } from '@ent/errors';
import { outsideContext, Script, throwUncaught } from '@ent/internal';
import { cacheErrors } from '../../errors.ts';
import { assertKnown } from '../../internal/checks.ts';
import type { Access } from './access.ts';
import type { Subscriber } from './subscriber.ts';

/** Options of {@link RedisTopic.subscribe}. */
export interface SubscribeOptions {
  /**
   * Called when messages were lost, with their number where it is known: while the connection was away, Redis keeps
   * none. Then comes what was sent later. Default: nothing.
   */
  readonly onGap?: ((lost: number | undefined) => void) | undefined;
  /**
   * Called with what the handler throws, and with `cache.driver_failed` for a message that cannot be read. Default: the
   * error is thrown where nothing catches it, and ends the process.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A subscription that lasts until it is closed. */
export interface Subscription extends AsyncDisposable {
  /** Ends it. Idempotent. */
  close(): Promise<void>;
}

/** Numbers a message and sends it. ARGV: payload. One step, so that the numbers arrive in their order. */
const publish = new Script(`
local number = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', KEYS[1], number .. ':' .. ARGV[1])
return number`);

// How often a subscription compares what it has received with what was sent.
const CHECK_MS = 1_000;

/**
 * Messages to all who listen now, by the pub/sub of Redis (https://redis.io/docs/latest/develop/pubsub/). Redis keeps
 * no message: who is away misses it. A subscription outlives its connection, and since each message has a number,
 * knows what it has missed, whatever the reason was.
 *
 * @example
 * ```ts no-run
 * import { createCache } from '@ent/cache';
 * import { redis } from '@ent/cache/redis';
 * import { redisExtras } from '@ent/cache/redis-extras';
 *
 * const cache = createCache({ driver: redis({ url: 'redis://localhost:6379' }), prefix: 'app' });
 * const news = redisExtras(cache).topic<{ title: string }>('news');
 * const subscription = await news.subscribe(({ title }) => console.log(title), {
 *   onGap: (lost) => console.log('missed', lost),
 * });
 * await news.publish({ title: 'It works' });
 * await subscription.close();
 * ```
 */
export class RedisTopic<T = unknown> {
  readonly #access: Access;
  readonly #subscriber: Subscriber;
  readonly #key: string;

  /** @internal Use `redisExtras(cache).topic(name)`. */
  constructor(access: Access, subscriber: Subscriber, name: string) {
    this.#access = access;
    this.#subscriber = subscriber;
    this.#key = access.key('topic', name);
  }

  /** Sends a value to all who are subscribed now. An outage rejects: then it may have been sent or not. */
  async publish(value: T): Promise<void> {
    const payload = this.#access.encode(value, this.#key);
    await this.#access.run('topic.publish', (client) => publish.run(client, this.#key, [payload]), this.#key);
  }

  /**
   * Resolves when messages that are sent from now on arrive. The handler
   * is called in the order in which they were sent.
   */
  async subscribe(handler: (value: T) => void | Promise<void>, options: SubscribeOptions = {}): Promise<Subscription> {
    assertKnown(options, { onGap: true, onError: true }, 'subscribe');
    const { onGap, onError = throwUncaught } = options;
    /** The number of the last message that was received or given up; of one before the first it is not known yet. */
    let last: number | undefined;
    let checked: number | undefined;
    let closed = false;

    const receive = (message: Buffer): void => {
      const read = this.#read(message);
      if (read instanceof Error) return onError(read);
      const { number, value } = read;
      // A smaller one: a failover lost the count, and who knows what else.
      const lost = last === undefined || number === last + 1 ? 0 : number > last ? number - last - 1 : undefined;
      last = number;
      if (lost !== 0) onGap?.(lost);
      Promise.resolve()
        .then(() => handler(value as T))
        .catch(onError);
    };
    // Else in the context of whoever was the first to need the connection: a transaction that has ended, for example.
    const onMessage = (message: Buffer): void => outsideContext(() => receive(message));
    const check = async (): Promise<void> => {
      const sent = await this.#sent();
      const missing = last !== undefined && checked !== undefined && last < checked;
      if (missing) {
        // A whole turn has passed since it was sent: it will not come, or the connection is dead without a sign.
        const lost = checked! - last!;
        last = checked;
        onGap?.(lost);
      }
      if (missing || !this.#subscriber.hasConnection) await this.#subscriber.replace();
      checked = sent;
    };

    await this.#subscriber.add(this.#key, onMessage);
    try {
      const sent = await this.#sent();
      last ??= sent;
    } catch (error) {
      await this.#subscriber.remove(this.#key, onMessage);
      throw error;
    }
    let checking: Promise<unknown> = Promise.resolve();
    const look = (): void => {
      checking = checking.then(check).catch((error: unknown) => {
        // An outage is over some time; the next turn sees. A cache that was closed is not.
        if (EntError.is(error) && error.code === cacheErrors.closed.code) void close();
      });
    };
    const timer = outsideContext(() => setInterval(look, CHECK_MS)).unref();
    const close = async (): Promise<void> => {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      await this.#subscriber.remove(this.#key, onMessage);
    };
    return { close, [Symbol.asyncDispose]: close };
  }

  /** How many messages were sent so far. */
  async #sent(): Promise<number> {
    return Number((await this.#access.run('topic.check', (client) => client.get(this.#key), this.#key)) ?? 0);
  }

  #read(message: Buffer): { readonly number: number; readonly value: unknown } | Error {
    const colon = message.indexOf(':');
    const number = Number(message.toString('latin1', 0, colon));
    const decoded = colon > 0 ? this.#access.decode(message.subarray(colon + 1), this.#key) : undefined;
    if (Number.isSafeInteger(number) && decoded !== undefined) return { number, value: decoded.value };
    return cacheErrors.driver_failed('A topic received a message that it cannot read; somebody else publishes there.');
  }
}
