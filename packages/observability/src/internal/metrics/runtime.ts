import { readFile } from 'node:fs/promises';
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { onCollection, openDescriptors, readLoop } from './readings.ts';

const LIMITS = '/proc/self/limits';

/**
 * Metrics of the process and of Node. Our own instead of prom-client's defaults, some of which `promtool check metrics`
 * refuses (gauges that end in `_total`).
 *
 * @returns a function that stops measuring
 */
export function registerRuntime(registry: Registry): () => void {
  const registers = [registry];
  const gauge = (
    name: string,
    help: string,
    read: () => number | Promise<number>,
    aggregator: 'sum' | 'min' | 'max' = 'sum',
  ): void => {
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      async collect() {
        this.set(await read());
      },
    });
  };

  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time spent, in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  const startTime = (Date.now() - process.uptime() * 1000) / 1000;
  gauge('process_start_time_seconds', 'Start time of the process since the epoch, in seconds.', () => startTime, 'min');
  gauge('process_resident_memory_bytes', 'Resident memory, in bytes.', () => process.memoryUsage.rss());
  gauge('nodejs_heap_used_bytes', 'Memory used in the V8 heap, in bytes.', () => getHeapStatistics().used_heap_size);
  gauge('nodejs_heap_limit_bytes', 'Largest size of the V8 heap, in bytes.', () => getHeapStatistics().heap_size_limit);

  if (openDescriptors !== undefined) {
    gauge('process_open_fds', 'Number of open file descriptors.', openDescriptors);
    gauge('process_max_fds', 'Number of file descriptors that may be open.', async () => {
      const [, limit = ''] = /^Max open files +(\S+)/m.exec(await readFile(LIMITS, 'utf8')) ?? [];
      return limit === 'unlimited' ? Infinity : Number(limit);
    });
  }

  const loop = readLoop();
  gauge(
    'nodejs_eventloop_utilization_ratio',
    'Share of the time since the last scrape that the event loop was busy.',
    () => loop.utilization(),
    'max',
  );
  gauge(
    'nodejs_eventloop_delay_p99_seconds',
    'Event loop delay since the last scrape, 99th percentile, in seconds.',
    () => loop.delayP99(),
    'max',
  );

  const gc = new Histogram({
    name: 'v8js_gc_duration_seconds',
    help: 'Duration of garbage collections, in seconds.',
    buckets: [0.001, 0.01, 0.1, 1],
    registers,
  });
  const stopCollections = onCollection((seconds) => gc.observe(seconds));

  return () => {
    loop.stop();
    stopCollections();
  };
}
