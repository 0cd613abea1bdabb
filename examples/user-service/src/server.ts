import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, drain } from '@ent/http';
import type { Component } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import type { Config } from './config.ts';

/** The HTTP server as a part of the process: listens when it starts, and loses no request when it stops. */
export function httpServer(listener: RequestListener, config: Config, logger: Logger): Component {
  const server = createServer(listener);
  return {
    async start(signal) {
      server.listen(config.PORT, config.HOST);
      // Rejects with the error where the port is taken.
      await once(server, 'listening', { signal });
      const url = `http://${hostOf(server.address() as AddressInfo)}`;
      logger.info(`listening on ${url}`, { docs: `${url}/docs`, redoc: `${url}/redoc` });
    },
    async stop(signal) {
      const { cut } = await drain(server, { grace: config.DRAIN_TIME, deadline: config.DRAIN_TIME + 15_000, signal });
      if (cut > 0) logger.warning('requests were cut at the end of the drain time', { cut });
    },
  };
}

function hostOf({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
