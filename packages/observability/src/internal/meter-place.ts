import type { Attributes, Histogram, Meter, Observable, ObservableResult } from '@opentelemetry/api';
import { channels } from '../channels.ts';
import { Cells, type LabelValue } from './cells.ts';
import type { Histograms, MetricOptions, Numbers, Place } from './place.ts';

/** One less than what an SDK keeps by its own default, so that the cell for all others has room too. */
const MOST = 1998;
/** By the specification: what is counted together, since there is no room for it apart. */
const OVERFLOW: Attributes = { 'otel.metric.overflow': true };

/**
 * Metrics by the API of OpenTelemetry. What only grows, and what goes up and down, is counted in cells here and told
 * when a reader of the SDK collects; a duration is told at once, since histograms know no other way.
 */
export class MeterPlace implements Place {
  readonly collectTimeoutMs: number;
  readonly #meter: Meter;
  readonly #stops: (() => void)[] = [];

  constructor(meter: Meter, collectTimeoutMs: number) {
    this.#meter = meter;
    this.collectTimeoutMs = collectTimeoutMs;
  }

  counter(options: MetricOptions): Numbers {
    return this.#observed(options, this.#meter.createObservableCounter(options.name, described(options)));
  }

  gauge(options: MetricOptions): Numbers {
    // What cannot be added up is no sum that goes up and down.
    const isSum = (options.aggregator ?? 'sum') === 'sum';
    const create = isSum ? 'createObservableUpDownCounter' : 'createObservableGauge';
    return this.#observed(options, this.#meter[create](options.name, described(options)));
  }

  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): Histograms {
    const advice = { explicitBucketBoundaries: [...options.buckets] };
    return new HistogramCells(options, this.#meter.createHistogram(options.name, { ...described(options), advice }));
  }

  /** Tells nothing any more. */
  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #observed(options: MetricOptions, instrument: Observable): Numbers {
    const cells = new NumberCells(options);
    const tell = async (result: ObservableResult): Promise<void> => {
      await options.collect?.();
      cells.tell(result);
    };
    instrument.addCallback(tell);
    this.#stops.push(() => instrument.removeCallback(tell));
    return cells;
  }
}

function described({ unit, help }: MetricOptions): { unit: string; description: string } {
  return { unit, description: help };
}

abstract class AttributeCells<Cell> extends Cells<Cell> {
  readonly #names: readonly string[];
  readonly #fixed: Attributes;

  constructor({ attributes, fixed = {} }: MetricOptions) {
    super(attributes.length, MOST);
    this.#names = attributes;
    this.#fixed = fixed;
  }

  protected abstract of(attributes: Attributes): Cell;

  protected make(values: readonly LabelValue[]): Cell {
    const attributes: Attributes = { ...this.#fixed };
    for (const [i, name] of this.#names.entries()) {
      const value = values[i];
      if (value !== undefined && value !== '') attributes[name] = value;
    }
    return this.of(attributes);
  }

  protected override makeOverflow(): Cell {
    return this.of(OVERFLOW);
  }
}

interface NumberCell {
  readonly attributes: Attributes;
  value: number;
}

class NumberCells extends AttributeCells<NumberCell> {
  protected of(attributes: Attributes): NumberCell {
    return { attributes, value: 0 };
  }

  tell(result: ObservableResult): void {
    for (const { value, attributes } of this.cells) result.observe(value, attributes);
  }
}

class HistogramCell {
  readonly #histogram: Histogram;
  readonly #attributes: Attributes;
  readonly #metric: string;

  constructor(histogram: Histogram, attributes: Attributes, metric: string) {
    this.#histogram = histogram;
    this.#attributes = attributes;
    this.#metric = metric;
  }

  observe(value: number): void {
    try {
      this.#histogram.record(value, this.#attributes);
    } catch (error) {
      // In a subscriber it would end the process.
      if (channels.collect.hasSubscribers) channels.collect.error.publish({ metric: this.#metric, error });
    }
  }
}

class HistogramCells extends AttributeCells<HistogramCell> {
  readonly #histogram: Histogram;
  readonly #metric: string;

  constructor(options: MetricOptions, histogram: Histogram) {
    super(options);
    this.#histogram = histogram;
    this.#metric = options.name;
  }

  protected of(attributes: Attributes): HistogramCell {
    return new HistogramCell(this.#histogram, attributes, this.#metric);
  }
}
