import { constants } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
import type { Numbers, Place } from '../place.ts';
import { onCollection, openDescriptors, readLoop } from './readings.ts';
import type { Stop } from './stop.ts';

const COLLECTIONS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

/** The process and Node by the semantic conventions: `./runtime.ts` has Prometheus' names, which are older. */
export function meterRuntime(place: Place): Stop[] {
  const single = (name: string, unit: string, help: string, read: () => unknown, aggregator?: 'max'): void => {
    const gauge: Numbers = place.gauge({
      name,
      unit,
      help,
      attributes: [],
      ...(aggregator && { aggregator }),
      async collect() {
        gauge.only.value = Number(await read());
      },
    });
  };
  const loop = readLoop();
  single(
    'nodejs.eventloop.utilization',
    '1',
    'Share of the time since it was read last that the event loop was busy.',
    () => loop.utilization(),
    'max',
  );
  single(
    'nodejs.eventloop.delay.p99',
    's',
    'Event loop delay since it was read last, 99th percentile.',
    () => loop.delayP99(),
    'max',
  );
  single('process.uptime', 's', 'How long the process has run.', () => process.uptime(), 'max');
  single('ent.v8.heap.limit', 'By', 'Largest size of the V8 heap.', () => getHeapStatistics().heap_size_limit, 'max');
  single('process.memory.usage', 'By', 'Resident memory.', () => process.memoryUsage.rss());
  if (openDescriptors !== undefined) {
    single('process.unix.file_descriptor.count', '{file_descriptor}', 'Open file descriptors.', openDescriptors);
  }
  const heap: Numbers = place.gauge({
    name: 'v8js.memory.heap.used',
    unit: 'By',
    help: 'Memory used in the V8 heap.',
    attributes: ['v8js.heap.space.name'],
    collect() {
      for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
        heap.cell(space_name).value = space_used_size;
      }
    },
  });
  const cpu: Numbers = place.counter({
    name: 'process.cpu.time',
    unit: 's',
    help: 'Processor time.',
    attributes: ['cpu.mode'],
    collect() {
      const { user, system } = process.cpuUsage();
      cpu.cell('user').value = user / 1e6;
      cpu.cell('system').value = system / 1e6;
    },
  });
  const collections = place.histogram({
    name: 'v8js.gc.duration',
    unit: 's',
    help: 'Garbage collections.',
    attributes: ['v8js.gc.type'],
    buckets: [0.001, 0.01, 0.1, 1],
  });
  const stop = onCollection((seconds, kind) => collections.cell(COLLECTIONS[kind ?? -1] ?? '').observe(seconds));
  return [() => loop.stop(), stop];
}
