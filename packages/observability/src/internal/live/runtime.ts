import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

/** How the process was over one slot. */
export interface ProcessSample {
  /** Processor time of all threads: 1 is one processor. */
  readonly cpu: number;
  /** Share of the time that the event loop was busy. */
  readonly loopUtilization: number;
  readonly loopDelayP99Ms: number;
  readonly heapUsed: number;
}

/** Measures the process all the time, whoever looks: two who look would else share what is "since the last time". */
export class ProcessWatch {
  readonly samples: ProcessSample[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });
  #cpu = process.cpuUsage();
  #at = performance.now();
  #utilization = performance.eventLoopUtilization();

  constructor(slots: number, slotMs: number) {
    this.#delay.enable();
    this.#timer = setInterval(() => {
      this.samples.push(this.#sample());
      if (this.samples.length > slots) this.samples.shift();
    }, slotMs).unref();
  }

  /** How it is at this moment. */
  memory(): { readonly heapUsed: number; readonly heapLimit: number; readonly rss: number } {
    const { used_heap_size: heapUsed, heap_size_limit: heapLimit } = getHeapStatistics();
    return { heapUsed, heapLimit, rss: process.memoryUsage.rss() };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #sample(): ProcessSample {
    const { user, system } = process.cpuUsage(this.#cpu);
    const now = performance.now();
    const utilization = performance.eventLoopUtilization();
    const sample = {
      cpu: (user + system) / 1000 / (now - this.#at),
      loopUtilization: performance.eventLoopUtilization(utilization, this.#utilization).utilization,
      // Its clock ticks that often: what is left is the delay.
      loopDelayP99Ms: Math.max(0, this.#delay.percentile(99) / 1e6 - 20),
      heapUsed: getHeapStatistics().used_heap_size,
    };
    this.#cpu = process.cpuUsage();
    this.#at = now;
    this.#utilization = utilization;
    this.#delay.reset();
    return sample;
  }
}
