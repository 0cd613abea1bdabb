// The dashboards of Grafana, as code: `npm run check -- dashboards --update` writes infrastructure/grafana/dashboards/,
// and without --update it is a finding where they differ. That each query has data is a test of user-service.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, main } from './lib/findings.ts';

const FOLDER = 'infrastructure/grafana/dashboards';

/** How a number is shown, in the words of Grafana. */
type Unit = 'reqps' | 'ops' | 'percentunit' | 's' | 'bytes' | 'short' | 'none';

interface Panel {
  readonly title: string;
  readonly unit: Unit;
  /** What a line is called, by its labels, and its query. `$job` are the chosen services. */
  readonly lines: Readonly<Record<string, string>>;
  /** `stat`: the last value alone. Default: lines over time. */
  readonly as?: 'stat' | undefined;
  /** What it tells, and what to do about it. */
  readonly about: string;
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

const HTTP = 'http_server_request_duration_seconds';
const rate = (metric: string, by: string, labels = ''): string =>
  `sum by (${by}) (rate(${metric}{job=~"$job"${labels}}[$__rate_interval]))`;
const quantile = (q: number, metric: string, by = 'job'): string =>
  `histogram_quantile(${q}, ${rate(`${metric}_bucket`, `${by}, le`)})`;

export const DASHBOARDS: readonly Dashboard[] = [
  {
    uid: 'service',
    title: 'Service',
    panels: [
      {
        title: 'Error budget left, 30 days',
        unit: 'percentunit',
        as: 'stat',
        lines: {
          '{{job}}': `1 - (sum by (job) (increase(${HTTP}_count{job=~"$job", http_response_status_code=~"5.."}[30d])) or 0 * sum by (job) (increase(${HTTP}_count{job=~"$job"}[30d]))) / sum by (job) (increase(${HTTP}_count{job=~"$job"}[30d])) / 0.001`,
        },
        about: 'Of the 0.1 % of requests that may fail. Below 0: new versions wait.',
      },
      {
        title: 'Instances',
        unit: 'short',
        as: 'stat',
        lines: { '{{job}}': 'sum by (job) (up{job=~"$job"})' },
        about: 'Those that answer Prometheus.',
      },
      {
        title: 'Requests',
        unit: 'reqps',
        lines: { '{{job}} {{http_response_status_code}}': rate(`${HTTP}_count`, 'job, http_response_status_code') },
        about: 'By status.',
      },
      {
        title: 'Errors',
        unit: 'percentunit',
        lines: { '{{job}}': 'job:http_errors:ratio_rate5m{job=~"$job"}' },
        about: 'Share of requests that were answered by 5xx.',
      },
      {
        title: 'Latency',
        unit: 's',
        lines: {
          '{{job}} p50': quantile(0.5, HTTP),
          '{{job}} p95': quantile(0.95, HTTP),
          '{{job}} p99': quantile(0.99, HTTP),
        },
        about: 'Half, 95 and 99 of a hundred requests are faster.',
      },
      {
        title: 'In flight',
        unit: 'short',
        lines: { '{{instance}}': 'http_server_active_requests{job=~"$job"}' },
        about: 'A line that only climbs: something waits for ever.',
      },
      {
        title: 'Busiest routes',
        unit: 'reqps',
        lines: {
          '{{http_request_method}} {{http_route}}': `topk(10, ${rate(`${HTTP}_count`, 'http_request_method, http_route')})`,
        },
        about: 'The ten with the most requests.',
      },
      {
        title: 'Slowest routes, p95',
        unit: 's',
        lines: {
          '{{http_request_method}} {{http_route}}': `topk(10, ${quantile(0.95, HTTP, 'http_request_method, http_route')})`,
        },
        about: 'The ten where one request in twenty takes longest.',
      },
    ],
  },
  {
    uid: 'runtime',
    title: 'Runtime',
    panels: [
      {
        title: 'Event loop, busy',
        unit: 'percentunit',
        lines: { '{{instance}}': 'nodejs_eventloop_utilization_ratio{job=~"$job"}' },
        about: 'Above 90 %: more instances, or less work in each.',
      },
      {
        title: 'Event loop, delay p99',
        unit: 's',
        lines: { '{{instance}}': 'nodejs_eventloop_delay_p99_seconds{job=~"$job"}' },
        about: 'How long work waits for its turn. Above 200 ms: one piece of work is too long.',
      },
      {
        title: 'Processor',
        unit: 'percentunit',
        lines: { '{{instance}}': rate('process_cpu_seconds_total', 'instance') },
        about: 'Of one processor.',
      },
      {
        title: 'Memory',
        unit: 'bytes',
        lines: {
          '{{instance}} resident': 'process_resident_memory_bytes{job=~"$job"}',
          '{{instance}} heap': 'nodejs_heap_used_bytes{job=~"$job"}',
        },
        about: 'A heap that climbs over days, whatever the load, leaks.',
      },
      {
        title: 'Heap, of its limit',
        unit: 'percentunit',
        lines: { '{{instance}}': 'nodejs_heap_used_bytes{job=~"$job"} / nodejs_heap_limit_bytes{job=~"$job"}' },
        about: 'At 100 % the process ends.',
      },
      {
        title: 'Garbage collection',
        unit: 'percentunit',
        lines: { '{{instance}}': rate('v8js_gc_duration_seconds_sum', 'instance') },
        about: 'Share of the time. Above 10 %: too much is made and thrown away.',
      },
      {
        title: 'Uptime',
        unit: 's',
        lines: { '{{instance}}': 'time() - process_start_time_seconds{job=~"$job"}' },
        about: 'A saw means restarts.',
      },
    ],
  },
  {
    uid: 'dependencies',
    title: 'Dependencies',
    panels: [
      {
        title: 'Health',
        unit: 'none',
        lines: { '{{instance}} {{check}}': 'health_check_status{job=~"$job"}' },
        about: '1 is well, 0 is not. Checks run when somebody probes.',
      },
      {
        title: 'Time of health checks',
        unit: 's',
        lines: { '{{instance}} {{check}}': 'health_check_duration_seconds{job=~"$job"}' },
        about: 'The first to show that a server is slow.',
      },
      {
        title: 'Cache hits',
        unit: 'percentunit',
        lines: { '{{job}}': 'job:cache_hits:ratio_rate5m{job=~"$job"}' },
        about: 'Of the keys that were asked for.',
      },
      {
        title: 'Cache requests',
        unit: 'ops',
        lines: { '{{cache_tier}} {{result}}': rate('cache_requests_total', 'cache_tier, result') },
        about: 'By tier and result.',
      },
      {
        title: 'Cache operations, p95',
        unit: 's',
        lines: {
          '{{cache_driver}} {{operation}}': quantile(
            0.95,
            'cache_operation_duration_seconds',
            'cache_driver, operation',
          ),
        },
        about: 'As the service sees them, network and all.',
      },
      {
        title: 'Cache loads, p95',
        unit: 's',
        lines: {
          '{{cache_driver}} {{outcome}}': quantile(0.95, 'cache_load_duration_seconds', 'cache_driver, outcome'),
        },
        about: 'What a miss costs: mostly the database.',
      },
    ],
  },
  {
    uid: 'messaging',
    title: 'Messaging',
    panels: [
      {
        title: 'Outbox',
        unit: 'ops',
        lines: { '{{messaging_system}} {{outcome}}': rate('outbox_messages_total', 'messaging_system, outcome') },
        about: 'Events by what became of them. Parked ones wait for a person.',
      },
      {
        title: 'Outbox, lateness',
        unit: 's',
        lines: {
          '{{job}} p50': quantile(0.5, 'outbox_lag_seconds'),
          '{{job}} p95': quantile(0.95, 'outbox_lag_seconds'),
        },
        about: 'Age of the oldest event of each batch.',
      },
      {
        title: 'Outbox, failures',
        unit: 'ops',
        lines: { '{{job}}': 'job:outbox_failures:rate5m{job=~"$job"}' },
        about: 'Batches of which nothing got through: the broker is away.',
      },
      {
        title: 'Events set aside, one hour',
        unit: 'short',
        as: 'stat',
        lines: { '{{job}}': 'job:outbox_parked:increase1h{job=~"$job"}' },
        about: 'Look at them with ent-mq.',
      },
    ],
  },
  {
    uid: 'auth',
    title: 'Logs and auth',
    panels: [
      {
        title: 'Password checks',
        unit: 'ops',
        lines: { '{{result}}': rate('auth_attempts_total', 'result') },
        about: 'Many mismatches: somebody guesses.',
      },
      {
        title: 'Wrong passwords',
        unit: 'ops',
        lines: { '{{job}}': 'job:auth_failures:rate5m{job=~"$job"}' },
        about: 'What the alert looks at.',
      },
      {
        title: 'Refused requests',
        unit: 'reqps',
        lines: {
          '{{http_response_status_code}}': rate(
            `${HTTP}_count`,
            'http_response_status_code',
            ', http_response_status_code=~"401|403|429"',
          ),
        },
        about: '401 no or an old token, 403 not allowed, 429 too many.',
      },
      {
        title: 'Metrics that could not be collected',
        unit: 'ops',
        lines: { '{{job}}': 'job:metric_collection_failures:rate5m{job=~"$job"}' },
        about: 'A collect of the application throws or hangs.',
      },
    ],
  },
];

const WIDTH = 12;
const HEIGHT = 8;
const PROMETHEUS = { type: 'prometheus', uid: 'prometheus' };

function panelOf({ title, unit, lines, as, about }: Panel, index: number): object {
  return {
    id: index + 1,
    type: as ?? 'timeseries',
    title,
    description: about,
    datasource: PROMETHEUS,
    gridPos: { x: (index % 2) * WIDTH, y: Math.floor(index / 2) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: { unit, ...(unit === 's' || unit === 'bytes' ? { min: 0 } : {}) }, overrides: [] },
    options:
      as === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] } } : { tooltip: { mode: 'multi', sort: 'desc' } },
    targets: Object.entries(lines).map(([legendFormat, expr], at) => ({
      refId: String.fromCodePoint(65 + at),
      datasource: PROMETHEUS,
      expr,
      legendFormat,
      ...(expr.includes('_bucket') ? { exemplar: true } : {}),
    })),
  };
}

/** As Grafana reads it. */
function render({ uid, title, panels }: Dashboard): string {
  const dashboard = {
    uid,
    title,
    tags: ['ent'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    timezone: 'utc',
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        {
          name: 'job',
          label: 'Service',
          type: 'query',
          datasource: PROMETHEUS,
          query: { query: 'label_values(nodejs_heap_used_bytes, job)', refId: 'job' },
          refresh: 2,
          multi: true,
          includeAll: true,
          allValue: '.+',
          current: { text: ['All'], value: ['$__all'] },
        },
      ],
    },
    links: [
      { title: 'Dashboards', type: 'dashboards', tags: ['ent'], asDropdown: true, includeVars: true, keepTime: true },
    ],
    panels: panels.map(panelOf),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function checkDashboards(root: string, { update }: { readonly update: boolean }): Finding[] {
  return DASHBOARDS.flatMap((dashboard) => {
    const file = `${FOLDER}/${dashboard.uid}.json`;
    const text = render(dashboard);
    if (existsSync(join(root, file)) && readFileSync(join(root, file), 'utf8') === text) return [];
    if (!update)
      return [{ file, problem: 'is not what scripts/dashboards.ts says', fix: 'npm run check -- dashboards --update' }];
    writeFileSync(join(root, file), text);
    return [];
  });
}

if (import.meta.main) await main(checkDashboards);
