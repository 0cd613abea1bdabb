import { onOperation } from '../../operations.ts';
import type { Place } from '../place.ts';
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
  const duration = place.histogram({
    name: 'http.server.request.duration',
    unit: 's',
    help: 'Duration of HTTP server requests, in seconds.',
    attributes: ['http.request.method', 'http.route', 'http.response.status_code', 'url.scheme', 'error.type'],
    buckets: ADVISED_BUCKETS,
  });
  const active = place.gauge({
    name: 'http.server.active_requests',
    unit: '{request}',
    help: 'Number of HTTP server requests in flight.',
    attributes: ['http.request.method', 'url.scheme'],
  });
  const stop = onOperation<HttpRequest>('ent:http:request', {
    start: ({ method, exchange }) => void active.cell(methodOf(method), schemeOf(exchange)).value++,
    end({ payload, durationMs }) {
      const { route = '', status = '', exchange } = payload;
      const method = methodOf(payload.method);
      const scheme = schemeOf(exchange);
      active.cell(method, scheme).value--;
      duration.cell(method, route, status, scheme, errorOf(payload)).observe((payload.durationMs ?? durationMs) / 1000);
    },
  });
  return [stop];
}

function schemeOf(exchange: HttpRequest['exchange']): string {
  return exchange?.scheme ?? '';
}

/** A client's mistake is none of ours: what is left are answers that failed, and those that did not get through. */
function errorOf({ status, aborted }: HttpRequest): string {
  if (status !== undefined && status >= 500) return String(status);
  return aborted === true ? 'aborted' : '';
}
