import { Registry } from 'prom-client';
import { Cells, type LabelValue } from './cells.ts';

type Labels = Record<string, LabelValue>;

/** One line as prom-client's registry writes it. */
export interface Sample {
  readonly labels: Labels;
  readonly sharedLabels?: Labels;
  readonly value: number;
  readonly metricName?: string;
  /** prom-client has it for each bucket, also where there is none. */
  readonly exemplar?: Exemplar | null;
}

/** One observation, and the trace that it was made in. */
export interface Exemplar {
  /** At most 128 characters, names included. */
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** The labels of an exemplar for what is observed now; undefined where there are none. */
export type ExemplarLabels = () => Exemplar['labelSet'] | undefined;

/** What prom-client's registry asks of a metric; it writes the text itself, in either format. */
export interface Collected {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly Sample[];
}

/** What is told of a metric family. */
export interface FamilyOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  /** What several processes together have. Default: the sum. */
  readonly aggregator?: 'sum' | 'min' | 'max';
  /** Runs before the values are read: for numbers that are only looked at then. */
  readonly collect?: () => unknown;
}

/** Where families are registered, and how many label sets each may have. */
export interface Home {
  readonly registry: Registry;
  readonly maxSeries: number;
  /** Asked for each observation of a histogram. */
  readonly exemplarLabels?: ExemplarLabels | undefined;
}

/** A metric in a registry of prom-client that counts in cells of its own. */
abstract class Family<Cell> extends Cells<Cell> {
  abstract readonly type: string;
  /** prom-client gives a counter another one for OpenMetrics, for good; {@link getForPromString} does not go by it. */
  name: string;
  readonly help: string;
  readonly aggregator: string;
  readonly labelNames: readonly string[];
  protected readonly ownName: string;
  readonly #collect: (() => unknown) | undefined;
  readonly #registry: Registry;

  constructor(
    { registry, maxSeries }: Home,
    { name, help, labelNames = [], aggregator = 'sum', collect }: FamilyOptions,
  ) {
    super(labelNames.length, maxSeries);
    this.name = name;
    this.ownName = name;
    this.help = help;
    this.labelNames = labelNames;
    this.aggregator = aggregator;
    this.#collect = collect;
    this.#registry = registry;
    // Its type names prom-client's own classes; what it asks of them is here.
    registry.registerMetric(this as never);
  }

  protected abstract samples(cell: Cell): readonly Sample[];

  protected labelsOf(values: readonly LabelValue[]): Labels {
    return Object.fromEntries(this.labelNames.map((name, i) => [name, values[i] as LabelValue]));
  }

  async getForPromString(): Promise<Collected> {
    await this.#collect?.();
    const isOpenMetrics = this.#registry.contentType === (Registry.OPENMETRICS_CONTENT_TYPE as string);
    // OpenMetrics names a counter without the suffix, which its samples have.
    const isShort = isOpenMetrics && this.type === 'counter';
    return this.#collected(isShort ? this.ownName.replace(/_total$/, '') : this.ownName);
  }

  /** As JSON, and for the aggregation over a cluster. */
  async get(): Promise<Collected> {
    await this.#collect?.();
    const collected = this.#collected(this.ownName);
    const values = collected.values.map(({ sharedLabels, labels, ...rest }) => ({
      ...rest,
      labels: { ...labels, ...sharedLabels },
    }));
    return { ...collected, values };
  }

  #collected(name: string): Collected {
    const { help, type, aggregator, labelNames } = this;
    if (labelNames.length === 0) void this.only;
    return { name, help, type, aggregator, values: this.cells.flatMap((cell) => this.samples(cell)) };
  }
}

/** One number. */
class NumberCell {
  readonly labels: Labels;
  value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }
}

abstract class NumberFamily extends Family<NumberCell> {
  protected make(values: readonly LabelValue[]): NumberCell {
    return new NumberCell(this.labelsOf(values));
  }

  protected samples({ labels, value }: NumberCell): Sample[] {
    return [{ labels, value }];
  }
}

/** What only grows; its name ends in `_total`. */
export class CounterFamily extends NumberFamily {
  readonly type = 'counter';
}

/** What goes up and down. */
export class GaugeFamily extends NumberFamily {
  readonly type = 'gauge';
}

/** What was observed under one set of label values. */
export class HistogramCell {
  readonly labels: Labels;
  /** How many were in each bucket alone; the last one is for what is above all bounds. */
  readonly counts: number[];
  /** The last one of each bucket. */
  readonly exemplars: (Exemplar | undefined)[] = [];
  sum = 0;
  count = 0;
  readonly #bounds: readonly number[];
  readonly #exemplarLabels: ExemplarLabels | undefined;

  constructor(labels: Labels, bounds: readonly number[], exemplarLabels: ExemplarLabels | undefined) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#exemplarLabels = exemplarLabels;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    (this.counts[at] as number)++;
    this.sum += value;
    this.count++;
    if (this.#exemplarLabels === undefined) return;
    const labelSet = this.#exemplarLabels();
    if (labelSet !== undefined) this.exemplars[at] = { labelSet, value, timestamp: Date.now() / 1000 };
  }
}

/** Sizes, or lengths of time in seconds, by buckets. */
export class HistogramFamily extends Family<HistogramCell> {
  readonly type = 'histogram';
  readonly #bounds: readonly number[];
  readonly #exemplarLabels: ExemplarLabels | undefined;

  constructor(home: Home, options: FamilyOptions & { readonly buckets: readonly number[] }) {
    super(home, options);
    this.#bounds = options.buckets;
    this.#exemplarLabels = home.exemplarLabels;
  }

  protected make(values: readonly LabelValue[]): HistogramCell {
    return new HistogramCell(this.labelsOf(values), this.#bounds, this.#exemplarLabels);
  }

  protected samples({ labels: sharedLabels, counts, exemplars, sum, count }: HistogramCell): Sample[] {
    const name = this.ownName;
    let below = 0;
    const buckets = this.#bounds.map((le, i) => {
      below += counts[i] as number;
      const exemplar = exemplars[i] ?? null;
      return { labels: { le }, sharedLabels, value: below, metricName: `${name}_bucket`, exemplar };
    });
    const last = exemplars[this.#bounds.length] ?? null;
    return [
      ...buckets,
      { labels: { le: '+Inf' }, sharedLabels, value: count, metricName: `${name}_bucket`, exemplar: last },
      { labels: {}, sharedLabels, value: sum, metricName: `${name}_sum` },
      { labels: {}, sharedLabels, value: count, metricName: `${name}_count` },
    ];
  }
}
