// A real Collector of OpenTelemetry with the settings of infrastructure/, which hands on what it takes to a test.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { freePorts } from '../../../packages/testkit/src/free-ports.ts';
import { installedFolder } from '../../../packages/testkit/src/installed-folder.ts';
import { run } from '../../lib/run.ts';
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

function read(): Settings {
  const file = join(repository, 'infrastructure/otel-collector/config.yml');
  return parse(readFileSync(file, 'utf8')) as Settings;
}

/** What a Collector says of the settings of docker-compose.yml: nothing, where all is well. */
export async function validate(folder: string): Promise<string> {
  const settings = read();
  // What speaks to it is in no registry of packages.
  delete settings.exporters['elasticsearch'];
  for (const { exporters } of Object.values(settings.service.pipelines)) {
    const at = exporters.indexOf('elasticsearch');
    if (at >= 0) exporters.splice(at, 1, 'otlp/jaeger');
  }
  const config = join(folder, 'validated.yaml');
  writeFileSync(config, JSON.stringify(settings)); // which is YAML
  const { output } = await run(otelcol, ['validate', '--config', config], { cwd: folder });
  return output;
}

/** A port that nobody has. */
/** The settings of docker-compose.yml with other addresses: all that it hands on goes to one URL, by OTLP as JSON. */
function settingsFor(endpoint: string, logPort: number): Settings {
  const settings = read();
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
  const [logPort] = (await freePorts(1)) as [number];
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
