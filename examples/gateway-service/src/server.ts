import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, drain } from '@ent/http';
import type { Component } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import type { Config } from './config.ts';
import type { Upgrades } from './proxy/upgrades.ts';

/** The server as a part of the process: listens when it starts, and loses no call when it stops. */
export function httpServer(listener: RequestListener, upgrades: Upgrades, config: Config, logger: Logger): Component {
  const server = createServer(listener);
  // An option of Node's server (24.9); what is not wanted stays an ordinary request.
  Object.assign(server, { shouldUpgradeCallback: upgrades.wanted });
  server.on('upgrade', upgrades.take);
  return {
    async start(signal) {
      server.listen(config.PORT, config.HOST);
      await once(server, 'listening', { signal });
      const { address, family, port } = server.address() as AddressInfo;
      const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
      logger.info(`listening on ${url}`, { docs: `${url}/docs` });
    },
    async stop(signal) {
      const draining = drain(server, { grace: config.DRAIN_TIME, deadline: config.DRAIN_TIME + 15_000, signal });
      upgrades.close();
      const { cut } = await draining;
      if (cut > 0) logger.warning('calls were cut at the end of the drain time', { cut });
    },
  };
}
