import type { RedisClusterType } from 'redis';
import { slotOf } from './redis-slot.ts';

/** The nodes of a cluster, as far as they fail one by one. */
export class RedisNodes {
  readonly #client: RedisClusterType;
  /** The number of each node that was a primary. */
  readonly #numbers = new Map<string, number>();
  /** When the connection to each node was given up last, by the monotonic clock. */
  readonly #replacedAt = new Map<string, number>();

  constructor(client: RedisClusterType) {
    this.#client = client;
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

  /**
   * Of a node that answers: node-redis would wait without end for one that
   * hangs too, and so would whoever asks after that.
   */
  async #rediscover(except: string): Promise<void> {
    const slots = this.#client._slots;
    const others = this.#client.masters.filter(({ address }) => address !== except);
    const asked = others.map(async (node) => {
      const client = await slots.nodeClient(node);
      await client.ping();
      return client;
    });
    const answering = await Promise.any(asked).catch(() => undefined);
    if (!this.#client.isOpen) return;
    await slots.rediscover(answering, new Set([except]));
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
