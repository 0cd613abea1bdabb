/** A length of time: a number of milliseconds, or a number with a unit: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. */
export type Duration = number | string;

/** The certificate of a server, as `node:tls` takes it. */
export interface TlsOptions {
  /** The private key, PEM. */
  readonly key: string | Buffer;
  /** The certificate and those between it and the root, PEM. */
  readonly cert: string | Buffer;
  /** Of the key, where it has one. */
  readonly passphrase?: string | undefined;
}

/** How {@link createServer} is set up. */
export interface ServerOptions {
  /** How long a client may take to send the head of a request. Default: `"10s"` (node: 60 s). */
  headersTimeout?: Duration | undefined;
  /** How long a client may take to send a whole request. Default: `"30s"` (node: 300 s). */
  requestTimeout?: Duration | undefined;
  /**
   * How long an idle connection is kept. Must be longer than what the load balancer in front keeps its own, or it sends
   * requests into connections that are just being closed. Default: `"65s"`, for the 60 s of the usual ones (node: 5 s).
   */
  keepAliveTimeout?: Duration | undefined;
  /**
   * HTTP/2 beside HTTP/1.1, on the same port: with `tls` for clients that ask for it (ALPN), without it for those that
   * begin with it (h2c, prior knowledge), as proxies and gRPC do. Default: `false`.
   */
  http2?: boolean | undefined;
  /** A certificate: the server then speaks TLS only. Default: none, for a proxy in front ends TLS. */
  tls?: TlsOptions | undefined;
}

/** How {@link drain} empties a server. */
export interface DrainOptions {
  /**
   * How long requests are still served, on new connections too, while load balancers notice that
   * readiness is gone. Each answer says `Connection: close`, so that clients leave by themselves.
   * Default: `"5s"`; `0` stops listening at once.
   */
  grace?: Duration | 0 | undefined;
  /** How long everything may take, `grace` included; what is open then is cut. Default: `"30s"`. */
  deadline?: Duration | undefined;
  /** Brings the deadline forward. */
  signal?: AbortSignal | undefined;
}

/** What {@link drain} did. */
export interface DrainReport {
  /** Requests that were not answered completely when the deadline came; 0 when nothing was lost. */
  readonly cut: number;
}
