import { BasicPooledClientSideCache } from 'redis';
import type { ChangeListener } from '../../driver.ts';

type HandleCache = BasicPooledClientSideCache['handleCache'];

/**
 * Hears of changed keys by server-assisted client-side caching: the server remembers which keys a connection has read,
 * and tells that connection when one of them changes or expires, in order with its replies.
 * https://redis.io/docs/latest/develop/reference/client-side-caching/
 *
 * node-redis has a cache for this. Of it we use the part that knows all connections, those to each node of a cluster
 * and those after a reconnection: this takes the place of that cache, and keeps nothing.
 */
export class ChangeFeed extends BasicPooledClientSideCache {
  readonly #listener: ChangeListener;

  constructor(listener: ChangeListener) {
    super({ maxEntries: 1 });
    this.#listener = listener;
  }

  /** The server tells a key, or null when all were flushed. */
  override invalidate(key: Parameters<BasicPooledClientSideCache['invalidate']>[0]): void {
    this.#listener(key === null ? null : [key.toString()]);
  }

  /** A connection was lost or closed, or the nodes of a cluster are others now. */
  override clear(): void {
    this.#listener?.(null); // the super constructor may clear too
  }

  /** Reads by the native client are not cached: it would not know this package's rules. */
  override async handleCache(
    ...[, parser, send, transform, typeMapping]: Parameters<HandleCache>
  ): ReturnType<HandleCache> {
    const reply = await send();
    return transform === undefined ? reply : transform(reply, parser.preserve, typeMapping);
  }
}

/**
 * Resolves when each connection of the client has answered.
 *
 * @param key one that the client may ask for
 */
export async function hearFromAll(client: unknown, key: string): Promise<void> {
  const { masters, replicas = [] } = client as Cluster;
  if (masters === undefined) {
    await (client as Single).exists(key);
    return;
  }
  // Not EXISTS: a node would answer it with MOVED.
  await Promise.all([...masters, ...replicas].map(async (node) => node.client?.ping()));
}

/** A client that has one connection for commands; sentinel clients have no PING. */
interface Single {
  exists(key: string): Promise<number>;
}

interface Cluster {
  readonly masters?: readonly Node[];
  readonly replicas?: readonly Node[];
}

interface Node {
  readonly client?: { ping(): Promise<string> } | undefined;
}
