import { types } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import type { Keeps } from '@ent/internal';
import type { Codec } from '../codec.ts';
import { demandBytes } from '../internal/buffer.ts';
import { assertLossless } from '../internal/lossless.ts';

const keeps: Keeps = {
  undefined: true,
  nonFinite: true,
  bigint: () => true,
  loneSurrogates: true,
  protoKey: true,
  cycles: true,
  toJSON: true,
  looseArrays: true,
  proxies: false,
  object: (value) => {
    if (types.isProxy(value) || !isOwn(value)) return false;
    if (ArrayBuffer.isView(value)) return isCloned(value.buffer);
    // What somebody added to a built-in stays behind.
    if (Object.keys(value).length > (types.isStringObject(value) ? value.length : 0)) return false;
    if (types.isMap(value) || types.isSet(value)) return 'walk';
    if (types.isRegExp(value)) return value.lastIndex === 0;
    if (types.isAnyArrayBuffer(value)) return isCloned(value);
    return types.isDate(value) || (types.isBoxedPrimitive(value) && !types.isSymbolObject(value));
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

/** Memory that is shared with other threads, or was handed over to one, is not. */
function isCloned(buffer: ArrayBufferLike): boolean {
  return types.isArrayBuffer(buffer) && !buffer.detached;
}

/**
 * V8's structured clone: keeps maps, sets, dates, bigint, binary, regular expressions and cycles. Only Node reads it,
 * and an older Node may not read what a newer one wrote. Decode only bytes that you trust or that are authenticated
 * (encryption does that).
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
  decode(bytes) {
    demandBytes(bytes);
    return deserialize(bytes) as unknown;
  },
};
