import { demandSignal, durationOption, withDeadline } from '@ent/internal';
import type { HeaderValues } from '../client-types.ts';
import { httpErrors } from '../errors.ts';
import type { Duration } from '../options.ts';
import type { Method } from '../route.ts';
import type { Read } from './call-answer.ts';
import type { Outgoing } from './call-body.ts';
import { addCookies, addHeaders, urlOf } from './call-request.ts';

/** What all calls of a client share, checked. */
export interface CallSetup {
  readonly base: string;
  readonly headers: HeaderValues | (() => HeaderValues | Promise<HeaderValues>) | undefined;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly credentials: 'include' | 'same-origin' | 'omit' | undefined;
  readonly fetch: typeof fetch | undefined;
}

/** What a call may say of where it goes, unchecked. */
interface Call {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly headers?: unknown;
  readonly cookies?: unknown;
  readonly signal?: unknown;
  readonly timeout?: unknown;
  readonly as?: unknown;
}

/** Where a call goes, checked. */
export interface Target {
  readonly name: string;
  readonly method: Method;
  readonly url: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly headers: unknown;
  readonly cookies: unknown;
  /** The body is given as it comes. */
  readonly streams: boolean;
}

/** @throws `http.invalid_options` */
export function targetOf(setup: CallSetup, name: string, method: Method, path: string, call: Call): Target {
  const { timeout, signal, headers, cookies } = call;
  demandSignal(signal, name, httpErrors.invalid_options);
  const timeoutMs =
    timeout === undefined
      ? setup.timeoutMs
      : durationOption(timeout as Duration, `${name}: timeout`, httpErrors.invalid_options);
  const url = urlOf(setup.base, path, call, name);
  const streams = call.as === 'stream';
  return { name, method, url, timeoutMs, signal: signal as AbortSignal | undefined, headers, cookies, streams };
}

/**
 * Sends a call and reads its answer, within its time.
 *
 * @param first headers that the client and the call may replace
 */
export async function ask(
  setup: CallSetup,
  target: Target,
  first: Readonly<Record<string, string>>,
  sent: Outgoing | undefined,
  read: (response: Response) => Promise<Read>,
): Promise<Read> {
  const { name, method, url, timeoutMs, signal, streams } = target;
  const late = (): Error => httpErrors.call_timeout(`${name} was not answered within ${timeoutMs} ms.`);
  return withDeadline(
    async (aborted) => {
      const headers = new Headers(first);
      if (sent?.contentType !== undefined) headers.set('content-type', sent.contentType);
      const common = typeof setup.headers === 'function' ? await setup.headers() : setup.headers;
      addHeaders(headers, common, name);
      addHeaders(headers, target.headers, name);
      addCookies(headers, target.cookies, name);
      // A stream outlives this call, and is given up by the caller's signal.
      const until = signal === undefined || !streams ? aborted : AbortSignal.any([aborted, signal]);
      const request: RequestInit = { method, headers, signal: until, redirect: 'manual' };
      if (setup.credentials !== undefined) request.credentials = setup.credentials;
      if (sent !== undefined) request.body = sent.body;
      if (sent?.body instanceof ReadableStream) Object.assign(request, { duplex: 'half' });
      try {
        return await read(await (setup.fetch ?? fetch)(url, request));
      } catch (cause) {
        const own = sent?.failure();
        throw own === undefined ? lost(name, cause) : own.error;
      }
    },
    timeoutMs,
    late,
    signal,
  );
}

/** What fetch failed with: it says so by a TypeError, whatever it was, also while a body is read. Else as it is. */
export function lost(name: string, error: unknown): unknown {
  if (!(error instanceof TypeError)) return error;
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  const why = typeof cause?.code === 'string' ? ` (${cause.code})` : '';
  return httpErrors.unreachable(`${name} has no answer, or not the whole of it${why}.`, { cause: error });
}
