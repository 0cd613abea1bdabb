import { withDeadline } from '@ent/internal';
import type { ConnectionOptions } from 'mysql2';
import type { Awaitable, DriverCall } from '../../driver.ts';
import type { Address } from '../../internal/sql/addresses.ts';
import { Hosts, openAtFirst, serverAt } from '../../internal/sql/hosts.ts';
import type { SessionSource } from '../../internal/sql/sessions.ts';
import { endSession } from './cancel.ts';
import { connectTo, isOfServer, type MysqlConnection } from './client.ts';
import { LostConnectionError, type Product } from './errors.ts';
import { Idle } from './idle.ts';
import type { Settings } from './options.ts';
import { meet, type Server } from './server.ts';
import { Session } from './session.ts';

/** How long a connection that is given up may take to end on the server, in milliseconds. */
const ENDING_MS = 4_000;

/** The server has no connection left, stops, or refuses this host: another may do better. */
const OF_HOST: ReadonlySet<number> = new Set([1040, 1053, 1077, 1079, 1129, 1130, 1203]);

/** Connections of mysql2, and which of them are free. */
export class Connections implements SessionSource<Session> {
  readonly max: number;
  /** What the last connection led to. */
  product: Product | undefined;
  readonly #settings: Settings;
  readonly #hosts: Hosts;
  readonly #open = new Set<Session>();
  readonly #idle: Idle<Session>;
  readonly #ending = new Set<Promise<void>>();
  readonly #connecting = new Set<MysqlConnection>();
  readonly #onError = (): void => {};

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#hosts = new Hosts(settings.hosts);
    this.max = settings.max;
    this.#idle = new Idle<Session>({
      ...settings,
      total: () => this.total(),
      bornAt: (session) => session.bornAt,
      end: (session) => void this.end(session),
    });
  }

  /** Without those that are on their way out. */
  total(): number {
    return this.#open.size;
  }

  take(call: DriverCall): Awaitable<Session> {
    const idle = this.#idle.take();
    if (!call.scripts) return idle ?? this.#connectSomewhere(call);
    // The server is told when it is connected to; all others refuse a second statement, which may be an injected one.
    if (idle !== undefined) void this.end(idle);
    return this.#connectSomewhere(call, true);
  }

  give(session: Session): void {
    if (session.isClean) this.#idle.keep(session);
    else void this.end(session);
  }

  end(session: Session): Promise<void> {
    this.#open.delete(session);
    const ended = withDeadline(
      (signal) => endSession(session, (over) => this.#connect(session.address, over), signal),
      ENDING_MS,
      () => new Error('The server is dead.'),
    ).catch(() => {});
    this.#ending.add(ended);
    void ended.then(() => this.#ending.delete(ended));
    return ended;
  }

  open(call: DriverCall): Promise<void> {
    return openAtFirst(
      this.#settings.min,
      () => this.#connectSomewhere(call),
      (session) => this.give(session),
    );
  }

  /** A connection of the application's own, outside of the pool, to be ended by who asked. */
  async connect(): Promise<MysqlConnection> {
    const connection = await this.#connect(this.#hosts.current, new AbortController().signal);
    try {
      await meet(connection);
    } catch (error) {
      connection.stream.destroy();
      throw error;
    }
    return connection;
  }

  async close(): Promise<void> {
    for (const session of this.#idle.clear()) void this.end(session);
    const late = (): Error => new Error('The server is dead.');
    await withDeadline(() => Promise.all(this.#ending), ENDING_MS, late).catch(() => {});
    // A process must be able to end.
    for (const connection of this.#connecting) connection.stream.destroy();
  }

  #connectSomewhere(call: DriverCall, takesScripts = false): Promise<Session> {
    return this.#hosts.connect(call, () => this.#meet(takesScripts), isOfHost);
  }

  async #meet(takesScripts: boolean): Promise<Session> {
    const { connectTimeoutMs, needsWrites, readsOnly } = this.#settings;
    const address = this.#hosts.current;
    let connection: MysqlConnection | undefined;
    let server: Server;
    try {
      const met = await withDeadline(
        async (signal) => {
          connection = await this.#connect(address, signal, takesScripts);
          return { connection, server: await meet(connection, readsOnly) };
        },
        connectTimeoutMs,
        () => new LostConnectionError(`${serverAt(address)} did not answer in time`),
      );
      ({ connection, server } = met);
      if (needsWrites && server.isReadOnly) throw new LostConnectionError(`${serverAt(address)} takes no writes`);
    } catch (error) {
      connection?.stream.destroy();
      throw error;
    }
    this.product = server.product;
    const session = new Session(connection, server, address, takesScripts);
    this.#open.add(session);
    void session.gone.then(() => {
      this.#open.delete(session);
      this.#idle.remove(session);
    });
    return session;
  }

  async #connect({ host, port }: Address, signal: AbortSignal, takesScripts = false): Promise<MysqlConnection> {
    const { user, password, database, tls, applicationName, connectTimeoutMs } = this.#settings;
    const options: ConnectionOptions = {
      ...(host.startsWith('/') ? { socketPath: host } : { host, port }),
      ...(user !== undefined && { user }),
      ...(database !== undefined && { database }),
      ...(tls !== undefined && { ssl: { ...tls } as NonNullable<ConnectionOptions['ssl']> }),
      ...(applicationName !== undefined && { connectAttributes: { program_name: applicationName } }),
      connectTimeout: connectTimeoutMs,
      charset: 'UTF8MB4_BIN',
      // Text and not numbers or dates where mysql2 would round, move or parse.
      supportBigNumbers: true,
      dateStrings: true,
      jsonStrings: true,
      // Nothing here loads a file of ours because a server asks for it.
      flags: ['-LOCAL_FILES'],
      multipleStatements: takesScripts,
    };
    const secret = typeof password === 'function' ? await password() : password;
    signal.throwIfAborted();
    let made: MysqlConnection | undefined;
    const giveUp = (): unknown => made?.stream.destroy();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await connectTo(
        { ...options, ...(secret !== undefined && { password: secret }) },
        this.#onError,
        (connection) => {
          made = connection;
          this.#connecting.add(connection);
        },
      );
    } catch (error) {
      made?.stream.destroy();
      throw unreachable(error as Error);
    } finally {
      signal.removeEventListener('abort', giveUp);
      if (made !== undefined) this.#connecting.delete(made);
    }
  }
}

function unreachable(error: Error): Error {
  if (isOfServer(error)) return error;
  return new LostConnectionError('the server cannot be reached', { cause: error });
}

/** Whether another host may do better. */
function isOfHost(error: unknown): boolean {
  if (error instanceof LostConnectionError) return true;
  return error instanceof Error && isOfServer(error) && OF_HOST.has(error.errno);
}
