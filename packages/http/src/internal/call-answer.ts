import { EntError } from '@ent/errors';
import { GrowingBytes } from '@ent/internal';
import { httpErrors } from '../errors.ts';

/** What is taken for an answer. */
export interface Taken {
  /** Statuses beyond 2xx that are no errors. */
  readonly expect: readonly number[];
  readonly maxBodyBytes: number;
  /** Gives the body of what is no error as it comes. */
  readonly stream?: ((body: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>) | undefined;
}

/** An answer whose body was read. */
export interface Read {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

const JSON_TYPE = /^application\/(?:[^;]+\+)?json\s*(?:;|$)/i;
const PROBLEM_TYPE = /^application\/problem\+json\s*(?:;|$)/i;

/**
 * Reads an answer to its end, or its head where its body is to be a stream.
 *
 * @param name of the call, for messages: the method and the path of its route
 * @throws the error that problem details stand for; `http.unexpected_answer` for what is no answer of a route
 */
export async function readAnswer(response: Response, name: string, taken: Taken): Promise<Read> {
  const { status, headers } = response;
  const type = headers.get('content-type') ?? '';
  const isError = !response.ok && !(taken.expect.includes(status) && !PROBLEM_TYPE.test(type));
  if (isError && !PROBLEM_TYPE.test(type)) {
    await response.body?.cancel();
    throw unexpected(
      name,
      response,
      isRedirect(response) ? 'and redirects are not followed' : 'without problem details',
    );
  }
  if (!isError && taken.stream !== undefined) {
    const body = response.body as ReadableStream<Uint8Array> | null;
    return { status, body: body === null ? undefined : taken.stream(body), headers };
  }
  const bytes = await readAll(response, name, taken.maxBodyBytes);
  const body = bytes.byteLength === 0 ? undefined : decode(bytes, type, name, response);
  if (!isError) return { status, body, headers };
  const error = EntError.fromProblem(
    { retryAfter: secondsOf(headers.get('retry-after')), ...(body as object) },
    { status },
  );
  // Which call it was: the error is what the service said, and stands for the same fault wherever it came from.
  const id = headers.get('x-request-id');
  const cause = new Error(`${name} answered ${status}${id === null ? '' : ` to the request ${id.slice(0, 128)}`}.`);
  Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
  throw error;
}

function isRedirect({ status, type }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400);
}

export function unexpected(name: string, { status, headers }: Response, what: string, cause?: unknown): Error {
  const seconds = secondsOf(headers.get('retry-after'));
  return httpErrors.unexpected_answer(`${name} answered ${status === 0 ? 'with a redirect' : status}, ${what}.`, {
    cause,
    details: { status },
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
  });
}

async function readAll(response: Response, name: string, max: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array();
  const body = new GrowingBytes();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (body.size + next.value.byteLength > max) {
      await reader.cancel();
      throw unexpected(name, response, `and more than ${max} bytes (maxBodyBytes)`);
    }
    body.add(next.value);
  }
  return body.all();
}

function decode(bytes: Uint8Array, type: string, name: string, response: Response): unknown {
  const isJson = JSON_TYPE.test(type);
  if (!isJson && !/^text\//i.test(type)) return bytes;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return isJson ? (JSON.parse(text) as unknown) : text;
  } catch (cause) {
    throw unexpected(
      name,
      response,
      isJson ? 'and what is no JSON, although it says so' : 'and text that is not UTF-8',
      cause,
    );
  }
}

/** Of a `Retry-After`, which is a number of seconds or a date (RFC 9110, section 10.2.3). */
function secondsOf(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  const seconds = (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}
