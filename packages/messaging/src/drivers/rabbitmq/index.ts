/**
 * RabbitMQ 3.10 to 4.x: quorum queues, or classic ones, with confirmations.
 *
 * Exchanges and queues are as `topology.ts` tells, all durable, and made
 * again by each new source and each new publishing channel: whoever deletes one of them loses what was in it, and no
 * more. Publishing and consuming have a connection each, so that a broker which takes no more messages still delivers.
 */
import type { Channel, ChannelModel } from 'amqplib';
import type { DriverCall, MessagingDriver, MessagingFeatures } from '../../driver.ts';
import { classify } from './failures.ts';
import { Groups } from './groups.ts';
import { Ladder } from './ladder.ts';
import { ended, Link, onChannel, openChannel, orAborted } from './link.ts';
import { addressOf, type RabbitmqOptions, settingsOf } from './options.ts';
import { Sender } from './sender.ts';
import { RabbitmqSource } from './source.ts';
import { parcelOf, queueOf } from './wire.ts';

export type { RabbitmqConnectionOptions, RabbitmqOptions, RabbitmqServerOptions } from './options.ts';

/** The features of {@link rabbitmq}. */
export const rabbitmqFeatures = {
  durability: 'disk',
  shared: true,
  ordered: true,
  delayedRetry: false,
  countsAttempts: false,
  delays: true,
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

/** The native connections: the one that publishes, and the one that consumes. Undefined while there is none. */
export interface RabbitmqClient {
  readonly publishing: ChannelModel | undefined;
  readonly consuming: ChannelModel | undefined;
}

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
  const publishing: Link = new Link(settings, () => sender.look());
  const sender = new Sender(publishing);
  const consuming = settings.connection ? publishing : new Link(settings, () => {});
  const groups = new Groups(consuming, settings);
  const ladder = new Ladder(consuming, settings, sender);

  return {
    name: 'rabbitmq',
    address: addressOf(settings),
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
      await Promise.all([sender.close(), publishing.close(), consuming.close()]);
    },
    classify,

    ensure: (spec, { signal }) => groups.make(spec, signal),
    send(batch, { signal }) {
      // Before anything is waited for: the sender may change its bytes as soon as it has its promise.
      const parcels = batch.map(parcelOf);
      signal.throwIfAborted();
      publishing.demandOpen();
      const to = parcels.some(({ delayMs }) => delayMs !== undefined) ? ladder : sender;
      return to.send(parcels, signal);
    },
    async subscribe(spec, call) {
      const channel = await consumingChannel(consuming, spec.prefetch, call);
      const source: RabbitmqSource = new RabbitmqSource(channel, spec.topic, queueOf(spec), () => release());
      const release = spec.isTemporary ? () => {} : groups.keep(spec, (error) => source.die(error));
      return source;
    },
    async count(spec, { signal }) {
      const [ready, delayed] = await Promise.all([groups.count(spec, signal), ladder.count(spec, signal)]);
      return ready === undefined ? undefined : { ready, delayed, leased: undefined };
    },
    async remove(spec, { signal }) {
      await ladder.remove(spec, signal);
      await groups.remove(spec, signal);
    },
  };
}

async function consumingChannel(link: Link, prefetch: number, { signal }: DriverCall): Promise<Channel> {
  const channel = await openChannel(link, signal);
  try {
    // AMQP has 16 bits for it.
    await orAborted(channel.prefetch(Math.min(prefetch, 65_535)), signal);
    return channel;
  } catch (error) {
    void ended(channel);
    throw error;
  }
}
