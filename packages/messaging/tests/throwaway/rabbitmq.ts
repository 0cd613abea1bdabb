/**
 * RabbitMQ over plain amqplib, as a driver for an ordinary broker: no delays, no count of attempts. Not published; it
 * shows that the contract is small, and fits a broker that pushes. A topic is an exchange, a group a quorum queue.
 */
import { type Channel, type ChannelModel, type ConfirmChannel, connect, type ConsumeMessage } from 'amqplib';
import type { DriverCall, MessagingDriver, SendResult, Source, SubscriptionSpec } from '../../src/index.ts';

export const rabbitmqFeatures = {
  durability: 'disk',
  shared: true,
  ordered: true,
  delayedRetry: false,
  countsAttempts: false,
  delays: false,
  leases: false,
  browses: false,
  lists: false,
  wildcards: false,
  priority: false,
  maxMessageBytes: 128 * 2 ** 20,
} as const;

interface Link {
  readonly connection: ChannelModel;
  readonly publisher: ConfirmChannel;
  /** Exchanges that are known to be there, and messages that no queue wanted. */
  readonly exchanges: Set<string>;
  readonly returned: Set<string>;
}

export function rabbitmq(url: string): MessagingDriver<ChannelModel | undefined> {
  let linking: Promise<Link> | undefined;
  let client: ChannelModel | undefined;
  let closed = false;
  let sent = 0;

  const open = async (timeout: number): Promise<Link> => {
    const connection = await connect(url, { timeout });
    connection.on('error', () => {}); // 'close' follows
    connection.on('close', () => {
      linking = client = undefined;
    });
    const publisher = await connection.createConfirmChannel();
    const link = { connection, publisher, exchanges: new Set<string>(), returned: new Set<string>() };
    publisher.on('error', () => void ended(connection));
    publisher.on('return', ({ properties }: ConsumeMessage) => link.returned.add(properties.correlationId as string));
    client = connection;
    return link;
  };
  const linked = async (call: DriverCall): Promise<Link> => {
    if (closed) throw new Error('The driver is closed.');
    linking ??= open(Math.max(1, call.deadlineAt - performance.now()));
    return linking.catch((error: unknown) => {
      linking = undefined;
      throw error;
    });
  };
  /** On a channel of its own: a call that fails takes all others of its channel along. */
  const onChannel = async (call: DriverCall, work: (channel: Channel) => Promise<unknown>): Promise<void> => {
    const channel = await (await linked(call)).connection.createChannel();
    channel.on('error', () => {}); // the call rejects
    await work(channel);
    await ended(channel);
  };
  const publish = (link: Link, topic: string, body: Buffer, options: object): Promise<SendResult> =>
    new Promise((resolve) => {
      const correlationId = String(sent++);
      link.publisher.publish(topic, '', body, { ...options, correlationId }, (error: unknown) => {
        if (error) resolve({ status: 'indeterminate', error });
        // What is returned is returned before it is confirmed.
        else resolve({ status: link.returned.delete(correlationId) ? 'unroutable' : 'stored' });
      });
    });

  return {
    name: 'rabbitmq',
    features: rabbitmqFeatures,
    get client() {
      return client;
    },
    connect: async (call) => void (await linked(call)),
    ping: (call) => onChannel(call, async () => {}),
    async close() {
      closed = true;
      await linking?.then(({ connection }) => ended(connection)).catch(() => {});
    },
    classify(error) {
      const { code, message = '' } = error as { code?: unknown; message?: string };
      if (typeof code === 'string') return 'unavailable';
      if (code === 320 || /closed|ended/i.test(message)) return 'lost';
      return code === undefined ? 'other' : 'refused';
    },

    ensure: (spec, call) =>
      onChannel(call, async (channel) => {
        await channel.assertExchange(spec.topic, 'fanout');
        // With a limit, which is never reached, what comes back keeps its place.
        const quorum = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000_000 };
        await channel.assertQueue(queueOf(spec), { arguments: quorum });
        await channel.bindQueue(queueOf(spec), spec.topic, '');
      }),
    async send(batch, call) {
      call.signal.throwIfAborted();
      const parcels = batch.map(({ topic, contentType, headers: own, body, ...about }) => {
        const headers = { ...own, [ABOUT]: JSON.stringify(about) };
        return [topic, Buffer.from(body), { headers, contentType, mandatory: true, persistent: true }] as const;
      });
      const link = await linked(call);
      for (const topic of new Set(batch.map((message) => message.topic))) {
        if (link.exchanges.has(topic)) continue;
        await onChannel(call, (channel) => channel.assertExchange(topic, 'fanout'));
        link.exchanges.add(topic);
      }
      return Promise.all(parcels.map((parcel) => publish(link, ...parcel)));
    },
    async subscribe(spec, call) {
      const channel = await (await linked(call)).connection.createChannel();
      await channel.prefetch(spec.prefetch);
      return sourceOf(channel, spec);
    },
    remove: (spec, call) => onChannel(call, (channel) => channel.deleteQueue(queueOf(spec))),
    async count(spec, call) {
      let ready = 0;
      const look = async (channel: Channel): Promise<unknown> =>
        (ready = (await channel.checkQueue(queueOf(spec))).messageCount);
      return onChannel(call, look).then(
        () => ({ ready, delayed: undefined, leased: undefined }),
        (error: unknown) => {
          if ((error as { code?: unknown }).code !== 404) throw error;
          return undefined;
        },
      );
    },
  };
}

function sourceOf(channel: Channel, spec: SubscriptionSpec): Source {
  const unsettled = new Set<unknown>();
  const ahead: ConsumeMessage[] = [];
  let consumer: string | undefined;
  let end: Error | undefined;
  let wake = (): void => {};
  let tell = (_error: unknown): void => {};
  const die = (error: Error): void => {
    const isFirst = end === undefined;
    end ??= error;
    wake();
    if (isFirst) tell(error);
  };
  channel.on('error', die);
  channel.on('close', () => die(new Error('Channel closed')));

  const consume = async (): Promise<string> => {
    const { consumerTag } = await channel.consume(queueOf(spec), (message) => {
      if (message) ahead.push(message);
      else die(new Error('Channel closed: the queue was deleted'));
      wake();
    });
    return consumerTag;
  };

  return {
    leaseMs: null,
    async receive(max, signal) {
      const onAbort = (): void => wake();
      signal.addEventListener('abort', onAbort);
      if (!signal.aborted && !end) consumer ??= await consume();
      if (ahead.length === 0 && !signal.aborted && !end) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      signal.removeEventListener('abort', onAbort);
      if (end) throw end;
      if (signal.aborted) {
        // What came ahead goes back, also what comes until the consumer is cancelled.
        if (consumer) await channel.cancel(consumer);
        consumer = undefined;
        for (const message of ahead.splice(0)) channel.nack(message);
      }
      return ahead.splice(0, max).map((token) => {
        unsettled.add(token);
        const { [ABOUT]: about = '', 'x-delivery-count': returns = 0, ...headers } = { ...token.properties.headers };
        const { contentType } = token.properties as { contentType: string };
        const rest = { topic: spec.topic, contentType, headers, body: token.content };
        const message = { subject: undefined, ...JSON.parse(about as string), ...rest };
        return { token, message, attempt: undefined, returns: returns as number };
      });
    },
    onEnd(told) {
      tell = told;
      if (end) tell(end);
    },
    async settle(batch) {
      return batch.map(({ token, action }) => {
        if (end || !unsettled.delete(token)) return 'stale';
        if (action === 'ack') channel.ack(token as ConsumeMessage);
        else channel.nack(token as ConsumeMessage);
        return 'ok';
      });
    },
    renew: async () => [],
    async close() {
      if (end) return;
      die(new Error('The source is closed.'));
      // What a quorum queue was not ready to acknowledge is lost when its channel closes; not after a cancellation.
      const tag = consumer ?? (await channel.consume(queueOf(spec), () => {})).consumerTag;
      await channel.cancel(tag).catch(() => {});
      await ended(channel);
    },
  };
}

/** The attributes as JSON: a message id of AMQP has 255 bytes at the most. No header of a publisher has a colon. */
const ABOUT = 'ent:about';

const queueOf = ({ topic, group }: SubscriptionSpec): string => `${topic}/${group}`;

/** Closes it. amqplib's `close` stays pending when the connection is lost meanwhile; the event comes in any case. */
function ended(one: Channel | ChannelModel): Promise<void> {
  return new Promise((resolve) => {
    one.once('close', () => resolve());
    one.close().catch(() => {});
  });
}
