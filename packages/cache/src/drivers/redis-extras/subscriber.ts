import { cacheErrors } from '../../errors.ts';
import type { Access, Commands } from './access.ts';

/** What is called with each message of a channel. */
export type OnMessage = (message: Buffer) => void;

/**
 * The connection of all subscriptions: Redis wants one that does nothing else. It is there while
 * something is subscribed, and node-redis subscribes again when it was lost. It can be dead without a
 * sign; who finds that out calls {@link replace}.
 */
export class Subscriber {
  readonly #access: Access;
  readonly #channels = new Map<string, Set<OnMessage>>();
  /** What each channel of the connection calls. */
  readonly #deliverers = new Map<string, OnMessage>();
  #client: Commands | undefined;
  /** Changes are made one after the other. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(access: Access) {
    this.#access = access;
  }

  /** False when a connection could not be replaced: {@link replace} has to be tried again. */
  get hasConnection(): boolean {
    return this.#client !== undefined;
  }

  /** Resolves when the server knows of the subscription. */
  add(channel: string, onMessage: OnMessage): Promise<void> {
    return this.#change(async () => {
      const listeners = this.#channels.get(channel) ?? new Set();
      this.#channels.set(channel, listeners.add(onMessage));
      try {
        if (listeners.size === 1) await this.#access.run('topic.subscribe', () => this.#subscribe([channel]));
      } catch (error) {
        this.#forget(channel, onMessage);
        // After the deadline it could still connect, for nobody.
        if (this.#channels.size === 0) this.#drop();
        throw error;
      }
    });
  }

  remove(channel: string, onMessage: OnMessage): Promise<void> {
    return this.#change(async () => {
      const last = this.#forget(channel, onMessage);
      if (this.#channels.size === 0) this.#drop();
      // Not awaited: on a dead connection it would hold up the one that replaces
      // it. Nobody listens to the channel in any case.
      else if (last) this.#client?.unsubscribe(channel).catch(() => {});
    });
  }

  /** Takes a new connection for all subscriptions. */
  replace(): Promise<void> {
    return this.#change(async () => {
      if (this.#channels.size === 0) return;
      this.#drop();
      await this.#access.run('topic.subscribe', () => this.#subscribe([...this.#channels.keys()]));
    });
  }

  #change(work: () => Promise<void>): Promise<void> {
    const turn = this.#changes.then(work);
    this.#changes = turn.catch(() => {});
    return turn;
  }

  /** Answers whether nobody listens to the channel any more. */
  #forget(channel: string, onMessage: OnMessage): boolean {
    const listeners = this.#channels.get(channel);
    if (!listeners?.delete(onMessage) || listeners.size > 0) return false;
    return this.#channels.delete(channel);
  }

  async #subscribe(channels: string[]): Promise<void> {
    let client = this.#client;
    if (client === undefined) {
      // Not a connection of the local tier, which would forget all when this one is closed.
      client = this.#access.client().duplicate({ clientSideCache: undefined } as object) as Commands;
      client.on('error', () => {}); // a connection that is lost shows by what is missing
      this.#client = client;
    }
    try {
      if (!client.isOpen) await client.connect();
      for (const channel of channels) {
        await client.subscribe(channel, this.#delivererOf(channel), true);
      }
    } catch (error) {
      if (this.#client === client) this.#drop();
      throw error;
    }
    if (this.#client !== client) throw cacheErrors.unavailable('The connection of the subscription was replaced.');
  }

  /** Always the same one: a subscription that was given up can have been made after all, and would deliver twice. */
  #delivererOf(channel: string): OnMessage {
    let deliverer = this.#deliverers.get(channel);
    if (deliverer === undefined) {
      deliverer = (message) => {
        for (const onMessage of this.#channels.get(channel) ?? []) onMessage(message);
      };
      this.#deliverers.set(channel, deliverer);
    }
    return deliverer;
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#deliverers.clear();
    if (client?.isOpen) void Promise.resolve(client.destroy()).catch(() => {});
  }
}
