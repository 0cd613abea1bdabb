import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, drain } from '@ent/http';
import type { Component } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';

interface ServerSettings {
  readonly HOST: string;
  readonly PORT: number;
  /** In milliseconds; 0 for a server whose clients can wait. */
  readonly DRAIN_TIME: number;
}

/** The HTTP server as a part of the process: listens when it starts, and loses no request when it stops. */
export function httpServer(listener: RequestListener, settings: ServerSettings, logger: Logger): Component {
  const { HOST, PORT, DRAIN_TIME } = settings;
  const server = createServer(listener);
  return {
    async start(signal) {
      server.listen(PORT, HOST);
      // Rejects with the error where the port is taken.
      await once(server, 'listening', { signal });
      const { address, family, port } = server.address() as AddressInfo;
      logger.info(`listening on http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
    },
    async stop(signal) {
      const { cut } = await drain(server, { grace: DRAIN_TIME, deadline: DRAIN_TIME + 15_000, signal });
      if (cut > 0) logger.warning('requests were cut at the end of the drain time', { cut });
    },
  };
}
