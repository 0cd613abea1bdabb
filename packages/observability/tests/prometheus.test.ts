import { spawnSync } from 'node:child_process';
import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
    await publish('ent:http:request', { method: 'GET', route: '/users/:id', status: 200, durationMs: 20 });
    await publish('ent:http:request', { method: 'HACK', status: 404, durationMs: 1 });
    expect(await lines('http_server_request_duration_seconds_count')).toEqual([
      'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/users/:id",http_response_status_code="200"} 1',
      'http_server_request_duration_seconds_count{http_request_method="_OTHER",http_route="",http_response_status_code="404"} 1',
    ]);
    expect((await lines('http_server_request_duration_seconds_sum'))[0]).toMatch(/ 0\.02$/);
  });

  it('counts the requests in flight', async () => {
    const gate = Promise.withResolvers<void>();
    const request = publish('ent:http:request', { method: 'GET' }, () => gate.promise);
    expect(await lines('http_server_active_requests')).toEqual(['http_server_active_requests 1']);
    gate.resolve();
    await request;
    expect(await lines('http_server_active_requests')).toEqual(['http_server_active_requests 0']);
  });

  it('counts cache results, health checks and password checks', async () => {
    await publish('ent:cache:get', { driver: 'memory', keys: 5, hits: 3 });
    await publish('ent:cache:get', { driver: 'memory', keys: 2 }, () => Promise.reject(new Error('down')));
    await publish('ent:cache:get', { driver: 'redis', keys: 9, hits: 5, stale: 1, local: 4 });
    await publish('ent:cache:command', { driver: 'redis', operation: 'hash.set' });
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
    const check = spawnSync('promtool', ['check', 'metrics'], { input: await metrics.render(), encoding: 'utf8' });
    expect(check.error).toBeUndefined();
    expect(check.stdout + check.stderr).toBe('');
    expect(check.status).toBe(0);
  });
});
