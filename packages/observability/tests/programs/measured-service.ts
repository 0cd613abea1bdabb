// A service that answers one request and sends what it measured by OTLP, to OTEL_EXPORTER_OTLP_ENDPOINT.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createListener, route } from '@ent/http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { z } from 'zod';
import { measureOperations } from '../../src/opentelemetry.ts';

const meterProvider = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
});
const measuring = measureOperations({ meterProvider });
const hello = route({
  method: 'GET',
  path: '/hello/:name',
  params: z.object({ name: z.string() }),
  responses: { 200: z.object({ hello: z.string() }) },
  handler: ({ params }) => ({ hello: params.name }),
});
const server = createServer(createListener([hello])).listen(0, '127.0.0.1');
await once(server, 'listening');
const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hello/ada`);
await answer.json();
server.closeAllConnections();
await once(server.close(), 'close');
await meterProvider.shutdown();
measuring.close();
