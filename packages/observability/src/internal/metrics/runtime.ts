import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Linux alone has them. */
const DESCRIPTORS = '/proc/self/fd';
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

  if (existsSync(DESCRIPTORS)) {
    gauge('process_open_fds', 'Number of open file descriptors.', async () => {
      // One of them reads the folder.
      return (await readdir(DESCRIPTORS)).length - 1;
    });
    gauge('process_max_fds', 'Number of file descriptors that may be open.', async () => {
      const [, limit = ''] = /^Max open files +(\S+)/m.exec(await readFile(LIMITS, 'utf8')) ?? [];
      return limit === 'unlimited' ? Infinity : Number(limit);
    });
  }

  let utilization = performance.eventLoopUtilization();
  gauge(
    'nodejs_eventloop_utilization_ratio',
    'Share of the time since the last scrape that the event loop was busy.',
    () => {
      const now = performance.eventLoopUtilization();
      const since = performance.eventLoopUtilization(now, utilization).utilization;
      utilization = now;
      return since;
    },
    'max',
  );
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  gauge(
    'nodejs_eventloop_delay_p99_seconds',
    'Event loop delay since the last scrape, 99th percentile, in seconds.',
    () => {
      const p99 = delay.percentile(99) / 1e9;
      delay.reset();
      return p99;
    },
    'max',
  );

  const gc = new Histogram({
    name: 'v8js_gc_duration_seconds',
    help: 'Duration of garbage collections, in seconds.',
    buckets: [0.001, 0.01, 0.1, 1],
    registers,
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) gc.observe(entry.duration / 1000);
  });
  observer.observe({ entryTypes: ['gc'] });

  return () => {
    delay.disable();
    observer.disconnect();
  };
}
