// What the dashboards of Grafana show; scripts/check-dashboards.ts makes its files of them.

/** How a number is shown, in the words of Grafana. */
type Unit = 'reqps' | 'ops' | 'percentunit' | 's' | 'bytes' | 'short' | 'none';

/** One picture. */
export interface Panel {
  readonly title: string;
  readonly unit: Unit;
  /** What a line is called, by its labels, and its query. `$job` are the chosen services. */
  readonly lines: Readonly<Record<string, string>>;
  /** `stat`: the last value alone. Default: lines over time. */
  readonly as?: 'stat' | undefined;
  /** What it tells, and what to do about it. */
  readonly about: string;
}

/** A page of panels; `uid` is its file and its address. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

const HTTP = 'http_server_request_duration_seconds';
const DATABASE = 'db_client_operation_duration_seconds';
const rate = (metric: string, by: string, labels = ''): string =>
  `sum by (${by}) (rate(${metric}{job=~"$job"${labels}}[$__rate_interval]))`;
const quantile = (q: number, metric: string, by = 'job', labels = ''): string =>
  `histogram_quantile(${q}, ${rate(`${metric}_bucket`, `${by}, le`, labels)})`;
/** Probes and scrapes are no requests of anybody; the rules of Prometheus leave them out too. */
const SERVED = ', http_route!~"/livez|/readyz|/startupz|/health|/metrics"';
const served = (by: string, labels = ''): string => rate(`${HTTP}_count`, by, SERVED + labels);
const latency = (q: number, by?: string): string => quantile(q, HTTP, by, SERVED);
const thirtyDays = (labels = ''): string =>
  `sum by (job) (increase(${HTTP}_count{job=~"$job"${SERVED}${labels}}[30d]))`;

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
          '{{job}}': `1 - (${thirtyDays(', http_response_status_code=~"5.."')} or 0 * ${thirtyDays()}) / ${thirtyDays()} / 0.001`,
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
        lines: { '{{job}} {{http_response_status_code}}': served('job, http_response_status_code') },
        about: 'By status, without probes and scrapes.',
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
          '{{job}} p50': latency(0.5),
          '{{job}} p95': latency(0.95),
          '{{job}} p99': latency(0.99),
        },
        about: 'Half, 95 and 99 of a hundred requests are faster.',
      },
      {
        title: 'In flight',
        unit: 'short',
        lines: { '{{instance}}': 'sum by (instance) (http_server_active_requests{job=~"$job"})' },
        about: 'A line that only climbs: something waits for ever.',
      },
      {
        title: 'Busiest routes',
        unit: 'reqps',
        lines: {
          '{{http_request_method}} {{http_route}}': `topk(10, ${served('http_request_method, http_route')})`,
        },
        about: 'The ten with the most requests.',
      },
      {
        title: 'Slowest routes, p95',
        unit: 's',
        lines: {
          '{{http_request_method}} {{http_route}}': `topk(10, ${latency(0.95, 'http_request_method, http_route')})`,
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
        title: 'Open files, of their limit',
        unit: 'percentunit',
        lines: { '{{instance}}': 'process_open_fds{job=~"$job"} / process_max_fds{job=~"$job"}' },
        about: 'Connections are files too. A line that only climbs: some are never closed.',
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
        title: 'Queries',
        unit: 'ops',
        lines: {
          '{{db_operation_name}} {{db_collection_name}}': rate(
            `${DATABASE}_count`,
            'db_operation_name, db_collection_name',
          ),
        },
        about: 'Of the database, by operation and collection.',
      },
      {
        title: 'Queries, p95',
        unit: 's',
        lines: {
          '{{db_operation_name}} {{db_collection_name}}': quantile(
            0.95,
            DATABASE,
            'db_operation_name, db_collection_name',
          ),
        },
        about: 'As the service sees them, network and all.',
      },
      {
        title: 'Queries that fail',
        unit: 'percentunit',
        lines: { '{{job}}': 'job:database_errors:ratio_rate5m{job=~"$job"}' },
        about: 'Share of them. Refused duplicates are among them.',
      },
      {
        title: 'Connections of the database',
        unit: 'short',
        lines: {
          '{{instance}} {{state}}': 'sum by (instance, state) (db_client_connections{job=~"$job"})',
          '{{instance}} waiting': 'sum by (instance) (db_client_connection_pending_requests{job=~"$job"})',
        },
        about: 'Calls that wait: the pool is too small, or a transaction too long.',
      },
      {
        title: 'Wait for a connection, p95',
        unit: 's',
        lines: { '{{job}}': quantile(0.95, 'db_client_connection_wait_time_seconds') },
        about: 'A part of each query that the database knows nothing of.',
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
        title: 'Messages sent',
        unit: 'ops',
        lines: {
          '{{messaging_destination_name}}': rate('messaging_client_sent_messages_total', 'messaging_destination_name'),
        },
        about: 'By topic.',
      },
      {
        title: 'Messages handled',
        unit: 'ops',
        lines: {
          '{{messaging_consumer_group_name}} {{outcome}}': rate(
            'messaging_client_consumed_messages_total',
            'messaging_consumer_group_name, outcome',
          ),
        },
        about: 'By group and what became of them.',
      },
      {
        title: 'Handlers, p95',
        unit: 's',
        lines: {
          '{{messaging_consumer_group_name}}': quantile(
            0.95,
            'messaging_process_duration_seconds',
            'messaging_consumer_group_name',
          ),
        },
        about: 'How long one message takes.',
      },
      {
        title: 'Messages that wait',
        unit: 'short',
        lines: {
          '{{messaging_destination_name}} {{state}}':
            'max by (messaging_destination_name, state) (messaging_group_messages{job=~"$job"})',
        },
        about: 'Ready is the lag: a line that climbs wants more consumers. Dead ones want a person.',
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
        title: 'Log lines',
        unit: 'ops',
        lines: { '{{level}}': rate('log_records_total', 'level') },
        about: 'By level. The lines themselves are in Kibana, or under Explore, source Logs.',
      },
      {
        title: 'Log lines that were lost',
        unit: 'ops',
        lines: { '{{job}}': 'job:log_drops:rate5m{job=~"$job"}' },
        about: 'What reads them is too slow, or away.',
      },
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
          '{{http_response_status_code}}': served(
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
