import { onOperation } from '../../operations.ts';
import { GaugeFamily, HistogramFamily, type LabelValue, type Place } from '../families.ts';
import { methodOf } from '../names.ts';
import { ADVISED_BUCKETS } from './buckets.ts';
import type { Stop } from './stop.ts';

/** What is read of `ent:http:request`; `@ent/middleware` documents it in full. */
interface HttpRequest {
  readonly method: string;
  readonly exchange?: { readonly scheme?: string | undefined };
  readonly route?: string;
  readonly status?: number;
  readonly durationMs?: number;
  readonly aborted?: boolean;
}

/** Requests that are served: `ent:http:request`. */
export function httpServer(place: Place): Stop[] {
  const duration = new HistogramFamily(place, {
    name: 'http_server_request_duration_seconds',
    help: 'Duration of HTTP server requests, in seconds.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code', 'url_scheme', 'error_type'],
    buckets: ADVISED_BUCKETS,
  });
  const active = new GaugeFamily(place, {
    name: 'http_server_active_requests',
    help: 'Number of HTTP server requests in flight.',
  });
  const stop = onOperation<HttpRequest>('ent:http:request', {
    start: () => void active.only.value++,
    end({ payload, durationMs }) {
      active.only.value--;
      const { method, route = '', status = '', exchange } = payload;
      duration
        .cell(methodOf(method), route, status, exchange?.scheme ?? '', errorOf(payload))
        .observe((payload.durationMs ?? durationMs) / 1000);
    },
  });
  return [stop];
}

/** A client's mistake is none of ours: what is left are answers that failed, and those that did not get through. */
function errorOf({ status, aborted }: HttpRequest): LabelValue {
  if (status !== undefined && status >= 500) return status;
  return aborted === true ? 'aborted' : '';
}
