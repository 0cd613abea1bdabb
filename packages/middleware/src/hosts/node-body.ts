import type { IncomingMessage } from 'node:http';
import { middlewareErrors } from '../errors.ts';

/**
 * Reads a request body and counts what really arrives: `Content-Length` may be missing, and is believed only to refuse
 * early. The bytes over the limit are never kept.
 */
export function collect(req: IncomingMessage, max: number): Promise<Uint8Array> {
  if (Number(req.headers['content-length'] ?? 0) > max) return Promise.reject(tooLarge(max));
  if (req.readableDidRead) {
    return Promise.reject(
      middlewareErrors.body_consumed('Something read exchange.req before exchange.bytes() was called.'),
    );
  }
  // Its "close" is over, so that nothing would ever be heard.
  if (req.destroyed) return Promise.reject(gone());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.byteLength;
      if (size <= max) {
        chunks.push(chunk);
        return;
      }
      req.off('data', onData);
      req.pause();
      reject(tooLarge(max));
    };
    // "close" comes in every case; after "end" it changes nothing any more.
    const onGone = (): void => {
      if (!req.readableEnded) reject(gone());
    };
    req.on('data', onData);
    req.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
    req.on('error', onGone);
    req.on('close', onGone);
  });
}

export function tooLarge(max: number): Error {
  return middlewareErrors.body_too_large(`The body is larger than ${max} bytes.`);
}

function gone(): Error {
  return middlewareErrors.request_aborted('The connection closed before the whole body arrived.');
}
