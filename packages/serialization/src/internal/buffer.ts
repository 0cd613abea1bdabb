import { types } from 'node:util';
import { kindOf } from '@ent/internal';
import { serializationErrors } from '../errors.ts';

/** Refuses what is no bytes. @throws `serialization.corrupt` */
export function demandBytes(bytes: unknown): void {
  // Those of another realm are found by the slower way.
  if (bytes instanceof Uint8Array || types.isUint8Array(bytes)) return;
  throw serializationErrors.corrupt(`The value is no bytes: it is ${kindOf(bytes)}.`);
}

/** The same bytes as a `Buffer`, without copying them. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
