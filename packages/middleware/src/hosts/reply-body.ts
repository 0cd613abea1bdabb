import { Readable } from 'node:stream';
import { middlewareErrors } from '../errors.ts';
import type { HeaderBag, Reply } from '../exchange.ts';
import { isAsyncIterable } from '../internal/let-go.ts';
import type { Run } from '../middleware.ts';

/** Whether a body is sent at once; otherwise it is streamed. */
export function isWhole(body: Reply['body']): body is string | Uint8Array | undefined {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return true;
  if (isAsyncIterable(body)) return false;
  throw notSendable('The body of a reply');
}

export function notSendable(what: string): Error {
  return middlewareErrors.invalid_reply(
    `${what} cannot be sent: give a status from 200 on, and text, bytes, or an async iterable of them.`,
  );
}

/** The length that a reply says its stream has. */
export function declaredBytes(headers: HeaderBag): number | undefined {
  const length = headers.get('content-length');
  if (length === undefined) return undefined;
  if (!/^\d+$/.test(length)) throw notSendable('The content-length of a reply');
  return Number(length);
}

/** The chunks of a body, which are counted and held against the length that the reply declared. */
export async function* counted(
  source: AsyncIterable<string | Uint8Array>,
  exchange: { sent: number | undefined },
  run: Pick<Run, 'fail'>,
  declared: number | undefined,
): AsyncGenerator<string | Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of source) {
      bytes += Buffer.byteLength(chunk);
      // What is too much would be taken for the beginning of the next answer.
      if (declared !== undefined && bytes > declared) throw wrongLength(declared);
      exchange.sent = bytes;
      yield chunk;
    }
    if (declared !== undefined && bytes < declared) throw wrongLength(declared);
  } catch (error) {
    // Noted here: the response is destroyed, and the exchange over, before anybody else hears of it.
    run.fail(error);
    throw error;
  }
}

/** What a body is read from. */
export interface Source {
  readonly chunks: AsyncIterable<string | Uint8Array>;
  /** Ends a stream, also while somebody waits for its next chunk. A generator cannot be told: it ends after that. */
  readonly stop: () => void;
}

/**
 * The source of a body that is streamed. A stream that waits for what never comes hears that nobody waits with it: the
 * `return` of its iterator would come after the chunk.
 */
export function sourceOf(body: AsyncIterable<string | Uint8Array>): Source {
  if (body instanceof Readable) return { chunks: body, stop: () => void body.on('error', () => {}).destroy() };
  if (!(body instanceof ReadableStream)) return { chunks: body, stop: () => {} };
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const cancel = (): Promise<unknown> => reader.cancel().catch(() => {});
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array>>,
    return: async () => ({ done: true, value: await cancel() }),
  };
  return { chunks: { [Symbol.asyncIterator]: () => iterator }, stop: () => void cancel() };
}

function wrongLength(declared: number): Error {
  return middlewareErrors.invalid_reply(
    `The body of a reply does not have the ${declared} bytes of its content-length.`,
  );
}
