import type { IncomingMessage } from 'node:http';
import { consumed, cutShort, tooLarge } from './refusals.ts';

export const EMPTY: Buffer = Buffer.alloc(0);
const LEAST_BYTES = 512;

/**
 * Reads a request body and counts what really arrives: `Content-Length` may be missing, and is believed only to refuse
 * early. The bytes over the limit are never kept.
 *
 * What arrives is copied into one buffer that grows with it. A chunk is an object of some two hundred bytes, however
 * little is in it: kept as they are, those of a body that comes byte by byte would take two hundred times its size.
 */
export function collect(req: IncomingMessage, max: number): Promise<Uint8Array> {
  const declared = Number(req.headers['content-length']);
  if (declared > max) return Promise.reject(tooLarge(max));
  if (req.readableDidRead) {
    return Promise.reject(consumed('exchange.bytes()'));
  }
  // Its "close" is over, so that nothing would ever be heard.
  if (req.destroyed) return Promise.reject(cutShort());
  return new Promise((resolve, reject) => {
    const done = (): void => resolve(size === body.byteLength ? body : body.subarray(0, size));
    let body: Buffer = EMPTY;
    let size = 0;
    const onData = (chunk: Buffer): void => {
      const before = size;
      size += chunk.byteLength;
      if (size > max) {
        req.off('data', onData);
        req.pause();
        reject(tooLarge(max));
      } else if (size === declared && before === 0) {
        // All of it at once, as most come: nothing to wait for, and nothing to copy.
        body = chunk;
      } else {
        if (body.byteLength < size) body = grown(body, before, size);
        chunk.copy(body, before);
      }
      // "end" comes some turns of the queue later.
      if (size === declared) done();
    };
    // "close" comes in every case; after the last byte it changes nothing any more.
    const onGone = (): void => {
      if (!req.readableEnded) reject(cutShort());
    };
    req.on('data', onData);
    // Each listener is work for every request. Without one for "error" node emits none.
    if (!(declared > 0)) req.on('end', done);
    req.on('close', onGone);
  });
}

/**
 * The same, for who reads before the handler does: what was read is put back, so that an application whose own parser
 * reads the request finds its body there. That is possible up to the moment at which the stream tells its end, which
 * comes when what it has is read and stays read.
 */
export function peek(req: IncomingMessage, max: number): Promise<Uint8Array> {
  const declared = Number(req.headers['content-length']);
  if (declared > max) return Promise.reject(tooLarge(max));
  if (req.readableDidRead) return Promise.reject(consumed('exchange.bytes()'));
  if (req.destroyed) return Promise.reject(cutShort());
  // Its stream stays as it is: a parser that sees the end of one takes it for read.
  if (declared === 0 || (Number.isNaN(declared) && req.headers['transfer-encoding'] === undefined)) {
    return Promise.resolve(EMPTY);
  }
  return new Promise((resolve, reject) => {
    let body: Buffer = EMPTY;
    let size = 0;
    const end = (): void => void req.off('readable', onReadable).off('close', onGone);
    const onReadable = (): void => {
      for (let chunk = req.read() as Buffer | null; chunk !== null; chunk = req.read() as Buffer | null) {
        const before = size;
        size += chunk.byteLength;
        if (size > max) {
          end();
          return reject(tooLarge(max));
        }
        if (body.byteLength < size) body = grown(body, before, size);
        chunk.copy(body, before);
      }
      if (!req.complete) return;
      end();
      body = body.subarray(0, size);
      req.unshift(body);
      resolve(body);
    };
    const onGone = (): void => {
      end();
      reject(cutShort());
    };
    req.on('readable', onReadable).on('close', onGone);
  });
}

/**
 * A buffer for at least `needed` bytes, with the `kept` ones in it. Twice as large each time, so that little is copied.
 */
export function grown(body: Buffer, kept: number, needed: number): Buffer {
  // Not out of node's pool, which would be kept by each small body.
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * body.byteLength, LEAST_BYTES));
  body.copy(larger, 0, 0, kept);
  return larger;
}

/**
 * The body as it arrives. What ends early leaves the rest to the host, which still has an answer to send.
 *
 * @param taken whether somebody has it already
 */
export async function* arriving(
  req: IncomingMessage,
  max: number,
  taken: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (Number(req.headers['content-length']) > max) throw tooLarge(max);
  if (taken || req.readableDidRead) throw consumed('exchange.stream()');
  if (req.destroyed) throw cutShort();
  let size = 0;
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > max) throw tooLarge(max);
      yield chunk;
    }
  } catch (error) {
    throw size <= max && req.destroyed && !req.readableEnded ? cutShort() : error;
  }
}
