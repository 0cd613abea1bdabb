import { durationOption, kindOf, refuseUnknown, withDeadline } from '@ent/internal';
import type { Client, HeaderValues } from './client-types.ts';
import { httpErrors } from './errors.ts';
import { type Read, readAnswer } from './internal/call-answer.ts';
import { addHeaders, jsonOf, urlOf } from './internal/call-request.ts';
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
  ClientMethod,
  HeaderValues,
  Json,
  PathsOf,
  RouteAt,
} from './client-types.ts';

/** How {@link createClient} calls. */
export interface ClientOptions {
  /**
   * Headers of every call, such as `authorization`; a function is asked before each, so that a token can change. Those
   * of a call go before. Default: none.
   */
  headers?: HeaderValues | (() => HeaderValues | Promise<HeaderValues>) | undefined;
  /** How long a call may take, from its first byte to the last of its answer. Default: `"30s"`. */
  timeout?: Duration | undefined;
  /** Most bytes of an answer, decoded. Default: 16 MiB. */
  maxBodyBytes?: number | undefined;
  /** For a proxy, a certificate or a test of your own. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

const CLIENT_OPTIONS = { headers: true, timeout: true, maxBodyBytes: true, fetch: true } as const;
const CALL_OPTIONS = {
  params: true,
  query: true,
  body: true,
  headers: true,
  signal: true,
  timeout: true,
  expect: true,
} as const;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;

/** A call as it comes: typed for who writes TypeScript. */
type AnyCall = { readonly [Name in keyof typeof CALL_OPTIONS]?: unknown };

/**
 * A client of a service, typed by its table of routes: what a call takes and gives comes from the schemas, without
 * generated code. It needs the type of the table only, so a browser loads no route: `import type { routes }`.
 *
 * A call gives the answers that the route declares with 2xx, and those that it `expect`s. Problem details are thrown as
 * the errors that they stand for, see `EntError.fromProblem`. Nothing is tried again, and redirects are not followed: a
 * token would go to where they lead.
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
  const setup: Setup = {
    base: baseOf(baseUrl),
    headers,
    timeoutMs: durationOption(timeout, 'createClient: timeout', httpErrors.invalid_options),
    maxBodyBytes,
    fetch: options.fetch,
  };
  const methods = METHODS.map((name) => {
    const method = name.toUpperCase() as Method;
    return [name, (path: string, call: AnyCall = {}) => run(setup, method, path, call)] as const;
  });
  return Object.freeze(Object.fromEntries(methods)) as unknown as Client<Routes>;
}

interface Setup {
  readonly base: string;
  readonly headers: ClientOptions['headers'];
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly fetch: typeof fetch | undefined;
}

async function run(setup: Setup, method: Method, path: string, call: AnyCall): Promise<Read> {
  const name = `${method} ${String(path)}`;
  refuseUnknown(call, CALL_OPTIONS, name, httpErrors.invalid_options);
  const signal = call.signal as AbortSignal | undefined;
  const timeoutMs =
    call.timeout === undefined
      ? setup.timeoutMs
      : durationOption(call.timeout as Duration, `${name}: timeout`, httpErrors.invalid_options);
  const expect = expectedOf(call.expect, name);
  const url = urlOf(setup.base, path, call, name);
  const body = call.body === undefined ? undefined : jsonOf(call.body, name);
  if (body !== undefined && method === 'GET') {
    throw httpErrors.invalid_options(`${name}: fetch sends no body with GET.`);
  }
  const late = (): Error => httpErrors.call_timeout(`${name} was not answered within ${timeoutMs} ms.`);
  return withDeadline(
    async (aborted) => {
      const headers = new Headers({ accept: 'application/json, */*;q=0.5' });
      if (body !== undefined) headers.set('content-type', 'application/json');
      const common = typeof setup.headers === 'function' ? await setup.headers() : setup.headers;
      addHeaders(headers, common, name);
      addHeaders(headers, call.headers, name);
      const request: RequestInit = { method, headers, signal: aborted, redirect: 'manual' };
      if (body !== undefined) request.body = body;
      try {
        const response = await (setup.fetch ?? fetch)(url, request);
        return await readAnswer(response, name, { expect, maxBodyBytes: setup.maxBodyBytes });
      } catch (cause) {
        throw isLost(cause) ? unreachable(name, cause) : cause;
      }
    },
    timeoutMs,
    late,
    signal,
  );
}

/** Whether it is fetch that failed: it says so by a TypeError, whatever it was, also while a body is read. */
function isLost(error: unknown): boolean {
  return error instanceof TypeError;
}

function unreachable(name: string, error: unknown): Error {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  const why = typeof cause?.code === 'string' ? ` (${cause.code})` : '';
  return httpErrors.unreachable(`${name} has no answer, or not the whole of it${why}.`, { cause: error });
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
