const WORD = 8;
const HEADER = 24;

/**
 * About how many bytes of heap a value takes on 64-bit V8. Shared parts
 * count once; what a class instance hides does not.
 */
export function sizeOf(value: unknown, seen: Set<object> = new Set()): number {
  switch (typeof value) {
    case 'string':
      return HEADER + (TWO_BYTES.test(value) ? value.length * 2 : value.length);
    case 'bigint':
      return HEADER + Math.ceil(value.toString(16).length / 2);
    case 'number':
      return WORD * 2;
    case 'object':
      return value === null || seen.has(value) ? WORD : sizeOfObject(value, seen.add(value));
    default:
      return WORD;
  }
}

// V8 keeps a string without these in one byte a character.
const TWO_BYTES = /[\u0100-\uffff]/;

function sizeOfObject(value: object, seen: Set<object>): number {
  if (ArrayBuffer.isView(value)) return HEADER * 4 + value.byteLength;
  if (value instanceof ArrayBuffer) return HEADER * 4 + value.byteLength;
  let bytes = HEADER;
  if (Array.isArray(value) || value instanceof Set) {
    for (const part of value) bytes += WORD + sizeOf(part, seen);
  } else if (value instanceof Map) {
    for (const [key, part] of value) bytes += WORD * 3 + sizeOf(key, seen) + sizeOf(part, seen);
  } else {
    for (const part of Object.values(value)) bytes += WORD + sizeOf(part, seen);
  }
  return bytes;
}
