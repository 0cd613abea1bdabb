import { Readable } from 'node:stream';
import type { Reply } from '../exchange.ts';

/** Closes the stream of a reply that is not sent. Whatever a handler gave, nothing comes of it. */
export function letGo(reply: Reply): void {
  try {
    const { body } = reply;
    if (body instanceof Readable) body.on('error', () => {}).destroy();
    else if (isAsyncIterable(body)) void closeQuietly(body);
  } catch {
    // Not even a reply.
  }
}

/** Whether a body is one that is streamed. */
export function isAsyncIterable(body: unknown): body is AsyncIterable<string | Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

async function closeQuietly(source: AsyncIterable<unknown>): Promise<void> {
  try {
    await source[Symbol.asyncIterator]().return?.();
  } catch {
    // Nobody reads it any more: how it ends is of no interest.
  }
}
