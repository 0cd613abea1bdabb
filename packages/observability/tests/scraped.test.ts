// A real Prometheus scrapes: what it keeps of a metric, and of the trace beside it.
import { spawn } from 'node:child_process';
import { tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '@ent/testkit';
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { expect, it, onTestFinished } from 'vitest';
import { createMetrics } from '../src/prometheus.ts';

const program = findProgram('prometheus');
const isRequired = /\b(all|prometheus)\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
const why =
  program === undefined ? ' (skipped: Prometheus is not installed; run scripts/install-services.sh prometheus)' : '';

it.skipIf(program === undefined && !isRequired)(`Prometheus finds the trace of a slow request${why}`, async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(() => context.disable());
  const metrics = createMetrics({ version: '1.2.3', exemplars: true });
  onTestFinished(() => metrics.close());
  const channel = tracingChannel('ent:http:request');
  const span = new BasicTracerProvider().getTracer('test').startSpan('GET /users');
  context.with(trace.setSpan(ROOT_CONTEXT, span), () => {
    const event = { method: 'GET', route: '/users', status: 200, durationMs: 3000 };
    channel.start.publish(event);
    channel.asyncEnd.publish(event);
  });

  const formats = new Set<string>();
  const server = createServer((req, res) => {
    void metrics.answer(req.headers.accept).then(({ contentType, body }) => {
      formats.add(contentType);
      res.setHeader('content-type', contentType);
      res.end(body);
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');

  const dir = mkdtempSync(join(tmpdir(), 'ent-prometheus-'));
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [{ job_name: 'test', static_configs: [{ targets: [target] }] }],
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(config));
  const args = [
    `--config.file=${join(dir, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(dir, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
    '--enable-feature=exemplar-storage',
  ];
  const prometheus = spawn(program as string, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(async () => {
    const gone = once(prometheus, 'exit');
    if (prometheus.exitCode === null && prometheus.kill('SIGKILL')) await gone;
    rmSync(dir, { recursive: true, force: true });
  });
  let said = '';
  prometheus.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const address = (): string | undefined => /msg="?Listening on"? address=(127\.0\.0\.1:\d+)/.exec(said)?.[1];
  await expect.poll(address, { timeout: 100_000 }).toBeDefined();

  const ask = async (path: string, query: string): Promise<unknown> => {
    const url = `http://${address()}/api/v1/${path}?${new URLSearchParams({ query, start: '0', end: String(Date.now() / 1000 + 60) }).toString()}`;
    return ((await (await fetch(url)).json()) as { data: unknown }).data;
  };
  const { traceId, spanId } = span.spanContext();
  await expect
    .poll(() => ask('query_exemplars', 'http_server_request_duration_seconds_bucket'), { timeout: 100_000 })
    .toMatchObject([
      {
        seriesLabels: { http_route: '/users', le: '5' },
        exemplars: [{ labels: { trace_id: traceId, span_id: spanId }, value: '3' }],
      },
    ]);
  expect(await ask('query', 'up')).toMatchObject({ result: [{ value: [expect.anything(), '1'] }] });
  // A counter has the name that the rules and dashboards know.
  expect(await ask('query', 'process_cpu_seconds_total')).toMatchObject({ result: [{ metric: { job: 'test' } }] });
  expect([...formats]).toEqual(['application/openmetrics-text; version=1.0.0; charset=utf-8']);
});
