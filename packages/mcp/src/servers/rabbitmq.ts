/**
 * RabbitMQ: by AMQP what every broker tells (itself, and a queue by its name, declared passively), and by the HTTP API
 * of its management plugin, where that is on, all queues. Nothing is consumed, not even to be given back: that would
 * mark messages as delivered again.
 */
import type { Duplex } from 'node:stream';
import { refuseUnknown, withDeadline } from '@ent/internal';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { z } from 'zod';
import { mcpErrors } from '../errors.ts';
import { Endpoint } from '../internal/endpoint.ts';
import { serverUrl } from '../internal/url.ts';
import { defineTool, type Tool } from '../tool.ts';

/** Options of {@link rabbitmqTools}. */
export interface RabbitmqToolsOptions {
  /** `amqp://user:password@host:5672/vhost`, or `amqps:` for TLS. */
  readonly url: string;
  /**
   * `http://user:password@host:15672`: the HTTP API of the management plugin. Without it the queues cannot be listed.
   */
  readonly managementUrl?: string | undefined;
}

// Of an attempt that nobody waits for any more: the call itself has the time of its tool.
const CONNECT_MS = 30_000;
const CLOSE_MS = 1_000;
const NO_SUCH_QUEUE = 404;
const COLUMNS =
  'name,vhost,type,state,durable,exclusive,policy,consumers,messages,messages_ready,messages_unacknowledged,memory,message_bytes,' +
  'arguments,idle_since,message_stats.publish_details.rate,message_stats.deliver_get_details.rate,message_stats.redeliver_details.rate';

const Queue = z.string().min(1).max(255);

/**
 * The tools `rabbitmq_broker`, `rabbitmq_queues` and `rabbitmq_queue`.
 *
 * @throws `mcp.invalid_options` for a URL that is none
 * @example
 * ```ts
 * import { createMcp } from '@ent/mcp';
 * import { rabbitmqTools } from '@ent/mcp/rabbitmq';
 *
 * const tools = rabbitmqTools({ url: 'amqp://guest:guest@127.0.0.1' });
 * console.log(createMcp({ name: 'rabbitmq', version: '1.0.0', tools }).tools.length); // 3
 * ```
 */
export function rabbitmqTools(options: RabbitmqToolsOptions): Tool[] {
  refuseUnknown(options, { url: true, managementUrl: true }, 'rabbitmqTools', mcpErrors.invalid_options);
  const { url, managementUrl } = options;
  const { password, path } = serverUrl('rabbitmqTools: url', url, ['amqp', 'amqps'], []);
  const vhost = path === '' ? '/' : path.slice(1);
  const api =
    managementUrl === undefined
      ? undefined
      : new Endpoint('The management API', 'rabbitmqTools: managementUrl', managementUrl);
  const secrets = (): string[] => [...(password === undefined ? [] : [password]), ...(api?.secrets ?? [])];

  const broker = defineTool({
    name: 'rabbitmq_broker',
    title: 'Broker',
    description:
      'Which broker that is: product, version, cluster; with the management API also totals, rates, nodes and their alarms.',
    input: z.object({}),
    secrets,
    async run(_args, { signal }) {
      const about = await connected(url, signal, async (connection) => {
        const { product, version, platform, cluster_name: cluster } = connection.connection.serverProperties;
        return { product, version, platform, cluster };
      });
      if (api === undefined) return about;
      const [overview, nodes] = await Promise.all([
        api.get(['api', 'overview'], { columns: 'queue_totals,object_totals,message_stats' }, signal),
        api.get(
          ['api', 'nodes'],
          {
            columns:
              'name,running,mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,partitions',
          },
          signal,
        ),
      ]);
      return { ...about, overview, nodes };
    },
  });
  const queues = defineTool({
    name: 'rabbitmq_queues',
    title: 'Queues',
    description:
      'The queues with most messages first: messages, consumers, rates, arguments such as a dead letter exchange. Needs the management API.',
    input: z.object({
      name: z.string().max(255).default('').describe('Only queues whose name has this text.'),
      limit: z.int().min(1).max(100).default(50),
    }),
    secrets,
    async run({ name, limit }, { signal }) {
      if (api === undefined) {
        throw mcpErrors.refused(
          'RabbitMQ lists its queues by its management API alone: set ENT_MCP_RABBITMQ_MANAGEMENT_URL (managementUrl), or ask ' +
            'rabbitmq_queue for one by its name.',
        );
      }
      const page = await api.get(
        ['api', 'queues', vhost],
        {
          page: '1',
          page_size: String(limit),
          name,
          use_regex: 'false',
          sort: 'messages',
          sort_reverse: 'true',
          columns: COLUMNS,
        },
        signal,
      );
      const { items, filtered_count: found } = page as { items: unknown; filtered_count: unknown };
      return { found, queues: items };
    },
  });
  const queue = defineTool({
    name: 'rabbitmq_queue',
    title: 'A queue',
    description:
      'One queue by its name: how many messages are ready, and how many consumers it has; more with the management API.',
    input: z.object({ queue: Queue }),
    secrets,
    async run({ queue: name }, { signal }) {
      const counts = await connected(url, signal, async (connection) => passively(connection, name));
      if (api === undefined) return counts;
      return { ...counts, details: await api.get(['api', 'queues', vhost, name], { columns: COLUMNS }, signal) };
    },
  });
  return [broker, queues, queue];
}

/** A passive declaration only looks: it makes nothing, and takes nothing. */
async function passively(connection: ChannelModel, name: string): Promise<object> {
  const channel: Channel = await connection.createChannel();
  channel.on('error', () => {}); // the answer to a queue that is not there; the call rejects too
  try {
    const { queue, messageCount, consumerCount } = await channel.checkQueue(name);
    return { queue, messagesReady: messageCount, consumers: consumerCount };
  } catch (error) {
    if ((error as { code?: unknown }).code !== NO_SUCH_QUEUE) throw error;
    throw mcpErrors.not_found(`RabbitMQ has no queue "${name}" in this virtual host.`);
  }
}

/** Runs `work` on a connection of its own, which is gone afterwards. */
async function connected<T>(
  url: string,
  signal: AbortSignal,
  work: (connection: ChannelModel) => Promise<T>,
): Promise<T> {
  let connection: ChannelModel | undefined;
  try {
    // The timeout is amqplib's for all of the handshake: a port that accepts and says nothing is none.
    connection = await connect(url, { timeout: CONNECT_MS, noDelay: true });
    connection.on('error', () => {}); // the call rejects; without a listener the process would end
    const open = connection;
    const late = (): Error => mcpErrors.timeout('RabbitMQ did not answer in time.');
    return await withDeadline(() => work(open), 2 * CONNECT_MS, late, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw meaningOf(error);
  } finally {
    if (connection !== undefined) leave(connection);
  }
}

/**
 * `close()` of amqplib 2.3.1 never settles when the connection is lost meanwhile, or is frozen; so nobody waits for it.
 */
function leave(connection: ChannelModel): void {
  const { stream } = connection.connection as { stream?: Duplex };
  const cut = setTimeout(() => stream?.destroy(), CLOSE_MS);
  const done = (): void => clearTimeout(cut);
  connection.once('close', done);
  try {
    connection.close().then(done, done);
  } catch {
    done(); // it is closed already
  }
}

function meaningOf(error: unknown): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && code.startsWith('mcp.')) return error;
  if (code === 403 || /ACCESS.REFUSED|403/.test(String(message))) {
    return mcpErrors.refused('RabbitMQ does not let this user in, or not ask that (403).', { cause: error });
  }
  const why = typeof code === 'string' || typeof code === 'number' ? String(code) : 'the connection was lost';
  return mcpErrors.unavailable(`RabbitMQ cannot be reached (${why}).`, { cause: error });
}
