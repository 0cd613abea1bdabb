import { closeSync, mkdirSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Semaphore } from '@ent/internal';
import BetterSqlite3 from 'better-sqlite3';
import type { Awaitable, DriverCall, DriverSessions, PoolStats } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { chain, orElse } from '../../internal/awaitable.ts';
import { whenFree } from './busy.ts';
import type { SqliteClient } from './client.ts';
import { Connection } from './connection.ts';
import { registerFunctions } from './dialect.ts';
import { FullDiskError } from './errors.ts';

const MAX_READERS = 4;
/** A few hundred pages: less may still take a small commit, and not the next one. */
const LEAST_BYTES = 1024 * 1024;

/** Where the connections come from. */
export interface PoolSource {
  readonly file: string;
  readonly synchronous: 'normal' | 'full';
  /** A connection of the application's own; never closed here. */
  readonly client?: SqliteClient | undefined;
}

/**
 * One connection that writes, and on demand a few that read: in WAL mode they see what was committed and wait for no
 * writer. A database in memory, or a client that was handed in, has just the one.
 */
export class Pool implements DriverSessions<Connection> {
  readonly #source: PoolSource;
  readonly #writerGate = new Semaphore(1);
  readonly #readerGate = new Semaphore(MAX_READERS);
  readonly #readers = new Set<Connection>();
  readonly #idleReaders: Connection[] = [];
  #writer: Connection | undefined;
  #inUse = 0;

  constructor(source: PoolSource) {
    this.#source = source;
  }

  /** Whether nobody else can get at this database. */
  get isPrivate(): boolean {
    return this.#source.client?.memory ?? this.#source.file === ':memory:';
  }

  get #isSingle(): boolean {
    return this.#source.client !== undefined || this.isPrivate;
  }

  /** Connections, at the most. */
  get max(): number {
    return this.#isSingle ? 1 : 1 + MAX_READERS;
  }

  /** The connection that writes; undefined before the first call. */
  get client(): SqliteClient | undefined {
    return this.#writer?.client;
  }

  connect(call: DriverCall): Awaitable<void> {
    return whenFree(call, () => {
      // Two databases on one driver share it.
      if (this.#writer?.client.open === true) return;
      this.#writer = new Connection(this.#openWriter(), false);
    });
  }

  /** Refuses where the disk has no room for a commit any more. A client that was handed in may have it anywhere. */
  expectRoom(): void {
    if (this.#isSingle) return;
    const { bavail, bsize, blocks } = statfsSync(this.#source.file);
    // Some network file systems do not tell, and say 0 of 0.
    if (blocks > 0 && bavail * bsize < LEAST_BYTES) throw new FullDiskError();
  }

  stats(): PoolStats {
    const total = (this.#writer?.client.open === true ? 1 : 0) + this.#readers.size;
    const waiting = this.#writerGate.waiting + this.#readerGate.waiting;
    return { total, inUse: this.#inUse, idle: total - this.#inUse, waiting };
  }

  acquire(use: 'read' | 'write', forTransaction: boolean, call: DriverCall): Awaitable<Connection> {
    const mustRead = use === 'read' && !this.#isSingle;
    // A single read goes over the writer's connection while nobody writes: its cache is warm.
    if (!(mustRead && forTransaction) && this.#writerGate.tryTake()) return this.#takeWriter(call);
    return mustRead ? this.#reader(call) : this.#waitForWriter(call);
  }

  /** Nothing runs while nobody looks: a broken connection is one with a transaction open, and that is rolled back. */
  release(connection: Connection): void {
    this.#inUse -= 1;
    try {
      connection.rollback();
      connection.refuseWrites(false);
      if (connection.isDirty) this.#discard(connection);
    } catch {
      // It cannot even roll back.
      this.#discard(connection);
    }
    if (connection.isReader) {
      if (connection.client.open) this.#idleReaders.push(connection);
      else this.#readers.delete(connection);
      this.#readerGate.give();
    } else {
      this.#writerGate.give();
    }
  }

  /** A file is opened again. What is in memory would be lost, so that stays as it is, and so does a client of yours. */
  #discard(connection: Connection): void {
    if (!this.#isSingle) connection.client.close();
  }

  close(): void {
    for (const reader of this.#readers) reader.client.close();
    this.#readers.clear();
    this.#idleReaders.length = 0;
    const writer = this.#writer;
    if (writer === undefined) return;
    if (this.#source.client === undefined) writer.client.close();
    else writer.rollback();
  }

  async #waitForWriter(call: DriverCall): Promise<Connection> {
    call.waitingFor = 'a transaction that is writing';
    await this.#writerGate.take(call.signal);
    call.waitingFor = undefined;
    return this.#takeWriter(call);
  }

  /** With the gate taken: the connection that writes, opened again if something closed it. */
  #takeWriter(call: DriverCall): Awaitable<Connection> {
    const writer = this.#writer as Connection;
    if (writer.client.open || this.#isSingle) return this.#taken(writer);
    const fail = (error: unknown): never => {
      this.#writerGate.give();
      throw error;
    };
    return orElse(() => chain(this.connect(call), () => this.#taken(this.#writer as Connection)), fail);
  }

  #reader(call: DriverCall): Awaitable<Connection> {
    if (this.#readerGate.tryTake()) return this.#openReader(call);
    call.waitingFor = 'one of the connections that read';
    return this.#readerGate.take(call.signal).then(() => this.#openReader(call));
  }

  #openReader(call: DriverCall): Awaitable<Connection> {
    const idle = this.#idleReaders.pop();
    if (idle !== undefined) return this.#taken(idle);
    const fail = (error: unknown): never => {
      this.#readerGate.give();
      throw error;
    };
    const open = (): Connection => {
      const client = new BetterSqlite3(this.#source.file, { readonly: true, fileMustExist: true, timeout: 0 });
      registerFunctions(client);
      const reader = new Connection(client, true);
      this.#readers.add(reader);
      return this.#taken(reader);
    };
    return orElse(() => whenFree(call, open), fail);
  }

  #taken(connection: Connection): Connection {
    this.#inUse += 1;
    return connection;
  }

  #openWriter(): SqliteClient {
    const { file, synchronous, client: given } = this.#source;
    if (given !== undefined) {
      registerFunctions(given);
      return given;
    }
    expectNodeApi();
    if (file !== ':memory:') {
      mkdirSync(dirname(file), { recursive: true });
      makePrivate(file);
    }
    const client = new BetterSqlite3(file, { timeout: 0 });
    try {
      // WAL: readers and the writer do not wait for each other. It stays with the file.
      client.pragma('journal_mode = wal');
      client.pragma(`synchronous = ${synchronous}`);
      client.pragma('foreign_keys = on');
      registerFunctions(client);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }
}

/**
 * Makes the file, if there is none, for its owner alone: SQLite would let everybody read it. Its `-wal` and `-shm` get
 * the mode of the file.
 */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch {
    // It is there, or SQLite will say what is wrong.
  }
}

/**
 * better-sqlite3 13 is built for Node-API 10 and crashes the process on an older Node (WiseLibs/better-sqlite3#1514).
 */
function expectNodeApi(): void {
  if (Number(process.versions.napi) >= 10) return;
  throw databaseErrors.invalid_definition(
    `sqlite needs Node 22.14 or newer (Node-API 10); this is Node ${process.versions.node} with Node-API ${process.versions.napi}.`,
  );
}
