import type { RedisClusterType } from 'redis';
import { slotOf } from './slot.ts';

/** The nodes of a cluster, as far as they fail one by one. */
export class Nodes {
  readonly #client: RedisClusterType;
  /** The number of each node that was a primary. */
  readonly #numbers = new Map<string, number>();

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
   * Gives up the connection to the primary of a key, so that the next command makes a new one, and asks the others whether it still is
   * the primary: one that stands still refuses no connection, which node-redis would take for a reason to ask (6.3.1).
   */
  readonly replace = (key: string): void => {
    const node = this.#client.slots[slotOf(key)]?.master;
    const dead = node?.client;
    if (node === undefined || dead === undefined) return;
    const attempt = node.connectPromise;
    delete node.client;
    delete node.connectPromise;
    destroy(dead);
    // An attempt to connect goes on all the same, and can still succeed.
    attempt?.then(
      () => destroy(dead),
      () => {},
    );
    this.#client._slots.rediscover(undefined, new Set([node.address])).catch(() => {
      // No other node answers either. The next overdue call asks again.
    });
  };
}

function destroy(client: { destroy(): void }): void {
  try {
    client.destroy();
  } catch {
    // It was closed meanwhile.
  }
}
