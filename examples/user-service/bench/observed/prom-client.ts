// What one writes by hand: a histogram of requests, by what Node.js publishes of its server.
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Histogram, Registry } from 'prom-client';

interface Served {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const duration = new Histogram({
  name: 'http_server_request_duration_seconds',
  help: 'Requests that were served.',
  labelNames: ['method', 'status'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  registers: [new Registry()],
});
const startedAt = new WeakMap<IncomingMessage, number>();
subscribe('http.server.request.start', (message) => void startedAt.set((message as Served).request, performance.now()));
subscribe('http.server.response.finish', (message) => {
  const { request, response } = message as Served;
  const labels = { method: request.method ?? '', status: response.statusCode };
  duration.observe(labels, (performance.now() - (startedAt.get(request) ?? 0)) / 1000);
});
