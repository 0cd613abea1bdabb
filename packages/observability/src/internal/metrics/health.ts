import { onOperation } from '../../operations.ts';
import { GaugeFamily, type Place } from '../families.ts';
import type { Stop } from './stop.ts';

/** Health checks that are run: `ent:lifecycle:check`. */
export function health(place: Place): Stop[] {
  const labelNames = ['check'];
  const status = new GaugeFamily(place, {
    name: 'health_check_status',
    help: 'Outcome of the last run of a health check: 1 passed, 0 failed.',
    labelNames,
    aggregator: 'min',
  });
  const duration = new GaugeFamily(place, {
    name: 'health_check_duration_seconds',
    help: 'Duration of the last run of a health check, in seconds.',
    labelNames,
    aggregator: 'max',
  });
  const stop = onOperation<{ readonly check: string }>('ent:lifecycle:check', {
    end({ payload: { check }, durationMs, error }) {
      status.cell(check).value = error === undefined ? 1 : 0;
      duration.cell(check).value = durationMs / 1000;
    },
  });
  return [stop];
}
