import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Component, Health, HealthReport } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import type { Metrics } from '@ent/observability/prometheus';
import type { Config } from './config.ts';

/**
 * Answers who looks after the process: `/livez`, `/readyz`, `/startupz`, `/health` and `/metrics`. Nobody else calls a
 * consumer, so a server without routes, limits and documents is enough.
 */
export function probes(health: Health, metrics: Metrics, config: Config, logger: Logger): Component {
  const asked: Readonly<Record<string, () => HealthReport | Promise<HealthReport>>> = {
    '/livez': () => health.live(),
    '/readyz': () => health.ready(),
    '/startupz': () => health.startup(),
    '/health': () => health.report(),
  };
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    const answer = async (): Promise<void> => {
      if (path === '/metrics') {
        const { contentType, body } = await metrics.answer(request.headers.accept);
        response.writeHead(200, { 'content-type': contentType, vary: 'accept' }).end(body);
        return;
      }
      const report = await asked[path]?.();
      if (report === undefined) response.writeHead(404).end();
      else response.writeHead(report.statusCode, report.headers).end(JSON.stringify(report.body));
    };
    answer().catch((err: unknown) => {
      logger.error('a probe could not be answered', { path, err });
      response.destroy();
    });
  });
  return {
    async start(signal) {
      server.listen(config.PORT, config.HOST);
      await once(server, 'listening', { signal });
      const { address, family, port } = server.address() as AddressInfo;
      logger.info(`probes on http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
    },
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
