// A primary and its workers, which do what the test says: over the IPC channel of this process.
import cluster from 'node:cluster';
import { tracingChannel } from 'node:diagnostics_channel';
import { Counter, Gauge } from 'prom-client';
import { createMetrics } from '../../src/prometheus.ts';

interface Order {
  readonly id: number;
  readonly do: 'fork' | 'work' | 'block' | 'kill' | 'render' | 'open';
  readonly times?: number;
}

const metrics = createMetrics({ cluster: true, collectTimeout: process.argv[2] ?? '2s', version: '1.2.3' });

function work(times: number): void {
  for (let i = 0; i < times; i++) {
    const event = { method: 'GET', route: '/', status: 200, durationMs: 4 };
    const channel = tracingChannel('ent:http:request');
    channel.start.publish(event);
    channel.asyncEnd.publish(event);
  }
}

async function primary({ do: what, times = 0 }: Order): Promise<unknown> {
  const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  const [first] = workers;
  if (what === 'render') return metrics.render();
  if (what === 'open') return (await metrics.answer('application/openmetrics-text')).body;
  if (what === 'fork') {
    const worker = cluster.fork();
    return new Promise((resolve) => worker.on('message', (message) => message === 'ready' && resolve(worker.id)));
  }
  if (what === 'kill') {
    const gone = new Promise((resolve) => cluster.once('exit', resolve));
    first?.process.kill('SIGKILL');
    return gone.then(() => undefined);
  }
  // Each worker does it and says so; but one that blocks says nothing any more.
  for (const worker of what === 'block' ? workers.slice(0, 1) : workers) {
    const done = new Promise((resolve) => worker.once('message', resolve));
    worker.send({ do: what, times });
    await done;
  }
  return undefined;
}

if (cluster.isPrimary) {
  process.on('message', (order: Order) => {
    void primary(order).then((answer) => process.send?.({ id: order.id, answer }));
  });
  process.on('disconnect', () => process.exit());
} else {
  const { registry } = metrics;
  new Counter({ name: 'jobs_total', help: 'Jobs.', labelNames: ['value'], registers: [registry] }).inc(
    { value: 'a' },
    2,
  );
  new Gauge({ name: 'limit', help: 'Limit.', registers: [registry] }).set(Infinity);
  process.on('message', ({ do: what, times }: Partial<Order>) => {
    if (what === 'work') work(times ?? 0);
    if (what !== 'work' && what !== 'block') return;
    process.send?.('done', undefined, undefined, () => {
      // For good, as an endless loop does.
      if (what === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });
  });
  process.send?.('ready');
}
