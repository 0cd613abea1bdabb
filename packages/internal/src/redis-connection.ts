import { withDeadline } from './deadline.ts';
import { redisCode } from './redis-code.ts';

/** What all three kinds of node-redis clients have. */
export interface RedisConnectable {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'ready', listener: () => void): unknown;
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  destroy(): unknown;
}

/** What there is to know about a client. */
interface ConnectionOptions {
  /** Whether the driver has made it. */
  readonly owned: boolean;
  /** Whether it has one connection, so that an error of it concerns all calls. */
  readonly single: boolean;
  /** Replaces the connection to the node of a key alone, where there are several. */
  readonly replaceNode: ((key: string, began: number) => void) | undefined;
}

/** A call without an answer. */
interface Pending {
  /** By the monotonic clock. */
  readonly began: number;
  readonly key: string | undefined;
}

/** No connection, and none for the asking: the client is connecting again on its own. The cause is what it met last. */
export class Offline extends Error {}

// How long a client may take to say goodbye.
const GOODBYE_MS = 1_000;

// Of a server that may not be the one any more which its address stands for.
const OF_ANOTHER: ReadonlySet<string> = new Set(['READONLY', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'NOREPLICAS']);

// How often at the most a connection is replaced for what its server answers: it may be the right one all the same.
const REDIAL_MS = 1_000;

// How many deadlines a call may be overdue before its connection counts as dead.
const OVERDUE = 2;

/**
 * Keeps one client connected: connects at the first call, fails at once while the client reconnects,
 * and replaces a connection that swallows what it is sent, or whose server is a replica now, since its
 * address has moved to another. node-redis itself does not notice the former (TCP gives up after a quarter of an hour),
 * and keeps the latter for ever.
 */
export class RedisConnection {
  readonly #client: RedisConnectable;
  readonly #owned: boolean;
  #connecting: Promise<unknown> | undefined;
  /** What the client met since it was connected last. */
  #trouble: Error | undefined;
  /** Settles when an attempt to connect has met its first trouble, or is over. */
  #attempt = Promise.withResolvers<void>();
  #closed = false;
  /** Set while an attempt to connect goes on that was given up. */
  #leaving = false;
  /** Set while the connection is being left for a new one. */
  #moving: Promise<void> | undefined;
  #movedAt = Number.NEGATIVE_INFINITY;
  /** Whether the client was open before. One of the application that is not any more was closed by its owner. */
  #wasOpen: boolean;
  /** The calls without an answer, oldest first. */
  readonly #pending = new Set<Pending>();
  readonly #replaceNode: ((key: string, began: number) => void) | undefined;

  constructor(client: RedisConnectable, { owned, single, replaceNode }: ConnectionOptions) {
    this.#client = client;
    this.#owned = owned;
    this.#wasOpen = client.isOpen;
    this.#replaceNode = replaceNode;
    if (!single) return;
    client.on('ready', () => {
      this.#trouble = undefined;
    });
    client.on('error', (error) => {
      this.#trouble = error;
      this.#attempt.resolve();
    });
  }

  /**
   * Runs commands on a connection that is there.
   *
   * @param key the one that they are about, if they are about those of one node
   */
  async run<T>(call: { readonly deadlineAt: number }, key: string | undefined, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    if (this.#owned && this.#pending.size > 0) this.#replaceDead(began, call.deadlineAt - began);
    const pending = { began, key };
    this.#pending.add(pending);
    try {
      if (!this.#client.isReady || this.#connecting !== undefined || this.#moving !== undefined) await this.connected();
      this.#wasOpen = true;
      return await work();
    } catch (error) {
      if (this.#owned && OF_ANOTHER.has(redisCode(error) ?? '')) this.#move(key, began);
      throw error;
    } finally {
      this.#pending.delete(pending);
    }
  }

  /** Connects, unless that was done. */
  async connected(): Promise<void> {
    if (this.#moving !== undefined) await this.#moving;
    if (this.#closed) throw new Offline('the driver was closed');
    if (this.#leaving) throw this.#offline('an attempt to connect took too long, and is being given up');
    if (this.#connecting === undefined) {
      if (this.#client.isReady) return;
      if (this.#client.isOpen) throw this.#offline('the connection is lost; the client is reconnecting');
      if (!this.#owned && this.#wasOpen) throw this.#offline('the client was closed by its owner');
      this.#trouble = undefined;
      const attempt = Promise.withResolvers<void>();
      attempt.promise.catch(() => {}); // whoever waits for it is told
      const connecting = Promise.resolve(this.#client.connect()).finally(() => {
        if (this.#connecting === connecting) this.#connecting = undefined;
      });
      connecting.then(() => attempt.resolve(), attempt.reject);
      this.#attempt = attempt;
      this.#connecting = connecting;
    }
    // The client goes on trying for as long as it takes, but nobody waits for more than one attempt.
    if (this.#trouble === undefined) await this.#attempt.promise;
    if (this.#trouble !== undefined) throw this.#offline('the client cannot connect');
  }

  #offline(message: string): Offline {
    return new Offline(message, { cause: this.#trouble });
  }

  /** Says goodbye, but not for long. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#owned || !this.#client.isOpen) return;
    if (this.#client.isReady && this.#pending.size === 0) await this.#sayGoodbye();
    if (this.#client.isOpen) await this.#leave();
  }

  /** Ends the connection when its calls have their answers, but does not wait for long. */
  async #sayGoodbye(): Promise<void> {
    try {
      const late = (): Error => new Offline('The goodbye took too long.');
      await withDeadline(async () => this.#client.close(), GOODBYE_MS, late);
    } catch {
      await this.#destroy();
    }
  }

  /** Leaves the connection on which a call has heard that its server may be another now. The next call dials anew. */
  #move(key: string | undefined, began: number): void {
    if (this.#closed || began - this.#movedAt < REDIAL_MS) return;
    this.#movedAt = performance.now();
    if (this.#replaceNode !== undefined) {
      if (key !== undefined) this.#replaceNode(key, began);
    } else if (this.#client.isReady) {
      this.#moving ??= this.#sayGoodbye().finally(() => {
        this.#moving = undefined;
      });
    }
  }

  #replaceDead(now: number, deadlineMs: number): void {
    for (const pending of this.#pending) {
      const { began, key } = pending;
      if (!(now - began > deadlineMs * OVERDUE)) return;
      this.#pending.delete(pending);
      if (this.#replaceNode === undefined || !this.#client.isReady) {
        this.#pending.clear();
        if (this.#client.isOpen) void this.#leave();
      } else if (key !== undefined) {
        this.#replaceNode(key, began);
      }
    }
  }

  /**
   * Ends the connection, or the attempt to make one. node-redis does not stop an attempt (6.3.1): it
   * can still succeed, and to connect again beside it would give one queue of commands two
   * connections, whose replies go to the wrong calls.
   */
  async #leave(): Promise<void> {
    const connecting = this.#connecting;
    // A cluster client has a queue for each connection: it can begin anew while
    // the attempt still waits for a node that hangs.
    const isCluster = this.#replaceNode !== undefined;
    if (isCluster) this.#connecting = undefined;
    else this.#leaving = connecting !== undefined;
    await this.#destroy();
    const again = async (): Promise<void> => {
      if (!isCluster || !this.#client.isOpen) await this.#destroy();
      this.#leaving = false;
    };
    connecting?.then(again, again);
  }

  async #destroy(): Promise<void> {
    try {
      await this.#client.destroy();
    } catch {
      // It was closed meanwhile.
    }
  }
}
