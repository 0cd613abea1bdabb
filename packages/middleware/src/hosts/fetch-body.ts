import { GrowingBytes } from '@ent/internal';
import { bufferOf } from '../internal/buffer-of.ts';
import { consumed, cutShort, tooLarge } from './refusals.ts';

/** Reads the body of a `Request` as it arrives; the bytes over the limit are never kept. */
export async function collectFrom(request: Request, max: number): Promise<Uint8Array> {
  const body = new GrowingBytes();
  for await (const chunk of arrivingFrom(request, max, 'exchange.bytes()')) body.add(chunk);
  return bufferOf(body.all());
}

/**
 * The body as it arrives.
 *
 * One that is refused, or not read to its end, is not cancelled: a server would take that for the end of the
 * connection, and the client would not read why.
 *
 * @param by who reads it, for the error where somebody did
 */
export async function* arrivingFrom(
  request: Request,
  max: number,
  by: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > max) throw tooLarge(max);
  if (request.bodyUsed || request.body?.locked === true) throw consumed(by);
  if (request.body === null) return;
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw cutShort();
      });
      if (done) return;
      size += value.byteLength;
      if (size > max) throw tooLarge(max);
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}
