import { kindOf } from '@ent/internal';
import { httpErrors } from '../errors.ts';

/** Whether something gives bytes: at once, or as they come. */
export function isSource(value: unknown): boolean {
  if (value instanceof Uint8Array || value instanceof Blob || value instanceof ReadableStream) return true;
  return typeof (value as AsyncIterable<unknown> | null | undefined)?.[Symbol.asyncIterator] === 'function';
}

/** A stream of the caller's sources, and what one of them threw. */
export interface SourceStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly failure: () => { readonly error: unknown } | undefined;
}

/**
 * One stream of texts and sources, one after the other. A source is asked for the next part when there is room for it,
 * and told when nobody wants more.
 */
export function streamOf(pieces: readonly unknown[], name: string): SourceStream {
  const chunks = chunksOf(pieces);
  let failed: { readonly error: unknown } | undefined;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (done === true) return controller.close();
          if (!(value instanceof Uint8Array)) {
            throw httpErrors.invalid_options(
              `${name}: a stream of a body gives bytes; this one gave ${kindOf(value)}.`,
            );
          }
          controller.enqueue(value);
        } catch (error) {
          failed = { error };
          controller.error(error);
        }
      },
      async cancel() {
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, failure: () => failed };
}

async function* chunksOf(pieces: readonly unknown[]): AsyncGenerator<unknown, void, undefined> {
  for (const piece of pieces) {
    if (typeof piece === 'string') yield new TextEncoder().encode(piece);
    else if (piece instanceof Uint8Array) yield piece;
    else yield* partsOf(piece instanceof Blob ? piece.stream() : piece);
  }
}

/** Not every browser iterates over a stream. */
async function* partsOf(source: unknown): AsyncGenerator<unknown, void, undefined> {
  if (!(source instanceof ReadableStream)) {
    yield* source as AsyncIterable<unknown>;
    return;
  }
  const reader = source.getReader();
  let over = false;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value as unknown;
    over = true;
  } finally {
    if (!over) await reader.cancel();
  }
}

/** The bytes of an answer as they come, with what cut them told as `mend` says it. */
export function readableOf(
  body: ReadableStream<Uint8Array>,
  mend: (error: unknown) => unknown,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await reader.read();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          controller.error(mend(error));
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
