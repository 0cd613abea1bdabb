// A real Prometheus with the rules of infrastructure/ on a real service: every query of every dashboard and alert has
// data.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { infrastructure, isSkipped, type Prometheus, promtool, rules, startPrometheus, why } from './prometheus.ts';
import { admin, type Service, settings, start, temporaryFolder } from './service.ts';

const dashboards = join(infrastructure, 'grafana/dashboards');

interface Rules {
  groups: {
    name: string;
    rules: { record?: string; alert?: string; expr: string; annotations?: { runbook: string } }[];
  }[];
}

const rulesOf = (file: string): Rules['groups'][number]['rules'] =>
  (parse(readFileSync(join(rules, file), 'utf8')) as Rules).groups.flatMap((group) => group.rules);
const alerts = rulesOf('alerts.yml');

/** The queries of the dashboards, each under its panel; the variables of Grafana as it would fill them in. */
function panelQueries(): [string, string][] {
  interface Dashboard {
    title: string;
    panels: { title: string; targets: { refId: string; expr: string }[] }[];
  }
  return readdirSync(dashboards).flatMap((file) => {
    const { title, panels } = JSON.parse(readFileSync(join(dashboards, file), 'utf8')) as Dashboard;
    return panels.flatMap((panel) =>
      panel.targets.map(({ refId, expr }): [string, string] => [
        `${title} / ${panel.title} / ${refId}`,
        expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', '.+'),
      ]),
    );
  });
}

/** What the alerts compare with their numbers: an alert whose query has no data never fires. */
function alertQueries(): [string, string][] {
  return alerts.flatMap(({ alert, expr }) =>
    expr.split(/\band\b/).map((part): [string, string] => {
      const [, query] = /^\s*(.+?) [<>] [\d.]+\s*$/s.exec(part) ?? [];
      if (query === undefined) throw new Error(`${alert}: "${part}" is no comparison with a number`);
      return [`alert ${alert}`, query];
    }),
  );
}

describe.skipIf(isSkipped)(`monitoring${why}`, () => {
  const folder = temporaryFolder();
  let service: Service;
  let prometheus: Prometheus;
  let collector: Server;

  beforeAll(async () => {
    // Where traces go: exemplars are kept where they go somewhere.
    collector = createServer((_, res) => res.setHeader('content-type', 'application/json').end('{}'));
    await once(collector.listen(0, '127.0.0.1'), 'listening');
    const { port } = collector.address() as AddressInfo;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
    service = await start(folder.path, settings(folder.path, env));
    prometheus = await startPrometheus({ target: service.url, folder: folder.path, rules, scrapeEvery: '5s' });
  });

  afterAll(async () => {
    prometheus?.kill();
    await service?.kill();
    collector?.closeAllConnections();
    collector?.close();
    folder.remove();
  });

  it('has rules that promtool understands, and a case for each alert', () => {
    const check = (...args: string[]): string => execFileSync(promtool!, args, { encoding: 'utf8', stdio: 'pipe' });
    check('check', 'config', join(infrastructure, 'prometheus/prometheus.yml'));
    expect(check('test', 'rules', join(infrastructure, 'prometheus/tests/alerts.yml'))).toContain('SUCCESS');
    const cases = parse(readFileSync(join(infrastructure, 'prometheus/tests/alerts.yml'), 'utf8')) as {
      tests: { name: string }[];
    };
    expect(cases.tests.map(({ name }) => name).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it('asks pods of a cluster that say so, under the names that the rules and alerts go by', async () => {
    const { hostname, port } = new URL(service.url);
    const of = 'http://service.example:1'; // what Kubernetes says first: the ports of a container
    const meta = (labels: object): Record<string, string> =>
      Object.fromEntries(Object.entries(labels).map(([name, value]) => [`__meta_kubernetes_${name}`, String(value)]));
    const pod = {
      namespace: 'ent',
      pod_name: 'user-service-7d9f-abcde',
      pod_ip: hostname,
      pod_phase: 'Running',
      pod_label_app_kubernetes_io_name: 'user-service',
      pod_annotation_prometheus_io_scrape: 'true',
      pod_annotation_prometheus_io_port: port,
      pod_annotation_prometheus_io_path: '/metrics',
    };
    const targetsOf = async (labels: object): Promise<{ labels: object; health: string }[]> => {
      const at = temporaryFolder();
      onTestFinished(at.remove);
      const cluster = await startPrometheus({
        target: of,
        folder: at.path,
        rules,
        scrapeEvery: '1s',
        pod: meta(labels),
      });
      onTestFinished(cluster.kill);
      type Targets = { activeTargets: { labels: object; health: string }[]; droppedTargets: object[] };
      const targets = (): Promise<Targets> => cluster.ask<Targets>('targets');
      const isKnown = ({ activeTargets, droppedTargets }: Targets): boolean =>
        droppedTargets.length > 0 || activeTargets.some(({ health }) => health !== 'unknown');
      await expect.poll(async () => isKnown(await targets()), { timeout: 60_000 }).toBe(true);
      return (await targets()).activeTargets.map(({ labels: known, health }) => ({ labels: known, health }));
    };
    expect(await targetsOf(pod)).toEqual([
      { labels: { job: 'user-service', instance: 'user-service-7d9f-abcde', namespace: 'ent' }, health: 'up' },
    ]);
    expect(await targetsOf({ ...pod, pod_phase: 'Succeeded' })).toEqual([]);
    expect(await targetsOf({ ...pod, pod_annotation_prometheus_io_scrape: '' })).toEqual([]);
  });

  it('says what to do about each alert', () => {
    const page = readFileSync(join(infrastructure, '../docs/DEPLOYMENT.md'), 'utf8');
    const anchors = [...page.matchAll(/^### (\w+)$/gm)].map(
      ([, title = '']) => `docs/DEPLOYMENT.md#${title.toLowerCase()}`,
    );
    expect(anchors).toEqual(expect.arrayContaining(alerts.map(({ annotations }) => annotations?.runbook)));
    for (const { alert } of alerts) expect(page, alert).toContain(alert);
  });

  it('has data for every query of every panel and alert', async () => {
    const send = async (
      method: string,
      path: string,
      body?: object,
      token?: string,
    ): Promise<Record<string, unknown>> => {
      const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
      const answer = await fetch(`${service.url}${path}`, {
        method,
        headers,
        ...(body && { body: JSON.stringify(body) }),
      });
      return answer.headers.get('content-type')?.includes('json')
        ? ((await answer.json()) as Record<string, unknown>)
        : {};
    };
    const login = '/api/v1/auth/login';
    const { id } = await send('POST', '/api/v1/users/', { email: 'a@example.com', password: 'long enough', name: 'A' });
    await send('POST', login, { email: 'a@example.com', password: 'not this one' });
    const { access_token } = (await send('POST', login, admin)) as { access_token: string };
    const user = `/api/v1/users/${String(id)}`;

    const hasData = async (query: string): Promise<boolean> => {
      const data = await prometheus.ask<{ result: { value: [number, string] }[] }>('query', { query });
      return data.result.some(({ value: [, value] }) => value !== 'NaN');
    };
    let changes = 0;
    const withoutData = async (): Promise<string[]> => {
      // A little of everything, each time anew: a rate needs what happens between two looks.
      await send('GET', user);
      await send('PUT', user, { name: `A ${changes++}` }, access_token);
      for (const _ of ['a miss', 'a hit']) await send('GET', user, undefined, access_token);
      await send('GET', '/health');
      const queries = [
        ...panelQueries(),
        ...alertQueries(),
        ...rulesOf('recording.yml').map(({ record }) => [record, record] as [string, string]),
      ];
      const results = await Promise.all(queries.map(async ([name, query]) => ((await hasData(query)) ? [] : [name])));
      return results.flat();
    };
    await expect.poll(withoutData, { interval: 500, timeout: 200_000 }).toEqual([]);

    // What Grafana goes from to a trace, and which version it was.
    const seen = await prometheus.ask<{ exemplars: { labels: object }[] }[]>('query_exemplars', {
      query: 'http_server_request_duration_seconds_bucket{http_route="/api/v1/users/:id"}',
      start: '0',
      end: String(Date.now() / 1000 + 60),
    });
    expect(seen.flatMap(({ exemplars }) => exemplars)).toContainEqual(
      expect.objectContaining({
        labels: { trace_id: expect.stringMatching(/^[0-9a-f]{32}$/), span_id: expect.any(String) },
      }),
    );
    expect(await hasData('service_build_info{version="1.0.0"} == 1')).toBe(true);

    // All that the service has measured by now has names and types as Prometheus advises.
    const input = await (await fetch(`${service.url}/metrics`)).text();
    expect(input).toContain('messaging_client_sent_messages_total{');
    expect(execFileSync(promtool!, ['check', 'metrics'], { input, encoding: 'utf8', stdio: 'pipe' })).toBe('');
  });
});
