import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { onTestFinished, vi } from 'vitest';

/** A server on a free port of the loopback, closed when the test is over. */
export interface Served {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
  /** Writes bytes to a new connection and gives everything that came back until the server closed it. */
  raw(request: string | Buffer, options?: { end?: boolean }): Promise<string>;
}

export async function listen(server: Server): Promise<Served> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    async raw(request, options = {}) {
      const socket = connect(port, '127.0.0.1');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      // A reset is an answer too: what came before it counts.
      socket.on('error', () => {});
      if (options.end === true) socket.end(request);
      else socket.write(request);
      await once(socket, 'close').catch(() => {});
      return Buffer.concat(chunks).toString('latin1');
    },
  };
}

export async function serve(listener: RequestListener): Promise<Served> {
  const served = await listen(createServer(listener));
  onTestFinished(() => stop(served.server));
  return served;
}

export async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  if (server.listening) await once(server, 'close');
}

/** Waits until the assertion holds, as long as a busy machine may need. */
export function eventually<T>(assertion: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(assertion, { timeout: 60_000, interval: 10 });
}
