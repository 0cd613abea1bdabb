import cluster, { type Worker } from 'node:cluster';
import { withDeadline } from '@ent/internal';
import { AggregatorRegistry } from 'prom-client';
import { observabilityErrors } from '../errors.ts';
import type { Collected, CounterFamily } from './families.ts';
import type { Collect } from './render.ts';

// Names of our own: an application sends messages between its processes too.
const ASK = 'ent:observability:ask';
const TELL = 'ent:observability:tell';

/** From the primary to a worker. */
interface Question {
  readonly type: typeof ASK;
  readonly id: number;
}

/** From a worker to the primary: its metrics, or without them that there are some. */
interface Report {
  readonly type: typeof TELL;
  readonly id?: number;
  /** As JSON of our own: the channel would make null of an infinite number. */
  readonly metrics?: string;
}

/** In a worker: tells its metrics to the primary, whenever that asks. Returns a function that stops. */
export function tellPrimary(collect: Collect): () => void {
  const send = (report: Report): void => {
    // The primary may be gone by now; then nobody asks any more.
    process.send?.(report, undefined, undefined, () => {});
  };
  const listener = (message: unknown): void => {
    const { type, id } = (message ?? {}) as Partial<Question>;
    if (type !== ASK || id === undefined) return;
    void collect('data').then((metrics) => send({ type: TELL, id, metrics: toText(metrics) }));
  };
  process.on('message', listener);
  send({ type: TELL });
  return () => void process.off('message', listener);
}

/** In the primary: the metrics of all workers that measure, added up with its own. */
export class Workers {
  /** The last report of each worker; undefined before the first. */
  readonly #last = new Map<number, readonly Collected[] | undefined>();
  /** What only grows, of workers that are gone: a sum that falls would look like a restart. */
  #gone: readonly Collected[] = [];
  readonly #waiting = new Map<number, (metrics: readonly Collected[]) => void>();
  #asked = 0;
  readonly #timeoutMs: number;
  readonly #failures: CounterFamily;

  constructor(timeoutMs: number, failures: CounterFamily) {
    this.#timeoutMs = timeoutMs;
    this.#failures = failures;
    cluster.on('message', this.#hear);
    cluster.on('exit', this.#forget);
    // Who is there already has said so to nobody.
    for (const worker of Object.values(cluster.workers ?? {})) if (worker) this.#ask(worker, 0);
  }

  /** What all together have. A worker that is too late is there with its last numbers, and counted. */
  async sum(own: readonly Collected[]): Promise<Collected[]> {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    await Promise.all(workers.filter(({ id }) => this.#last.has(id)).map((worker) => this.#update(worker)));
    const reports = [...this.#last.values()].filter((report) => report !== undefined);
    return added([own, this.#gone, ...reports]);
  }

  close(): void {
    cluster.off('message', this.#hear);
    cluster.off('exit', this.#forget);
  }

  async #update(worker: Worker): Promise<void> {
    const id = ++this.#asked;
    const late = (): Error =>
      observabilityErrors.collect_timeout(`A worker took longer than ${this.#timeoutMs} ms to tell its metrics.`);
    try {
      const told = new Promise<readonly Collected[]>((resolve) => this.#waiting.set(id, resolve));
      this.#ask(worker, id);
      const metrics = await withDeadline(() => told, this.#timeoutMs, late);
      // One that ended meanwhile has been added to those that are gone.
      if (this.#last.has(worker.id)) this.#last.set(worker.id, metrics);
    } catch {
      this.#failures.cell('cluster_worker').value++;
    } finally {
      this.#waiting.delete(id);
    }
  }

  #ask(worker: Worker, id: number): void {
    if (worker.isConnected()) worker.send({ type: ASK, id } satisfies Question, () => {});
  }

  readonly #hear = (worker: Worker, message: unknown): void => {
    const { type, id = 0, metrics } = (message ?? {}) as Partial<Report>;
    if (type !== TELL) return;
    if (!this.#last.has(worker.id)) this.#last.set(worker.id, undefined);
    if (metrics !== undefined) this.#waiting.get(id)?.(fromText(metrics));
  };

  readonly #forget = (worker: Worker): void => {
    const report = this.#last.get(worker.id) ?? [];
    this.#last.delete(worker.id);
    this.#gone = added([this.#gone, report.filter(({ type }) => type === 'counter' || type === 'histogram')]);
  };
}

/** By prom-client, metric by metric and label set by label set. */
function added(reports: readonly (readonly Collected[])[]): Collected[] {
  const registry = AggregatorRegistry.aggregate(reports as unknown as object[]);
  // These have their values already, though their type is that of metrics that are collected.
  const metrics = registry.getMetricsAsArray() as unknown as readonly { get(): Collected }[];
  return metrics.map((metric) => metric.get());
}

function toText(metrics: readonly Collected[]): string {
  const texts = metrics.map((metric) => ({
    ...metric,
    values: metric.values.map(({ labels, metricName, value }) => ({ labels, metricName, value: String(value) })),
  }));
  return JSON.stringify(texts);
}

function fromText(text: string): Collected[] {
  const metrics = JSON.parse(text) as Collected[];
  return metrics.map((metric) => ({
    ...metric,
    values: metric.values.map((sample) => ({ ...sample, value: Number(sample.value) })),
  }));
}
