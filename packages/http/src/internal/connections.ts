import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Turns, type Waiter } from './turns.ts';

interface Connection {
  /** Answers that are not complete, in the order of their requests. */
  readonly open: Set<ServerResponse>;
  /** `bytesRead` when the connection last had nothing to do: more of it is the beginning of a request. */
  mark: number;
  idleSince: number;
  /** The answer that we made the last one of its connection. */
  last: ServerResponse | undefined;
  /** Its requests that wait for their turn. */
  readonly waiter: Waiter;
}

// A client whose last answer said "keep-alive" may be about to send the next request. One that loops does so at once;
// then it gets its answer with "Connection: close" instead of a closed connection.
const IDLE_MS = 500;

const trackers = new WeakMap<Server, Connections>();

/** The connections of a server and what goes on in them, from the outside: node shows neither. */
export class Connections {
  readonly #connections = new Map<Socket, Connection>();
  #leaving = false;
  readonly #turns = new Turns();

  /** Begins to watch a server; the same one is watched once. */
  static of(server: Server): Connections {
    let connections = trackers.get(server);
    if (connections === undefined) {
      connections = new Connections(server);
      trackers.set(server, connections);
    }
    return connections;
  }

  static find(server: Server): Connections | undefined {
    return trackers.get(server);
  }

  private constructor(server: Server) {
    server.prependListener('connection', (socket: Socket) => this.#add(socket));
    server.prependListener('request', (req, res) => this.#begin(req, res));
    // What server.close() calls first. Node's own takes a connection for idle as soon as `res.end()` was called,
    // although megabytes of the answer may still wait for a slow reader, and destroys it.
    server.closeIdleConnections = () => this.closeIdle(this.#leaving ? IDLE_MS : 0);
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Answers that are not complete. */
  get open(): number {
    let count = 0;
    for (const { open } of this.#connections.values()) count += open.size;
    return count;
  }

  /** The answers of a connection that are not complete, in the order of their requests. */
  answers(socket: Socket): ServerResponse[] {
    return [...(this.#connections.get(socket)?.open ?? [])];
  }

  /** From now on each connection ends with its answer. */
  leave(): void {
    this.#leaving = true;
    for (const connection of this.#connections.values()) {
      const newest = [...connection.open].at(-1);
      if (newest !== undefined) makeLast(connection, newest);
    }
  }

  /** Closes the connections that have had nothing to do for a while. */
  closeIdle(idleMs = IDLE_MS): void {
    const before = performance.now() - idleMs;
    for (const [socket, connection] of this.#connections) {
      const idle = connection.open.size === 0 && socket.bytesRead === connection.mark && socket.writableLength === 0;
      if (idle && connection.idleSince <= before) socket.destroy();
    }
  }

  closeAll(): void {
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #add(socket: Socket): void {
    const waiting: (() => void)[] = [];
    const connection: Connection = {
      open: new Set(),
      mark: socket.bytesRead,
      idleSince: performance.now(),
      last: undefined,
      waiter: { waiting, running: () => connection.open.size - waiting.length, done: () => void socket.resume() },
    };
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      waiting.length = 0;
      this.#turns.leave(connection.waiter);
      this.#connections.delete(socket);
    });
  }

  #begin(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req;
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.open.add(res);
    if (this.#leaving) makeLast(connection, res);
    res.on('close', () => {
      connection.open.delete(res);
      connection.mark = socket.bytesRead;
      connection.idleSince = performance.now();
      this.#turns.wake(connection.waiter);
    });
  }

  /** Begins the work on a request that was noted as open; later, where many are to begin. */
  admit(socket: Socket, request: () => void): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) request();
    // What waits is bounded by one reading of the socket.
    else if (!this.#turns.begin(connection.waiter, request)) socket.pause();
  }
}

/**
 * Makes node say `Connection: close` and close after this answer. Not after an earlier one of a
 * pipeline: that would cut off those behind it.
 */
function makeLast(connection: Connection, res: ServerResponse): void {
  const before = connection.last;
  if (before !== undefined && !before.headersSent) before.shouldKeepAlive = true;
  if (!res.shouldKeepAlive) return;
  res.shouldKeepAlive = false;
  connection.last = res;
}
