import type { Span, TextMapSetter } from '@opentelemetry/api';
import type { Message } from '../client-message.ts';
import { codeOf } from '../metrics/code-of.ts';
import { listen, type Stop } from '../metrics/stop.ts';
import { methodOf, OTHER } from '../names.ts';
import { addressOf, hiddenQuery } from '../addresses.ts';
import { fail, guarded, isUnseen, KIND, type Spans } from './spans.ts';

/** What is read of a `ClientRequest`. */
interface NodeRequest {
  readonly method: string;
  readonly protocol: string;
  readonly path: string;
  readonly headersSent: boolean;
  getHeader(name: string): unknown;
  setHeader(name: string, value: string): unknown;
}
/** What undici publishes of a request; `headers` are names and values in turn. */
interface UndiciRequest {
  readonly method: string;
  readonly origin?: string | URL | undefined;
  readonly path: string;
  readonly headers: unknown;
  addHeader(name: string, value: string): unknown;
}

/** Requests that are sent with `fetch`, undici or `node:http`. */
export function httpClient(spans: Spans): Stop[] {
  const nodeHttp = client<NodeRequest>(spans, NODE_HEADERS, (request) => {
    const host = request.getHeader('host');
    return `${request.protocol}//${typeof host === 'string' ? host : ''}${request.path}`;
  });
  const undici = client<UndiciRequest>(
    spans,
    UNDICI_HEADERS,
    ({ origin = '', path }) => `${String(origin).replace(/\/$/, '')}${path}`,
  );
  return [
    listen({
      'http.client.request.created': nodeHttp.created,
      'http.client.response.finish': nodeHttp.over,
      'http.client.request.error': nodeHttp.over,
    }),
    listen({
      'undici:request:create': undici.created,
      'undici:request:headers': undici.head,
      'undici:request:trailers': undici.over,
      'undici:request:error': undici.over,
    }),
  ];
}

type Hear = (message: unknown) => void;

function client<Request extends NodeRequest | UndiciRequest>(
  spans: Spans,
  setter: TextMapSetter<Request>,
  urlOf: (request: Request) => string,
): { created: Hear; head: Hear; over: Hear } {
  const mine = Symbol('span');
  type Marked = { [mine]?: Span | undefined };
  const head = ({ request, response }: Message<Request & Marked>): void => {
    const span = request[mine];
    const status = response?.statusCode;
    if (span === undefined || status === undefined || !span.isRecording()) return;
    span.setAttribute('http.response.status_code', status);
    if (status >= 400) fail(span, String(status));
  };
  return {
    created: guarded('http.client', (message: unknown) => {
      const { request } = message as Message<Request & Marked>;
      const active = spans.active();
      if (active === undefined) return;
      const span = isUnseen(active) ? undefined : spans.start(beginningOf(request, urlOf(request), active));
      if (span !== undefined) request[mine] = span;
      spans.inject(span === undefined ? active : spans.over(active, span), request, setter);
    }),
    head: guarded('http.client', (message: unknown) => head(message as Message<Request & Marked>)),
    over: guarded('http.client', (message: unknown) => {
      const { request, error } = message as Message<Request & Marked>;
      const span = request[mine];
      if (span === undefined) return;
      head(message as Message<Request & Marked>);
      request[mine] = undefined;
      if (error !== undefined && span.isRecording()) fail(span, codeOf(error));
      span.end();
    }),
  };
}

function beginningOf({ method }: NodeRequest | UndiciRequest, url: string, parent: Parameters<Spans['inject']>[0]) {
  const name = methodOf(method);
  const parsed = URL.parse(url);
  const { address, port } = addressOf(parsed?.host);
  return {
    name: name === OTHER ? 'HTTP' : name,
    options: {
      kind: KIND.client,
      attributes: {
        'http.request.method': name,
        ...(name === OTHER && { 'http.request.method_original': method }),
        ...(parsed !== null && { 'url.full': shown(parsed) }),
        ...(address !== undefined && { 'server.address': address }),
        'server.port': port ?? (parsed?.protocol === 'https:' ? 443 : 80),
      },
    },
    parent,
  };
}

/** A URL without what may be a secret. */
function shown({ origin, pathname, search }: URL): string {
  return `${origin}${pathname}${search === '' ? '' : `?${hiddenQuery(search.slice(1))}`}`;
}

const NODE_HEADERS: TextMapSetter<NodeRequest> = {
  set(request, name, value) {
    // With headers as a list of pairs the head is written at once.
    if (!request.headersSent) request.setHeader(name, value);
  },
};

const UNDICI_HEADERS: TextMapSetter<UndiciRequest> = {
  set(request, name, value) {
    const { headers } = request;
    // A proxy hands on what its client sent: of two `traceparent` the next one may take the wrong one.
    const at = Array.isArray(headers)
      ? headers.findIndex((each, i) => i % 2 === 0 && String(each).toLowerCase() === name.toLowerCase())
      : -1;
    if (at < 0) request.addHeader(name, value);
    else (headers as unknown[])[at + 1] = value;
  },
};
