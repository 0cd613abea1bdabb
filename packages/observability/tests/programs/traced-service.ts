// A small service that asks another one, which is itself: one request, and it ends.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { createListener, route } from '@ent/http';
import { createLogger } from '@ent/logging';
import { z } from 'zod';
import { measureOperations, traceOperations } from '../../src/opentelemetry.ts';

export async function serve(): Promise<void> {
  const tracing = traceOperations();
  const measuring = measureOperations();
  const logger = createLogger({ format: 'ecs', service: { name: 'traced' } });
  const cache = createCache({ driver: memory() });
  let url = '';

  const server = createServer(
    createListener([
      route({
        method: 'GET',
        path: '/front',
        responses: { 200: z.unknown() },
        async handler() {
          await turn();
          logger.info('asked in front');
          return cache.getOrSet('a', async () => {
            const answer = await fetch(`${url}/back`);
            return (await answer.json()) as { baggage?: string };
          });
        },
      }),
      route({
        method: 'GET',
        path: '/back',
        responses: { 200: z.unknown() },
        handler({ exchange }) {
          logger.info('asked behind');
          return { baggage: exchange.header('baggage') };
        },
      }),
    ]),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const answer = await fetch(`${url}/front`, { headers: { baggage: 'tenant=acme' } });
  process.stdout.write(`${JSON.stringify({ answer: await answer.json() })}\n`);
  server.closeAllConnections();
  await once(server.close(), 'close');
  await cache.close();
  await logger.close();
  tracing.close();
  process.once('exit', () => measuring.close());
}
