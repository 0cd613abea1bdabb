// What takes the traces of the demo where nobody has a Collector: without one the services would make none, and their
// live pages could not show which requests and messages belong together.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where the services send their traces: `OTEL_EXPORTER_OTLP_ENDPOINT` of this process, or what throws them away. */
export async function tracesEndpoint(): Promise<string> {
  const given = process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (given !== undefined && given !== '') return given;
  const sink = createServer((req, res) => {
    req.resume().once('end', () => res.setHeader('content-type', 'application/json').end('{}'));
  });
  await once(sink.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
}
