import type { Place } from '../place.ts';
import { methodOf } from '../names.ts';
import { ADVISED_BUCKETS } from './buckets.ts';
import { listen, type Stop } from './stop.ts';

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
  // Its own: others measure the same requests.
  const mine = Symbol('inFlight');
  type Counted = HttpRequest & { [mine]?: { value: number } };
  const onStart = (message: unknown): void => {
    const request = message as Counted;
    const inFlight = active.cell(methodOf(request.method), schemeOf(request));
    inFlight.value++;
    request[mine] = inFlight;
  };
  const onEnd = (message: unknown): void => {
    const request = message as Counted;
    const inFlight = request[mine];
    // It began before.
    if (inFlight === undefined) return;
    inFlight.value--;
    const { route = '', status = '', durationMs = 0 } = request;
    duration
      .cell(methodOf(request.method), route, status, schemeOf(request), errorOf(request))
      .observe(durationMs / 1000);
  };
  // Not by `onOperation`, which asks for the time twice: a request has its own with it.
  return [listen({ 'tracing:ent:http:request:start': onStart, 'tracing:ent:http:request:asyncEnd': onEnd })];
}

function schemeOf({ exchange }: HttpRequest): string {
  return exchange?.scheme ?? '';
}

/** A client's mistake is none of ours: what is left are answers that failed, and those that did not get through. */
function errorOf({ status, aborted }: HttpRequest): string {
  if (status !== undefined && status >= 500) return String(status);
  return aborted === true ? 'aborted' : '';
}
