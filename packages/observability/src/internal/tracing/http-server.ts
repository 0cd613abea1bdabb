import type { Span, TextMapGetter } from '@opentelemetry/api';
import { methodOf, OTHER } from '../names.ts';
import { codeOf } from '../metrics/code-of.ts';
import type { Stop } from '../metrics/stop.ts';
import { addressOf, hiddenQuery } from '../addresses.ts';
import { fail, KIND, spanOf, type Spans } from './spans.ts';

/** What is read of `ent:http:request`; `@ent/middleware` documents it in full. */
interface HttpRequest {
  readonly method: string;
  readonly exchange: HttpExchange;
  readonly route?: string;
  readonly status?: number;
  readonly bytes?: number;
  readonly aborted?: boolean;
  readonly error?: unknown;
}
interface HttpExchange {
  readonly path: string;
  readonly query: string;
  readonly peer: string;
  readonly scheme?: string | undefined;
  /** Of `node:http`. */
  readonly req?: { readonly headers: object };
  /** Of a fetch host. */
  readonly request?: { readonly headers: Headers };
  header(name: string): string | undefined;
}

/** Which requests are not traced. */
export type Ignore = (request: { readonly method: string; readonly path: string }) => boolean;

/** Requests that are served: `ent:http:request`. */
export function httpServer(spans: Spans, ignore: Ignore): Stop {
  return spans.of<HttpRequest>('ent:http:request', {
    // What every sampler may want to know; the rest is told at the end, of those that somebody will see.
    begin(payload, active) {
      const { exchange, method } = payload;
      if (ignore({ method, path: exchange.path })) return undefined;
      // Another instrumentation may have read the headers already; elsewhere an active span is that of who listens.
      const isServed = isServer(spanOf(active));
      const name = methodOf(method);
      return {
        name: name === OTHER ? 'HTTP' : name,
        options: {
          kind: isServed ? KIND.internal : KIND.server,
          attributes: {
            'http.request.method': name,
            'url.path': exchange.path,
            'url.scheme': exchange.scheme ?? 'http',
          },
        },
        parent: isServed ? active : spans.extract(active, exchange, HEADERS),
      };
    },
    end(span, payload, error) {
      const { exchange, method, route, status, aborted } = payload;
      const name = methodOf(method);
      const userAgent = exchange.header('user-agent');
      const { address, port } = addressOf(exchange.header('host'));
      if (address !== undefined) span.setAttribute('server.address', address);
      if (port !== undefined) span.setAttribute('server.port', port);
      if (name === OTHER) span.setAttribute('http.request.method_original', method);
      if (exchange.query !== '') span.setAttribute('url.query', hiddenQuery(exchange.query));
      if (exchange.peer !== '') span.setAttribute('client.address', exchange.peer);
      if (userAgent !== undefined) span.setAttribute('user_agent.original', userAgent);
      if (route !== undefined) {
        span.setAttribute('http.route', route);
        span.updateName(`${name === OTHER ? 'HTTP' : name} ${route}`);
      }
      if (status !== undefined) span.setAttribute('http.response.status_code', status);
      // A client's mistake is none of ours.
      if (status !== undefined && status >= 500) fail(span, error === undefined ? String(status) : codeOf(error));
      else if (aborted === true) span.setAttribute('error.type', 'aborted');
    },
  });
}

const HEADERS: TextMapGetter<HttpExchange> = {
  get: (exchange, name) => exchange.header(name),
  // The propagators of W3C and B3 ask by name; that of AWS X-Ray looks for its own, and Jaeger's for what is baggage.
  keys: ({ req, request }) => (req === undefined ? [...(request?.headers.keys() ?? [])] : Object.keys(req.headers)),
};

function isServer(span: Span | undefined): boolean {
  // Not a part of the API's type; spans of SDKs have it.
  return (span as { readonly kind?: number } | undefined)?.kind === KIND.server && span!.isRecording();
}
