import type { LabelValue } from './cells.ts';

/** A metric, by the names of the semantic conventions; what they do not know begins with `ent.`. */
export interface MetricOptions {
  readonly name: string;
  /** By UCUM: `s`, or what is counted, such as `{message}`. */
  readonly unit: string;
  readonly help: string;
  readonly attributes: readonly string[];
  /** What the conventions ask for where it is always the same; Prometheus has it in the name. */
  readonly fixed?: Readonly<Record<string, string>>;
  /** What several processes together have. Default: the sum. */
  readonly aggregator?: 'sum' | 'min' | 'max';
  /** Runs before the values are read: for numbers that are only looked at then. */
  readonly collect?: () => unknown;
}

/** A cell for each set of label values, which come in the order of the attributes. */
interface CellsOf<Cell> {
  cell(...values: readonly LabelValue[]): Cell;
  /** Where there are no attributes. */
  readonly only: Cell;
  reset(): void;
}

/** Counters and gauges. */
export type Numbers = CellsOf<{ value: number }>;

/** Sizes, or lengths of time in seconds. */
export type Histograms = CellsOf<{ observe(value: number): void }>;

/** Where metrics are kept: in a registry of prom-client, or by the API of OpenTelemetry. */
export interface Place {
  /** How long a metric may take for its values. */
  readonly collectTimeoutMs: number;
  /** What only grows. */
  counter(options: MetricOptions): Numbers;
  /** What goes up and down. */
  gauge(options: MetricOptions): Numbers;
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): Histograms;
}
