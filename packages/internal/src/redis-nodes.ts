import type { RedisClusterOptions, RedisClusterType } from 'redis';
import { slotOf } from './redis-slot.ts';

// How long a node that a cluster is looked for at may say nothing.
const SILENT_MS = 10_000;

// How often nodes are asked at the most while one refuses connections: until another takes its place.
const REFUSED_MS = 1_000;

/**
 * Options of a cluster's client that goes on while some of its nodes stand still. node-redis (6.3.1) waits for such a
 * node without end when it looks for others, and so does whoever wants to look after that.
 *
 * @param options what the application says, which comes first
 */
export function clusterOptions(options: RedisClusterOptions): RedisClusterOptions {
  const { rootNodes } = options;
  return {
    // A node is connected to when it is needed: one that hangs would hold up the start, and what is learnt of others.
    minimizeConnections: true,
    // When a node refuses connections it would ask any other. `RedisNodes` asks one that answers.
    topologyRefreshOnReconnectionAttemptStrategy: false,
    ...options,
    ...(Array.isArray(rootNodes) && { rootNodes: rootNodes.map(impatient) }),
  };
}

function impatient<Node extends RedisClusterOptions['rootNodes'][number]>(node: Node): Node {
  return { ...node, socket: { socketTimeout: SILENT_MS, ...node.socket } };
}

/** The nodes of a cluster, as far as they fail one by one. */
export class RedisNodes {
  readonly #client: RedisClusterType;
  /** The number of each node that was a primary. */
  readonly #numbers = new Map<string, number>();
  /** When the connection to each node was given up last, by the monotonic clock. */
  readonly #replacedAt = new Map<string, number>();
  #askedAt = Number.NEGATIVE_INFINITY;

  /** @param owned whether the client was made with `clusterOptions`: one of the application looks for nodes itself. */
  constructor(client: RedisClusterType, owned: boolean) {
    this.#client = client;
    if (!owned) return;
    client.on('node-reconnecting', ({ host, port }: { readonly host: string; readonly port: number }) => {
      const now = performance.now();
      if (now - this.#askedAt < REFUSED_MS) return;
      this.#askedAt = now;
      this.#rediscover(`${host}:${port}`).catch(() => {}); // the next attempt asks again
    });
  }

  /** A number for the primary that holds the key, as far as is known now. */
  readonly numberOf = (key: string): number => {
    const address = this.#client.slots[slotOf(key)]?.master.address ?? '';
    let number = this.#numbers.get(address);
    if (number === undefined) this.#numbers.set(address, (number = this.#numbers.size));
    return number;
  };

  /**
   * Gives up the connection to the primary of a key, unless that is newer than a call that hangs on it; the next
   * command makes a new one. And asks another node whether it still is the primary: one that stands still refuses no
   * connection, which node-redis would take for a reason to ask (6.3.1).
   *
   * @param began when the call began, by the monotonic clock
   */
  readonly replace = (key: string, began: number): void => {
    const node = this.#client.slots[slotOf(key)]?.master;
    const dead = node?.client;
    if (node === undefined || dead === undefined || began < (this.#replacedAt.get(node.address) ?? 0)) return;
    this.#replacedAt.set(node.address, performance.now());
    node.connectPromise?.catch(() => {}); // those who wait for it are told
    delete node.client;
    delete node.connectPromise;
    // An attempt to connect goes on all the same, and can still succeed.
    dead.on('ready', () => setImmediate(destroy, dead));
    destroy(dead);
    this.#rediscover(node.address).catch(() => {
      // No other node answers either. The next call that hangs asks again.
    });
  };

  /** Of a node that answers, if there is one. The one that was given up is asked last: it may be out of date. */
  async #rediscover(givenUp: string): Promise<void> {
    const slots = this.#client._slots;
    const known = this.#client.masters;
    const ask = async (node: (typeof known)[number]) => {
      const client = await slots.nodeClient(node);
      await client.ping();
      return client;
    };
    const others = known.filter(({ address }) => address !== givenUp);
    const last = known.filter(({ address }) => address === givenUp);
    const answering = await Promise.any(others.map(ask))
      .catch(() => Promise.any(last.map(ask)))
      .catch(() => undefined);
    if (!this.#client.isOpen) return;
    // If none answers, all may have moved: it is to ask at the addresses that it began with, and not these again.
    await slots.rediscover(answering, new Set(known.map(({ address }) => address)));
    // It connects to what it hears of, also when the client was closed meanwhile.
    if (!this.#client.isOpen) destroy(this.#client);
  }
}

function destroy(client: { destroy(): void }): void {
  try {
    client.destroy();
  } catch {
    // It was closed meanwhile.
  }
}
