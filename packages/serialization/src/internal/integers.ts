import { addExtension } from 'msgpackr';
import { asBuffer } from './buffer.ts';

// msgpackr writes numbers beyond 32 bits as floats and bigints as 64-bit integers, so other languages would get floats
// for ids and times, and an integer that they wrote could not be told from a bigint. Here 64-bit integers stand for
// integers, and a bigint that could pass for a number is marked as one, by the extension that msgpackr has for longer
// ones.

/** What msgpackr reads as a number, although its last value is not safe. */
const MOST = 2n ** 53n;
const BIGINT_EXTENSION = 0x42;

class Marked {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

// For every user of msgpackr in the process: it has no other way. So it reads what msgpackr itself writes, of any
// length.
addExtension({
  Class: Marked,
  type: BIGINT_EXTENSION,
  pack({ value }: Marked) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    return bytes;
  },
  unpack: (bytes: Uint8Array) => BigInt.asIntN(bytes.length * 8, BigInt(`0x0${asBuffer(bytes).toString('hex')}`)),
});

/**
 * The value as msgpackr has to see it: the same one where nothing in it needs another form, else a copy of what is
 * around it. For values that were found to be lossless, so it ends.
 */
export function forMsgpack(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      // Within 32 bits msgpackr writes an integer by itself.
      return (value > 0xffff_ffff || value < -0x8000_0000) && Number.isSafeInteger(value) ? BigInt(value) : value;
    case 'bigint':
      return value <= MOST && value >= -MOST ? new Marked(value) : value;
    case 'object':
      if (value === null || value instanceof Uint8Array || value instanceof Date) return value;
      return Array.isArray(value) ? arrayForMsgpack(value) : objectForMsgpack(value as Record<string, unknown>);
    default:
      return value;
  }
}

function arrayForMsgpack(array: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < array.length; i++) {
    const item = forMsgpack(array[i]);
    if (item !== array[i]) (copy ??= array.slice())[i] = item;
  }
  return copy ?? array;
}

function objectForMsgpack(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(object)) {
    const item = forMsgpack(object[name]);
    if (item !== object[name]) (copy ??= { ...object })[name] = item;
  }
  return copy ?? object;
}
