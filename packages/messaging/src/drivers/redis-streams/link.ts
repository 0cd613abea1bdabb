import {
  Deadlines,
  Offline,
  RedisConnection,
  type RedisConnectable,
  RedisNodes,
  redisCode,
  type Script,
} from '@ent/internal';
import {
  ClientClosedError,
  ClientOfflineError,
  ConnectionTimeoutError,
  ErrorReply,
  type RedisClientType,
  RESP_TYPES,
} from 'redis';
import type { DriverCall, DriverFailure } from '../../driver.ts';
import type { RedisStreamsClient } from './client.ts';

/** The commands that are used; the three client types have them in common, but not their generic types. */
export interface Commands extends RedisConnectable {
  exists(key: string): Promise<number>;
  xAddNoMkStream(key: string, id: string, fields: Record<string, string | Buffer>): Promise<string | null>;
  evalSha(sha: string, options: { keys: string[]; arguments: (string | Buffer)[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: (string | Buffer)[] }): Promise<unknown>;
  withCommandOptions(options: object): Commands;
}

/**
 * How long the server may take to answer. A connection that swallows what it is sent, and a server that stands still,
 * show in nothing else; when calls are overdue by as much again, the connection is replaced.
 */
export const ANSWER_MS = 5000;

/** The server did not answer. */
export class Unanswered extends Error {}

/** The client for what is answered at once, and others like it for reads that wait: those hold up what comes behind. */
export class Link<Client extends RedisStreamsClient> {
  readonly client: Client;
  readonly #connection: RedisConnection;
  readonly #commands: Commands;
  /** Their answers are bytes. */
  readonly #bytes: Commands;
  readonly #single: boolean;
  readonly #deadlines = new Deadlines(ANSWER_MS);
  #reconnecting: Promise<void> | undefined;
  #closed = false;

  constructor(client: Client, owned: boolean) {
    this.client = client;
    const native = client as unknown as Commands;
    const single = owned && !('slots' in client) && !('getSentinelNode' in client);
    this.#single = single;
    // A deadline of node-redis for each command costs as much as the command. Calls have theirs; what waits for a
    // connection needs one all the same.
    const options = single ? { timeout: undefined } : {};
    // A client of the application may have other types by default.
    this.#commands = native.withCommandOptions({ ...options, typeMapping: {} });
    this.#bytes = native.withCommandOptions({ ...options, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });
    const nodes = 'slots' in client ? new RedisNodes(client, owned) : undefined;
    this.#connection = new RedisConnection(native, { owned, single, replaceNode: nodes?.replace });
  }

  connect(): Promise<void> {
    return this.#connection.connected();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection.close();
  }

  /**
   * Runs commands about one key, on a connection that is there.
   *
   * @param patient waits for the answer without end: for what takes its time to be sent
   */
  async run<T>(key: string, work: (commands: Commands) => Promise<T>, patient = false): Promise<T> {
    if (this.#closed) throw new Offline('the driver was closed');
    const { isOpen, isReady } = this.#commands;
    if (this.#single && isOpen && !isReady) await this.#reconnected();
    const call = { deadlineAt: performance.now() + ANSWER_MS };
    const running = this.#connection.run(call, key, () => work(this.#commands));
    return patient ? running : this.#inTime(running);
  }

  /** The same, once more after a connection that was lost meanwhile: for what may be done twice. */
  async runAgain<T>(key: string, work: (commands: Commands) => Promise<T>): Promise<T> {
    try {
      return await this.run(key, work);
    } catch (error) {
      if (classify(error) !== 'lost' || error instanceof Unanswered) throw error;
      return this.run(key, work);
    }
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = this.#deadlines.begin(() => {
        const late = new Unanswered('The server does not answer.');
        reject(late);
        return late;
      });
      work.then(resolve, reject).finally(() => this.#deadlines.end(call));
    });
  }

  /** Waits while the client connects again, but for one attempt. One wait for all: each would add its listeners. */
  #reconnected(): Promise<void> {
    this.#reconnecting ??= new Promise<void>((resolve, reject) => {
      const client = this.client as RedisClientType;
      const end = (error?: Error): void => {
        this.#reconnecting = undefined;
        client.off('ready', end).off('error', end).off('end', end);
        if (error === undefined) resolve();
        else reject(new Offline('the client cannot connect', { cause: error }));
      };
      client.on('ready', end).on('error', end).on('end', end);
    });
    return this.#reconnecting;
  }

  /** Runs a script, whose answer has bytes for strings. */
  script<T>(script: Script, keys: string[], args: (string | number)[]): Promise<T> {
    return this.run(keys[0]!, this.#running<T>(script, keys, args));
  }

  /** The same, once more after a connection that was lost meanwhile: for scripts that may run twice. */
  scriptAgain<T>(script: Script, keys: string[], args: (string | number)[]): Promise<T> {
    return this.runAgain(keys[0]!, this.#running<T>(script, keys, args));
  }

  #running<T>(script: Script, keys: string[], args: (string | number)[]): () => Promise<T> {
    const texts = args.map(String);
    return () => script.run(this.#bytes, keys, texts) as Promise<T>;
  }

  /** Calls `work` with the plain client of the server that has the key. */
  onServer<T>(key: string, work: (client: RedisClientType) => Promise<T>): Promise<T> {
    const client: RedisStreamsClient = this.client;
    return this.runAgain(key, async () => {
      if ('slots' in client) return work(await client.getNodeClientForKey(key));
      if ('getSentinelNode' in client) {
        return client._execute(false, (node) => work(node as unknown as RedisClientType));
      }
      return work(client);
    });
  }

  /** Calls `work` with the plain client of each primary. */
  async onServers<T>(work: (client: RedisClientType) => Promise<T>): Promise<T[]> {
    const client: RedisStreamsClient = this.client;
    if (!('slots' in client)) return [await this.onServer('ent:', work)];
    await this.connect();
    return Promise.all(client.masters.map(async (node) => work(await client.nodeClient(node))));
  }

  /**
   * A connection of its own to the server that has the key, for reads that wait. It is never made anew: the source that
   * reads there ends with it.
   */
  async reader(call: DriverCall, key: string): Promise<{ reader: RedisClientType; id: number }> {
    const reader = await this.onServer(key, async (client) => readerLike(client));
    const destroy = (): void => destroyed(reader);
    call.signal.addEventListener('abort', destroy, { once: true });
    try {
      await reader.connect();
      const id = await reader.sendCommand<number>(['CLIENT', 'ID']);
      if (this.#closed) throw new Offline('the driver was closed');
      call.signal.throwIfAborted();
      return { reader, id };
    } catch (error) {
      destroy();
      throw error;
    } finally {
      call.signal.removeEventListener('abort', destroy);
    }
  }
}

function readerLike(client: RedisClientType): RedisClientType {
  const reader = client.duplicate({
    RESP: 2,
    clientSideCache: undefined,
    pingInterval: undefined,
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
    socket: { ...client.options.socket, reconnectStrategy: false },
    commandOptions: { timeout: undefined, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  } as object) as RedisClientType;
  reader.on('error', () => {}); // Node ends the process for one without a listener.
  return reader;
}

/** Ends it, whatever state it is in. */
export function destroyed(client: RedisClientType): void {
  try {
    client.destroy();
  } catch {
    // It was closed meanwhile.
  }
}

/** What the first word of the server's errors means. */
const CODES: ReadonlyMap<string, DriverFailure> = new Map([
  ['LOADING', 'unavailable'],
  ['CLUSTERDOWN', 'unavailable'],
  ['MASTERDOWN', 'unavailable'],
  ['READONLY', 'unavailable'],
  ['TRYAGAIN', 'unavailable'],
  ['NOREPLICAS', 'unavailable'],
  ['MOVED', 'unavailable'],
  ['ASK', 'unavailable'],
  ['UNKILLABLE', 'unavailable'],
  ['BUSY', 'unavailable'],
  // The group, or the stream, is gone.
  ['NOGROUP', 'lost'],
  ['UNBLOCKED', 'lost'],
  ['OOM', 'refused'],
  ['MISCONF', 'refused'],
  ['NOPERM', 'refused'],
  ['NOAUTH', 'refused'],
  ['WRONGPASS', 'refused'],
]);

export function classify(error: unknown): DriverFailure {
  if (error instanceof ErrorReply) return CODES.get(redisCode(error) ?? '') ?? 'other';
  // A sentinel client trips over its own missing node during a failover (6.3.1); a wrong argument is our own fault.
  if (error instanceof TypeError || error instanceof RangeError) return 'other';
  return isRefusal(error) ? 'unavailable' : 'lost';
}

/** Whether a message that failed so is not stored, for certain: the server said so, or it was never sent. */
export function isRefusal(error: unknown): boolean {
  return NOT_STORED.some((type) => error instanceof type);
}

const NOT_STORED = [ErrorReply, Offline, ClientOfflineError, ClientClosedError, ConnectionTimeoutError];
