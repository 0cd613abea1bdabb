import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Component } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import { createLive, type LiveOptions } from '@ent/observability/live';

/** This machine alone: who is elsewhere comes by a tunnel, such as that of `kubectl port-forward`. */
const HOST = '127.0.0.1';

/** The page that shows how the process is, on a port of its own. */
export function livePage(port: number, options: LiveOptions, logger: Logger): Component {
  const live = createLive(options);
  const server = createServer((req, res) => void live.handle(req, res));
  return {
    async start(signal) {
      server.listen(port, HOST);
      await once(server, 'listening', { signal });
      logger.info(`the live page is http://${HOST}:${(server.address() as AddressInfo).port}`);
    },
    stop() {
      live.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
