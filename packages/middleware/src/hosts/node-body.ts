import type { IncomingMessage } from 'node:http';
import { GrowingBytes } from '@ent/internal';
import { bufferOf } from '../internal/buffer-of.ts';
import { consumed, cutShort, tooLarge } from './refusals.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Reads a request body and counts what really arrives: `Content-Length` may be missing, and is believed only to refuse
 * early. The bytes over the limit are never kept.
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
    const body = new GrowingBytes();
    const done = (): void => resolve(bufferOf(body.all()));
    const onData = (chunk: Buffer): void => {
      if (body.size + chunk.byteLength > max) {
        req.off('data', onData);
        req.pause();
        return reject(tooLarge(max));
      }
      body.add(chunk);
      // "end" comes some turns of the queue later.
      if (body.size === declared) done();
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
    const body = new GrowingBytes();
    const end = (): void => void req.off('readable', onReadable).off('close', onGone);
    const onReadable = (): void => {
      for (let chunk = req.read() as Buffer | null; chunk !== null; chunk = req.read() as Buffer | null) {
        if (body.size + chunk.byteLength > max) {
          end();
          return reject(tooLarge(max));
        }
        body.add(chunk);
      }
      if (!req.complete) return;
      end();
      const whole = bufferOf(body.all());
      req.unshift(whole);
      resolve(whole);
    };
    const onGone = (): void => {
      end();
      reject(cutShort());
    };
    req.on('readable', onReadable).on('close', onGone);
  });
}

/** The body as it arrives. What ends early leaves the rest to the host, which still has an answer to send. */
export async function* arriving(req: IncomingMessage, max: number): AsyncGenerator<Uint8Array, void, undefined> {
  if (Number(req.headers['content-length']) > max) throw tooLarge(max);
  if (req.readableDidRead) throw consumed('exchange.stream()');
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
