import { onOperation } from '../../operations.ts';
import type { Place } from '../place.ts';
import type { Stop } from './stop.ts';

/** Health checks that are run: `ent:lifecycle:check`. */
export function health(place: Place): Stop[] {
  const attributes = ['ent.health.check'];
  const status = place.gauge({
    name: 'ent.health.check.status',
    unit: '1',
    help: 'Outcome of the last run of a health check: 1 passed, 0 failed.',
    attributes,
    aggregator: 'min',
  });
  const duration = place.gauge({
    name: 'ent.health.check.duration',
    unit: 's',
    help: 'Duration of the last run of a health check, in seconds.',
    attributes,
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
