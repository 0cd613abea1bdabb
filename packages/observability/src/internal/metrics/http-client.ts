import type { Message } from '../client-message.ts';
import { HistogramFamily, type Place } from '../families.ts';
import { methodOf } from '../names.ts';
import { ADVISED_BUCKETS } from './buckets.ts';
import { codeOf } from './code-of.ts';
import { listen, type Stop } from './stop.ts';

interface NodeRequest {
  readonly method: string;
  readonly host: string;
  [STARTED]?: number | undefined;
}
interface UndiciRequest {
  readonly method: string;
  readonly origin?: string | URL | undefined;
  [STARTED]?: number | undefined;
}

const STARTED = Symbol('startedAt');

/** Requests that are sent with `fetch`, undici or `node:http`, until the head of the answer is there. */
export function httpClient(place: Place): Stop[] {
  const duration = new HistogramFamily(place, {
    name: 'http_client_request_duration_seconds',
    help: 'Duration of HTTP client requests until the head of the answer, in seconds.',
    labelNames: ['http_request_method', 'server_address', 'http_response_status_code', 'error_type'],
    buckets: ADVISED_BUCKETS,
  });
  const measure = <Request extends NodeRequest | UndiciRequest>(
    names: { readonly start: string; readonly answer: string; readonly error: string },
    hostOf: (request: Request) => string,
  ): Stop => {
    const onStart = (message: unknown): void => {
      (message as Message<Request>).request[STARTED] = performance.now();
    };
    const onEnd = (message: unknown): void => {
      const { request, response, error } = message as Message<Request>;
      const startedAt = request[STARTED];
      // It began before, or was told of: an answer may break off after its head.
      if (startedAt === undefined) return;
      request[STARTED] = undefined;
      const status = response?.statusCode ?? '';
      const errorType = error === undefined ? (Number(status) >= 400 ? status : '') : codeOf(error);
      duration
        .cell(methodOf(request.method), hostOf(request), status, errorType)
        .observe((performance.now() - startedAt) / 1000);
    };
    return listen({ [names.start]: onStart, [names.answer]: onEnd, [names.error]: onEnd });
  };
  return [
    measure<NodeRequest>(
      { start: 'http.client.request.start', answer: 'http.client.response.finish', error: 'http.client.request.error' },
      ({ host }) => host,
    ),
    measure<UndiciRequest>(
      { start: 'undici:request:create', answer: 'undici:request:headers', error: 'undici:request:error' },
      ({ origin }) => hostnameOf(origin),
    ),
  ];
}

/** What its address is known as, without the port. */
function hostnameOf(origin: string | URL | undefined): string {
  if (origin === undefined) return '';
  const url = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : origin;
  return typeof url === 'string' ? '' : url.hostname;
}
