import { demandOptions, openByUrl, REDIS_SCHEMES, redisServers, type Scheme, truthIn } from '@ent/internal';
import type { MessagingDriver } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { createMessaging, type Messaging } from './messaging.ts';
import type { MessagingOptions } from './options.ts';

/**
 * A module that makes a driver of a URL: what a package with a driver exports. See
 * {@link OpenMessagingOptions.drivers}.
 */
export interface MessagingDriverModule {
  /** @param url as it was given to `openMessaging`; what it may hold, and that it is right, is the driver's to say */
  openDriver(url: string): MessagingDriver | Promise<MessagingDriver>;
}

/** Options of {@link openMessaging}: those of `createMessaging` but the driver, which the URL names. */
export interface OpenMessagingOptions extends Omit<MessagingOptions, 'driver'> {
  /**
   * Drivers of others, by the scheme of their URLs: `{ nats: () => import('a-nats-driver') }`. A scheme of ours that is
   * named here is theirs.
   */
  readonly drivers?: Readonly<Record<string, () => Promise<MessagingDriverModule>>> | undefined;
}

const RABBITMQ: Scheme<MessagingDriver, OpenMessagingOptions> = {
  hosts: 'several',
  parameters: ['heartbeat', 'queues', 'priorities'],
  async open({ text, parameters: { heartbeat, queues, priorities } }) {
    const { rabbitmq } = await import('./drivers/rabbitmq/index.ts');
    const [url = ''] = text.split('?', 1);
    return rabbitmq({
      url: heartbeat === undefined ? url : `${url}?heartbeat=${encodeURIComponent(heartbeat)}`,
      ...(queues !== undefined && { queues: queues as 'quorum' }),
      ...(priorities !== undefined && { priorities: truthIn(priorities) }),
    });
  },
};

/** The same URLs as those of a cache: they name the server. What messages take there is always a stream. */
const redisScheme = (hosts: 'one' | 'several'): Scheme<MessagingDriver, OpenMessagingOptions> => ({
  hosts,
  parameters: ['lease', 'prefix'],
  open: async (url) => {
    const { redisStreams } = await import('./drivers/redis-streams/index.ts');
    const { lease, prefix } = url.parameters;
    const servers = redisServers(url, messagingErrors.invalid_options);
    return redisStreams({ ...servers, lease, prefix });
  },
});

const SCHEMES: Readonly<Record<string, Scheme<MessagingDriver, OpenMessagingOptions>>> = {
  memory: {
    hosts: 'none',
    parameters: ['lease', 'maxQueued'],
    open: async ({ parameters: { lease, maxQueued } }, { clock }) => {
      const { memory } = await import('./drivers/memory.ts');
      return memory({
        ...(clock && { clock }),
        ...(lease !== undefined && { lease }),
        ...(maxQueued !== undefined && { maxQueued: Number(maxQueued) }),
      });
    },
  },
  amqp: RABBITMQ,
  amqps: RABBITMQ,
  ...Object.fromEntries(Object.entries(REDIS_SCHEMES).map(([name, hosts]) => [name, redisScheme(hosts)])),
};

/**
 * Opens messaging by a URL, for settings that come from the environment. Each call
 * of a `memory:` URL makes a broker of its own.
 *
 * | URL | driver |
 * |---|---|
 * | `memory:` with `?lease=30s`, `&maxQueued=100000` | `memory()` |
 * | `amqp://user:password@host:5672/vhost`, also several hosts with commas; `amqps://` with TLS | `rabbitmq()` |
 * | the same with `?heartbeat=10` in seconds, `&queues=quorum` or `classic`, `&priorities=true` | |
 * | `redis://user:password@host:6379/0`, `rediss://` with TLS; with `?lease=30s`, `&prefix=ent:` | `redisStreams()` |
 * | `redis+cluster://user:password@host-1:6379,host-2:6379`, `rediss+cluster://` | `redisStreams({ cluster })` |
 * | `redis+sentinel://user:password@host-1:26379,host-2:26379/primary-name` | `redisStreams({ sentinel })` |
 *
 * @throws `messaging.unknown_scheme` with the supported ones; `messaging.invalid_options`
 *
 * @example
 * ```ts
 * import { openMessaging } from '@ent/messaging/open';
 *
 * const messaging = await openMessaging(process.env.BROKER_URL ?? 'memory:', { source: 'shop' });
 * await messaging.close();
 * ```
 */
export async function openMessaging(url: string, options: OpenMessagingOptions = {}): Promise<Messaging> {
  demandOptions(options, 'openMessaging', messagingErrors.invalid_options);
  const { drivers, ...rest } = options;
  const errors = { unknown: messagingErrors.unknown_scheme, invalid: messagingErrors.invalid_options };
  const driver = await openByUrl('openMessaging', url, SCHEMES, rest, errors, drivers);
  return createMessaging({ ...rest, driver });
}
