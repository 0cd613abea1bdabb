import type { IncomingMessage } from 'node:http';
import { middlewareErrors } from '../errors.ts';

/**
 * Reads a request body and counts what really arrives: `Content-Length` may be missing, and is believed only to refuse
 * early. The bytes over the limit are never kept.
 */
export function collect(req: IncomingMessage, max: number): Promise<Uint8Array> {
  const tooLarge = (): Error => middlewareErrors.body_too_large(`The body is larger than ${max} bytes.`);
  if (Number(req.headers['content-length'] ?? 0) > max) return Promise.reject(tooLarge());
  if (req.readableDidRead) {
    return Promise.reject(
      middlewareErrors.body_consumed('Something read exchange.req before exchange.bytes() was called.'),
    );
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.byteLength;
      if (size <= max) {
        chunks.push(chunk);
        return;
      }
      settle();
      req.pause();
      reject(tooLarge());
    };
    const onEnd = (): void => {
      settle();
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    };
    const onGone = (): void => {
      settle();
      reject(middlewareErrors.request_aborted('The connection closed before the whole body arrived.'));
    };
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}
