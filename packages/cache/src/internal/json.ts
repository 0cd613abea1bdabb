import type { CacheSerializer } from '../options.ts';

/**
 * The serializer of caches that name none: JSON in UTF-8, for plain data. What JSON would change is refused with its place:
 * dates, maps, NaN, binary, class instances. `undefined` is kept at the top, and an undefined property counts as absent.
 */
export const strictJson: CacheSerializer = {
  serialize(value) {
    if (value === undefined) return new Uint8Array(0);
    check(value, '#', new Set());
    return Buffer.from(JSON.stringify(value));
  },
  deserialize(bytes) {
    return parseJson(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes), 0);
  },
};

/** The value whose JSON starts at an offset: a view of the rest would cost as much as a short text takes to parse. */
export function parseJson(bytes: Buffer, from: number): unknown {
  return bytes.length === from ? undefined : (JSON.parse(bytes.toString(undefined, from)) as unknown);
}

function check(value: unknown, at: string, above: Set<object>): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return;
    throw refused(at, String(value));
  }
  if (typeof value !== 'object') throw refused(at, typeof value);
  if (above.has(value)) throw refused(at, 'a cycle');
  above.add(value);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) check(value[i], `${at}/${i}`, above);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      throw refused(at, `an instance of ${value.constructor?.name ?? 'a class'}`);
    }
    if (Object.getOwnPropertySymbols(value).length > 0) throw refused(at, 'a property named by a symbol');
    if (typeof (value as { toJSON?: unknown }).toJSON === 'function') throw refused(at, 'an object with toJSON');
    for (const [name, part] of Object.entries(value)) {
      if (part !== undefined) check(part, `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, above);
    }
  }
  above.delete(value);
}

function refused(at: string, what: string): TypeError {
  return new TypeError(
    `JSON would not keep ${what} at ${at}; convert it, or give the cache a serializer, such as v8 of @ent/serialization`,
  );
}
