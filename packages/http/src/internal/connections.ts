import { type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Turns, type Waiter } from './turns.ts';

/** A connection with many requests at a time, which has an end of its own (HTTP/2). */
export interface Session {
  /** Asks the client to send no more. */
  leave(): void;
  /** Closes it when nothing is open any more. */
  close(): void;
}

/** What goes on in a connection. */
interface Connection extends Waiter {
  /** The answer to its newest request, while one is open. */
  newest: ServerResponse | undefined;
  /** `bytesRead` when the connection last had nothing to do: more of it is the beginning of a request. */
  mark: number;
  idleSince: number;
  /** The answer that we made the last one of its connection. */
  last: ServerResponse | undefined;
  readonly session: Session | undefined;
  /** One of its answers is complete. */
  readonly answered: () => void;
}

/** The answer of a server that {@link Connections.admit} notes. */
export class NotedResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  of: Connection | undefined;
}

/** Tells the connection of the end: a listener for each answer would be work for every request. */
function detachNoted(this: NotedResponse, socket: Socket): void {
  ServerResponse.prototype.detachSocket.call(this, socket);
  this.of?.answered();
}

/** The answers of a connection that are not complete. */
export interface Unanswered {
  readonly count: number;
  /** The last one in the order of their requests. */
  readonly newest: ServerResponse | undefined;
}

// A client whose last answer said "keep-alive" may be about to send the next request. One that loops does so at once;
// then it gets its answer with "Connection: close" instead of a closed connection.
const IDLE_MS = 500;

// What a client sends at once in good faith. A connection with so many open requests is not made to wait, and nobody
// counts in what turn they begin.
const ORDINARY = 16;

const trackers = new WeakMap<Server, Connections>();
const bySocket = new WeakMap<Socket, Connections>();

/** The connections of a server and what goes on in them, from the outside: node shows neither. */
export class Connections {
  readonly #connections = new Map<Socket, Connection>();
  #leaving = false;
  #ending = false;
  readonly #endless = new Set<() => void>();
  readonly #bySession = new Map<Session, Connection>();
  readonly #closers: (() => void)[] = [];
  readonly #turns = new Turns();

  /**
   * Begins to watch a server; the same one is watched once. Its requests are noted by a listener, or by {@link admit}
   * in the server's own, which is faster.
   */
  static of(server: Server, noted: 'by listener' | 'by admit'): Connections {
    let connections = trackers.get(server);
    if (connections === undefined) {
      const made = (connections = new Connections(server));
      trackers.set(server, made);
      if (noted === 'by listener') {
        server.prependListener('request', (req, res) => {
          const connection = made.#note(req, res);
          // One function for all answers of the connection.
          if (connection !== undefined) res.on('close', connection.answered);
        });
      }
    }
    return connections;
  }

  static find(server: Server): Connections | undefined {
    return trackers.get(server);
  }

  /** Those that a connection is one of. */
  static around(socket: Socket): Connections | undefined {
    return bySocket.get(socket);
  }

  private constructor(server: Server) {
    server.prependListener('connection', (socket: Socket) => this.add(socket));
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
    for (const { open } of this.#connections.values()) count += open;
    return count;
  }

  unanswered(socket: Socket): Unanswered {
    const connection = this.#connections.get(socket);
    return { count: connection?.open ?? 0, newest: connection?.newest };
  }

  /** From now on each connection ends with its answer. */
  leave(): void {
    this.#leaving = true;
    for (const connection of this.#connections.values()) {
      if (connection.newest !== undefined) makeLast(connection, connection.newest);
      connection.session?.leave();
    }
  }

  /** A connection that was handed to somebody else is never idle. */
  hold(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection !== undefined) connection.mark = -1;
  }

  /** From now on what would go on forever ends. */
  end(): void {
    this.#ending = true;
    for (const call of this.#endless) call();
    this.#endless.clear();
  }

  /** Calls back at {@link end}; gives what forgets it. */
  whenEnding(call: () => void): () => void {
    if (this.#ending) queueMicrotask(call);
    else this.#endless.add(call);
    return () => void this.#endless.delete(call);
  }

  /** Closes the connections that have had nothing to do for a while. */
  closeIdle(idleMs = IDLE_MS): void {
    const before = performance.now() - idleMs;
    for (const [socket, connection] of this.#connections) {
      const { session } = connection;
      if (session !== undefined) {
        if (connection.open === 0 && connection.idleSince <= before) session.close();
        continue;
      }
      const idle = connection.open === 0 && socket.bytesRead === connection.mark && socket.writableLength === 0;
      if (idle && connection.idleSince <= before) socket.destroy();
    }
  }

  closeAll(): void {
    for (const socket of this.#connections.keys()) socket.destroy();
    for (const close of this.#closers) close();
  }

  /** Calls back at {@link closeAll}, for what is not among the connections. */
  whenClosingAll(close: () => void): void {
    this.#closers.push(close);
  }

  /** Begins to watch a connection; once more, when it is known what it speaks. */
  add(socket: Socket, session?: Session): void {
    const connection: Connection = {
      session,
      open: 0,
      newest: undefined,
      // Without those that were looked at and put back, which are the beginning of a request.
      mark: socket.bytesRead - socket.readableLength,
      idleSince: performance.now(),
      last: undefined,
      waiting: [],
      done: () => void socket.resume(),
      answered: () => {
        connection.open--;
        if (connection.open === 0) {
          connection.newest = undefined;
          connection.mark = socket.bytesRead;
          connection.idleSince = performance.now();
        } else if (connection.waiting.length > 0) this.#turns.wake(connection);
      },
    };
    this.#connections.set(socket, connection);
    bySocket.set(socket, this);
    socket.once('close', () => {
      connection.waiting.length = 0;
      this.#turns.leave(connection);
      this.#connections.delete(socket);
      if (session !== undefined) this.#bySession.delete(session);
    });
    if (session === undefined) return;
    this.#bySession.set(session, connection);
    if (this.#leaving) session.leave();
  }

  /** A session has a request more. */
  note(session: Session, socket: Socket): void {
    // The compatibility API has one of its own for each request.
    bySocket.set(socket, this);
    const connection = this.#bySession.get(session);
    if (connection !== undefined) connection.open++;
  }

  /** A session has a request less. */
  answered(session: Session): void {
    this.#bySession.get(session)?.answered();
  }

  /** Notes a request as open. */
  #note(req: IncomingMessage, res: ServerResponse): Connection | undefined {
    const connection = this.#connections.get(req.socket);
    if (connection === undefined) return undefined;
    connection.open++;
    connection.newest = res;
    if (this.#leaving) makeLast(connection, res);
    return connection;
  }

  /** Notes a request as open and begins the work on it; later, where many of its connection are to begin. */
  admit(req: IncomingMessage, res: NotedResponse & { req: IncomingMessage }, listener: RequestListener): void {
    const connection = this.#note(req, res);
    res.of = connection;
    // Its own, and not its prototype's, which Express replaces.
    res.detachSocket = detachNoted;
    if (connection === undefined || (connection.open <= ORDINARY && connection.waiting.length === 0))
      listener(req, res);
    // What waits is bounded by one reading of the socket.
    else if (!this.#turns.begin(connection, () => listener(req, res))) req.socket.pause();
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
