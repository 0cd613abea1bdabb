import { spawnSync } from 'node:child_process';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import {
  Agent,
  type ClientRequest,
  createServer,
  get,
  type IncomingMessage,
  request as ask,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePorts } from '@ent/testkit';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createMetrics, type Metrics } from '../src/prometheus.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics({ version: '1.2.3' });
});
afterEach(() => metrics.close());

const publish = async (name: string, payload: object, work: () => Promise<unknown> = async () => {}): Promise<void> => {
  await tracingChannel<object, object>(name)
    .tracePromise(work, payload)
    .catch(() => {});
};
const lines = async (name: string): Promise<string[]> =>
  (await metrics.render()).split('\n').filter((line) => line.startsWith(name));

describe('createMetrics', () => {
  it('measures requests by method, route and status', async () => {
    const exchange = { scheme: 'https' };
    await publish('ent:http:request', { method: 'GET', route: '/users/:id', status: 200, exchange, durationMs: 20 });
    await publish('ent:http:request', { method: 'HACK', status: 404, durationMs: 1 });
    await publish('ent:http:request', { method: 'GET', route: '/', status: 503, durationMs: 1 });
    await publish('ent:http:request', { method: 'GET', route: '/', durationMs: 1, aborted: true });
    expect((await lines('http_server_request_duration_seconds_count')).map((line) => line.slice(42))).toEqual([
      '{http_request_method="GET",http_route="/users/:id",http_response_status_code="200",url_scheme="https",error_type=""} 1',
      '{http_request_method="_OTHER",http_route="",http_response_status_code="404",url_scheme="",error_type=""} 1',
      '{http_request_method="GET",http_route="/",http_response_status_code="503",url_scheme="",error_type="503"} 1',
      '{http_request_method="GET",http_route="/",http_response_status_code="",url_scheme="",error_type="aborted"} 1',
    ]);
    expect((await lines('http_server_request_duration_seconds_sum'))[0]).toMatch(/ 0\.02$/);
  });

  it('counts the requests in flight', async () => {
    const gate = Promise.withResolvers<void>();
    const request = publish('ent:http:request', { method: 'GET' }, () => gate.promise);
    const active = 'http_server_active_requests{http_request_method="GET",url_scheme=""}';
    expect(await lines('http_server_active_requests')).toEqual([`${active} 1`]);
    gate.resolve();
    await request;
    expect(await lines('http_server_active_requests')).toEqual([`${active} 0`]);
  });

  it.each([
    ['ent:http:request', { method: 'GET' }, 'http_server_active_requests'],
    ['ent:messaging:process', { driver: 'redis', topic: 't', group: 'g' }, 'messaging_process_active_messages'],
  ])('counts none of %s that is in flight when all is reset', async (name, payload, gauge) => {
    const gate = Promise.withResolvers<void>();
    const running = publish(name, { ...payload }, () => gate.promise);
    metrics.registry.resetMetrics();
    gate.resolve();
    await running;
    await publish(name, { ...payload });
    expect(await lines(`${gauge}{`)).toEqual([expect.stringMatching(/ 0$/)]);
  });

  it('counts cache results, health checks and password checks', async () => {
    await publish('ent:cache:get', { driver: 'memory', keys: 5, hits: 3 });
    await publish('ent:cache:get', { driver: 'memory', keys: 2 }, () => Promise.reject(new Error('down')));
    await publish('ent:cache:get', { driver: 'redis', keys: 9, hits: 5, stale: 1, local: 4 });
    await publish('ent:cache:command', { driver: 'redis', operation: 'hash.set' });
    tracingChannel('ent:cache:forgive').error.publish({ driver: 'redis', error: new Error('away') });
    expect(await lines('cache_forgiven_errors_total')).toEqual(['cache_forgiven_errors_total{cache_driver="redis"} 1']);
    await publish('ent:cache:load', { driver: 'redis', outcome: 'stored' });
    await publish('ent:cache:load', { driver: 'redis' }, () => Promise.reject(new Error('factory')));
    await publish('ent:lifecycle:check', { check: 'database', critical: true });
    await publish('ent:lifecycle:check', { check: 'broker', critical: true }, () => Promise.reject(new Error('down')));
    await publish('ent:auth:password', { operation: 'verify', outcome: 'mismatch' });
    await publish('ent:auth:password', { operation: 'hash' });
    expect(await lines('cache_requests_total')).toEqual([
      'cache_requests_total{cache_driver="memory",cache_tier="backend",result="hit"} 3',
      'cache_requests_total{cache_driver="memory",cache_tier="backend",result="miss"} 2',
      'cache_requests_total{cache_driver="memory",cache_tier="backend",result="error"} 2',
      'cache_requests_total{cache_driver="redis",cache_tier="local",result="hit"} 4',
      'cache_requests_total{cache_driver="redis",cache_tier="backend",result="hit"} 1',
      'cache_requests_total{cache_driver="redis",cache_tier="backend",result="stale"} 1',
      'cache_requests_total{cache_driver="redis",cache_tier="backend",result="miss"} 3',
    ]);
    expect(await lines('cache_load_duration_seconds_count')).toEqual([
      'cache_load_duration_seconds_count{cache_driver="redis",outcome="stored"} 1',
      'cache_load_duration_seconds_count{cache_driver="redis",outcome="error"} 1',
    ]);
    expect(await lines('cache_operation_duration_seconds_count')).toEqual([
      'cache_operation_duration_seconds_count{cache_driver="memory",operation="get",result="ok"} 1',
      'cache_operation_duration_seconds_count{cache_driver="memory",operation="get",result="error"} 1',
      'cache_operation_duration_seconds_count{cache_driver="redis",operation="get",result="ok"} 1',
      'cache_operation_duration_seconds_count{cache_driver="redis",operation="hash.set",result="ok"} 1',
    ]);
    expect(await lines('health_check_status')).toEqual([
      'health_check_status{check="database"} 1',
      'health_check_status{check="broker"} 0',
    ]);
    expect(await lines('auth_attempts_total')).toEqual(['auth_attempts_total{result="mismatch"} 1']);
  });

  it('measures the relays of outboxes', async () => {
    const batch = { driver: 'rabbitmq', stored: 0, unroutable: 0, postponed: 0, parked: [] };
    await publish('ent:messaging:relay', { ...batch, due: 4, lagMs: 2000, stored: 3, postponed: 1 });
    await publish('ent:messaging:relay', { ...batch, due: 2, lagMs: 400, unroutable: 1, parked: [{ id: 'a' }] });
    await publish('ent:messaging:relay', { ...batch, due: 9, lagMs: 70_000, trouble: 'messaging.unavailable' });
    // The database is away.
    await publish('ent:messaging:relay', batch, () => Promise.reject(new Error('down')));
    expect(await lines('outbox_messages_total')).toEqual([
      'outbox_messages_total{messaging_system="rabbitmq",outcome="stored"} 3',
      'outbox_messages_total{messaging_system="rabbitmq",outcome="postponed"} 1',
      'outbox_messages_total{messaging_system="rabbitmq",outcome="unroutable"} 1',
      'outbox_messages_total{messaging_system="rabbitmq",outcome="parked"} 1',
    ]);
    expect(await lines('outbox_relay_failures_total')).toEqual([
      'outbox_relay_failures_total{messaging_system="rabbitmq"} 2',
    ]);
    expect(await lines('outbox_lag_seconds_sum')).toEqual(['outbox_lag_seconds_sum{messaging_system="rabbitmq"} 72.4']);
  });

  it('measures what is published and handled', async () => {
    const sent = { driver: 'rabbitmq', topic: 'orders', messages: [{}, {}] };
    const handled = { driver: 'rabbitmq', topic: 'orders', group: 'billing' };
    const failing = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'messaging.timeout' }));
    await publish('ent:messaging:publish', sent);
    await publish('ent:messaging:publish', sent, failing);
    await publish('ent:messaging:process', { ...handled, attempt: 1, outcome: 'done' });
    await publish('ent:messaging:process', { ...handled, attempt: 2, outcome: 'dead_letter' }, failing);
    await publish('ent:messaging:process', { ...handled, group: 'late', attempt: 1, outcome: 'expired' });
    const gate = Promise.withResolvers<void>();
    const running = publish('ent:messaging:process', { ...handled, attempt: 1 }, () => gate.promise);
    const destination = 'messaging_system="rabbitmq",messaging_destination_name="orders"';
    const group = `${destination},messaging_consumer_group_name="billing"`;
    expect(await lines('messaging_process_active')).toContain(`messaging_process_active_messages{${group}} 1`);
    gate.resolve();
    await running;
    expect(await lines('messaging_process_active')).toContain(`messaging_process_active_messages{${group}} 0`);
    expect(await lines('messaging_client_sent')).toEqual([
      `messaging_client_sent_messages_total{${destination},error_type=""} 2`,
      `messaging_client_sent_messages_total{${destination},error_type="messaging.timeout"} 2`,
    ]);
    expect(await lines('messaging_client_operation_duration_seconds_count')).toHaveLength(2);
    expect(await lines('messaging_client_consumed')).toEqual([
      `messaging_client_consumed_messages_total{${group},outcome="done"} 1`,
      `messaging_client_consumed_messages_total{${group},outcome="dead_letter"} 1`,
      `messaging_client_consumed_messages_total{${group.replace('billing', 'late')},outcome="expired"} 1`,
      `messaging_client_consumed_messages_total{${group},outcome="lost"} 1`,
    ]);
    expect(await lines('messaging_redelivered')).toEqual([`messaging_redelivered_messages_total{${group}} 1`]);
    expect(await lines('messaging_dead')).toEqual([`messaging_dead_lettered_messages_total{${group}} 1`]);
    // A message that is expired is not handled.
    expect(await lines('messaging_process_duration_seconds_count')).toHaveLength(2);
  });

  it('measures queries and log lines', async () => {
    const query = { system: 'sqlite', namespace: 'app.db', operation: 'get', entity: 'users' };
    await publish('ent:database:query', query);
    await publish('ent:database:query', { ...query, errorCode: 'database.timeout' }, () =>
      Promise.reject(new Error('late')),
    );
    await publish('ent:database:connection', { pool: 'app.db', waitMs: 2, useMs: 3, outcome: 'returned' });
    await publish('ent:database:connection', { pool: 'app.db', waitMs: 900, outcome: 'timeout' });
    channel('ent:logging:record').publish({ level: 'error' });
    channel('ent:logging:dropped').publish({ sink: 'file', count: 3, reason: 'buffer_full' });
    const labels = 'db_system_name="sqlite",db_namespace="app.db",db_collection_name="users",db_operation_name="get"';
    expect(await lines('db_client_operation_duration_seconds_count')).toEqual([
      `db_client_operation_duration_seconds_count{${labels},error_type=""} 1`,
      `db_client_operation_duration_seconds_count{${labels},error_type="database.timeout"} 1`,
    ]);
    const pool = 'db_client_connection_pool_name="app.db"';
    expect(await lines('db_client_connection_timeouts')).toEqual([`db_client_connection_timeouts_total{${pool}} 1`]);
    expect(await lines('db_client_connection_wait_time_seconds_count')).toEqual([
      `db_client_connection_wait_time_seconds_count{${pool}} 2`,
    ]);
    expect(await lines('db_client_connection_use_time_seconds_sum')).toEqual([
      `db_client_connection_use_time_seconds_sum{${pool}} 0.003`,
    ]);
    expect(await lines('log_records')).toEqual([
      'log_records_total{level="error"} 1',
      'log_records_dropped_total{sink="file",reason="buffer_full"} 3',
    ]);
  });

  it('asks open databases and running subscriptions how they are, and leaves out a broker that is away', async () => {
    const pools = channel('ent:database:pools');
    const groups = channel('ent:messaging:groups');
    const group = { driver: 'redis', topic: 'orders', group: 'billing' };
    const onPools = (question: unknown): void =>
      (question as { add(pool: object): void }).add({ pool: 'app.db', max: 5, idle: 1, inUse: 2, waiting: 3 });
    const onGroups = (question: unknown): void => {
      const { add } = question as { add(report: object): void };
      add({ ...group, stats: async () => ({ ready: 7, delayed: 1, leased: undefined, dead: 0 }) });
      add({ ...group, topic: 'away', stats: () => Promise.reject(new Error('away')) });
    };
    pools.subscribe(onPools);
    groups.subscribe(onGroups);
    const labels =
      'messaging_system="redis",messaging_destination_name="orders",messaging_consumer_group_name="billing"';
    expect(await lines('messaging_group_messages')).toEqual([
      `messaging_group_messages{${labels},state="ready"} 7`,
      `messaging_group_messages{${labels},state="delayed"} 1`,
      `messaging_group_messages{${labels},state="dead"} 0`,
    ]);
    const pool = 'db_client_connection_pool_name="app.db"';
    expect([...(await lines('db_client_connections')), ...(await lines('db_client_connection_pending'))]).toEqual([
      `db_client_connections{${pool},state="idle"} 1`,
      `db_client_connections{${pool},state="used"} 2`,
      `db_client_connection_pending_requests{${pool}} 3`,
    ]);
    expect(await lines('db_client_connection_max')).toEqual([`db_client_connection_max{${pool}} 5`]);
    pools.unsubscribe(onPools);
    groups.unsubscribe(onGroups);
    expect(await lines('db_client_connections')).toEqual([]);
    expect(await lines('messaging_group_messages')).toEqual([]);
  });

  it('measures requests that are sent, by fetch and by node:http, and those that fail', async () => {
    const server = createServer((req, res) => {
      res.statusCode = req.url === '/missing' ? 404 : 200;
      res.end('ok');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/`;
    await (await fetch(url)).text();
    await (await fetch(`${url}missing`, { method: 'POST' })).text();
    const [answer] = (await once(get(url), 'response')) as [IncomingMessage];
    await answer.toArray();
    server.closeAllConnections();
    server.close();
    const [closed] = await freePorts(1);
    await fetch(`http://127.0.0.1:${closed}/`).catch(() => {});
    const labels = (method: string, status: string, error: string, at = port): string =>
      `{http_request_method="${method}",server_address="127.0.0.1",server_port="${at}",http_response_status_code="${status}",error_type="${error}"}`;
    expect((await lines('http_client_request_duration_seconds_count')).map((line) => line.slice(42))).toEqual([
      `${labels('GET', '200', '')} 2`,
      `${labels('POST', '404', '404')} 1`,
      `${labels('GET', '', 'ECONNREFUSED', closed)} 1`,
    ]);
  });

  it('measures a request of node:http from when it is made: while it waits for a connection, and if its body never ends', async () => {
    const held = Promise.withResolvers<ServerResponse>();
    const server = createServer((req, res) => {
      if (req.url === '/held') held.resolve(res);
      else res.writeHead(req.method === 'PUT' ? 413 : 200).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const ended = async (req: ClientRequest): Promise<void> => {
      const [answer] = (await once(req, 'response')) as [IncomingMessage];
      await answer.toArray();
    };
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const first = ended(get({ port, path: '/held', agent }));
    const response = await held.promise;
    const second = ended(get({ port, path: '/', agent }));
    vi.advanceTimersByTime(60_000);
    response.end();
    await Promise.all([first, second]);
    const refused = ask({ port, method: 'PUT', agent: false }).on('error', () => {});
    refused.write('the first part');
    await ended(refused);
    refused.destroy();
    vi.useRealTimers();

    const sums = await lines('http_client_request_duration_seconds_sum');
    expect(sums.map((line) => [/method="(\w+)"/.exec(line)?.[1], Number(line.split(' ').at(-1))])).toEqual([
      ['GET', 120],
      ['PUT', 0],
    ]);
    expect(await lines('http_client_request_duration_seconds_count')).toEqual([
      expect.stringMatching(/status_code="200".* 2$/),
      expect.stringMatching(/status_code="413".* 1$/),
    ]);
  });

  it('makes no new series of topics without end', async () => {
    const few = createMetrics({ maxSeries: 3 });
    for (let i = 0; i < 50; i++) {
      await publish('ent:messaging:publish', { driver: 'memory', topic: `t${i}`, messages: [{}] });
    }
    const text = await few.render();
    few.close();
    const sent = text.split('\n').filter((line) => line.startsWith('messaging_client_sent_messages_total'));
    expect(sent).toHaveLength(4);
    expect(sent.at(-1)).toMatch(/messaging_destination_name="_OTHER",error_type="_OTHER"\} 47$/);
  });

  it('shows the version and the process', async () => {
    const text = await metrics.render();
    expect(text).toContain('service_build_info{version="1.2.3"} 1');
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_utilization_ratio',
    ]) {
      expect(text).toMatch(new RegExp(`^${name} [0-9.e-]+$`, 'm'));
    }
  });

  it('keeps two sets of metrics apart and stops listening when closed', async () => {
    const other = createMetrics();
    other.close();
    other.close();
    await publish('ent:http:request', { method: 'GET', status: 200, durationMs: 1 });
    expect(await other.render()).not.toContain('http_server_request_duration_seconds_count{');
    expect(await lines('http_server_request_duration_seconds_count')).toHaveLength(1);
  });
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
const required = (process.env['ENT_TEST_REQUIRE'] ?? '')
  .split(',')
  .some((name) => name === 'all' || name === 'prometheus');
const reason = promtool ? '' : ' (skipped: promtool is not installed; run scripts/install-services.sh prometheus)';

describe.skipIf(!promtool && !required)(`promtool${reason}`, () => {
  it('finds nothing to complain about', async () => {
    await publish('ent:http:request', { method: 'GET', route: '/', status: 200, durationMs: 20 });
    await publish('ent:cache:get', { driver: 'memory', keys: 5, hits: 3 });
    await publish('ent:lifecycle:check', { check: 'database' });
    await publish('ent:auth:password', { operation: 'verify' });
    await publish('ent:database:query', { system: 'sqlite', namespace: 'a', operation: 'get' });
    await publish('ent:database:connection', { pool: 'a', waitMs: 1, useMs: 1, outcome: 'timeout' });
    await publish('ent:messaging:publish', { driver: 'memory', topic: 't', messages: [{}] });
    await publish('ent:messaging:process', { driver: 'memory', topic: 't', group: 'g', attempt: 2, outcome: 'done' });
    channel('ent:logging:record').publish({ level: 'info' });
    const check = spawnSync('promtool', ['check', 'metrics'], { input: await metrics.render(), encoding: 'utf8' });
    expect(check.error).toBeUndefined();
    expect(check.stdout + check.stderr).toBe('');
    expect(check.status).toBe(0);
  });
});
