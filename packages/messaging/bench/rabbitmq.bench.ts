// RabbitMQ: one publisher, or 100 at once, each waiting for its message to be confirmed; published, handled and
// acknowledged. The guarantees are the same for all: a durable quorum queue behind a fanout exchange, persistent
// messages that are returned where no queue wants them, a confirmation for each, acknowledged when it was handled, 100
// of them under way; and each message is an event with an id of its own, by which a duplicate is known. Raw is amqplib
// with what anybody has to do: JSON both ways, a confirm channel, another channel that consumes. In the rows "handled"
// it is amqplib that publishes, for all of them, 100 messages at once.
import { randomUUID } from 'node:crypto';
import { startServer } from '@ent/testkit';
import { Logger } from '@nestjs/common';
import { ClientRMQ, type RmqContext, RmqRecordBuilder, ServerRMQ } from '@nestjs/microservices';
import { connect as connectManaged } from 'amqp-connection-manager';
import { type ConfirmChannel, connect, type ConsumeMessage } from 'amqplib';
import { Connection } from 'rabbitmq-client';
import broker from 'rascal';
import { firstValueFrom } from 'rxjs';
import { bench, type Work } from '../../../scripts/bench.ts';
import { rabbitmq } from '../src/drivers/rabbitmq/index.ts';
import { createMessaging } from '../src/index.ts';
import { counter } from './counter.ts';

const PUBLISHERS = 100;
const sizes = { '200 B': 100, '10 KB': 9_900 };
const QUORUM = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000_000 } as const;

const server = process.env['BENCH_RABBITMQ_URL'] === undefined ? await startServer('rabbitmq') : undefined;
const url = (process.env['BENCH_RABBITMQ_URL'] ??= server!.url);

/** One way to publish and to handle. */
interface Subject {
  /** The exchange. */
  readonly name: string;
  publish(data: object): Promise<unknown>;
  readonly handled: ReturnType<typeof counter>;
  /** What it puts around the data, if it does. */
  packet?(data: object): object;
  close(): Promise<unknown>;
}

const read = (content: Buffer): unknown => JSON.parse(content.toString());
const written = (data: object): Buffer => Buffer.from(JSON.stringify(data));

/** The headers of an event, as a CloudEvent in binary mode has them. */
function event(type: string): Record<string, string> {
  const id = randomUUID();
  return {
    'correlation-id': id,
    'cloudEvents:specversion': '1.0',
    'cloudEvents:id': id,
    'cloudEvents:type': type,
    'cloudEvents:source': 'bench',
    'cloudEvents:time': new Date().toISOString(),
  };
}

async function declare(channel: ConfirmChannel, name: string): Promise<void> {
  await channel.assertExchange(name, 'fanout');
  await channel.assertQueue(name, { arguments: QUORUM });
  await channel.bindQueue(name, name, '');
}

async function raw() {
  const [publishing, consuming] = [await connect(url, { noDelay: true }), await connect(url, { noDelay: true })];
  const [publisher, consumer] = [await publishing.createConfirmChannel(), await consuming.createChannel()];
  const handled = counter();
  await declare(publisher, 'raw');
  await consumer.prefetch(PUBLISHERS);
  await consumer.consume('raw', (message) => {
    read(message!.content);
    consumer.ack(message!);
    handled.add();
  });
  const publishTo = (name: string, data: object): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = { persistent: true, mandatory: true, contentType: 'application/json', headers: event(name) };
      publisher.publish(name, '', written(data), options, (error) => (error ? reject(error) : resolve()));
    });
  return {
    name: 'raw',
    handled,
    publishTo,
    publish: (data: object) => publishTo('raw', data),
    close: () => Promise.all([publishing.close(), consuming.close()]),
  };
}

async function ours(): Promise<Subject> {
  const messaging = createMessaging({ driver: rabbitmq({ url }), source: 'bench' });
  const handled = counter();
  await messaging.subscribe('ent', { group: 'g', concurrency: PUBLISHERS }, () => handled.add());
  return { name: 'ent', handled, publish: (data) => messaging.publish('ent', data), close: () => messaging.close() };
}

async function managed(): Promise<Subject> {
  const connection = connectManaged([url], { connectionOptions: { noDelay: true } });
  const handled = counter();
  const publisher = connection.createChannel({ setup: (channel: ConfirmChannel) => declare(channel, 'managed') });
  await publisher.waitForConnect();
  const consumer = connection.createChannel({
    setup: async (channel: ConfirmChannel) => {
      await channel.prefetch(PUBLISHERS);
      await channel.consume('managed', (message: ConsumeMessage | null) => {
        read(message!.content);
        channel.ack(message!);
        handled.add();
      });
    },
  });
  await consumer.waitForConnect();
  return {
    name: 'managed',
    handled,
    publish: (data) =>
      publisher.publish('managed', '', written(data), { persistent: true, mandatory: true, headers: event('managed') }),
    close: () => connection.close(),
  };
}

async function client(): Promise<Subject> {
  const connection = new Connection({ url, noDelay: true });
  const handled = counter();
  const consumer = connection.createConsumer(
    {
      queue: 'client',
      queueOptions: { durable: true, arguments: QUORUM },
      exchanges: [{ exchange: 'client', type: 'fanout', durable: true }],
      queueBindings: [{ exchange: 'client' }],
      qos: { prefetchCount: PUBLISHERS },
    },
    // It has read the JSON already.
    async () => handled.add(),
  );
  await new Promise<void>((resolve) => consumer.once('ready', resolve));
  const publisher = connection.createPublisher({ confirm: true });
  return {
    name: 'client',
    handled,
    publish: (data) =>
      publisher.send({ exchange: 'client', durable: true, mandatory: true, headers: event('client') }, data),
    async close() {
      await publisher.close();
      await consumer.close();
      await connection.close();
    },
  };
}

async function rascal(): Promise<Subject> {
  const connected = await broker.BrokerAsPromised.create(
    broker.withDefaultConfig({
      vhosts: {
        '/': {
          connection: url,
          exchanges: { rascal: { type: 'fanout', assert: true, options: { durable: true } } },
          queues: { rascal: { assert: true, options: { durable: true, arguments: QUORUM } } },
          bindings: ['rascal -> rascal'],
          publications: {
            rascal: { exchange: 'rascal', confirm: true, options: { persistent: true, mandatory: true } },
          },
          subscriptions: { rascal: { queue: 'rascal', prefetch: PUBLISHERS, contentType: 'application/json' } },
        },
      },
    }),
  );
  const handled = counter();
  connected.on('error', () => {});
  const subscription = await connected.subscribe('rascal');
  subscription.on('message', (_message, _content, ackOrNack) => {
    ackOrNack();
    handled.add();
  });
  return {
    name: 'rascal',
    handled,
    async publish(data) {
      const publication = await connected.publish('rascal', data, { options: { headers: event('rascal') } });
      await new Promise((resolve, reject) => publication.once('success', resolve).once('error', reject));
    },
    close: () => connected.shutdown(),
  };
}

async function nest(): Promise<Subject> {
  Logger.overrideLogger(false);
  const options = {
    urls: [url],
    socketOptions: { connectionOptions: { noDelay: true } },
    queue: 'nest',
    queueOptions: { durable: true, arguments: QUORUM },
    exchange: 'nest',
    exchangeType: 'fanout' as const,
    persistent: true,
    noAck: false,
    prefetchCount: PUBLISHERS,
  };
  const handled = counter();
  const service = new ServerRMQ(options);
  const handle = async (_data: unknown, context: RmqContext): Promise<void> => {
    (context.getChannelRef() as ConfirmChannel).ack(context.getMessage() as unknown as ConsumeMessage);
    handled.add();
  };
  service.addHandler('user', handle as never, true);
  await new Promise<void>((resolve, reject) => {
    const late = (cause: unknown): Error => new Error('NestJS does not consume.', { cause });
    void service.listen((error?: unknown) => (error === undefined ? resolve() : reject(late(error))));
  });
  // It takes replies as well, which are never acknowledged.
  const { queue: _, noAck: __, ...toExchange } = options;
  const publisher = new ClientRMQ(toExchange);
  await publisher.connect();
  return {
    name: 'nest',
    handled,
    packet: (data) => ({ pattern: 'user', data }),
    publish: (data) => {
      const record = new RmqRecordBuilder(data).setOptions({ mandatory: true, headers: event('nest') }).build();
      return firstValueFrom(publisher.emit('user', record), { defaultValue: undefined });
    },
    close: () => Promise.all([publisher.close(), service.close()]),
  };
}

const amqp = await raw();
const subjects = {
  raw: amqp,
  '@ent': await ours(),
  'amqp-connection-manager': await managed(),
  'rabbitmq-client': await client(),
  rascal: await rascal(),
  'NestJS microservices': await nest(),
};

/** Each is published, confirmed and handled. */
const of =
  (count: number, data: object) =>
  (subject: Subject): Work =>
  async () => {
    const done = subject.handled.until(count);
    await Promise.all(Array.from({ length: count }, () => subject.publish(data)));
    await done;
  };

/** All are published by the same code, and handled by each. */
const handledBy =
  (data: object) =>
  (subject: Subject): Work =>
  async () => {
    const done = subject.handled.until(PUBLISHERS);
    const sent = subject.packet?.(data) ?? data;
    await Promise.all(Array.from({ length: PUBLISHERS }, () => amqp.publishTo(subject.name, sent)));
    await done;
  };

for (const [size, length] of Object.entries(sizes)) {
  const data = { id: '0198c7a2-5b1e-7c3a-9f00-1c2d3e4f5a6b', email: 'ann@example.com', text: 'x'.repeat(length) };
  const rows = {
    'one publisher': of(1, data),
    [`${PUBLISHERS} publishers`]: of(PUBLISHERS, data),
    [`${PUBLISHERS} handled`]: handledBy(data),
  };
  for (const [row, work] of Object.entries(rows)) {
    const { raw: least, ...others } = subjects;
    await bench(`rabbitmq: ${row}, ${size}`, {
      raw: work(least),
      subjects: Object.fromEntries(Object.entries(others).map(([name, subject]) => [name, work(subject)])),
      perTurn: 1,
    });
  }
}

for (const subject of Object.values(subjects)) await subject.close();
await server?.close();
