import { chain, Semaphore } from '@ent/internal';
import type { Awaitable, DriverCall, DriverSessions, PoolStats } from '../../driver.ts';
import { orElse } from '../../internal/awaitable.ts';
import { whenFree } from './busy.ts';
import type { SqliteClient } from './client.ts';
import { Connection } from './connection.ts';
import { registerFunctions } from './functions.ts';
import { expectRoom, MAX_READERS, openReader, openWriter, optimize } from './opening.ts';

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
  /** The application has the client of the writer, or had one. */
  #isLent: boolean;
  /** The writer was closed here. */
  #isClosed = false;
  #inUse = 0;

  constructor(source: PoolSource) {
    this.#source = source;
    this.#isLent = source.client !== undefined;
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
    this.#isLent = true;
    if (this.#writer !== undefined) this.#writer.isLent = true;
    return this.#writer?.client;
  }

  connect(call: DriverCall): Awaitable<void> {
    return whenFree(call, () => {
      // Two databases on one driver share it.
      if (this.#writer?.client.open === true) return;
      this.#writer = new Connection(this.#openWriter(), false);
      this.#writer.isLent = this.#isLent;
      this.#isClosed = false;
    });
  }

  /** Refuses where the disk has no room for a commit any more. A client that was handed in may have it anywhere. */
  expectRoom(): void {
    if (this.#isSingle) return;
    expectRoom(this.#source.file);
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
    if (this.#isSingle) return;
    connection.client.close();
    if (!connection.isReader) this.#isClosed = true;
  }

  close(): void {
    for (const reader of this.#readers) reader.client.close();
    this.#readers.clear();
    this.#idleReaders.length = 0;
    const writer = this.#writer;
    if (writer === undefined) return;
    if (this.#source.client !== undefined) {
      writer.rollback();
      return;
    }
    optimize(writer.client);
    writer.client.close();
    this.#isClosed = true;
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
    // To ask whether it is open costs more than all of this.
    const isOpen = (!this.#isLent && !this.#isClosed) || writer.client.open;
    if (isOpen || this.#isSingle) return this.#taken(writer);
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
      const reader = new Connection(openReader(this.#source.file), true);
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
    if (given === undefined) return openWriter(file, synchronous);
    registerFunctions(given);
    return given;
  }
}
