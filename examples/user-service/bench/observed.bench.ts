// What it costs user-service to be observed: the service as its users start it, read by a user with a token. Each
// subject is a process of its own, prepared by a file beside this one; the client is here, and what takes the traces.
// No request waits in the connection behind another one.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { benchBursts, type Child } from '../../../scripts/bench-bursts.ts';
import { type Served, Services } from '../../../scripts/bench-service.ts';

/** Takes all that is sent, as a Collector does. */
const collector = createServer((req, res) => {
  req.resume().once('end', () => res.setHeader('content-type', 'application/json').end('{}'));
}).listen(0, '127.0.0.1');
await once(collector, 'listening');
const OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
const traces = { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER_ARG: '0.01' };

/** What is loaded before the service, and more of its settings. */
const SUBJECTS: Readonly<Record<string, readonly [preloads: readonly string[], env?: Record<string, string>]>> = {
  raw: [['without-metrics.ts']],
  '@ent: metrics': [[]],
  '@ent: traces of 1 %': [['without-metrics.ts'], traces],
  '@ent: metrics, and traces of 1 %': [[], traces],
  '@ent: metrics by OpenTelemetry': [['without-metrics.ts', 'meters.ts'], { COLLECTOR: OTEL_EXPORTER_OTLP_ENDPOINT }],
  'prom-client by hand, requests alone': [['without-metrics.ts', 'prom-client.ts']],
  '@opentelemetry/instrumentation-http, traces of 1 % of requests alone': [
    ['without-metrics.ts', 'instrumentation-http.ts'],
    { COLLECTOR: OTEL_EXPORTER_OTLP_ENDPOINT },
  ],
};

const services = new Services();
const subjects: (Child & Served)[] = [];
for (const [subject, [preloads, more]] of Object.entries(SUBJECTS)) {
  const files = preloads.map((file) => join(import.meta.dirname, 'observed', file));
  subjects.push(await services.userService(subject, { RATE_LIMIT_PER_MINUTE: '1000000000', ...more }, files));
}
await benchBursts<Child & Served>(
  'user-service observed: GET /api/v1/users/{id}',
  ({ path, token }) => `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  subjects,
  { connections: 64, perConnection: 1 },
);
process.exit();
