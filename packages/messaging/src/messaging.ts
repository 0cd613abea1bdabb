import { withDeadline } from '@ent/internal';
import type { MessagingDriver } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { countOption, createBackoff, durationOption } from './internal/backoff.ts';
import { createTiming, systemClock, type Timing } from './internal/clock.ts';
import { wrap } from './internal/send.ts';
import { checkName, type Handler, type Topic } from './message.ts';
import type { CloseOptions, MessagingOptions, SubscribeOptions } from './options.ts';
import { checkAttribute, createPublisher, type Publisher } from './publisher.ts';
import { startSubscription, type Subscription, type SubscriptionSetup } from './subscription.ts';

/** Receives messages. */
export interface Subscriber {
  /**
   * Has `handler` called for each message of the topic, on behalf of a group. Resolves when the group exists and receives;
   * from then on no message is missed. A handler gets a message at least once, so it must bear to get one twice.
   *
   * @throws `messaging.invalid_options`, `messaging.unsupported`, `messaging.unavailable`, `messaging.timeout`, `messaging.closed`
   */
  subscribe<Output>(
    topic: Topic<unknown, Output>,
    options: SubscribeOptions,
    handler: Handler<Output>,
  ): Promise<Subscription>;
  subscribe(topic: string, options: SubscribeOptions, handler: Handler): Promise<Subscription>;
}

/** Messages over one driver. */
export interface Messaging<D extends MessagingDriver = MessagingDriver> extends Publisher, Subscriber {
  readonly driver: D;
  /** Fails when the broker does not answer in time: for a health check. */
  ping(): Promise<void>;
  /** Closes all subscriptions, lets what is being published end, then closes the driver. Further calls wait for the first. */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Publishes and subscribes over a driver.
 *
 * @throws `messaging.invalid_options`
 *
 * @example
 * ```ts
 * import { createMessaging } from '@ent/messaging';
 * import { memory } from '@ent/messaging/memory';
 *
 * const messaging = createMessaging({ driver: memory(), source: 'shop' });
 * await messaging.subscribe('order.placed', { group: 'mailer' }, (message) => {
 *   console.log(message.type, message.data);
 * });
 * await messaging.publish('order.placed', { order: 42 });
 * await messaging.close();
 * ```
 */
export function createMessaging<D extends MessagingDriver>(options: MessagingOptions<D>): Messaging<D> {
  const { driver, source = 'unknown' } = options;
  const time = createTiming(options.clock ?? systemClock, options.random ?? Math.random);
  const timeoutMs = durationOption(options.timeout ?? '10s', 'timeout');
  checkAttribute('source', source);
  const publisher = createPublisher(driver, source, timeoutMs, time);
  const subscriptions = new Set<Subscription>();
  const publishing = new Set<Promise<unknown>>();
  /** From `closing` on nobody subscribes; handlers that are still running may publish until `closed`. */
  let closing: Promise<void> | undefined;
  let closed = false;

  const demandOpen = (isOver: boolean): void => {
    if (isOver) throw messagingErrors.closed('This messaging was closed.');
  };

  const track = async <T>(publish: () => Promise<T>): Promise<T> => {
    demandOpen(closed);
    const work = publish();
    const settled = work.then(
      () => {},
      () => {},
    );
    publishing.add(settled);
    void settled.then(() => publishing.delete(settled));
    return work;
  };

  const within = <T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withDeadline(
      (signal) =>
        work(signal).catch((error: unknown) => {
          throw wrap(driver, error, what);
        }),
      timeoutMs,
      () => messagingErrors.timeout(`${what}: ${driver.name} did not answer within ${timeoutMs} ms.`),
    );

  return {
    driver,
    publish: (topic, data, call) => track(() => publisher.publish(topic, data, call)),
    publishMany: (topic, items, call) => track(() => publisher.publishMany(topic, items, call)),
    async subscribe(topic: string | Topic, subscribe: SubscribeOptions, handler: Handler<never>) {
      demandOpen(closing !== undefined);
      const setup: SubscriptionSetup = { ...setupOf(driver, topic, subscribe, time), handler: handler as Handler };
      const what = `The group "${setup.group}" could not subscribe to "${setup.topic}"`;
      const subscription = await within(what, (signal) => startSubscription(driver, setup, signal));
      if (closing !== undefined) {
        await subscription.close();
        demandOpen(true);
      }
      subscriptions.add(subscription);
      return {
        ...subscription,
        async close(call?: CloseOptions) {
          await subscription.close(call);
          subscriptions.delete(subscription);
        },
      };
    },
    ping: () => within('The broker was asked for a sign of life', (signal) => driver.ping({ signal })),
    async close(call = {}) {
      const timeout = durationOption(call.timeout ?? '30s', 'timeout');
      closing ??= (async () => {
        await Promise.all([...subscriptions].map((subscription) => subscription.close({ timeout })));
        closed = true;
        await Promise.all(publishing);
        await within('The driver could not be closed', () => driver.close());
      })();
      return closing;
    },
  };
}

function setupOf(
  driver: MessagingDriver,
  topic: string | Topic,
  options: SubscribeOptions,
  time: Timing,
): Omit<SubscriptionSetup, 'handler'> {
  const name = checkName('topic', typeof topic === 'string' ? topic : topic.name);
  const group = checkName('group', options.group);
  const concurrency = countOption(options.concurrency ?? 1, 'concurrency', 1);
  for (const feature of ['countsAttempts', 'delayedRetry'] as const) {
    if (driver.features[feature]) continue;
    throw messagingErrors.unsupported(
      `${driver.name} lacks "${feature}", without which failed messages can not be tried again.`,
    );
  }
  return {
    driver: driver.name,
    topic: name,
    group,
    schema: typeof topic === 'string' ? undefined : topic.schema,
    concurrency,
    prefetch: countOption(options.prefetch ?? concurrency, 'prefetch', concurrency),
    maxAttempts: countOption(options.maxAttempts ?? 5, 'maxAttempts', 1),
    backoff: createBackoff(options.backoff ?? {}, time.random),
    time,
    timeoutMs: durationOption(options.timeout ?? '60s', 'timeout'),
    deadLetter: checkName('dead letter topic', options.deadLetter ?? `${name}.${group}.dead`),
  };
}
