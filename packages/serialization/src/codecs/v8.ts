import { types } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import type { Keeps } from '@ent/internal';
import type { Codec } from '../codec.ts';
import { assertLossless } from '../internal/lossless.ts';

const keeps: Keeps = {
  undefined: true,
  nonFinite: true,
  bigint: () => true,
  loneSurrogates: true,
  protoKey: true,
  cycles: true,
  toJSON: true,
  object: (value) => {
    if (types.isProxy(value)) return false;
    if (types.isMap(value) || types.isSet(value)) return isOwn(value) && 'walk';
    return (
      isOwn(value) &&
      (types.isDate(value) ||
        types.isRegExp(value) ||
        types.isAnyArrayBuffer(value) ||
        ArrayBuffer.isView(value) ||
        types.isBoxedPrimitive(value))
    );
  },
};

/** A subclass of Map or Date comes back as its base class: only the built-ins themselves are kept. */
function isOwn(value: object): boolean {
  const constructor: unknown = value.constructor;
  return (
    constructor === Buffer ||
    (typeof constructor === 'function' && Reflect.get(globalThis, constructor.name) === constructor)
  );
}

/**
 * V8's structured clone: keeps maps, sets, dates, bigint, binary, regular expressions and cycles. Only
 * Node reads it, and an older Node may not read what a newer one wrote. Decode only bytes that you trust
 * or that are authenticated (encryption does that).
 *
 * Source: https://nodejs.org/api/v8.html#serialization-api
 */
export const v8: Codec = {
  id: 3,
  name: 'v8',
  encode(value) {
    assertLossless(value, keeps, 'the v8 codec', 'convert it to plain data');
    return serialize(value);
  },
  decode: (bytes) => deserialize(bytes) as unknown,
};
