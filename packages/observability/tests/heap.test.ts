import { tracingChannel } from 'node:diagnostics_channel';
import { bytesPerRound } from '@ent/testkit';
import { Gauge } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { onOperation } from '../src/index.ts';
import { createMetrics, type Metrics } from '../src/prometheus.ts';

const publish = (name: string, payload: object, fails = false): Promise<unknown> =>
  tracingChannel<object, object>(name)
    .tracePromise(async () => {
      if (fails) throw new Error('no');
    }, payload)
    .catch(() => {});

function start(): Metrics {
  const metrics = createMetrics({ collectTimeout: 1 });
  onTestFinished(() => metrics.close());
  return metrics;
}

describe('metrics that are kept for as long as the process lives', () => {
  it.each<[string, (n: number) => Promise<unknown>]>([
    [
      'requests, whatever their methods and paths were',
      (n) => publish('ent:http:request', { method: `M${n}`, exchange: { path: `/${n}` }, status: 404, durationMs: n }),
    ],
    ['reads of a cache', (n) => publish('ent:cache:get', { driver: 'redis', keys: 1, key: `k${n}` }, n % 2 === 0)],
    ['loads', (n) => publish('ent:cache:load', { driver: 'redis', key: `k${n}`, outcome: 'stored' }, n % 2 === 0)],
    ['password checks', (n) => publish('ent:auth:password', { operation: 'verify', from: `${n}` })],
    ['health checks', (n) => publish('ent:lifecycle:check', { check: 'database' }, n % 2 === 0)],
    [
      'batches of outboxes',
      (n) =>
        publish(
          'ent:messaging:relay',
          { driver: 'redis', lagMs: n, stored: 1, unroutable: 0, postponed: 0, parked: [{ id: `${n}` }] },
          n % 2 === 0,
        ),
    ],
  ])('keep nothing of %s but their numbers', async (_name, work) => {
    start();
    expect(await bytesPerRound(10_000, work)).toBeLessThan(50);
  });

  it('keep nothing of the answers that they gave, nor of a metric that hangs', async () => {
    const metrics = start();
    const { registry } = metrics;
    new Gauge({ name: 'hangs', help: 'Never answers.', registers: [registry], collect: () => new Promise(() => {}) });
    new Gauge({
      name: 'fails',
      help: 'Never succeeds.',
      registers: [registry],
      collect: () => Promise.reject(new Error('no')),
    });
    expect(await bytesPerRound(2000, () => metrics.render())).toBeLessThan(200);
  });

  it('leave nothing behind once they are closed', async () => {
    const bytes = await bytesPerRound(200, async () => {
      const metrics = createMetrics();
      await publish('ent:http:request', { method: 'GET', status: 200, durationMs: 1 });
      await metrics.render();
      metrics.close();
    });
    expect(bytes).toBeLessThan(2000);
  });
});

it('a listener keeps nothing of the operations that it heard of, nor of itself once it has stopped', async () => {
  const stop = onOperation('ent:test:heap', { end: () => {} });
  expect(await bytesPerRound(20_000, (n) => publish('ent:test:heap', { n }, n % 2 === 0))).toBeLessThan(50);
  stop();
  const bytes = await bytesPerRound(5000, (n) => {
    const end = onOperation('ent:test:heap', { start: () => void n, end: () => {} });
    return publish('ent:test:heap', { n }).then(end);
  });
  expect(bytes).toBeLessThan(50);
});
