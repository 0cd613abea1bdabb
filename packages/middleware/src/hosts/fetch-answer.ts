import { middlewareErrors } from '../errors.ts';
import type { Exchange, Reply, ReplyBody } from '../exchange.ts';
import { isResponse } from '../internal/is-reply.ts';
import { letGo } from '../internal/let-go.ts';
import type { Run } from '../middleware.ts';
import { FetchHeaders, headersOf } from './fetch-head.ts';
import { counted, declaredBytes, isWhole, notSendable, sourceOf } from './reply-body.ts';

/** An exchange as far as its answer is made here. */
export interface Answered extends Exchange {
  /** The status that was handed over. */
  status: number | undefined;
  /** Bytes of the response body so far. */
  sent: number | undefined;
  /** The end came: nobody reads the answer. */
  readonly over: boolean;
  /** Somebody wants to hear of the end. */
  readonly heard: boolean;
  /** What is told when the client leaves. */
  stop: (() => void) | undefined;
  /** Ends the exchange when the client leaves. */
  watch(): void;
  /** @param cut whether the answer is not complete */
  end(cut: boolean): void;
}

// A `Response` takes no body with these.
const BODILESS = new Set([204, 205, 304]);

/** Makes the response out of what a handler gave. What cannot be sent becomes a 500. */
export function respond(run: Run, exchange: Answered, given: unknown): Response | Promise<Response> {
  if (exchange.over) {
    letGo(given as Reply);
    return forNobody();
  }
  try {
    return isResponse(given) ? passOn(run, exchange, given) : make(run, exchange, given as Reply | undefined);
  } catch (error) {
    letGo(given as Reply);
    return problem(run, exchange, error);
  }
}

function problem(run: Run, exchange: Answered, error: unknown): Response {
  const reply = run.fail(error);
  return whole(run, exchange, reply.status, headersOf(reply), reply.body);
}

function make(run: Run, exchange: Answered, reply: Reply | undefined): Response | Promise<Response> {
  if (reply === undefined) {
    throw middlewareErrors.invalid_reply(
      'A handler of a fetch host gives a reply or a Response, and this one nothing.',
    );
  }
  const { status, body } = reply;
  if (!Number.isInteger(status) || status < 200 || status > 599) throw notSendable('The status of a reply');
  const headers = headersOf(reply);
  if (isWhole(body)) return whole(run, exchange, status, headers, body);
  if (!isSilent(exchange, status)) return streamed(run, exchange, reply, body, headers);
  letGo(reply);
  return handOver(run, exchange, { status, headers, body: null });
}

function isSilent(exchange: Answered, status: number): boolean {
  return exchange.method === 'HEAD' || BODILESS.has(status);
}

function whole(
  run: Run,
  exchange: Answered,
  status: number,
  headers: FetchHeaders,
  body: string | Uint8Array | undefined,
): Response {
  // Bytes, since a text would get a content type.
  const bytes = body === undefined ? undefined : bytesOf(body);
  if (!BODILESS.has(status)) headers.set('content-length', String(bytes?.byteLength ?? 0));
  return handOver(run, exchange, { status, headers, body: isSilent(exchange, status) ? null : (bytes ?? null) });
}

interface Head {
  readonly status: number;
  readonly statusText?: string;
  readonly headers: FetchHeaders;
}

/** What is there at once is over when it is handed over: what the host does with it nobody hears. */
function handOver(run: Run, exchange: Answered, head: Head & { body: Uint8Array | null }): Response {
  const response = withHead(run, exchange, head, head.body);
  exchange.sent = head.body?.byteLength ?? 0;
  exchange.end(false);
  return response;
}

function withHead(run: Run, exchange: Answered, head: Head, body: Uint8Array | ReadableStream | null): Response {
  const { status, statusText, headers } = head;
  run.head(status, headers);
  exchange.status = status;
  return new Response(body as ConstructorParameters<typeof Response>[0], {
    status,
    headers: headers.headers,
    ...(statusText === undefined ? undefined : { statusText }),
  });
}

/**
 * Streams a body. The head leaves with the first bytes: a source that fails before it has any gives a 500 like all that
 * fails before the answer began.
 */
async function streamed(
  run: Run,
  exchange: Answered,
  reply: Reply,
  body: Exclude<ReplyBody, string | Uint8Array>,
  headers: FetchHeaders,
): Promise<Response> {
  try {
    const declared = declaredBytes(headers);
    const { chunks, stop } = followed(run, exchange, body, declared);
    const gone = new Promise<undefined>((resolve) => {
      exchange.stop = () => {
        stop();
        resolve(undefined);
      };
    });
    exchange.watch();
    const first = await unless(chunks.next(), gone);
    if (first === undefined) return forNobody();
    return withHead(
      run,
      exchange,
      { status: reply.status, headers },
      streamOf(exchange, chunks, [Promise.resolve(first)]),
    );
  } catch (error) {
    letGo(reply);
    return exchange.over ? forNobody() : problem(run, exchange, error);
  }
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

type Next = Promise<IteratorResult<string | Uint8Array>>;

/** The chunks of a body, counted, and how they are ended when the client leaves. */
function followed(
  run: Run,
  exchange: Answered,
  body: AsyncIterable<string | Uint8Array>,
  declared: number | undefined,
): { chunks: AsyncGenerator<string | Uint8Array>; stop: () => void } {
  const source = sourceOf(body);
  exchange.sent = 0;
  const chunks = counted(source.chunks, exchange, run, declared);
  const stop = (): void => {
    source.stop();
    chunks.return(undefined).catch(() => {});
  };
  return { chunks, stop };
}

/** A stream that takes a chunk when it is asked for one, after those that are ready, and says how it ended. */
function streamOf(exchange: Answered, chunks: AsyncIterator<string | Uint8Array>, ready: Next[]): ReadableStream {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await (ready.shift() ?? chunks.next());
          if (next.done !== true) return controller.enqueue(bytesOf(next.value));
          controller.close();
          exchange.end(false);
        } catch {
          // The host cuts the connection: the length or the last chunk is missing. What failed was noted, and is none
          // of its business: one that has not written the head yet may write the message of the error for an answer.
          controller.error(middlewareErrors.invalid_reply('The body of the answer failed.'));
          exchange.end(true);
        }
      },
      cancel: () => exchange.end(true),
    },
    { highWaterMark: 0 },
  );
}

/** Sends the response of an application on, with the head hooks. */
function passOn(run: Run, exchange: Answered, response: Response): Response | Promise<Response> {
  const { status } = response;
  // An upgrade, or `Response.error()`: only the host knows what to do with it, and no such response can be made here.
  if (status < 200) {
    exchange.status = status === 0 ? undefined : status;
    exchange.end(false);
    return response;
  }
  const { body, statusText } = response;
  if (response.bodyUsed || body?.locked === true) throw notSendable('A Response whose body was read');
  if (!run.hasHead && !exchange.heard) return response;
  // A response without a body may be sent many times: it stays as it is.
  const copy = (): Head => ({ status, statusText, headers: new FetchHeaders(new Headers(response.headers)) });
  if (body === null || isSilent(exchange, status)) {
    void body?.cancel().catch(() => {});
    return handOver(run, exchange, { ...copy(), body: null });
  }
  if (!exchange.heard && canChange(response.headers)) {
    run.head(status, new FetchHeaders(response.headers));
    exchange.status = status;
    return response;
  }
  if (!exchange.heard) return withHead(run, exchange, copy(), body);
  return follow(run, exchange, copy(), body as ReadableStream<Uint8Array>);
}

/**
 * Sends a body on and hears of its end. One that is whole stays whole, with its length: it is there within some turns
 * of the queue of microtasks, for which a stream that waits for something does not wait.
 */
async function follow(run: Run, exchange: Answered, head: Head, body: ReadableStream<Uint8Array>): Promise<Response> {
  const { chunks, stop } = followed(run, exchange, body, undefined);
  exchange.stop = stop;
  const ready = [chunks.next()];
  try {
    const first = await soon(ready[0] as Next);
    if (first?.done === true) return handOver(run, exchange, { ...head, body: null });
    if (first !== undefined) {
      ready.push(chunks.next());
      const second = await soon(ready[1] as Next);
      if (second?.done === true) return wholeOf(run, exchange, head, first.value);
    }
  } catch (error) {
    // It failed before the head was out: an answer like to all that does.
    if (ready.length === 1) return problem(run, exchange, error);
  }
  return exchange.over ? forNobody() : withHead(run, exchange, head, streamOf(exchange, chunks, ready));
}

function wholeOf(run: Run, exchange: Answered, head: Head, body: string | Uint8Array): Response {
  const bytes = bytesOf(body);
  if (!head.headers.has('content-length')) head.headers.set('content-length', String(bytes.byteLength));
  return handOver(run, exchange, { ...head, body: bytes });
}

// What is in memory comes through a stream of the platform and ours in a dozen of them.
const TURNS = 32;

/** What a promise gives, or `undefined` where it is not there at once. */
function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  return unless(promise, someTurns());
}

async function someTurns(): Promise<undefined> {
  for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
  return undefined;
}

/** What a promise gives, or `undefined` where another one comes first. Both are for one exchange. */
function unless<T>(promise: Promise<T>, other: Promise<undefined>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject);
    void other.then(resolve);
  });
}

/** The headers of a response of `fetch()` or of `Response.redirect()` cannot be changed. */
function canChange(headers: Headers): boolean {
  try {
    headers.delete('x-ent');
    return true;
  } catch {
    return false;
  }
}

function forNobody(): Response {
  return new Response(null, { status: 503 });
}
