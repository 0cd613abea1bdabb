import { types } from 'node:util';
import type { Keeps } from '@ent/internal';
import { Packr } from 'msgpackr';
import type { Codec } from '../codec.ts';
import { demandBytes } from '../internal/buffer.ts';
import { forMsgpack } from '../internal/integers.ts';
import { assertLossless } from '../internal/lossless.ts';

const keeps: Keeps = {
  undefined: true,
  nonFinite: true,
  bigint: (value) => value >= -(2n ** 63n) && value < 2n ** 64n,
  loneSurrogates: false,
  // msgpackr renames it when it decodes.
  protoKey: false,
  cycles: false,
  toJSON: true,
  looseArrays: false,
  proxies: true,
  object: (value) =>
    (types.isDate(value) &&
      value.constructor === Date &&
      Number.isFinite(value.getTime()) &&
      Object.keys(value).length === 0) ||
    (types.isUint8Array(value) && (value.constructor === Uint8Array || value.constructor === Buffer)),
};

// Plain MessagePack that other languages read: no record extension, maps are objects, of any number of names.
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  useToJSON: false,
  // A number where it is one; the types of msgpackr do not have the word.
  int64AsType: 'auto' as 'bigint',
});

/**
 * MessagePack by msgpackr: compact, read by other languages; keeps dates, binary (it comes back as a `Buffer`),
 * `undefined` in arrays, and bigints of 64 bits. An integer in the safe range is an integer on the wire, and a number
 * whoever wrote it.
 *
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export const msgpack: Codec = {
  id: 2,
  name: 'msgpack',
  encode(value) {
    assertLossless(value, keeps, 'msgpack', 'convert it, or use the v8 codec');
    return packr.pack(forMsgpack(value));
  },
  decode(bytes) {
    demandBytes(bytes);
    return packr.unpack(bytes) as unknown;
  },
};
