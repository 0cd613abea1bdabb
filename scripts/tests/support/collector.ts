// A real Collector of OpenTelemetry with the settings of infrastructure/, which hands on what it takes to a test.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { installedFolder } from '../../../packages/testkit/src/installed-folder.ts';
import { repository } from './tree.ts';

/** Where `scripts/install-services.sh otelcol` puts it. */
const otelcol = installedFolder('otelcol-0.161.0', 'otelcol');
export const isMissing = !existsSync(otelcol);
/** For the names of tests that are skipped without it. */
export const why = isMissing ? ' (skipped: scripts/install-services.sh otelcol was not run)' : '';

interface Settings {
  receivers: { otlp: { protocols: object }; fluentforward: object };
  exporters: Record<string, unknown>;
  service: { telemetry: object; pipelines: Record<string, { exporters: string[] }> };
}

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

/**
 * The settings of docker-compose.yml with other addresses: all that it hands on goes to one URL, by OTLP as JSON. What
 * speaks to Elasticsearch is in no registry of packages, so that part of them is left out.
 */
function settingsFor(endpoint: string, logPort: number): Settings {
  const file = join(repository, 'infrastructure/otel-collector/config.yml');
  const settings = parse(readFileSync(file, 'utf8')) as Settings;
  settings.receivers.otlp.protocols = { http: { endpoint: '127.0.0.1:0' } };
  settings.receivers.fluentforward = { endpoint: `127.0.0.1:${logPort}` };
  settings.exporters = { otlp_http: { endpoint, encoding: 'json', compression: 'none' } };
  for (const pipeline of Object.values(settings.service.pipelines)) pipeline.exporters = ['otlp_http'];
  // Prometheus asks the services of docker-compose.yml; those of others may send what they measure.
  settings.service.pipelines['metrics'] = { ...settings.service.pipelines['traces'], exporters: ['otlp_http'] };
  settings.service.telemetry = { metrics: { level: 'none' } };
  return settings;
}

/** A Collector that hands on to a URL: where it takes traces, and the port where it takes log lines. */
export async function startCollector(
  folder: string,
  endpoint: string,
): Promise<{ readonly url: string; readonly logPort: number }> {
  const config = join(folder, 'collector.yaml');
  const logPort = await freePort();
  writeFileSync(config, JSON.stringify(settingsFor(endpoint, logPort))); // which is YAML
  const child = spawn(otelcol, ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said: string[] = [];
  let url: string | undefined;
  for await (const line of createInterface(child.stderr)) {
    said.push(line);
    url ??= /Starting HTTP server.*"endpoint": "([^"]+)"/.exec(line)?.[1];
    if (url !== undefined && line.includes('Everything is ready')) {
      child.stderr.resume();
      return { url: `http://${url}`, logPort };
    }
  }
  throw new Error(`The Collector ended:\n${said.join('\n')}`);
}
