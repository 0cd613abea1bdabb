import { randomUUID } from 'node:crypto';
import { type Call, outsideContext, refuseUnknown } from '@ent/internal';
import { type DeadLetters, deadLettersOf } from './dead-letters.ts';
import { type BatchHandler, type BatchOptions, collecting } from './batches.ts';
import { type GroupReport, groupsChannel, type GroupsQuestion } from './channels.ts';
import type { MessagingDriver } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { withCall } from './internal/call.ts';
import { durationOption } from './internal/checks.ts';
import { toStructured } from './internal/cloud-events.ts';
import { createTiming, systemClock } from './internal/clock.ts';
import { statsOf } from './internal/figures.ts';
import { forwardOnce, registerForwarding } from './internal/forward.ts';
import { Hooks } from './internal/hooks.ts';
import { checkSubscribed } from './internal/patterns.ts';
import { Payloads } from './internal/payload.ts';
import { checkAttribute } from './internal/prepare.ts';
import { replying, Requests } from './internal/requests.ts';
import { RunningSubscription } from './internal/running.ts';
import { brokerAt, wrap } from './internal/send.ts';
import { setupOf, type SubscriptionHost } from './internal/setup.ts';
import { checkName, HEADERS, nameOf, type Handler, type Topic } from './message.ts';
import type { CloseOptions, MessagingOptions, RequestOptions, SubscribeOptions } from './options.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import type { GroupStats, Subscription } from './subscription.ts';

/** Receives messages. */
export interface Subscriber {
  /**
   * Has `handler` called for each message of the topic, on behalf of a group. Resolves when the
   * group exists and receives; from then on no message is missed. A handler gets a message at
   * least once, so it must bear to get one twice.
   *
   * A broker that is away is tried until the `timeout` of `createMessaging` is up; each try that fails is published on
   * `ent:messaging:receive`. After an error nothing is left behind, and it may be called again.
   *
   * @param topic also a pattern, where the driver takes those (`features.wildcards`): `order.*` with `*` for any one
   *   segment, `order.#` with `#` at the end for all that follow or none. `message.topic` tells which it was; dead
   *   letters and retries are not among them
   * @throws `messaging.invalid_options`, `messaging.unavailable`, `messaging.timeout`, `messaging.closed`;
   *   `messaging.unsupported` for a pattern where the driver takes none
   */
  subscribe<Output>(
    topic: Topic<unknown, Output>,
    options: SubscribeOptions,
    handler: Handler<Output>,
  ): Promise<Subscription>;
  subscribe(topic: string, options: SubscribeOptions, handler: Handler): Promise<Subscription>;
  /**
   * The same, with several messages in one call of the handler. When it fails, each of them is tried again; one
   * that does not fit the schema is not among them. `concurrency` counts batches, and a batch has messages of one key
   * only once, since the next is to be handled after it.
   */
  subscribeMany<Output>(
    topic: Topic<unknown, Output>,
    options: BatchOptions,
    handler: BatchHandler<Output>,
  ): Promise<Subscription>;
  subscribeMany(topic: string, options: BatchOptions, handler: BatchHandler): Promise<Subscription>;
  /**
   * Subscribes with a handler whose answer is the reply to who sent the message by {@link Messaging.request}; what it
   * throws is told to the requester by its code, and is not tried again. Other messages are handled as by `subscribe`.
   */
  respond<Output>(
    topic: Topic<unknown, Output>,
    options: SubscribeOptions,
    handler: Handler<Output>,
  ): Promise<Subscription>;
  respond(topic: string, options: SubscribeOptions, handler: Handler): Promise<Subscription>;
}

/** A group of a topic. */
export interface TopicGroup {
  /** Its name, or the pattern that the group subscribed to. */
  readonly topic: string;
  readonly group: string;
}

/** Messages over one driver. */
export interface Messaging<D extends MessagingDriver = MessagingDriver> extends Publisher, Subscriber {
  readonly driver: D;
  /**
   * Sends a message to a topic whose handlers `respond`, and answers the first reply. A request is delivered at least
   * once, so a handler may get it twice; replies are kept for this process alone.
   *
   * @throws as `publish`, with `messaging.unroutable` where no group would get it; `messaging.timeout` where no reply
   *   came; `messaging.request_failed` where the handler failed: `details.code` says of what
   */
  request<Input, Reply = unknown>(
    topic: string | Topic<Input, unknown>,
    data: NoInfer<Input>,
    options?: RequestOptions,
  ): Promise<Reply>;
  /**
   * All topics with their groups, those of retries and dead letters included, by name.
   *
   * @throws `messaging.unsupported` where the broker does not tell (RabbitMQ)
   */
  groups(): Promise<readonly TopicGroup[]>;
  /**
   * Removes a group with all that waits for it: nobody is meant to come back to it. Its retries and dead letters are
   * groups of their own.
   */
  removeGroup(topic: string | Topic, group: string): Promise<void>;
  /**
   * How far a group is: its lag, what waits, its dead letters. Undefined where there is no such group.
   *
   * @param options `deadLetter`: the topic of its dead letters, where it is not `<topic>.<group>.dead`
   */
  stats(
    topic: string | Topic,
    group: string,
    options?: { readonly deadLetter?: string | undefined },
  ): Promise<GroupStats | undefined>;
  /**
   * The dead letters that are kept in a topic: `deadLetter` of a subscription names it.
   *
   * @throws `messaging.invalid_options` for a malformed name
   */
  deadLetters(topic: string): DeadLetters;
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
const MESSAGING_OPTIONS = {
  driver: true,
  source: true,
  timeout: true,
  cloudEvents: true,
  serializer: true,
  alsoRead: true,
  middleware: true,
  clock: true,
  random: true,
} as const;

const REQUEST_OPTIONS = {
  id: true,
  type: true,
  subject: true,
  headers: true,
  correlationId: true,
  key: true,
  priority: true,
  delay: true,
  timeout: true,
  signal: true,
} as const;

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
  const { driver, source = 'unknown', cloudEvents: mode = 'binary' } = options;
  if (typeof driver?.subscribe !== 'function') {
    throw messagingErrors.invalid_options(
      'createMessaging needs a "driver", such as memory() of @ent/messaging/memory.',
    );
  }
  if (mode !== 'binary' && mode !== 'structured') {
    throw messagingErrors.invalid_options('"cloudEvents" must be "binary" or "structured".');
  }
  const time = createTiming(options.clock ?? systemClock, options.random ?? Math.random);
  const timeoutMs = durationOption(options.timeout ?? '10s', 'timeout');
  checkAttribute('source', source);
  const payloads = new Payloads(options.serializer, options.alsoRead);
  const publisher = createPublisher({ source, payloads, clock: time.clock, driver, mode }, timeoutMs, time);
  const hooks = options.middleware && new Hooks(options.middleware);
  const host: SubscriptionHost = { driver, payloads, brokerTimeoutMs: timeoutMs, time, hooks };
  const requests = new Requests(driver, timeoutMs, time, payloads);
  const subscriptions = new Map<RunningSubscription, GroupReport>();
  let publishing = 0;
  let published = (): void => {};
  /** From `closing` on nobody subscribes; handlers that are still running may publish until `closed`. */
  let closing: Promise<void> | undefined;
  let closed = false;
  const ending = new AbortController();

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

  const within = async <T>(what: string, work: (call: Call) => Promise<T>, signal?: AbortSignal): Promise<T> =>
    withCall(
      timeoutMs,
      () => messagingErrors.timeout(`${what}: ${brokerAt(driver)} did not answer within ${timeoutMs} ms.`),
      signal,
      (call) =>
        work(call).catch((error: unknown) => {
          throw wrap(driver, error, what);
        }),
    );

  const tellGroups = (question: unknown): void => {
    for (const report of subscriptions.values()) (question as GroupsQuestion).add(report);
  };
  const left = (running: RunningSubscription): void => {
    subscriptions.delete(running);
    if (subscriptions.size === 0) groupsChannel.unsubscribe(tellGroups);
  };

  const subscribe = async (topic: string | Topic, call: SubscribeOptions, handler: Handler): Promise<Subscription> => {
    demandOpen(closing !== undefined);
    const setup = setupOf(host, topic, call, handler);
    const running = new RunningSubscription(setup);
    const what = `The group "${setup.group}" could not subscribe to "${setup.topic}"`;
    const { signal } = call;
    await within(what, (opening) => running.start(opening, ending.signal), signal);
    if (closing !== undefined) {
      await running.close(CLOSE_TIMEOUT_MS);
      demandOpen(true);
    }
    const count = (): Promise<GroupStats | undefined> =>
      track(() =>
        within('The group could not be counted', (counting) =>
          statsOf(driver, setup, setup.deadLetter.topic, counting),
        ),
      );
    if (subscriptions.size === 0) groupsChannel.subscribe(tellGroups);
    subscriptions.set(running, { driver: driver.name, topic: setup.topic, group: setup.group, stats: count });
    const close = async (how: CloseOptions = {}): Promise<void> => {
      const closeTimeoutMs = closeTimeoutOf(how);
      signal?.removeEventListener('abort', abort);
      await running.close(closeTimeoutMs);
      left(running);
    };
    const abort = (): void => void close().catch(() => {});
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    return {
      topic: setup.topic,
      group: setup.group,
      deadLetter: setup.deadLetter.topic,
      get failure() {
        return running.failure;
      },
      async stats() {
        const { ready = 0, delayed = 0, leased, dead = 0 } = (await count()) ?? {};
        return { ready, delayed, leased, dead, ...running.figures.now() };
      },
      pause: () => running.pause(),
      resume: () => running.resume(),
      close,
    };
  };

  const messaging: Messaging<D> = {
    driver,
    publish: (topic, data, call) => track(() => publisher.publish(topic, data, call)),
    publishMany: (topic, items, call) => track(() => publisher.publishMany(topic, items, call)),
    subscribe: (topic: string | Topic, call: SubscribeOptions, handler: Handler<never>) =>
      subscribe(topic, call, handler as Handler),
    async subscribeMany(topic: string | Topic, call: BatchOptions, handler: BatchHandler<never>) {
      const collected = collecting(call, handler as BatchHandler, time.clock, driver.name);
      return subscribe(topic, collected.options, collected.handler);
    },
    async respond(topic: string | Topic, call: SubscribeOptions, handler: Handler<never>) {
      if (typeof handler !== 'function') throw messagingErrors.invalid_options('respond needs a handler, a function.');
      return subscribe(topic, call, replying(handler as Handler, host, source));
    },
    request: <Input, Reply>(topic: string | Topic<Input, unknown>, data: NoInfer<Input>, call: RequestOptions = {}) =>
      track(async () => {
        refuseUnknown(call, REQUEST_OPTIONS, 'request', messagingErrors.invalid_options);
        const { timeout = timeoutMs, id = randomUUID(), headers, signal, ...more } = call;
        const replyMs = durationOption(timeout, 'timeout');
        await within('Replies could not be received', (opening) => requests.start(opening), signal);
        const about = { ...more, id, ttl: replyMs, mandatory: true, ...(signal && { signal }) };
        const send = (): Promise<unknown> =>
          publisher.publish(topic, data, { ...about, headers: { ...headers, [HEADERS.replyTo]: requests.topic } });
        const reply = requests.ask(id, `a request to "${String(nameOf(topic))}"`, replyMs, signal, send);
        return (await reply) as Reply;
      }),
    async stats(topic, group, call = {}) {
      refuseUnknown(call, { deadLetter: true }, 'stats', messagingErrors.invalid_options);
      const spec = { topic: checkSubscribed(nameOf(topic)), group: checkName('group', group) };
      return track(() =>
        within('The group could not be counted', (asked) => statsOf(driver, spec, call.deadLetter, asked)),
      );
    },
    groups: () =>
      track(async () => {
        if (!driver.list) {
          throw messagingErrors.unsupported(`${driver.name} does not tell which topics there are: name them.`);
        }
        const found = await within('The topics could not be listed', (asked) => driver.list!(asked));
        const all = found.map(({ topic, group }) => ({ topic, group }));
        return all.sort((a, b) => compare(a.topic, b.topic) || compare(a.group, b.group));
      }),
    async removeGroup(topic, group) {
      const spec = { topic: checkSubscribed(nameOf(topic)), group: checkName('group', group) };
      return track(() => within('The group could not be removed', (asked) => driver.remove(spec, asked)));
    },
    deadLetters(topic) {
      const letters = deadLettersOf(topic, { driver, timeoutMs, time, closing: ending.signal });
      return {
        topic: letters.topic,
        count: () => track(() => letters.count()),
        list: (call) => track(() => letters.list(call)),
        show: (id) => track(() => letters.show(id)),
        replay: (call) => track(() => letters.replay(call)),
        purge: (call) => track(() => letters.purge(call)),
      };
    },
    connect: () => within('The broker was to be connected', (call) => outsideContext(() => driver.connect(call))),
    ping: () => within('The broker was asked for a sign of life', (call) => driver.ping(call)),
    async close(call = {}) {
      const closeTimeoutMs = closeTimeoutOf(call);
      ending.abort();
      closing ??= (async () => {
        const all = [...subscriptions.keys()];
        await Promise.all(all.map((running) => running.close(closeTimeoutMs))).finally(() => all.forEach(left));
        await requests.close();
        closed = true;
        await allPublished();
        await within('The driver could not be closed', () => driver.close());
      })();
      return closing;
    },
  };
  registerForwarding(messaging, {
    driver,
    forward: (messages, signal) => {
      const wire = mode === 'structured' ? messages.map(toStructured) : messages;
      return track(() => forwardOnce(driver, wire, timeoutMs, signal));
    },
    ping: () => messaging.ping(),
  });
  return messaging;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function closeTimeoutOf(options: CloseOptions): number {
  refuseUnknown(options, { timeout: true }, 'close', messagingErrors.invalid_options);
  return durationOption(options.timeout ?? CLOSE_TIMEOUT_MS, 'timeout');
}
