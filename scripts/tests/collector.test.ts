// The Collector of docker-compose.yml: its settings are what a real one takes, a line of a service becomes fields, and
// the metrics of one come through.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { pack } from 'msgpackr';
import { expect, it, onTestFinished, vi } from 'vitest';
import { isMissing, startCollector, validate, why } from './support/collector.ts';
import { repository } from './support/tree.ts';

/** As OTLP has it in JSON. */
interface Exported {
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[] }[];
  readonly resourceLogs?: readonly {
    readonly scopeLogs: readonly { readonly logRecords: readonly { readonly body: Body }[] }[];
  }[];
}
interface Body {
  readonly kvlistValue?: { readonly values: readonly Pair[] };
}
interface Pair {
  readonly key: string;
  readonly value: object;
}
interface Metric {
  readonly name: string;
  readonly histogram?: { readonly dataPoints: readonly { readonly attributes: readonly Pair[] }[] };
}

const asText = (value: string): object => ({ stringValue: value });
const byKey = (pairs: readonly Pair[]): Record<string, object> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value]));

/** A Collector, and what it hands on. */
async function collecting(): Promise<{ url: string; logPort: number; received: Exported[] }> {
  const received: Exported[] = [];
  const receiver = createServer((req, res) => {
    void text(req).then((body) => {
      received.push(JSON.parse(body) as Exported);
      res.setHeader('content-type', 'application/json').end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'ent-collector-'));
  onTestFinished(() => {
    receiver.closeAllConnections();
    receiver.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { port } = receiver.address() as AddressInfo;
  return { ...(await startCollector(folder, `http://127.0.0.1:${port}`)), received };
}

it.skipIf(isMissing)(`has nothing to say of them${why}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ent-collector-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(await validate(folder)).toBe('');
});

it.skipIf(isMissing)(
  `hands on lines of Docker's log driver as fields${why}`,
  async () => {
    const { logPort, received } = await collecting();
    const docker = connect(logPort, '127.0.0.1');
    await once(docker, 'connect');
    const line = { 'log.level': 'info', message: 'listening', 'service.name': 'user-service' };
    const own = { '@timestamp': '2024-01-02T03:04:05.678Z', message: 'at its own time' };
    for (const log of [JSON.stringify(line), JSON.stringify(own), 'no JSON at all', '{"half": '])
      docker.write(pack(['ent-user-service-1', 1_700_000_000, { container_name: '/ent-user-service-1', log }]));
    docker.end();

    const bodies = (): Body[] =>
      received.flatMap(({ resourceLogs = [] }) =>
        resourceLogs.flatMap((each) => each.scopeLogs.flatMap((scope) => scope.logRecords.map(({ body }) => body))),
      );
    await vi.waitFor(() => expect(bodies()).toHaveLength(4), { timeout: 60_000, interval: 100 });
    // Without a time of their own they have that at which Docker read them.
    const read = { '@timestamp': asText('2023-11-14T22:13:20Z') };
    expect(bodies().map(({ kvlistValue }) => byKey(kvlistValue?.values ?? []))).toEqual([
      { ...read, 'log.level': asText('info'), message: asText('listening'), 'service.name': asText('user-service') },
      { '@timestamp': asText(own['@timestamp']), message: asText(own.message) },
      { ...read, message: asText('no JSON at all') },
      { ...read, message: asText('{"half": ') },
    ]);
  },
  120_000,
);

it.skipIf(isMissing)(
  `hands on the metrics of a service${why}`,
  async () => {
    const { url, received } = await collecting();
    const program = join(repository, 'packages/observability/tests/programs/measured-service.ts');
    const env = { PATH: process.env['PATH'] ?? '', OTEL_EXPORTER_OTLP_ENDPOINT: url };
    await promisify(execFile)(process.execPath, ['--conditions=@ent/source', program], { env });
    const metric = (name: string): Metric | undefined =>
      received
        .flatMap(({ resourceMetrics = [] }) => resourceMetrics.flatMap((each) => each.scopeMetrics))
        .flatMap(({ metrics }) => metrics)
        .find((each) => each.name === name);
    await vi.waitFor(() => expect(metric('http.server.request.duration')).toBeDefined(), {
      timeout: 60_000,
      interval: 100,
    });
    const points = metric('http.server.request.duration')?.histogram?.dataPoints ?? [];
    expect(points.map(({ attributes }) => byKey(attributes))).toEqual([
      {
        'http.request.method': asText('GET'),
        'http.route': asText('/hello/:name'),
        'http.response.status_code': { intValue: '200' },
        'url.scheme': asText('http'),
      },
    ]);
    expect(metric('process.cpu.time')).toBeDefined();
  },
  120_000,
);
