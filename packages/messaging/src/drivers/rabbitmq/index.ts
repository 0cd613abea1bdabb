/**
 * RabbitMQ 3.10 to 4.x: quorum queues, or classic ones, with confirmations.
 *
 * Exchanges and queues are as `topology.ts` tells, all durable, and made
 * again by each new source and each new publishing channel: whoever deletes one of them loses what was in it, and no
 * more. Publishing and consuming have a connection each, so that a broker which takes no more messages still delivers.
 */
import type { ChannelModel } from 'amqplib';
import type { DriverCall, MessagingDriver, MessagingFeatures, SubscriptionSpec } from '../../driver.ts';
import { Bindings } from './bindings.ts';
import { classify, RabbitmqError } from './failures.ts';
import { channelOf, ended, Link, onChannel, orAborted } from './link.ts';
import { type RabbitmqOptions, type Settings, settingsOf } from './options.ts';
import { Publisher } from './publisher.ts';
import { RabbitmqSource } from './source.ts';
import { bindGroup } from './topology.ts';
import { parcelOf, queueOf } from './wire.ts';

export type { RabbitmqConnectionOptions, RabbitmqOptions, RabbitmqServerOptions } from './options.ts';

/** The features of {@link rabbitmq}. */
export const rabbitmqFeatures = {
  durability: 'disk',
  shared: true,
  ordered: true,
  delayedRetry: false,
  countsAttempts: false,
  leases: false,
  // AMQP has no way to look: what is looked at is taken, and returned to its place.
  browses: false,
  // Nor to ask which queues there are: that is for its management API, or rabbitmqctl.
  lists: false,
  wildcards: true,
  // By the option `priorities`: it is a matter of the broker's version, or of how queues are made.
  priority: false,
  // RabbitMQ 4 refuses more by default, and closes the channel with all that is under way; 3.x takes 128 MiB.
  maxMessageBytes: 16 * 2 ** 20,
} as const satisfies MessagingFeatures;

const MOST_PRIORITY = 9;

/** Durable, since RabbitMQ 4.3 has no transient queues that are not exclusive; removed when unused for an hour. */
const TEMPORARY = { 'x-queue-type': 'classic', 'x-expires': 3_600_000 };

/** The native connections: the one that publishes, and the one that consumes. Undefined while there is none. */
export interface RabbitmqClient {
  readonly publishing: ChannelModel | undefined;
  readonly consuming: ChannelModel | undefined;
}

/**
 * Far above what any message reaches. With a limit, whatever its height, what is returned keeps its place in a quorum
 * queue; without one it goes to the end in 3.x, and 4.x drops what came back 20 times.
 */
const DELIVERY_LIMIT = 1_000_000_000;

/** The driver that {@link rabbitmq} makes. */
export interface RabbitmqDriver extends MessagingDriver<RabbitmqClient> {
  readonly features: Omit<typeof rabbitmqFeatures, 'priority'> & { readonly priority: boolean };
}

/**
 * The driver for RabbitMQ, by `amqplib`.
 *
 * @throws `messaging.invalid_options`
 *
 * @example
 * ```ts no-run
 * import { createMessaging } from '@ent/messaging';
 * import { rabbitmq } from '@ent/messaging/rabbitmq';
 *
 * const messaging = createMessaging({ driver: rabbitmq({ url: 'amqp://guest:guest@localhost:5672' }) });
 * await messaging.connect();
 * await messaging.close();
 * ```
 */
export function rabbitmq(options: RabbitmqOptions): RabbitmqDriver {
  const settings = settingsOf(options);
  const publishing: Link = new Link(settings, () => publisher.look());
  const publisher = new Publisher(publishing);
  const consuming = settings.connection ? publishing : new Link(settings, () => {});
  const bindings = new Bindings(consuming);

  return {
    name: 'rabbitmq',
    features: { ...rabbitmqFeatures, priority: settings.priorities },
    client: {
      get publishing() {
        return publishing.connection;
      },
      get consuming() {
        return consuming.connection;
      },
    },
    async connect({ signal }) {
      signal.throwIfAborted();
      await orAborted(Promise.all([publishing.open(), consuming.open()]), signal);
    },
    ping: ({ signal }) => onChannel(consuming, signal, async () => {}),
    async close() {
      await Promise.all([publisher.close(), publishing.close(), consuming.close()]);
    },
    classify,

    ensure: (spec, { signal }) =>
      onChannel(consuming, signal, async (channel) => {
        // Replies come by the default exchange.
        if (spec.isTemporary) return void (await channel.assertQueue(queueOf(spec), { arguments: TEMPORARY }));
        await channel.assertQueue(queueOf(spec), { arguments: argumentsOf(settings) });
        await bindGroup(consuming, channel, spec);
      }).catch((error: unknown) => {
        throw explained(error, spec, settings);
      }),
    send(batch, { signal }) {
      // Before anything is waited for: the sender may change its bytes as soon as it has its promise.
      const parcels = batch.map(parcelOf);
      signal.throwIfAborted();
      publishing.demandOpen();
      return publisher.send(parcels, signal);
    },
    async subscribe(spec, call) {
      const channel = await consumingChannel(consuming, spec.prefetch, call);
      const release = spec.isTemporary ? () => {} : bindings.keep(spec);
      return new RabbitmqSource(channel, spec.topic, queueOf(spec), release);
    },
    count: (spec, { signal }) =>
      onChannel(consuming, signal, (channel) => channel.checkQueue(queueOf(spec))).then(
        ({ messageCount }) => ({ ready: messageCount, delayed: undefined, leased: undefined }),
        (error: unknown) => {
          if ((error as { code?: unknown } | undefined)?.code === 404) return undefined;
          throw error;
        },
      ),
    remove: (spec, { signal }) =>
      onChannel(consuming, signal, async (channel) => void (await channel.deleteQueue(queueOf(spec)))),
  };
}

async function consumingChannel(link: Link, prefetch: number, { signal }: DriverCall) {
  signal.throwIfAborted();
  const opening = link.open().then(async (connection) => {
    const channel = await channelOf(connection, 'createChannel');
    // AMQP has 16 bits for it.
    await channel.prefetch(Math.min(prefetch, 65_535));
    return channel;
  });
  return orAborted(opening, signal).catch((error: unknown) => {
    // Should it come after all, nobody has it.
    void opening.then(ended, () => {});
    throw error;
  });
}

function argumentsOf({ queues, priorities }: Settings): Record<string, unknown> {
  if (queues === 'quorum') return { 'x-queue-type': 'quorum', 'x-delivery-limit': DELIVERY_LIMIT };
  return { 'x-queue-type': 'classic', ...(priorities && { 'x-max-priority': MOST_PRIORITY }) };
}

/** What is there and differs is never deleted: somebody's messages are in it. */
function explained(error: unknown, { topic, group }: SubscriptionSpec, { queues }: Settings): unknown {
  if ((error as { code?: unknown } | undefined)?.code !== 406) return error;
  const differs = /inequivalent arg[^"]*/.exec(String((error as Error).message))?.[0] ?? 'its arguments differ';
  return new RabbitmqError(
    'refused',
    `"${topic}" or its queue for "${group}" exists, but not as ${queues} queues are made: ${differs.trim()}. Change "queues", or delete it when it is empty.`,
    error,
  );
}
