import { CounterFamily, type FamilyOptions, GaugeFamily, HistogramFamily, type Home } from './families.ts';
import type { Histograms, MetricOptions, Numbers, Place } from './place.ts';

/** Where Prometheus' names are others than those that its rules make of the semantic conventions' ones. */
const NAMES: Readonly<Record<string, string>> = {
  // A gauge that ends in "_count" is none to promtool.
  'db.client.connection.count': 'db_client_connections',
};
const LABELS: Readonly<Record<string, string>> = {
  'db.client.connection.state': 'state',
  'ent.cache.driver': 'cache_driver',
  'ent.cache.tier': 'cache_tier',
};

/** Metrics in a registry of prom-client, under Prometheus' names. */
export class RegistryPlace implements Place {
  readonly collectTimeoutMs: number;
  readonly #home: Home;

  constructor(home: Home, collectTimeoutMs: number) {
    this.#home = home;
    this.collectTimeoutMs = collectTimeoutMs;
  }

  counter(options: MetricOptions): Numbers {
    return new CounterFamily(this.#home, familyOf(options, '_total'));
  }

  gauge(options: MetricOptions): Numbers {
    return new GaugeFamily(this.#home, familyOf(options));
  }

  histogram({ buckets, ...options }: MetricOptions & { readonly buckets: readonly number[] }): Histograms {
    return new HistogramFamily(this.#home, { ...familyOf(options), buckets });
  }
}

/** `http.server.request.duration` in seconds is `http_server_request_duration_seconds`. */
function familyOf({ name, unit, help, attributes, aggregator, collect }: MetricOptions, suffix = ''): FamilyOptions {
  const own = NAMES[name] ?? flat(name.replace(/^ent\./, ''));
  return {
    name: `${own}${unit === 's' ? '_seconds' : ''}${suffix}`,
    help,
    labelNames: attributes.map((each) => LABELS[each] ?? flat(each.replace(/^ent\.\w+\./, ''))),
    ...(aggregator && { aggregator }),
    ...(collect && { collect }),
  };
}

function flat(name: string): string {
  return name.replaceAll('.', '_');
}
