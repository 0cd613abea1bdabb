import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import type { Client, ClientEvent, HeaderValues } from './client-types.ts';
import { httpErrors } from './errors.ts';
import { type Read, readAnswer, unexpected } from './internal/call-answer.ts';
import { bodyOf } from './internal/call-body.ts';
import { EVENTS_OPTIONS, listen, listeningOf } from './internal/call-events.ts';
import { addHeaders } from './internal/call-request.ts';
import { ask, type CallSetup, lost, targetOf } from './internal/call-send.ts';
import { readableOf } from './internal/call-stream.ts';
import { demandCount, demandFunction } from './internal/demand.ts';
import type { Duration } from './options.ts';
import type { Method, Route } from './route.ts';

export type {
  AnswerOf,
  CallArguments,
  CallOf,
  CallOptions,
  Client,
  ClientAnswer,
  ClientEvent,
  ClientEvents,
  ClientMethod,
  EventPathsOf,
  EventsCallOf,
  EventsOptions,
  HeaderValues,
  Json,
  PathsOf,
  RouteAt,
} from './client-types.ts';
export type { ByteSource, StreamedFile } from './sent-bodies.ts';

/** How {@link createClient} calls. */
export interface ClientOptions {
  /**
   * Headers of every call, such as `authorization`; a function is asked before each, so that a token can change. Those
   * of a call go before. Default: none.
   */
  headers?: HeaderValues | (() => HeaderValues | Promise<HeaderValues>) | undefined;
  /** How long a call may take, from its first byte to the last of its answer. Default: `"30s"`. */
  timeout?: Duration | undefined;
  /** Most bytes of an answer, decoded, and characters of an event; a stream has no limit. Default: 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** Whether a browser sends its cookies: `include` for another origin than the page's. Default: `same-origin`. */
  credentials?: 'include' | 'same-origin' | 'omit' | undefined;
  /** For a proxy, a certificate or a test of your own. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

const CLIENT_OPTIONS = { headers: true, timeout: true, maxBodyBytes: true, credentials: true, fetch: true } as const;
const COMMON_OPTIONS = {
  params: true,
  query: true,
  headers: true,
  cookies: true,
  signal: true,
  timeout: true,
} as const;
const CALL_OPTIONS = {
  ...COMMON_OPTIONS,
  body: true,
  form: true,
  multipart: true,
  contentType: true,
  as: true,
  expect: true,
} as const;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;

const CREDENTIALS = ['include', 'same-origin', 'omit'];

/** A call as it comes: typed for who writes TypeScript. */
type AnyCall = { readonly [Name in keyof typeof CALL_OPTIONS]?: unknown };
type AnyEventsCall = { readonly [Name in keyof typeof COMMON_OPTIONS | keyof typeof EVENTS_OPTIONS]?: unknown };

/**
 * A client of a service, typed by its table of routes: what a call takes and gives comes from the schemas, without
 * generated code. It needs the type of the table only, so a browser loads no route: `import type { routes }`.
 *
 * The body of a call is in the part that its route asks for: `body` as JSON, `form`, `multipart` with files, or `body`
 * with a `contentType` for bytes. Files and bytes may be streams (in browsers over HTTP/2 only). `events` listens to a
 * route that answers with them.
 *
 * A call gives the answers that the route declares with 2xx, and those that it `expect`s. Problem details are thrown as
 * the errors that they stand for, see `EntError.fromProblem`. Nothing but `events` is tried again, and redirects are
 * not followed: a token would go to where they lead.
 *
 * @param baseUrl where the routes are: scheme, host, and the prefix of a proxy. In a browser it may be a path
 * @throws `http.invalid_options` for a URL that is none, or an option that is wrong
 * @throws a call: `http.unreachable` without a whole answer, `http.call_timeout`, `http.unexpected_answer`,
 *   `http.invalid_options` for arguments that cannot be sent; the reason of its `signal`
 * @example
 * ```ts no-run
 * import { route } from '@ent/http';
 * import { createClient } from '@ent/http/client';
 * import { z } from 'zod';
 *
 * const getUser = route({
 *   method: 'GET',
 *   path: '/users/:id',
 *   responses: { 200: z.object({ id: z.string(), name: z.string() }) },
 *   handler: ({ params }) => ({ id: params.id, name: 'Ada' }),
 * });
 * const routes = [getUser];
 *
 * const client = createClient<typeof routes>('http://localhost:8000');
 * const { body } = await client.get('/users/:id', { params: { id: '7' } });
 * console.log(body.name);
 * ```
 */
export function createClient<const Routes extends readonly Route[]>(
  baseUrl: string | URL,
  options: ClientOptions = {},
): Client<Routes> {
  refuseUnknown(options, CLIENT_OPTIONS, 'createClient', httpErrors.invalid_options);
  const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES, headers, timeout = '30s' } = options;
  demandCount(maxBodyBytes, 'createClient: maxBodyBytes');
  if (options.fetch !== undefined) demandFunction(options.fetch, 'createClient: fetch');
  if (typeof headers !== 'function') addHeaders(new Headers(), headers, 'createClient');
  const setup: CallSetup = {
    base: baseOf(baseUrl),
    headers,
    timeoutMs: durationOption(timeout, 'createClient: timeout', httpErrors.invalid_options),
    maxBodyBytes,
    credentials: options.credentials,
    fetch: options.fetch,
  };
  if (options.credentials !== undefined && !CREDENTIALS.includes(options.credentials)) {
    throw httpErrors.invalid_options(`createClient: credentials must be one of ${CREDENTIALS.join(', ')}.`);
  }
  const methods = METHODS.map((name) => {
    const method = name.toUpperCase() as Method;
    return [name, (path: string, call: AnyCall = {}) => run(setup, method, path, call)] as const;
  });
  const events = (path: string, call: AnyEventsCall = {}) => eventsAt(setup, path, call);
  return Object.freeze({ ...Object.fromEntries(methods), events }) as unknown as Client<Routes>;
}

async function run(setup: CallSetup, method: Method, path: string, call: AnyCall): Promise<Read> {
  const name = `${method} ${String(path)}`;
  refuseUnknown(call, CALL_OPTIONS, name, httpErrors.invalid_options);
  const expect = expectedOf(call.expect, name);
  if (call.as !== undefined && call.as !== 'stream') {
    throw httpErrors.invalid_options(`${name}: as must be "stream", or left out.`);
  }
  const target = targetOf(setup, name, method, path, call);
  const sent = bodyOf(call, name);
  if (sent !== undefined && method === 'GET') {
    throw httpErrors.invalid_options(`${name}: fetch sends no body with GET.`);
  }
  const stream = call.as === 'stream' ? (body: Bytes) => readableOf(body, (error) => lost(name, error)) : undefined;
  const taken = { expect, maxBodyBytes: setup.maxBodyBytes, stream };
  return ask(setup, target, { accept: 'application/json, */*;q=0.5' }, sent, (response) =>
    readAnswer(response, name, taken),
  );
}

type Bytes = ReadableStream<Uint8Array>;

function eventsAt(setup: CallSetup, path: string, call: AnyEventsCall): AsyncGenerator<ClientEvent<unknown>> {
  const name = `GET ${String(path)}`;
  refuseUnknown(call, { ...COMMON_OPTIONS, ...EVENTS_OPTIONS }, name, httpErrors.invalid_options);
  const target = targetOf(setup, name, 'GET', path, call);
  const taken = { expect: [], maxBodyBytes: setup.maxBodyBytes, stream: (body: Bytes) => body };
  return listen(listeningOf(call, name, setup.maxBodyBytes), async (lastEventId, signal) => {
    const headers = {
      accept: 'text/event-stream',
      ...(lastEventId !== '' && { 'last-event-id': latin1(lastEventId) }),
    };
    const { body } = await ask(setup, { ...target, signal, streams: true }, headers, undefined, async (response) => {
      const type = response.headers.get('content-type') ?? '';
      if (response.status === 204) return { status: 204, body: undefined, headers: response.headers };
      if (response.ok && !/^text\/event-stream\s*(?:;|$)/i.test(type)) {
        await response.body?.cancel();
        throw unexpected(name, response, 'and no stream of events');
      }
      return readAnswer(response, name, taken);
    });
    return body === undefined ? undefined : readableOf(body as Bytes, (error) => lost(name, error));
  });
}

/** As browsers send it: UTF-8, of which headers make a character a byte. */
function latin1(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

function expectedOf(expect: unknown, name: string): readonly number[] {
  if (expect === undefined) return [];
  const isList = Array.isArray(expect) && expect.every((each) => Number.isInteger(each) && each >= 200 && each <= 599);
  if (isList) return expect as number[];
  throw httpErrors.invalid_options(`${name}: expect must be a list of statuses, such as [304].`);
}

function baseOf(given: unknown): string {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  if (typeof given !== 'string' && !(given instanceof URL)) {
    throw httpErrors.invalid_options(`createClient: the URL must be a text or a URL; got ${kindOf(given)}.`);
  }
  const url = URL.parse(String(given), location?.href);
  // The URL is not repeated: it may hold a password.
  const fail = (what: string): Error => httpErrors.invalid_options(`createClient: the URL ${what}.`);
  if (url === null) throw fail('is none: give one with a scheme and a host, such as "https://api.example.com/v1"');
  if (!/^https?:$/.test(url.protocol)) throw fail('must begin with http: or https:');
  if (url.username !== '' || url.password !== '') throw fail('has a user: send it as an "authorization" header');
  if (url.search !== '' || url.hash !== '') throw fail('must have neither a query nor a fragment');
  return url.href.replace(/\/+$/, '');
}
