import { jsonKeeps } from '@ent/internal';
import type { Codec } from '../codec.ts';
import { asBuffer, demandBytes } from '../internal/buffer.ts';
import { assertLossless } from '../internal/lossless.ts';

const ADVICE = 'convert it, or use the v8 codec (or msgpack for dates, binary and 64-bit integers)';

/**
 * JSON as UTF-8: readable by everything, and the fastest to decode. It keeps plain data and refuses what JSON would
 * change: dates, maps, sets, binary, bigint, NaN, class instances.
 */
export const json: Codec = {
  id: 1,
  name: 'json',
  encode(value) {
    // No JSON text is empty, so no bytes can stand for undefined.
    if (value === undefined) return new Uint8Array(0);
    assertLossless(value, jsonKeeps, 'JSON', ADVICE);
    return Buffer.from(JSON.stringify(value));
  },
  decode(bytes) {
    demandBytes(bytes);
    if (bytes.length === 0) return undefined;
    return JSON.parse(asBuffer(bytes).toString()) as unknown;
  },
};
