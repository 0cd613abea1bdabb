import { type Call, outsideContext, refuseUnknown } from '@ent/internal';
import type { MessagingDriver } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { withCall } from './internal/call.ts';
import { durationOption } from './internal/checks.ts';
import { createTiming, systemClock } from './internal/clock.ts';
import { forwardOnce, registerForwarding } from './internal/forward.ts';
import { checkAttribute } from './internal/prepare.ts';
import { RunningSubscription } from './internal/running.ts';
import { wrap } from './internal/send.ts';
import { setupOf } from './internal/setup.ts';
import type { Handler, Topic } from './message.ts';
import type { CloseOptions, MessagingOptions, SubscribeOptions } from './options.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import type { Subscription } from './subscription.ts';

/** Receives messages. */
export interface Subscriber {
  /**
   * Has `handler` called for each message of the topic, on behalf of a group. Resolves when the
   * group exists and receives; from then on no message is missed. A handler gets a message at
   * least once, so it must bear to get one twice.
   *
   * @throws `messaging.invalid_options`, `messaging.unavailable`, `messaging.timeout`, `messaging.closed`
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
  /** Connects now rather than with the first call: a service whose broker is away learns it at its start. */
  connect(): Promise<void>;
  /** Fails when the broker does not answer in time: for a health check. */
  ping(): Promise<void>;
  /**
   * Closes all subscriptions, lets what is being published end, then closes
   * the driver. Further calls wait for the first.
   */
  close(options?: CloseOptions): Promise<void>;
}

const CLOSE_TIMEOUT_MS = 30_000;
const MESSAGING_OPTIONS = { driver: true, source: true, timeout: true, clock: true, random: true } as const;

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
  refuseUnknown(options, MESSAGING_OPTIONS, 'createMessaging', messagingErrors.invalid_options);
  const { driver, source = 'unknown' } = options;
  if (typeof driver?.subscribe !== 'function') {
    throw messagingErrors.invalid_options(
      'createMessaging needs a "driver", such as memory() of @ent/messaging/memory.',
    );
  }
  const time = createTiming(options.clock ?? systemClock, options.random ?? Math.random);
  const timeoutMs = durationOption(options.timeout ?? '10s', 'timeout');
  checkAttribute('source', source);
  const publisher = createPublisher(driver, source, timeoutMs, time);
  const subscriptions = new Set<RunningSubscription>();
  let publishing = 0;
  let published = (): void => {};
  /** From `closing` on nobody subscribes; handlers that are still running may publish until `closed`. */
  let closing: Promise<void> | undefined;
  let closed = false;

  const demandOpen = (isOver: boolean): void => {
    if (isOver) throw messagingErrors.closed('This messaging was closed.');
  };

  const track = async <T>(publish: () => Promise<T>): Promise<T> => {
    demandOpen(closed);
    publishing++;
    try {
      return await publish();
    } finally {
      if (--publishing === 0) published();
    }
  };
  const allPublished = (): Promise<void> =>
    new Promise((resolve) => {
      published = resolve;
      if (publishing === 0) resolve();
    });

  const within = async <T>(what: string, work: (call: Call) => Promise<T>): Promise<T> =>
    withCall(
      timeoutMs,
      () => messagingErrors.timeout(`${what}: ${driver.name} did not answer within ${timeoutMs} ms.`),
      undefined,
      (call) =>
        work(call).catch((error: unknown) => {
          throw wrap(driver, error, what);
        }),
    );

  const messaging: Messaging<D> = {
    driver,
    publish: (topic, data, call) => track(() => publisher.publish(topic, data, call)),
    publishMany: (topic, items, call) => track(() => publisher.publishMany(topic, items, call)),
    async subscribe(topic: string | Topic, subscribe: SubscribeOptions, handler: Handler<never>) {
      demandOpen(closing !== undefined);
      const setup = setupOf(driver, topic, subscribe, handler as Handler, timeoutMs, time);
      const running = new RunningSubscription(setup);
      const what = `The group "${setup.group}" could not subscribe to "${setup.topic}"`;
      await within(what, (call) => running.start(call));
      if (closing !== undefined) {
        await running.close(CLOSE_TIMEOUT_MS);
        demandOpen(true);
      }
      subscriptions.add(running);
      return {
        topic: setup.topic,
        group: setup.group,
        deadLetter: setup.deadLetter.topic,
        async close(call: CloseOptions = {}) {
          await running.close(closeTimeoutOf(call));
          subscriptions.delete(running);
        },
      };
    },
    connect: () => within('The broker was to be connected', (call) => outsideContext(() => driver.connect(call))),
    ping: () => within('The broker was asked for a sign of life', (call) => driver.ping(call)),
    async close(call = {}) {
      const closeTimeoutMs = closeTimeoutOf(call);
      closing ??= (async () => {
        await Promise.all([...subscriptions].map((running) => running.close(closeTimeoutMs)));
        closed = true;
        await allPublished();
        await within('The driver could not be closed', () => driver.close());
      })();
      return closing;
    },
  };
  registerForwarding(messaging, {
    driver,
    forward: (messages, signal) => track(() => forwardOnce(driver, messages, timeoutMs, signal)),
    ping: () => messaging.ping(),
  });
  return messaging;
}

function closeTimeoutOf(options: CloseOptions): number {
  refuseUnknown(options, { timeout: true }, 'close', messagingErrors.invalid_options);
  return durationOption(options.timeout ?? CLOSE_TIMEOUT_MS, 'timeout');
}
