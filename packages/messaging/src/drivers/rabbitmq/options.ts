import type { ConnectionOptions } from 'node:tls';
import { refuseUnknown } from '@ent/internal';
import type { ChannelModel } from 'amqplib';
import { messagingErrors } from '../../errors.ts';

/** Options of {@link rabbitmq}, which makes its connections. */
export interface RabbitmqServerOptions {
  /**
   * `amqp://user:password@host:5672/vhost`, `amqps://` for TLS. Several nodes of a cluster stand in one URL, as in
   * `amqp://user:password@a:5672,b:5672/vhost`, or in a list of URLs. `?heartbeat=` says after how many seconds of
   * silence the broker is asked whether it lives; default 10. A connection that is silent for three times as
   * long is given up.
   */
  readonly url: string | readonly string[];
  /** For `amqps:`, as `tls.connect` takes it: `ca`, `cert`, `key`, `servername`. */
  readonly tls?: ConnectionOptions | undefined;
  /**
   * What the queue of a group is when it is made. `'quorum'` keeps a copy on several nodes, and counts what comes back,
   * so that a message that kills its process ends in the dead letters; `'classic'` does neither. Default `'quorum'`.
   */
  readonly queues?: 'quorum' | 'classic' | undefined;
  /**
   * Messages may have a `priority`. Quorum queues need RabbitMQ 4.0 for it, which is looked at when it is connected,
   * and have two levels: 5 and above come first. Classic queues have all ten, and are made for it: one that is there
   * without is `messaging.rejected`. Default false.
   */
  readonly priorities?: boolean | undefined;
}

/** Options of {@link rabbitmq} on a connection of the application, for all purposes; it is never closed. */
export interface RabbitmqConnectionOptions {
  /** What `connect` of amqplib gave. */
  readonly connection: ChannelModel;
  /** As in {@link RabbitmqServerOptions}. */
  readonly queues?: 'quorum' | 'classic' | undefined;
  /** As in {@link RabbitmqServerOptions}. */
  readonly priorities?: boolean | undefined;
}

/** Options of {@link rabbitmq}: where the servers are, or a connection of the application. */
export type RabbitmqOptions = RabbitmqServerOptions | RabbitmqConnectionOptions;

/** Options, checked. */
export interface Settings {
  /** One for each node; none where the connection is the application's. */
  readonly urls: readonly string[];
  readonly connection: ChannelModel | undefined;
  readonly tls: ConnectionOptions | undefined;
  readonly queues: 'quorum' | 'classic';
  readonly priorities: boolean;
  /** How long the queues keep messages back that do so, the shortest first. */
  readonly stepsMs: readonly number[];
}

/** From two seconds to six days. Each is four times the one before: fewer queues than with twice, and few more hops. */
const STEPS_MS: readonly number[] = Array.from({ length: 10 }, (_, at) => 2_000 * 4 ** at);

const PORT = 5672;
const TLS_PORT = 5671;
const HEARTBEAT_SECONDS = 10;
const fail = messagingErrors.invalid_options;

export function settingsOf(options: RabbitmqOptions): Settings {
  const isGiven = typeof options === 'object' && options !== null && 'connection' in options;
  const both = { queues: true, priorities: true } as const;
  if (isGiven) refuseUnknown(options, { ...both, connection: true }, 'rabbitmq: with a connection', fail);
  else refuseUnknown(options, { ...both, url: true, tls: true }, 'rabbitmq', fail);
  const { queues = 'quorum', priorities = false } = options;
  if (queues !== 'quorum' && queues !== 'classic') throw fail('"queues" of rabbitmq must be "quorum" or "classic".');
  if (typeof priorities !== 'boolean') throw fail('"priorities" of rabbitmq must be true or false.');
  if (isGiven) {
    const { connection } = options;
    if (typeof connection?.createConfirmChannel !== 'function') {
      throw fail('"connection" of rabbitmq must be what connect() of amqplib gives, once it has resolved.');
    }
    const fault = priorityFault(connection, { queues, priorities });
    if (fault !== undefined) throw fail(fault);
    return { urls: [], connection, tls: undefined, queues, priorities, stepsMs: STEPS_MS };
  }
  const given: readonly unknown[] = Array.isArray(options.url) ? options.url : [options.url];
  const urls = given.flatMap(urlsOf);
  if (urls.length === 0) throw fail('"url" of rabbitmq lists no broker.');
  return { urls, connection: undefined, tls: options.tls, queues, priorities, stepsMs: STEPS_MS };
}

/** Why messages cannot have priorities there: quorum queues before 4.0 would take them, and mind none. */
export function priorityFault(
  { connection }: ChannelModel,
  { queues, priorities }: Pick<Settings, 'queues' | 'priorities'>,
): string | undefined {
  if (!priorities || queues === 'classic') return undefined;
  const { version } = connection.serverProperties;
  if (Number.parseInt(version, 10) >= 4) return undefined;
  return `Quorum queues of RabbitMQ ${version} have no priorities; those of 4.0 have.`;
}

/** One URL for each host that a URL lists. No message holds any part of it: it can have a password. */
function urlsOf(url: unknown): string[] {
  const [, before = '', hosts = '', after = ''] =
    /^(amqps?:\/\/(?:[^/]*@)?)([^/@?#]+)(.*)$/s.exec(typeof url === 'string' ? url : '') ?? [];
  const urls = hosts.split(',').map((host) => `${before}${host}${after}`);
  if (hosts === '' || !urls.every((each) => isUrl(each))) {
    throw fail(
      '"url" of rabbitmq must be as amqp://user:password@host:5672/vhost, with several hosts separated by commas; characters such as / @ : of a user, password or virtual host are written %2F %40 %3A.',
    );
  }
  return urls.map((each) => {
    const parsed = new URL(each);
    const beat = parsed.searchParams.get('heartbeat') ?? String(HEARTBEAT_SECONDS);
    if (!/^[1-9]\d{0,3}$/.test(beat))
      throw fail('"heartbeat" of a rabbitmq URL must be a number of seconds from 1 to 9999.');
    for (const name of parsed.searchParams.keys()) {
      if (name !== 'heartbeat')
        throw fail(`URLs of rabbitmq have the parameter heartbeat; got ${JSON.stringify(name.slice(0, 64))}.`);
    }
    parsed.searchParams.set('heartbeat', beat);
    return parsed.href;
  });
}

/** Where the brokers are, for errors: hosts and ports, and nothing else of a URL. */
export function addressOf({ urls }: Settings): string | undefined {
  if (urls.length === 0) return undefined;
  return urls
    .map((url) => {
      const { hostname, port, protocol } = new URL(url);
      return `${hostname}:${port || (protocol === 'amqps:' ? TLS_PORT : PORT)}`;
    })
    .join(', ');
}

function isUrl(text: string): boolean {
  return URL.canParse(text) && URL.canParse(text.replace(/^amqps?:/, 'http:')) && !/[\s#]/.test(text);
}
