import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Middleware } from '@ent/middleware';

/** What hosts may do differently; the cases read it. */
export interface Features {
  /** A `Request` has a URL, with its dot segments resolved, and without a host there is none. */
  readonly targets: 'as sent' | 'as a URL';
  /** Whether the router refuses `%zz` in a path; others take it as it is. */
  readonly refusesBadEncoding: boolean;
  /** Whether the exchange hears why a body that is streamed failed. A framework that streams by itself does not say. */
  readonly noted: boolean;
  /**
   * Which answers `reply` hooks see, beside those of middlewares: all, since they are replies, or the problems that are
   * made of errors and of paths without a route. The table by host in docs/middleware/hosts.md says the same.
   */
  readonly shapes: 'all' | 'problems';
}

export interface StartOptions {
  readonly middleware: readonly Middleware[];
  /** Is given the server before it listens. */
  readonly prepare?: ((server: Server) => void) | undefined;
}

export interface Running {
  readonly port: number;
  stop(): Promise<void>;
}

/** One host with its application, ready to be served. */
export interface Host {
  readonly name: string;
  readonly features: Features;
  start(options: StartOptions): Promise<Running>;
}

export async function listenOn(server: Server, prepare?: (server: Server) => void): Promise<Running> {
  prepare?.(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return running(server, async () => {
    server.close();
  });
}

export function running(server: Server, close: () => Promise<unknown>): Running {
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async stop() {
      const over = server.listening ? once(server, 'close') : undefined;
      const closing = close();
      server.closeAllConnections();
      await closing;
      await over;
    },
  };
}
