import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';

/** Linux alone has them. */
const DESCRIPTORS = '/proc/self/fd';

/** How many file descriptors are open; undefined where the system does not tell. */
export const openDescriptors: (() => Promise<number>) | undefined = existsSync(DESCRIPTORS)
  ? // One of them reads the folder.
    async () => (await readdir(DESCRIPTORS)).length - 1
  : undefined;

/** The event loop, each since it was read last. */
export interface LoopReadings {
  /** The share of the time that it was busy, from 0 to 1. */
  utilization(): number;
  /** How late it was, 99th percentile, in seconds. */
  delayP99(): number;
  stop(): void;
}

export function readLoop(): LoopReadings {
  let utilization = performance.eventLoopUtilization();
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  return {
    utilization() {
      const now = performance.eventLoopUtilization();
      const since = performance.eventLoopUtilization(now, utilization).utilization;
      utilization = now;
      return since;
    },
    delayP99() {
      const p99 = delay.percentile(99) / 1e9;
      delay.reset();
      return p99;
    },
    stop: () => void delay.disable(),
  };
}

/** The types of Node name no `detail`. */
interface GcEntry {
  readonly duration: number;
  readonly detail?: { readonly kind?: number };
}

/**
 * Tells of each garbage collection.
 *
 * @returns a function that stops it
 */
export function onCollection(hear: (seconds: number, kind: number | undefined) => void): () => void {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as readonly GcEntry[]) hear(entry.duration / 1000, entry.detail?.kind);
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
