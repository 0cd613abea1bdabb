// Metrics by OpenTelemetry in the place of Prometheus' ones.
import { measureOperations } from '@ent/observability/opentelemetry';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';

const exporter = new OTLPMetricExporter({ url: `${process.env['COLLECTOR']}/v1/metrics` });
delete process.env['COLLECTOR'];
const reader = new PeriodicExportingMetricReader({
  exporter,
  exportIntervalMillis: 10_000,
  exportTimeoutMillis: 5_000,
});
measureOperations({ meterProvider: new MeterProvider({ readers: [reader] }) });
