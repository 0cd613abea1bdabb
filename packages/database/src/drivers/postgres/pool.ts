import { placeOf, withDeadline } from '@ent/internal';
import { type ClientConfig, Pool as PgPoolClass, type PoolConfig } from 'pg';
import type { Awaitable, DriverCall } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import type { Address } from '../../internal/sql/addresses.ts';
import { Hosts, openAtFirst, serverAt } from '../../internal/sql/hosts.ts';
import type { SessionSource } from '../../internal/sql/sessions.ts';
import { AtHand } from './at-hand.ts';
import type { PgClient, PgPool, PgResult } from './client.ts';
import { LostConnectionError } from './errors.ts';
import type { Names } from './names.ts';
import type { Settings } from './options.ts';
import { Session } from './session.ts';

/** How long a connection that is given up may take to end on the server, in milliseconds. */
const ENDING_MS = 4_000;

/** What stands at the other end. */
export const PROBE = `pg_backend_pid() as pid, current_setting('transaction_read_only') as read_only`;
/** Dates and times in the one way that is read here, in the zone that native statements get on every machine. */
const SETTINGS = `set_config('datestyle', 'ISO', false) as datestyle, set_config('timezone', 'UTC', false) as zone,
  set_config('bytea_output', 'hex', false) as bytes`;
/** Those of an application's own pool stay as they are. */
const THEIRS = `current_setting('datestyle') as datestyle`;

/** Connections from a pool of pg: ours, or the application's own. */
export class Connections implements SessionSource<Session> {
  readonly pool: PgPool;
  readonly max: number;
  /** A pooler stands in between, which keeps nothing of a session from one transaction to the next. */
  isPooled = false;
  readonly #settings: Settings;
  readonly #names: Names;
  readonly #hosts: Hosts;
  readonly #sessions = new WeakMap<PgClient, Session>();
  readonly #clients = new Set<PgClient>();
  /** Not of an application's own pool: somebody else may wait for them there. */
  readonly #atHand: AtHand | undefined;
  readonly #onError = (): void => {};
  #ending = 0;

  constructor(settings: Settings, names: Names) {
    this.#settings = settings;
    this.#names = names;
    this.pool = settings.pool ?? makePool(settings);
    this.#hosts = new Hosts(settings.hosts, (host) => Object.assign(this.pool.options, host));
    this.#atHand = settings.pool === undefined ? new AtHand() : undefined;
    this.max = settings.pool === undefined ? settings.max : settings.pool.options.max;
    // A connection that breaks while nobody uses it is told here, and ends the process when nobody listens.
    this.pool.on('error', this.#onError);
  }

  total(): number {
    return Math.max(0, this.pool.totalCount - this.#ending);
  }

  take(call: DriverCall): Awaitable<Session> {
    const session = this.#atHand?.take();
    if (session?.isFresh === true) return session;
    session?.client.release(true);
    return this.#fromPool(call);
  }

  give(session: Session): void {
    if (this.#atHand !== undefined && session.isClean) this.#atHand.keep(session);
    else session.client.release(!session.isClean);
  }

  async end(session: Session): Promise<void> {
    this.#ending += 1;
    try {
      await withDeadline(
        (signal) => session.end(signal),
        ENDING_MS,
        () => new Error('The server is dead.'),
      );
    } finally {
      this.#ending -= 1;
    }
  }

  open(call: DriverCall): Promise<void> {
    return openAtFirst(
      this.#settings.min,
      () => this.#fromPool(call),
      (session) => this.give(session),
    );
  }

  /** Ends our pool, and lets go of one that was handed in. */
  async close(): Promise<void> {
    this.#atHand?.clear();
    if (this.#settings.pool === undefined) {
      const late = (): Error => new Error('The server is dead.');
      await withDeadline(() => this.pool.end(), ENDING_MS, late).catch(() => {});
      // It says goodbye and waits; a process must be able to end.
      for (const client of this.#clients) client.connection.stream.destroy();
    }
    this.pool.off('error', this.#onError);
  }

  #fromPool(call: DriverCall): Promise<Session> {
    return this.#hosts.connect(call, () => this.#next(), isOfHost);
  }

  async #next(): Promise<Session> {
    for (;;) {
      const client = await this.#connect();
      const known = this.#sessions.get(client);
      const session = known ?? (await this.#meet(client));
      if (session.isFresh) return session;
      client.release(true);
    }
  }

  #connect(): Promise<PgClient> {
    return new Promise((resolve, reject) => {
      this.pool.connect((error, client) => {
        if (client !== undefined) resolve(client);
        else reject(unreachable(error ?? new Error('The pool gave nothing.'), this.#hosts.current));
      });
    });
  }

  /** A connection that was not here before. */
  async #meet(client: PgClient): Promise<Session> {
    // Told of a connection that is lost while it is in use; a statement on it learns it as well.
    client.on('error', this.#onError);
    try {
      const { pid, read_only: readOnly, datestyle } = await this.#probe(client);
      if (this.#settings.needsWrites && readOnly === 'on') {
        throw new LostConnectionError(`${serverAt(this.#hosts.current)} takes no writes`);
      }
      if (!String(datestyle).startsWith('ISO')) {
        throw databaseErrors.invalid_definition('postgres: connections of your pool need the DateStyle ISO.');
      }
      if (Number(pid) !== client.processID) this.#meetPooler();
    } catch (error) {
      client.release(true);
      throw error;
    }
    const session = new Session(client, this.#names);
    this.#sessions.set(client, session);
    this.#clients.add(client);
    client.once('end', () => {
      this.#clients.delete(client);
      if (this.#atHand?.remove(session) === true) client.release(true);
    });
    return session;
  }

  /** The process id that was told is not the server's: a pooler answers for many servers' connections. */
  #meetPooler(): void {
    this.isPooled = true;
    if (this.#settings.prepare === undefined) this.#names.disable();
    if (this.#settings.searchPath === undefined) return;
    throw databaseErrors.invalid_definition(
      'postgres: there is a pooler in between, which does not keep a search_path. Set it for the user: alter role ... set search_path = ...',
    );
  }

  #probe(client: PgClient): Promise<Record<string, unknown>> {
    const { pool, searchPath } = this.#settings;
    const parts = [PROBE, pool === undefined ? SETTINGS : THEIRS];
    if (searchPath !== undefined) parts.push("set_config('search_path', $1, false) as path");
    const text = `select ${parts.join()}`;
    return new Promise((resolve, reject) => {
      client.query(
        { text, values: searchPath === undefined ? [] : [searchPath], queryMode: 'extended' },
        (error: (Error & { severity?: unknown }) | null, result: PgResult) => {
          if (!error) resolve(result.rows[0] as Record<string, unknown>);
          else reject(unreachable(error, this.#hosts.current));
        },
      );
    });
  }
}

function makePool(settings: Settings): PgPool {
  const { min, idleTimeoutMs, maxLifetimeMs } = settings;
  const config = {
    ...configOf(settings, settings.hosts[0]),
    // Who may have one is decided before; connections that are on their way out are not counted.
    max: Number.MAX_SAFE_INTEGER,
    min,
    idleTimeoutMillis: idleTimeoutMs,
    maxLifetimeSeconds: maxLifetimeMs / 1000,
  } satisfies PoolConfig;
  return new PgPoolClass(config);
}

/** How pg connects to one of the hosts. */
export function configOf({ client, connectTimeoutMs }: Settings, host: Address | undefined): ClientConfig {
  return { ...client, ...host, connectionTimeoutMillis: connectTimeoutMs, keepAlive: true };
}

/** An error of pg's while it connects, as this driver classifies it. */
export function unreachable(error: Error & { readonly severity?: unknown }, host: Address | undefined): Error {
  if (error.severity !== undefined) return error;
  // Node may tell where it was, and why.
  const server = placeOf(error) === undefined ? serverAt(host) : 'the server';
  return new LostConnectionError(`${server} cannot be reached`, { cause: error });
}

/** Whether another host may do better. */
function isOfHost(error: unknown): boolean {
  if (error instanceof LostConnectionError) return true;
  const code = String((error as { code?: unknown }).code);
  return code.startsWith('57P') || code === '53300';
}
