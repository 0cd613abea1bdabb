/**
 * One request and its answer, the same on every host.
 *
 * Everything costs nothing until it is read: the body is not touched, no `AbortController` and no `Map` is made, before
 * somebody asks for it.
 */
export interface Exchange {
  /** The method as it was sent, for example `GET`. */
  readonly method: string;
  /**
   * The request target as it was sent, query included. Never decoded. On a fetch host it is as the URL of the `Request`
   * has it, which resolves `..` and has no other form than a path.
   */
  readonly rawUrl: string;
  /**
   * The path of {@link rawUrl}, still percent-encoded. Do not protect anything by looking at it: `/%61dmin` is `/admin`
   * to a router. Guards belong to routes.
   */
  readonly path: string;
  /** The query of {@link rawUrl} without the `?`; empty when there is none. */
  readonly query: string;
  /** Address of the client: the peer of the connection, or what trusted proxies say. Empty on a Unix socket. */
  readonly peer: string;
  /** Of the connection, where the host says: behind a proxy that ends TLS it is `http`. For telemetry. */
  readonly scheme?: 'http' | 'https' | undefined;
  /** Aborts when the client goes away before the answer is complete, or by {@link abort}. */
  readonly signal: AbortSignal;
  /** Whatever middlewares keep between their hooks. Keys are symbols, so that two never meet. */
  readonly state: Map<symbol, unknown>;
  /** Identifies the exchange in logs. A UUID, unless `requestId()` took over a sane one that the client sent. */
  id: string;
  /** The pattern of the route that answers, for example `/users/:id`; set by the router, read by telemetry. */
  route: string | undefined;
  /** A request header by its lower-case name. Repeated headers are joined as RFC 9110, section 5.3 says. */
  header(name: string): string | undefined;
  /**
   * The whole request body. Bytes are counted while they arrive, whatever
   * `Content-Length` says. A second call gives the same bytes.
   *
   * In a hook that comes before the handler, the request is left as it was: the parsers of an application read the same
   * bytes again, by its own means.
   *
   * @param max most bytes to accept
   * @throws `middleware.body_too_large` (413); `middleware.request_aborted` when the client went away
   */
  bytes(max: number): Promise<Uint8Array>;
  /**
   * The request body as it arrives, for one reader: what is not taken is not read. Bytes are counted as for
   * {@link bytes}, and its errors come while it is iterated over. After {@link bytes} it gives the same, in one piece.
   *
   * @param max most bytes to accept
   */
  stream(max: number): AsyncIterable<Uint8Array>;
  /** Aborts {@link signal} with a reason of the server, such as a time limit. Answers nothing by itself. */
  abort(reason: Error): void;
}

/** The response headers, while they can still be changed. Names may be written in any case. */
export interface HeaderBag {
  has(name: string): boolean;
  get(name: string): string | undefined;
  set(name: string, value: string): void;
  /** Adds a value to a list header such as `Vary`; keeps what is there. */
  append(name: string, value: string): void;
  delete(name: string): void;
  /** Sets those of a list that are not there, each named once and in lower case. Not every host can, in one go. */
  fill?(headers: readonly (readonly [name: string, value: string])[]): void;
}

/** Values of the headers of a {@link Reply}; an array sends the header once for each value (`Set-Cookie`). */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>;

/** What a reply carries: text is sent as UTF-8; an async iterable (a `Readable`, a `ReadableStream`) is streamed. */
export type ReplyBody = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/** An answer as data. The host writes it. */
export interface Reply {
  readonly status: number;
  readonly headers?: ReplyHeaders | undefined;
  readonly body?: ReplyBody | undefined;
}

/** How an exchange ended. */
export interface Outcome {
  /** The status that was sent; `undefined` when the client left before. */
  readonly status: number | undefined;
  /** Size of the response body in bytes, where the host knows it. */
  readonly bytes: number | undefined;
  /** From the arrival of the request's headers to the last byte handed to the socket, in milliseconds. */
  readonly durationMs: number;
  /** The answer is not complete: the client went away, or what was streamed failed (then there is an `error`). */
  readonly aborted: boolean;
  /** What a hook or the handler threw. */
  readonly error: unknown;
}
