import type { Message } from '../client-message.ts';
import type { Place } from '../place.ts';
import { addressOf } from '../addresses.ts';
import type { LabelValue } from '../cells.ts';
import { methodOf } from '../names.ts';
import { ADVISED_BUCKETS } from './buckets.ts';
import { codeOf } from './code-of.ts';
import { listen, type Stop } from './stop.ts';

interface NodeRequest {
  readonly method: string;
  readonly host: string;
  readonly protocol: string;
  getHeader(name: string): unknown;
}
interface UndiciRequest {
  readonly method: string;
  readonly origin?: string | URL | undefined;
}

/**
 * Requests that are sent with `fetch`, undici or `node:http`, until the head of the answer is there. Each begins when
 * it is made: it may wait for a connection, and be answered before it is written.
 */
export function httpClient(place: Place): Stop[] {
  const duration = place.histogram({
    name: 'http.client.request.duration',
    unit: 's',
    help: 'Duration of HTTP client requests until the head of the answer, in seconds.',
    attributes: ['http.request.method', 'server.address', 'server.port', 'http.response.status_code', 'error.type'],
    buckets: ADVISED_BUCKETS,
  });
  const measure = <Request extends NodeRequest | UndiciRequest>(
    names: { readonly start: string; readonly answer: string; readonly error: string },
    serverOf: (request: Request) => readonly [address: string, port: LabelValue],
  ): Stop => {
    // Its own: others measure the same requests, and each forgets what it has told of.
    const mine = Symbol('startedAt');
    type Marked = Request & { [mine]?: number | undefined };
    const onStart = (message: unknown): void => {
      (message as Message<Marked>).request[mine] = performance.now();
    };
    const onEnd = (message: unknown): void => {
      const { request, response, error } = message as Message<Marked>;
      const startedAt = request[mine];
      // It began before, or was told of: an answer may break off after its head.
      if (startedAt === undefined) return;
      request[mine] = undefined;
      const status = response?.statusCode ?? '';
      const errorType = error === undefined ? (Number(status) >= 400 ? String(status) : '') : codeOf(error);
      const [address, port] = serverOf(request);
      duration
        .cell(methodOf(request.method), address, port, status, errorType)
        .observe((performance.now() - startedAt) / 1000);
    };
    return listen({ [names.start]: onStart, [names.answer]: onEnd, [names.error]: onEnd });
  };
  return [
    measure<NodeRequest>(
      {
        start: 'http.client.request.created',
        answer: 'http.client.response.finish',
        error: 'http.client.request.error',
      },
      (request) => [request.host, portOf(request)],
    ),
    measure<UndiciRequest>(
      { start: 'undici:request:create', answer: 'undici:request:headers', error: 'undici:request:error' },
      ({ origin }) => serverOfOrigin(origin),
    ),
  ];
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** A `ClientRequest` has it in its header alone. */
function portOf(request: NodeRequest): LabelValue {
  const host = request.getHeader('host');
  const { port } = addressOf(typeof host === 'string' ? host : undefined);
  return port ?? DEFAULT_PORTS[request.protocol] ?? '';
}

function serverOfOrigin(origin: string | URL | undefined): readonly [string, LabelValue] {
  const url = typeof origin === 'string' ? URL.parse(origin) : origin;
  if (!url) return ['', ''];
  return [url.hostname, url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? '') : Number(url.port)];
}
