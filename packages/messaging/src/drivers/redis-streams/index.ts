/**
 * Redis Streams, on node-redis: one server, a cluster, or sentinels; Redis 7.0 or later. A topic is a stream, a group
 * one of its consumer groups; the entries that all groups have done are trimmed away. What a stored message survives
 * is a matter of the server's settings: `durability()` tells. The native client is the node-redis client.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { RedisClientType, RedisClusterType, RedisSentinelType } from 'redis';
import type { MessagingDriver, MessagingFeatures, SubscriptionSpec } from '../../driver.ts';
import { messagingErrors } from '../../errors.ts';
import { demandTime } from '../../internal/call.ts';
import { durationOption } from '../../internal/checks.ts';
import {
  addressOf,
  clientOf,
  type RedisStreamsClient,
  type RedisStreamsClusterOptions,
  type RedisStreamsOptions,
  type RedisStreamsOwnClientOptions,
  type RedisStreamsSentinelOptions,
  type RedisStreamsServerOptions,
} from './client.ts';
import { countOf } from './count.ts';
import { durabilityOf, type RedisStreamsDurability } from './durability.ts';
import { type Entry, messageOf } from './entry.ts';
import { classify, Link } from './link.ts';
import { browseGroup, ensureGroup, removeGroup } from './scripts.ts';
import { Sender } from './sender.ts';
import { StreamSource } from './source.ts';
import { topicsOf } from './topics.ts';
import { Trims } from './trims.ts';

export type {
  RedisStreamsClient,
  RedisStreamsClusterOptions,
  RedisStreamsOptions,
  RedisStreamsOwnClientOptions,
  RedisStreamsSentinelOptions,
  RedisStreamsServerOptions,
  RedisStreamsSettings,
} from './client.ts';
export type { RedisStreamsDurability } from './durability.ts';

/** The features of {@link redisStreams}. */
export const redisStreamsFeatures = {
  // The least that a server gives, whatever its settings are.
  durability: 'memory',
  shared: true,
  ordered: true,
  delayedRetry: true,
  countsAttempts: true,
  delays: false,
  leases: true,
  browses: true,
  lists: true,
  wildcards: false,
  priority: false,
  maxMessageBytes: 512 * 1024 * 1024,
} as const satisfies MessagingFeatures;

/** How long a temporary group is kept after it was made, or made again. */
const TEMPORARY_MS = 3_600_000;

/** A driver on Redis Streams. */
export interface RedisStreamsDriver<Client = RedisStreamsClient> extends MessagingDriver<Client> {
  readonly features: typeof redisStreamsFeatures;
  /** What the server of a topic says of its own settings: the features know only the least of all servers. */
  durability(topic: string): Promise<RedisStreamsDurability>;
}

/**
 * Keeps topics in Redis Streams.
 *
 * @example
 * ```ts no-run
 * import { createMessaging } from '@ent/messaging';
 * import { redisStreams } from '@ent/messaging/redis-streams';
 *
 * const messaging = createMessaging({ driver: redisStreams({ url: 'redis://localhost:6379' }), source: 'shop' });
 * ```
 * @throws `messaging.invalid_options`
 */
export function redisStreams(options: RedisStreamsClusterOptions): RedisStreamsDriver<RedisClusterType>;
export function redisStreams(options: RedisStreamsSentinelOptions): RedisStreamsDriver<RedisSentinelType>;
export function redisStreams<Client extends RedisStreamsClient>(
  options: RedisStreamsOwnClientOptions<Client>,
): RedisStreamsDriver<Client>;
export function redisStreams(options?: RedisStreamsServerOptions): RedisStreamsDriver<RedisClientType>;
export function redisStreams(options: RedisStreamsOptions): RedisStreamsDriver;
export function redisStreams(options: RedisStreamsOptions = {}): RedisStreamsDriver {
  const link = new Link(clientOf(options), !('client' in options));
  const leaseMs = durationOption(options.lease ?? '30s', 'lease');
  const keys = keyNames(options.prefix ?? 'ent:');
  /** The sources of each group, by a key that only it has. */
  const groups = new Map<string, Set<StreamSource>>();
  const made = new Set<string>();
  const sender = new Sender(link);
  const trims = new Trims(link);

  return {
    name: 'redis-streams',
    address: addressOf(options),
    features: redisStreamsFeatures,
    client: link.client,
    connect: () => link.connect(),
    // Not PING: a cluster has none, and a server that is loading its data answers it.
    ping: async () => void (await link.runAgain(keys.ping, (commands) => commands.exists(keys.ping))),
    async close() {
      const sources = [...groups.values()].flatMap((some) => [...some]);
      await Promise.all(sources.map((source) => source.close()));
      await link.close();
    },
    classify,
    durability: (topic) => link.onServer(keys.stream(topic), durabilityOf),

    async ensure({ topic, group, isTemporary }) {
      const key = keys.later({ topic, group });
      // One that was here before, and of which the server knows nothing any more, gets all that came since.
      const from = made.has(key) ? '0' : '$';
      await link.scriptAgain(
        ensureGroup,
        [keys.stream(topic), keys.floors(topic), key],
        [group, from, isTemporary ? TEMPORARY_MS : 0],
      );
      made.add(key);
    },
    send(batch, call) {
      demandTime(call);
      return sender.send(batch, keys.stream);
    },
    async subscribe(spec, call) {
      const { topic } = spec;
      const [stream, later] = [keys.stream(topic), keys.later(spec)];
      const { reader, id } = await link.reader(call, stream);
      const siblings = groups.get(later) ?? new Set();
      groups.set(later, siblings);
      return new StreamSource({
        link,
        spec,
        keys: { stream, later },
        leaseMs,
        consumer: `${hostname()}:${process.pid}:${randomUUID()}`,
        reader,
        readerId: id,
        siblings,
        onDone: (count) => trims.done(stream, keys.floors(topic), count),
      });
    },
    count: (spec) => countOf(link, [keys.stream(spec.topic), keys.later(spec)], spec.group),
    async browse({ topic, group }, max) {
      const entries = await link.scriptAgain<Entry[]>(browseGroup, [keys.stream(topic)], [group, max]);
      return entries.map((entry) => messageOf(topic, entry));
    },
    list: async () => (await link.onServers((server) => topicsOf(server, keys.prefix))).flat(),
    async remove(spec) {
      const later = keys.later(spec);
      made.delete(later);
      const names = [keys.stream(spec.topic), keys.floors(spec.topic), later];
      await link.scriptAgain(removeGroup, names, [spec.group]);
    },
  };
}

/** All keys of a topic are in one slot of a cluster: the topic is their hash tag. */
function keyNames(prefix: string) {
  if (typeof prefix !== 'string' || /[{}]/.test(prefix)) {
    throw messagingErrors.invalid_options('"prefix" must be text without { and }.');
  }
  const stream = (topic: string): string => `${prefix}{${topic}}`;
  return {
    /** Nothing is there; it is asked for as a sign of life. */
    ping: `${prefix}ping`,
    prefix,
    /** The messages. */
    stream,
    /** Up to where each group is done, as far as that was noted. */
    floors: (topic: string): string => `${stream(topic)}:floors`,
    /** When what a group has to wait for is due. */
    later: ({ topic, group }: SubscriptionSpec): string => `${stream(topic)}:later:${group}`,
  };
}
